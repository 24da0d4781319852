"""Uploaded tables: read once, typed by all of their values, and kept as Parquet."""

import io
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from supersede.errors import AccessError, InputError
from supersede.table.source import collect, open_source
from supersede.web.files import Files, Kept
from supersede.web.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["keep_table", "path_on_server", "read_kept"]

_ENDING = re.compile(r"\.(csv|tsv|jsonl|json|parquet)(\.gz)?$", re.IGNORECASE)
_MOST_COLUMNS = 500


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
        return files.keep([_as_parquet(named)], most * 10)


def _as_parquet(path: Path) -> bytes:
    import pyarrow.parquet as pq

    source = open_source(path)
    if len(source.columns) > _MOST_COLUMNS:
        msg = f"the table has {len(source.columns)} columns; expected at most {_MOST_COLUMNS}"
        raise InputError.of(msg, "table")
    found = collect(source.rows(source.columns, (), ()))
    if not found.num_rows:
        msg = "the table has no rows"
        raise InputError.of(msg, "table")
    held = io.BytesIO()
    pq.write_table(found, held)
    return held.getvalue()


def read_kept(files: Files, hash: str) -> "pa.Table":
    """A table that was kept."""
    import pyarrow.parquet as pq

    return pq.read_table(io.BytesIO(files.read(hash)))
