"""Open files and frames in an engine, without loading them into Python."""

import glob
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from supersede.errors import ColumnTypeError, SourceError

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

__all__ = ["collect", "engine_errors", "open_source"]

_FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "json",
    ".ndjson": "json",
    ".parquet": "parquet",
    ".pq": "parquet",
}


def open_source(source: object) -> "tuple[ir.Table, str]":
    """Bind a file, a glob, a frame or an Ibis table to an engine.

    Parquet and frames are scanned where they are. CSV and JSONL are parsed once, into a temporary
    table of DuckDB, which moves to disk when it outgrows memory.

    Args:
        source: A path or glob of CSV, JSONL or Parquet files, or a list of them; a pandas or polars
            frame; an Arrow table; or an Ibis table on any backend.

    Returns:
        The rows as an Ibis table, and the source's name.

    Raises:
        SourceError: The source is missing, unreadable or truncated, or of an unknown kind.
    """
    import ibis

    if isinstance(source, ibis.Table):
        return source, "Ibis table"
    if isinstance(source, str | Path):
        return _open_files([str(source)])
    if isinstance(source, Sequence) and source and all(isinstance(s, str | Path) for s in source):
        return _open_files([str(s) for s in source])
    connection = ibis.duckdb.connect()
    with _quiet():
        frame = _to_arrow(source)
    _refuse_duplicates(frame.column_names)
    with engine_errors("the frame"):
        connection.con.register("items", frame)
    library = type(source).__module__.split(".")[0]
    return connection.table("items"), "dict" if library == "builtins" else f"{library} frame"


def collect(expression: "ir.Table") -> "pa.Table":
    """Run an expression where its data is, and bring the (small) result here.

    Raises:
        SourceError: The engine could not read the data.
    """
    with engine_errors("the data"), _quiet():
        return expression.to_pyarrow()


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


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warnings by which Ibis 12 breaks users who turn warnings into errors."""
    with warnings.catch_warnings():
        # it calls DuckDB's former name of to_arrow_table, and asks pandas 3 for a former option
        warnings.filterwarnings("ignore", "fetch_arrow_table", DeprecationWarning)
        warnings.filterwarnings("ignore", "The 'future.infer_string' option is deprecated")
        yield


def _open_files(patterns: list[str]) -> "tuple[ir.Table, str]":
    import ibis

    paths = [path for pattern in patterns for path in _matches(pattern)]
    kinds = {_format_of(path) for path in paths}
    if len(kinds) > 1:
        msg = f"{patterns} mixes {' and '.join(sorted(kinds))} files; read one format at a time"
        raise SourceError(msg)
    name = Path(paths[0]).name if len(paths) == 1 else f"{len(paths)} files"
    connection = ibis.duckdb.connect()
    try:
        match kinds.pop():
            case "parquet":
                return connection.read_parquet(paths), name
            case "csv":
                parsed = connection.read_csv(paths)
            case _:
                parsed = connection.read_json(paths)
        return connection.create_table("items", parsed, temp=True), name
    except Exception as error:
        if _is_engine_error(error):
            raise SourceError(_unreadable(name, error)) from error
        raise


def _matches(pattern: str) -> list[str]:
    path = Path(pattern).expanduser()
    if path.is_file():
        return [str(path)]
    found = [name for name in sorted(glob.glob(str(path), recursive=True)) if Path(name).is_file()]
    if not found:
        hint = f"; it is a folder, so name its files: {pattern}/*.parquet" if path.is_dir() else ""
        msg = f"no file matches {pattern!r}, seen from {Path.cwd()}{hint}"
        raise SourceError(msg)
    return found


def _format_of(path: str) -> str:
    suffixes = [s.lower() for s in Path(path).suffixes]
    if suffixes and suffixes[-1] in {".gz", ".zst"}:
        suffixes.pop()
    if not suffixes or suffixes[-1] not in _FORMATS:
        known = ", ".join(_FORMATS)
        msg = f"cannot tell the format of {path!r}: its name should end in one of {known} (or .gz)"
        raise SourceError(msg)
    return _FORMATS[suffixes[-1]]


def _to_arrow(frame: Any) -> "pa.Table":
    import pyarrow as pa

    try:
        if isinstance(frame, pa.Table):
            return frame
        if hasattr(frame, "collect") and hasattr(frame, "lazy"):  # a polars LazyFrame
            frame = frame.collect()
        if hasattr(frame, "to_arrow"):
            return frame.to_arrow()
        if hasattr(frame, "iloc"):
            _refuse_duplicates([str(column) for column in frame.columns])
            return pa.Table.from_pandas(frame, preserve_index=False)
        if hasattr(frame, "__arrow_c_stream__") or isinstance(frame, dict):
            return pa.table(frame)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        detail = ", ".join(str(part) for part in error.args)
        msg = f"a column mixes types: {detail}; give every column one type, e.g. df[c].astype(str)"
        raise ColumnTypeError(msg) from error
    msg = (
        f"cannot read predictions from a {type(frame).__name__}; expected a path of CSV, JSONL or"
        " Parquet files, a pandas or polars frame, an Arrow table or an Ibis table"
    )
    raise SourceError(msg)


def _is_engine_error(error: Exception) -> bool:
    """Whether the error is an engine's own; their types are known by their module only."""
    module = type(error).__module__.split(".")[0].lstrip("_")
    return module in _ENGINES


_ENGINES = {"duckdb", "ibis", "psycopg", "psycopg2", "pyarrow", "pyspark", "sqlglot", "sqlite3"}


def _refuse_duplicates(columns: Sequence[str]) -> None:
    """Refuse columns of one name, or of names that differ in case only: engines would rename one."""
    seen: dict[str, str] = {}
    for column in columns:
        if column.lower() in seen:
            msg = (
                f"columns {seen[column.lower()]!r} and {column!r} have one name for the engine, which"
                " ignores case; rename one of them"
            )
            raise SourceError(msg)
        seen[column.lower()] = column


def _unreadable(name: str, error: Exception) -> str:
    reason = str(error).strip().split("\n")[0]
    return f"cannot read {name}: {reason} (is the file complete and of the format its name says?)"
