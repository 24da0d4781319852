"""Open files and frames in an engine, without loading them into Python."""

import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from supersede.errors import ColumnTypeError, MissingColumnError, SourceError
from supersede.table.files import find_files, not_utf8, opened

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

__all__ = ["Source", "collect", "engine_errors", "open_source"]

Columns = Sequence[str]
WIDE = 200
"""Of tables with more columns than this, only the used ones are opened."""


@dataclass(frozen=True)
class Source:
    """Rows that can be opened.

    Attributes:
        name: What messages and reports call it.
        columns: The names of its columns.
        open: Gives an Ibis table with some of the columns; `rows` says what its arguments mean.
    """

    name: str
    columns: tuple[str, ...]
    open: "Callable[[Columns, Columns, Columns], ir.Table]" = field(repr=False)

    def has(self, column: str) -> bool:
        """Whether there is such a column, or such a key in a column of records (``a.b``)."""
        return _root(column, self.columns) is not None

    def rows(self, columns: Columns, exact: Columns = (), compared: Columns = ()) -> "ir.Table":
        """The rows: with all columns, or of a very wide table with those asked for.

        Args:
            columns: The columns that are needed.
            exact: Those whose words matter (ids, labels, answers), so that no parser may merge them.
            compared: Those of the exact ones that are compared with each other.

        Returns:
            The rows.

        Raises:
            SourceError: The data cannot be read.
            ColumnTypeError: A column mixes kinds of value.
        """
        wanted = list(dict.fromkeys(columns))
        if len(self.columns) <= WIDE:
            wanted = list(dict.fromkeys([*self.columns, *wanted]))
        self._refuse_twins(columns)
        with engine_errors(self.name), _quiet():
            return self.open(self._distinct(wanted, columns), exact, compared)

    def _refuse_twins(self, columns: Sequence[str]) -> None:
        counts = Counter(self.columns)
        for column in columns:
            if counts[column] > 1:
                msg = f"{self.name} has {counts[column]} columns called {column!r}; rename all but one"
                raise MissingColumnError(msg)
            twin = next((c for c in columns if c != column and c.lower() == column.lower()), None)
            if twin is not None:
                msg = (
                    f"columns {column!r} and {twin!r} of {self.name} differ only in upper and lower"
                    " case, which engines cannot distinguish; rename one of them"
                )
                raise MissingColumnError(msg)

    @staticmethod
    def _distinct(wanted: Sequence[str], used: Sequence[str]) -> list[str]:
        """Without columns that an engine would take for a used one."""
        taken = {column.lower(): column for column in reversed([*used, *wanted])}
        return [column for column in wanted if taken[column.lower()] == column]


def open_source(source: object) -> Source:
    """Find a file, a glob, a frame or an Ibis table; nothing but names is read yet.

    Parquet and frames are scanned where they are. CSV and JSONL are parsed once, into a temporary
    table of DuckDB, which moves to disk when it outgrows memory.

    Args:
        source: A path or glob of CSV, JSON, JSONL or Parquet files, or a list of them; a pandas or
            polars frame; an Arrow table; or an Ibis table on any backend.

    Returns:
        The source.

    Raises:
        SourceError: The source is missing, unreadable or truncated, or of an unknown kind.
    """
    if isinstance(source, str | Path):
        return _files([str(source)])
    if isinstance(source, Sequence) and source and all(isinstance(s, str | Path) for s in source):
        return _files([str(s) for s in source])
    if type(source).__module__.startswith("ibis."):
        return _ibis(source)
    return _frame(source)


def _files(patterns: list[str]) -> Source:
    with engine_errors(Path(patterns[0]).name):
        files = find_files(patterns)
    return Source(files.name, files.columns, partial(opened, files))


def _ibis(source: Any) -> Source:
    import ibis

    if not isinstance(source, ibis.Table):
        msg = f"cannot read predictions from an Ibis {type(source).__name__}; expected a table"
        raise SourceError(msg)
    columns = tuple(source.columns)

    def rows(wanted: Columns, _: Columns, __: Columns) -> "ir.Table":
        return source if set(wanted) == set(columns) else _selected(source, wanted, columns)

    return Source("Ibis table", columns, rows)


def _frame(source: Any) -> Source:
    import ibis

    library = type(source).__module__.split(".")[0]
    if isinstance(source, list) and source and all(isinstance(row, dict) for row in source):
        source = _records(source)
    if hasattr(source, "collect") and hasattr(source, "lazy"):  # a polars LazyFrame
        source = source.collect()
    with engine_errors("the frame"):
        columns = _names(source)

    def rows(wanted: Columns, _: Columns, __: Columns) -> "ir.Table":
        roots = list(dict.fromkeys(_root(column, columns) or column for column in wanted))
        connection = ibis.duckdb.connect()
        with engine_errors("the frame"):
            connection.con.register("items", _to_arrow(source, roots))
        opened = connection.table("items")
        return opened if roots == list(wanted) else _selected(opened, wanted, roots)

    kind = "dict" if isinstance(source, dict) else "records"
    return Source(kind if library == "builtins" else f"{library} frame", columns, rows)


def _records(rows: list[dict[str, Any]]) -> "pa.Table":
    import pyarrow as pa

    names = list(dict.fromkeys(str(name) for row in rows for name in row))
    try:
        return pa.table({name: [row.get(name) for row in rows] for name in names})
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise ColumnTypeError(_mixes(error)) from error


def _mixes(error: Exception) -> str:
    detail = ", ".join(str(part) for part in error.args)
    return f"a column mixes types: {detail}; give every column one type, e.g. df[c].astype(str)"


def _selected(rows: "ir.Table", wanted: Sequence[str], columns: Sequence[str]) -> "ir.Table":
    """Columns, and keys of columns of records."""
    chosen = {}
    for column in wanted:
        root = _root(column, columns) or column
        value: Any = rows[root]
        for key in column.removeprefix(root).split(".")[1:]:
            value = value[key]
        chosen[column] = value
    return rows.select(**chosen)


def _root(column: str, columns: Sequence[str]) -> str | None:
    parts = column.split(".")
    starts = (".".join(parts[:end]) for end in range(len(parts), 0, -1))
    return next((start for start in starts if start in columns), None)


def _names(frame: Any) -> tuple[str, ...]:
    """The names of a frame's columns."""
    if isinstance(frame, dict):
        odd = next((name for name in frame if not isinstance(name, str)), None)
        if odd is not None:
            msg = f"a dict of columns has names that are text, and this one has {odd!r}"
            raise SourceError(msg)
        return tuple(frame)
    if hasattr(frame, "column_names"):  # Arrow
        return tuple(frame.column_names)
    if hasattr(frame, "columns") and not callable(frame.columns):
        return tuple(map(str, frame.columns))
    if hasattr(frame, "__arrow_c_stream__"):
        import pyarrow as pa

        return tuple(pa.table(frame).column_names)
    msg = (
        f"cannot read predictions from a {type(frame).__name__}; expected a path of CSV, JSON,"
        " JSONL or Parquet files, a pandas or polars frame, an Arrow table or an Ibis table"
    )
    raise SourceError(msg)


@contextmanager
def engine_errors(what: str) -> Iterator[None]:
    """The one seam at which errors of engines, of Ibis and of Arrow become ours.

    Args:
        what: What is being read, for the message.

    Raises:
        SourceError: One of them could not read or compute it.
    """
    try:
        yield
    except Exception as error:
        if _is_engine_error(error):
            raise SourceError(_unreadable(what, error)) from error
        raise


def collect(expression: "ir.Table") -> "pa.Table":
    """Run an expression where its data is, and bring the (small) result here.

    Raises:
        SourceError: The engine could not read the data.
    """
    backend = expression.get_backend()
    with engine_errors("the data"), _quiet():
        if backend.name != "duckdb":
            return expression.to_pyarrow()
        # Ibis 12 would import pandas, which costs more than most reviews, and call a name that
        # DuckDB 2 has deprecated
        backend._run_pre_execute_hooks(expression)
        found = backend.con.sql(backend.compile(expression)).to_arrow_table()
        return found.cast(expression.schema().to_pyarrow())


def write_parquet(expression: "ir.Table", path: Path) -> None:
    """Run an expression in DuckDB, and write its rows to a file without holding them in memory.

    Raises:
        SourceError: The engine could not read the data.
    """
    backend = expression.get_backend()
    with engine_errors("the data"), _quiet():
        backend._run_pre_execute_hooks(expression)
        query, target = backend.compile(expression), str(path).replace("'", "''")
        backend.con.execute(f"COPY ({query}) TO '{target}' (FORMAT parquet)")


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warnings by which Ibis 12 breaks users who turn warnings into errors."""
    with warnings.catch_warnings():
        # it calls DuckDB's former name of to_arrow_table, and asks pandas 3 for a former option
        warnings.filterwarnings("ignore", "fetch_arrow_table", DeprecationWarning)
        warnings.filterwarnings("ignore", "The 'future.infer_string' option is deprecated")
        yield


def _to_arrow(frame: Any, columns: Sequence[str]) -> "pa.Table":
    """Some columns of a frame as Arrow; the others are not looked at."""
    import pyarrow as pa

    try:
        if isinstance(frame, pa.Table):
            places = {name: at for at, name in reversed(list(enumerate(frame.column_names)))}
            return frame.select([places[column] for column in columns])
        if isinstance(frame, dict):
            return pa.table({column: _column(frame[column], column) for column in columns})
        if hasattr(frame, "to_arrow"):
            return frame.select(list(columns)).to_arrow()
        if hasattr(frame, "iloc"):
            places = {str(name): at for at, name in reversed(list(enumerate(frame.columns)))}
            chosen = frame.iloc[:, [places[column] for column in columns]].rename(columns=str)
            with _quiet():
                return pa.Table.from_pandas(chosen, preserve_index=False)
        return pa.table(frame).select(list(columns))
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise ColumnTypeError(_mixes(error)) from error


def _column(values: Any, name: str) -> Any:
    """The values of a column, which are many.

    Raises:
        SourceError: There is one value in place of a column.
    """
    if isinstance(values, str | bytes) or not hasattr(values, "__iter__"):
        msg = f"column {name!r} is {values!r}; give a list, with one value for each row"
        raise SourceError(msg)
    return values


def _is_engine_error(error: Exception) -> bool:
    """Whether the error is an engine's own; their types are known by their module only."""
    module = type(error).__module__.split(".")[0].lstrip("_")
    return module in _ENGINES


_ENGINES = {"duckdb", "ibis", "psycopg", "psycopg2", "pyarrow", "pyspark", "sqlglot", "sqlite3"}


def _unreadable(name: str, error: Exception) -> str:
    said = str(error).strip()
    ragged = re.search(r"Line: (\d+).*Expected Number of Columns: (\d+) Found: (\d+)", said, re.S)
    if ragged:
        line, expected, found = ragged.groups()
        return (
            f"line {line} of {name} has {found} fields where the header has {expected}; quote fields"
            " that contain the separator, and complete the row"
        )
    if "not utf-8" in said.lower() or "invalid unicode" in said.lower():
        return not_utf8(name)
    reason = said.split("\n")[0]
    return f"cannot read {name}: {reason} (is the file complete and of the format its name says?)"
