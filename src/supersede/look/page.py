"""Pages from templates, and atomic writing of files."""

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from supersede.errors import ArgumentError, ReportError
from supersede.look import numbers

if TYPE_CHECKING:
    from jinja2 import Environment, PackageLoader

__all__ = ["check_output", "environment", "figure_page", "framed", "save_as", "write_whole"]


class _Rooms(dict[str, "PackageLoader"]):
    """The loader of each room's templates, created on first use."""

    def __missing__(self, room: str) -> "PackageLoader":
        from jinja2 import PackageLoader

        return self.setdefault(room, PackageLoader(f"supersede.{room}"))


@cache
def environment() -> "Environment":
    """Templates of all rooms, by room: ``look/page.html`` is the page that the others extend.

    Names and values are escaped; a name that is not defined is an error.
    """
    # here, so that only who draws a page pays for it
    from jinja2 import Environment, PrefixLoader, StrictUndefined

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


def check_output(path: str | Path, what: str, endings: Sequence[str]) -> Path:
    """Refuse a path that could not be written, before the work whose result it is for.

    Raises:
        ArgumentError: The ending is not one of those given.
        ReportError: Its folder is not one, or cannot be written to.
    """
    path = Path(path)
    if path.suffix not in endings:
        msg = f"cannot write {what} as {path.name!r}; its name must end in {', '.join(endings)}"
        raise ArgumentError(msg)
    there = next(folder for folder in path.absolute().parents if folder.exists())
    if path.is_dir() or not there.is_dir() or not os.access(there, os.W_OK):
        reason = "is a folder" if path.is_dir() else f"{there} cannot be written to"
        msg = f"cannot write {path}: {reason}; choose another location for the report"
        raise ReportError(msg)
    return path


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file atomically: a reader sees the old content or the new, never a part of it.

    Raises:
        ReportError: The folder cannot be written to; an existing file is left unchanged.
    """
    data = content.encode() if isinstance(content, str) else content
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        why = getattr(error, "strerror", None) or error
        msg = f"cannot write {path}: {why}; choose another location for the report"
        raise ReportError(msg) from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
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
        ReportError: The file cannot be written.
    """
    path = check_output(path, what, tuple(forms))
    write_whole(path, forms[path.suffix]())
    return path
