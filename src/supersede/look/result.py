"""One protocol for the results of every room: records, a page, and files by their ending.

A result states what only it knows: its records (`to_frame`), its page (`to_html`) and its summary
(`__str__`). `ResultMixin` derives the rest from these, so that every result is saved, shown in a
notebook and read by a program in the same way. This module imports nothing third-party, so that
rooms which must stay light can use it.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from supersede.look.json_values import json_values

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Result", "ResultMixin", "frame_of", "plain"]


@runtime_checkable
class Result(Protocol):
    """What every result that ends a job can do; ``str(result)`` is its summary in a few lines."""

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON values: objects, lists, text, finite numbers, null."""
        ...

    def to_frame(self) -> "pa.Table":
        """The records as an Arrow table; ``.to_pandas()`` makes it a pandas frame."""
        ...

    def to_json(self) -> str:
        """The same as `to_dict`, as text."""
        ...

    def to_html(self) -> str:
        """One page that needs nothing else."""
        ...

    def save(self, path: str | Path) -> Path:
        """Write the format of the path's ending."""
        ...

    def _repr_html_(self) -> str: ...


class ResultMixin(ABC):
    """The part of `Result` that is the same for all results.

    A subclass gives ``to_frame`` and ``to_html``, and ``to_dict`` if its fields are not what it
    wants to record. The arguments of the class statement are:

    Args:
        named: What messages call it, such as ``"an audit"``.
        height: Height of its page in a notebook.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class Weights(ResultMixin, named="weights"):
        ...     grams: tuple[float, ...]
        ...
        ...     def to_frame(self):
        ...         return frame_of({"grams": g} for g in self.grams)
        ...
        ...     def to_html(self):
        ...         return f"<!doctype html><title>Weights</title><p>{self.grams}</p>"
        >>> Weights((1.5, 2.0)).to_dict()
        {'grams': [1.5, 2.0]}
        >>> Weights.endings()
        ('.html', '.json', '.csv', '.parquet')
    """

    _result_name: ClassVar[str]
    _frame_height: ClassVar[str]

    def __init_subclass__(cls, *, named: str = "", height: str = "48rem", **rest: Any) -> None:
        super().__init_subclass__(**rest)
        if named:
            cls._result_name, cls._frame_height = named, height

    @abstractmethod
    def to_frame(self) -> "pa.Table":
        """The records as an Arrow table; ``.to_pandas()`` makes it a pandas frame."""

    @abstractmethod
    def to_html(self) -> str:
        """One page that needs nothing else."""

    def to_dict(self) -> dict[str, Any]:
        """All fields as JSON values; what is not a finite number is null."""
        return plain(self)

    def to_json(self) -> str:
        """The same as `to_dict`, as text."""
        values = json_values(self.to_dict())
        return json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False)

    @classmethod
    def endings(cls) -> tuple[str, ...]:
        """The endings that `save` accepts."""
        return (
            ".html",
            ".json",
            *([".md"] if hasattr(cls, "to_markdown") else []),
            ".csv",
            ".parquet",
        )

    @classmethod
    def check_path(cls, path: str | Path) -> Path:
        """Refuse a path that `save` could not write, before the work is done.

        Raises:
            ArgumentError: Its ending is not that of a format.
            ReportError: Its folder cannot be written to.
        """
        from supersede.look.page import check_output

        return check_output(path, cls._result_name, cls.endings())

    def save(self, path: str | Path) -> Path:
        """Write the format of the path's ending: the page, JSON, or the records.

        Args:
            path: ``.html`` is the page, ``.json`` everything, ``.csv`` and ``.parquet`` the
                records; ``.md`` a summary, where there is one (`endings` lists them).

        Returns:
            The path.

        Raises:
            ArgumentError: The ending is not one of these.
            ReportError: The file cannot be written; an existing file is left unchanged.
        """
        from supersede.look.page import write_whole

        path = self.check_path(path)
        write_whole(path, self._written(path.suffix))
        return path

    def _written(self, ending: str) -> str | bytes:
        match ending:
            case ".html":
                return self.to_html()
            case ".json":
                return self.to_json()
            case ".csv":
                return csv_of(self.to_frame())
            case ".parquet":
                return parquet_of(self.to_frame())
            case _:
                summary: Callable[[], str] = getattr(self, "to_markdown")  # noqa: B009  # not in all
                return summary()

    def _repr_html_(self) -> str:
        from supersede.look.page import framed

        return framed(self.to_html(), self._result_name, self._frame_height)


def plain(value: Any) -> dict[str, Any]:
    """The fields of a dataclass as JSON values, nested dataclasses included.

    Example:
        >>> from supersede.look.figures import Dot
        >>> plain(Dot("a", 1.0, float("nan"), 2.0, 9))["low"] is None
        True
    """
    return {f.name: json_values(_fields(getattr(value, f.name))) for f in fields(value)}


def _fields(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: _fields(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {key: _fields(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_fields(item) for item in value]
    return value


def frame_of(records: Iterable[Mapping[str, Any]], columns: Sequence[str] = ()) -> "pa.Table":
    """Records as an Arrow table; a column that mixes types becomes text.

    Args:
        records: One mapping per row; a key that a row lacks is null there.
        columns: The columns, needed only where there may be no record.

    Example:
        >>> frame_of([{"a": 1, "b": 2}, {"a": "x"}]).to_pydict()
        {'a': ['1', 'x'], 'b': [2, None]}
    """
    import pyarrow as pa

    rows = list(records)
    names = list(dict.fromkeys([*columns, *(name for row in rows for name in row)]))

    def column(name: str) -> Any:
        values = [row.get(name) for row in rows]
        try:
            return pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            return pa.array([None if v is None else str(v) for v in values], pa.string())

    return pa.table({name: column(name) for name in names})


def csv_of(frame: "pa.Table") -> bytes:
    """A table as CSV; lists and structures become JSON."""
    import csv
    import io

    import pyarrow as pa
    from pyarrow.csv import WriteOptions, write_csv

    def flat(column: Any) -> Any:
        if not pa.types.is_nested(column.type):
            return column
        texts = (None if v is None else json.dumps(json_values(v)) for v in column.to_pylist())
        return pa.array(texts, pa.string())

    head, body = io.StringIO(), io.BytesIO()
    csv.writer(head, lineterminator="\n").writerow(frame.column_names)  # Arrow quotes all names
    rows = pa.table({name: flat(frame[name]) for name in frame.column_names})
    write_csv(rows, body, WriteOptions(include_header=False))
    return head.getvalue().encode() + body.getvalue()


def parquet_of(frame: "pa.Table") -> bytes:
    """A table as a Parquet file."""
    import io

    from pyarrow import parquet

    target = io.BytesIO()
    parquet.write_table(frame, target)
    return target.getvalue()
