"""Cells of a file, and where one is wrong."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from supersede.errors import HistoryError

__all__ = ["at_line", "text_of"]


@contextmanager
def at_line(line: int, path: Path) -> Iterator[None]:
    """Name the line and the file in an error that occurs within."""
    try:
        yield
    except (ValueError, SyntaxError, KeyError) as problem:
        msg = f"{path.name}, line {line}: {problem}"
        raise HistoryError(msg) from problem


def text_of(row: Mapping[str, str], name: str) -> str:
    """The text of a parameter.

    Raises:
        HistoryError: There is no such column.
    """
    if name not in row:
        msg = f"no column {name!r} for --param; there are {', '.join(map(str, row))}"
        raise HistoryError(msg)
    return row[name]
