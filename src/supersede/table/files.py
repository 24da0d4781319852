"""Which format a file has, by its content; how its columns are called; and opening it.

The ending of a name is a promise that files break: the first bytes decide. Only the columns that are
wanted leave the file, so a table with thousands of columns costs what its used columns cost.
"""

import csv
import glob
import io
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from supersede.errors import SourceError
from supersede.table.internal import internal
from supersede.table.typing_text import typed_from_json, typed_from_text

__all__ = ["Files", "find_files", "opened"]

Format = Literal["csv", "json", "parquet"]
_HEAD = 1 << 16  # bytes looked at to tell a format
_TEXT = frozenset({".csv", ".tsv", ".txt", ".tab"})
_JSON = frozenset({".json", ".jsonl", ".ndjson"})
_DELIMITERS = ",\t;|"


@dataclass(frozen=True)
class Files:
    """Files of one format, read as one table.

    Attributes:
        paths: The files.
        format: Their format.
        columns: The names of their columns, as the files write them.
        delimiter: Of CSV files.
    """

    paths: tuple[str, ...]
    format: Format
    columns: tuple[str, ...]
    delimiter: str = ","

    @property
    def name(self) -> str:
        """What messages and reports call them."""
        return Path(self.paths[0]).name if len(self.paths) == 1 else f"{len(self.paths)} files"


def find_files(patterns: Sequence[str]) -> Files:
    """Find the files, tell their format, and read the names of their columns.

    Raises:
        SourceError: A file is missing, empty, of an unknown kind or encoding; formats or headers
            differ between the files.
    """
    paths = [path for pattern in patterns for path in _matches(pattern)]
    kinds = {_format_of(path) for path in paths}
    if len(kinds) > 1:
        msg = (
            f"{list(patterns)} mixes {' and '.join(sorted(kinds))} files; read one format at a time"
        )
        raise SourceError(msg)
    kind = kinds.pop()
    if kind == "csv":
        headers = {path: _header(path) for path in paths}
        columns, delimiter = headers[paths[0]]
        for path, header in headers.items():
            if header != headers[paths[0]]:
                msg = (
                    f"{Path(path).name} has another header line than {Path(paths[0]).name}; files"
                    " that are read as one table must have the same columns in the same order"
                )
                raise SourceError(msg)
        return Files(tuple(paths), kind, columns, delimiter)
    if kind == "parquet":
        return Files(tuple(paths), kind, _parquet_columns(paths[0]))
    return Files(tuple(paths), kind, _json_columns(paths))


def opened(
    files: Files, columns: Sequence[str], exact: Sequence[str], compared: Sequence[str]
) -> Any:
    """An Ibis table with some of the files' columns, in an engine of its own.

    Args:
        files: The files.
        columns: The columns wanted.
        exact: Those of them whose words matter (ids, labels, answers): text files say ``1e3`` and
            ``1000``, and only a column in which every word is a number becomes numbers.
        compared: Those of the exact ones that are compared with each other.

    Raises:
        SourceError: A file is damaged.
    """
    import ibis

    connection = ibis.duckdb.connect()
    duckdb = connection.con
    if files.format == "parquet":
        names = ", ".join(map(quoted, columns))
        duckdb.execute(f"CREATE VIEW items AS SELECT {names} FROM {_parquet(files)}")  # noqa: S608
    elif files.format == "csv":
        _load_csv(duckdb, files, columns, exact, compared)
    else:
        _load_json(duckdb, files, columns, exact)
    return connection.table("items")


def quoted(name: str) -> str:
    """A name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """A text as SQL writes it."""
    return "'" + value.replace("'", "''") + "'"


def _list(paths: Sequence[str]) -> str:
    return f"[{', '.join(map(text, paths))}]"


def _parquet(files: Files) -> str:
    return f"read_parquet({_list(files.paths)})"


def _load_csv(
    duckdb: Any,
    files: Files,
    columns: Sequence[str],
    exact: Sequence[str],
    compared: Sequence[str],
) -> None:
    """Parse the wanted columns once, into a temporary table that moves to disk when it is large.

    Columns whose words matter are parsed as text and typed by all their values. Where a sample has only
    whole numbers, they are parsed as such, and every word is compared with the plain form of its number.
    The other columns are parsed as the types that a sample suggests. If a later row does not fit, the
    file is parsed again, as text.
    """
    suggested = _suggested(duckdb, files)
    positions = {p: name for p, name in _positions(files.columns).items() if name in columns}
    whole = {p for p, name in positions.items() if name in exact and suggested.get(p) == "BIGINT"}
    if any(name in compared and p not in whole for p, name in positions.items()):
        # words that are compared with text stay text
        whole = {place for place in whole if positions[place] not in compared}
    for types, plain in ((suggested, whole), (suggested, set()), ({}, set())):
        kinds = {
            place: "VARCHAR" if name in exact else types.get(place, "VARCHAR")
            for place, name in _positions(files.columns).items()
        }
        try:
            if not _parsed(duckdb, files, kinds, positions, plain):
                continue
        except type_errors() as error:
            if types and "onvert" in str(error):
                continue
            raise
        untyped = [c for p, c in positions.items() if p not in plain and kinds[p] == "VARCHAR"]
        typed_from_text(duckdb, "parsed", untyped, compared)
        names = ", ".join(map(quoted, positions.values()))
        duckdb.execute(f"CREATE TEMP VIEW items AS SELECT {names} FROM parsed")  # noqa: S608
        return


def _parsed(
    duckdb: Any,
    files: Files,
    kinds: Mapping[str, str],
    wanted: Mapping[str, str],
    plain: Collection[str],
) -> bool:
    """Parse a CSV file into the table ``parsed``; whether all words of some columns are plain numbers.

    Args:
        duckdb: The connection.
        files: The file.
        kinds: The type of each column of the file, by its position.
        wanted: Names of the columns that are wanted, by their positions.
        plain: Positions of columns whose words become whole numbers; they must be in plain form.
    """
    numbers = {place: f"TRY_CAST({quoted(place)} AS BIGINT)" for place in plain}
    fields = [
        f"{numbers.get(place, quoted(place))} AS {quoted(name)}" for place, name in wanted.items()
    ]
    is_plain = [
        f"({quoted(place)} IS NULL OR coalesce(CAST({number} AS VARCHAR) = {quoted(place)}, false))"
        for place, number in numbers.items()
    ]
    mark = internal("plain")
    fields += [f"{' AND '.join(is_plain)} AS {quoted(mark)}"] if plain else []
    types = ", ".join(f"{text(place)}: '{kind}'" for place, kind in kinds.items())
    duckdb.execute(
        f"CREATE OR REPLACE TEMP TABLE parsed AS SELECT {', '.join(fields)} FROM"  # noqa: S608
        f" read_csv({_list(files.paths)}, auto_detect = false, header = true, quote = '\"',"
        f" escape = '\"', delim = {text(files.delimiter)}, columns = {{{types}}})"
    )
    if not plain:
        return True
    ((kept,),) = duckdb.execute(f"SELECT bool_and({quoted(mark)}) FROM parsed").fetchall()  # noqa: S608
    return kept is not False  # a file without rows has no word that is not plain


def _load_json(duckdb: Any, files: Files, columns: Sequence[str], exact: Sequence[str]) -> None:
    """Parse the wanted keys; ``answer.text`` is the key ``text`` of the records in ``answer``."""
    roots = {column: _root(column, files.columns) for column in columns}
    fields = ", ".join(f"{text(root)}: 'JSON'" for root in dict.fromkeys(roots.values()))
    names = ", ".join(
        f"{quoted(root)}{_path(column, root)} AS {quoted(column)}" for column, root in roots.items()
    )
    source = f"read_json({_list(files.paths)}, columns = {{{fields}}})"
    duckdb.execute(f"CREATE TEMP TABLE items AS SELECT {names} FROM {source}")  # noqa: S608
    typed_from_json(duckdb, "items", columns, exact, files.name)


def _root(column: str, columns: Sequence[str]) -> str:
    """The column itself, or the one that holds its records."""
    if column in columns:
        return column
    parts = column.split(".")
    starts = (".".join(parts[:end]) for end in range(len(parts) - 1, 0, -1))
    return next((start for start in starts if start in columns), column)


def _path(column: str, root: str) -> str:
    keys = column.removeprefix(root).split(".")[1:]
    return "".join(f" -> {text(key)}" for key in keys)


def type_errors() -> tuple[type[Exception], ...]:
    """What DuckDB raises where a value does not fit its column's type."""
    import duckdb

    return (duckdb.ConversionException, duckdb.InvalidInputException)


def _positions(columns: Sequence[str]) -> dict[str, str]:
    """Names for the engine, to which ``a`` and ``A`` are one; in the order of the file."""
    return {f"column {at}": name for at, name in enumerate(columns)}


def _suggested(duckdb: Any, files: Files) -> dict[str, str]:
    """Types that a sample suggests, where text would only be slower."""
    query = (
        "SELECT Columns FROM sniff_csv(?, header = true, delim = ?, quote = '\"', escape = '\"')"
    )
    try:
        ((found,),) = duckdb.execute(query, [files.paths[0], files.delimiter]).fetchall()
    except type_errors():
        return {}  # reading as text says what is wrong, and where
    if len(found) != len(files.columns):
        return {}
    kinds = {"BIGINT": "BIGINT", "DOUBLE": "DOUBLE", "BOOLEAN": "BOOLEAN"}
    return {
        f"column {at}": kinds[column["type"]]
        for at, column in enumerate(found)
        if column["type"] in kinds
    }


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


def _format_of(path: str) -> Format:
    """The format, by the first bytes; a text that is not JSON is CSV if its name says so."""
    name, head = Path(path).name, _head(path)
    if head[:4] == b"PAR1":
        return "parquet"
    if head[:4] == b"PK\x03\x04":
        msg = f"{name} is a zip archive or an Excel file; export the table as CSV"
        raise SourceError(msg)
    if head[:2] in {b"\xff\xfe", b"\xfe\xff"} or head[:200].count(0) > 20:
        msg = (
            f"{name} is text in UTF-16; save it as UTF-8:"
            f" iconv -f UTF-16 -t UTF-8 '{name}' > utf8-{name}"
        )
        raise SourceError(msg)
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start:
        msg = f"{name} is empty: it has {Path(path).stat().st_size} bytes and no row"
        raise SourceError(msg)
    ending = _ending(path)
    if start[:1] in b"{[" and ending not in _TEXT:
        return "json"
    if ending in _TEXT:
        return "json" if start[:2] in {b'{"', b"[{"} else "csv"
    if ending in _JSON:
        shown = start[:30].decode("utf-8", "replace")
        msg = f"{name} is not JSON: it starts with {shown!r} (is the file of the format its name says?)"
        raise SourceError(msg)
    if ending in {".parquet", ".pq"}:
        msg = f"cannot read {name}: it is not a Parquet file (is the file complete?)"
        raise SourceError(msg)
    msg = (
        f"cannot tell the format of {path!r}: expected Parquet, JSON or JSONL by its content, or a"
        " name that ends in .csv or .tsv (or .gz)"
    )
    raise SourceError(msg)


def _ending(path: str) -> str:
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    if suffixes and suffixes[-1] in {".gz", ".zst"}:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def _head(path: str) -> bytes:
    import pyarrow as pa

    try:
        with pa.input_stream(path, compression="detect") as stream:
            return bytes(stream.read(_HEAD))
    except OSError as error:
        msg = f"cannot read {Path(path).name}: {error} (is the file complete?)"
        raise SourceError(msg) from error


def _header(path: str) -> tuple[tuple[str, ...], str]:
    """The names in a CSV file's first line, and what separates them."""
    import pyarrow as pa

    with pa.input_stream(path, compression="detect") as stream:
        read = bytes(stream.read(_HEAD))
        while b"\n" not in read.strip(b"\n") and (more := bytes(stream.read(_HEAD))):
            read += more
    try:
        first = read.decode("utf-8-sig", "strict" if len(read) < _HEAD else "ignore")
    except UnicodeDecodeError as error:
        raise SourceError(not_utf8(Path(path).name)) from error
    line = first.lstrip("\r\n").splitlines()[0]
    bare = Counter(re.sub(r'"[^"]*"', "", line))
    delimiter = "\t" if _ending(path) in {".tsv", ".tab"} else ","
    delimiter = max(_DELIMITERS, key=lambda d: (bare[d], d == delimiter))
    rows = csv.reader(io.StringIO(first.lstrip("\r\n"), newline=None), delimiter=delimiter)
    try:
        return tuple(next(rows)), delimiter
    except csv.Error as error:
        msg = f"cannot read the header of {Path(path).name}: {error} (is it CSV?)"
        raise SourceError(msg) from error


def not_utf8(name: str) -> str:
    """What to say of a text in another encoding."""
    return (
        f"{name} is not UTF-8 text; if it is Latin-1 (older spreadsheets), convert it:"
        f" iconv -f LATIN1 -t UTF-8 '{name}' > utf8-{name}"
    )


def _parquet_columns(path: str) -> tuple[str, ...]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return tuple(pq.read_schema(path).names)
    except (pa.ArrowInvalid, OSError) as error:
        reason = str(error).splitlines()[0]
        msg = f"cannot read {Path(path).name}: {reason} (is the file complete?)"
        raise SourceError(msg) from error


def _json_columns(paths: Sequence[str]) -> tuple[str, ...]:
    """The keys of all records."""
    import duckdb

    source = f"read_json({_list(paths)}, sample_size = -1, maximum_depth = 1)"
    with duckdb.connect() as connection:
        rows = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()  # noqa: S608
    return tuple(row[0] for row in rows)
