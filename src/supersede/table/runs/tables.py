"""CSV, Parquet and frames as runs: one file per run, the same columns in each."""

from typing import Any

from supersede.table.runs.attempt import RunColumns, RunLog
from supersede.table.runs.content import Content
from supersede.table.runs.rows import found_columns, read_rows
from supersede.table.source import collect, open_source

__all__ = ["TableFile", "read_frame"]

_ENDINGS = (".csv", ".tsv", ".parquet", ".pq")


class TableFile:
    """Reads CSV and Parquet."""

    name = "table"

    def recognises(self, content: Content) -> bool:
        """By the name's ending, since CSV has no mark of its own, or by Parquet's first bytes."""
        name = content.name.lower().removesuffix(".gz").removesuffix(".zst")
        return name.endswith(_ENDINGS) or content.raw.startswith(b"PAR1")

    def read(self, content: Content, columns: RunColumns) -> RunLog:
        """One attempt per row."""
        return read_frame(str(content.path), columns, str(content.path))


def read_frame(source: object, columns: RunColumns, name: str) -> RunLog:
    """The attempts of whatever `supersede.read` takes."""
    opened = open_source(source)
    item, label, answer = found_columns(opened.columns, columns)
    compared = [column for column in (label, answer) if column is not None]
    exact = compared if item is None else [item, *compared]
    rows: list[dict[str, Any]] = collect(opened.rows(opened.columns, exact, compared)).to_pylist()
    return read_rows(rows, columns, tool="table", name=name)
