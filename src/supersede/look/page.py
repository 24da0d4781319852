"""Pages from templates, and atomic writing of files."""

import os
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, PrefixLoader, StrictUndefined
from markupsafe import Markup, escape

from supersede.errors import ArgumentError, ReportError
from supersede.look import numbers

__all__ = ["environment", "figure_page", "framed", "save_as", "write_whole"]


class _Rooms(dict[str, PackageLoader]):
    """The loader of each room's templates, created on first use."""

    def __missing__(self, room: str) -> PackageLoader:
        return self.setdefault(room, PackageLoader(f"supersede.{room}"))


@cache
def environment() -> Environment:
    """Templates of all rooms, by room: ``look/page.html`` is the page that the others extend.

    Names and values are escaped; a name that is not defined is an error.
    """
    made = Environment(
        loader=PrefixLoader(_Rooms()),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in numbers.__all__:
        made.filters[name] = getattr(numbers, name)
    return made


def figure_page(title: str, lead: str, figure: Markup) -> str:
    """One figure as a page: its message as the heading, a sentence, the figure."""
    template = environment().get_template("look/figure.html")
    return template.render(title=title, lead=lead, figure=figure)


def framed(page: str, title: str, height: str = "48rem") -> str:
    """A page for a notebook, in an iframe so that no style leaks either way."""
    style = f"width:100%;height:{height};border:0"
    return f'<iframe srcdoc="{escape(page)}" title="{escape(title)}" style="{style}"></iframe>'


def write_whole(path: Path, text: str) -> None:
    """Write a file atomically: a reader sees the old content or the new, never a part of it.

    Raises:
        ReportError: The folder cannot be written to; an existing file is left unchanged.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        msg = f"cannot write {path}: {error.strerror}; choose another location for the report"
        raise ReportError(msg) from error
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(scratch).chmod(0o644)
        Path(scratch).replace(path)
    except OSError as error:
        Path(scratch).unlink(missing_ok=True)
        msg = f"cannot write {path}: {error.strerror}; choose another location for the report"
        raise ReportError(msg) from error
    except BaseException:  # an interrupt must not leave a partial file either
        Path(scratch).unlink(missing_ok=True)
        raise


def save_as(path: str | Path, what: str, forms: Mapping[str, Callable[[], str]]) -> Path:
    """Write one of several formats, chosen by the path's ending.

    Raises:
        ArgumentError: The ending is not that of a format.
    """
    path = Path(path)
    if path.suffix not in forms:
        msg = f"cannot write {what} as {path.name!r}; its name must end in {', '.join(forms)}"
        raise ArgumentError(msg)
    write_whole(path, forms[path.suffix]())
    return path
