"""Uploaded tables: read once, typed by all of their values, and kept as Parquet."""

import gzip
import io
import re
import tempfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from supersede.errors import AccessError, InputError, SizeError
from supersede.table.source import collect, engine_errors, open_source, write_parquet
from supersede.web.files import Files, Kept
from supersede.web.settings import Settings

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

__all__ = ["keep_table", "kept_columns", "kept_table", "path_on_server", "read_kept"]

_ENDING = re.compile(r"\.(csv|tsv|jsonl|json|parquet)(\.gz)?$", re.IGNORECASE)
_MOST_COLUMNS = 500
_UNPACKED = 20  # times its size that a table is allowed to unpack to


def path_on_server(settings: Settings, text: str) -> Path:
    """A table on the server, in one of the folders that the settings allow.

    Raises:
        AccessError: It lies elsewhere, after all links are followed.
        InputError: There is no such file.
    """
    if not settings.tables:
        msg = "no folder is open for tables by path; name some in the setting tables"
        raise AccessError(msg)
    try:
        path = Path(text).resolve()
    except (OSError, ValueError) as error:
        msg = f"this is not a path: {error}"
        raise InputError.of(msg, "path") from error
    if not any(path.is_relative_to(Path(folder).resolve()) for folder in settings.tables):
        msg = "tables by path must lie in one of the folders of the setting tables"
        raise AccessError(msg)
    if not path.is_file():
        msg = f"there is no file {path.name!r} there"
        raise InputError.of(msg, "path")
    return path


def keep_table(files: Files, name: str, parts: Iterable[bytes], most: int) -> Kept:
    """Read an uploaded table and keep it as Parquet.

    Args:
        files: Where it is kept.
        name: The file's own name; only its ending is used.
        parts: Its bytes.
        most: Largest size, in bytes.

    Raises:
        InputError: It is not a table.
        SizeError: It is too large.
        SourceError: It is damaged.
    """
    ending = _ENDING.search(name)
    if ending is None:
        msg = "expected a file that ends in .csv, .tsv, .jsonl, .json or .parquet (or .gz)"
        raise InputError.of(msg, "table")
    files.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=files.folder, prefix=".upload-") as folder:
        raw = Files(Path(folder)).keep(parts, most)
        named = Path(folder) / f"table{ending[0].lower()}"
        named.symlink_to(Files(Path(folder)).path(raw.hash))
        if ending[2]:
            _check_gzip(named, most * _UNPACKED)
        written = Path(folder) / "table"
        _as_parquet(named, written, most * _UNPACKED)
        with written.open("rb") as file:
            return files.keep(iter(lambda: file.read(1 << 20), b""), most * 10)


def _as_parquet(path: Path, target: Path, most: int) -> None:
    source = open_source(path)
    if len(source.columns) > _MOST_COLUMNS:
        msg = f"the table has {len(source.columns)} columns; expected at most {_MOST_COLUMNS}"
        raise InputError.of(msg, "table")
    rows = source.rows(source.columns, (), ())
    (facts,) = collect(_weighed(rows)).to_pylist()
    if not facts["rows"]:
        msg = "the table has no rows"
        raise InputError.of(msg, "table")
    _check_unpacked(facts["bytes"] or 0, most)
    write_parquet(rows, target)


def _weighed(rows: "ir.Table") -> "ir.Table":
    """The number of rows, and of the bytes in their texts and blobs, which compress best."""
    import ibis

    lengths = [length for name in rows.columns for length in blob_lengths(rows[name])]
    whole = sum((length.fill_null(0).sum() for length in lengths), ibis.literal(0))
    return rows.aggregate(rows=rows.count(), bytes=whole)


def blob_lengths(column: "ir.Value") -> "list[ir.IntegerValue]":
    """The lengths of the texts (in characters) and of the blobs (in bytes) in a column."""
    import ibis

    kind = column.type()
    if kind.is_struct():  # such as images of data sets: their bytes, and a path
        return [length for name in kind.names for length in blob_lengths(column[name])]
    if kind.is_string():
        return [column.length()]

    @ibis.udf.scalar.builtin(name="octet_length")  # type: ignore[untyped-decorator]
    def octets(blob: bytes) -> int: ...  # type: ignore[empty-body]

    return [octets(column)] if kind.is_binary() else []


def _check_gzip(path: Path, most: int) -> None:
    """Unpack a file once without keeping it: a small one can grow a thousandfold."""
    size = 0
    try:
        with gzip.open(path) as file:
            while part := file.read(1 << 20):
                size += len(part)
                _check_unpacked(size, most)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        msg = f"the file cannot be unpacked: {error}"
        raise InputError.of(msg, "table") from error


def _check_unpacked(size: int, most: int) -> None:
    if size > most:
        msg = f"the table unpacks to more than {most / 1e6:,.0f} MB; split it"
        raise SizeError(msg)


def kept_table(files: Files, hash: str) -> str:
    """The path of a table that was kept, to be read where it lies.

    Raises:
        NotFoundError: It is gone, or its bytes were changed.
    """
    return str(files.checked(hash))


def kept_columns(files: Files, hash: str) -> list[str]:
    """The columns of a table that was kept.

    Raises:
        NotFoundError: It is gone.
        SourceError: The file is not a table.
    """
    return list(open_source(files.path(hash)).columns)


def read_kept(files: Files, hash: str) -> "pa.Table":
    """A table that was kept, in memory.

    Raises:
        NotFoundError: It is gone, or its bytes were changed.
        SourceError: The file is not a table.
    """
    import pyarrow.parquet as pq

    with engine_errors("the table"):
        return pq.read_table(io.BytesIO(files.read(hash)))
