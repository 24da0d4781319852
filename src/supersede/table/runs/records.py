"""Plain JSON: lines, arrays, objects around an array, mappings of ids to records, split frames."""

from typing import Any

from supersede.errors import ArgumentError
from supersede.table.runs.attempt import RunColumns, RunLog
from supersede.table.runs.content import Content
from supersede.table.runs.rows import flat, read_rows

__all__ = ["Records"]

_DEEP = 3  # how far down an array of records is looked for


class Records:
    """Reads JSON records, nested or not."""

    name = "records"

    def recognises(self, content: Content) -> bool:
        """By being JSON with records somewhere."""
        return bool(_found(content))

    def read(self, content: Content, columns: RunColumns) -> RunLog:
        """One attempt per record.

        Raises:
            ArgumentError: Several arrays of records could be the results.
        """
        found = _found(content)
        if len(found) > 1:
            listed = ", ".join(map(repr, found))
            msg = f"{content.path}: the arrays {listed} could all be the results; keep one in the file"
            raise ArgumentError(msg)
        rows = [flat(row) for row in next(iter(found.values()))]
        return read_rows(rows, columns, tool="JSON records", name=str(content.path))


def _found(content: Content) -> dict[str, list[dict[str, Any]]]:
    """Arrays of records, by where they stand."""
    document = content.document
    if document is None or (isinstance(document, dict) and content.lines and _is_row(document)):
        return {"lines": [*content.lines]} if content.lines else {}
    return _arrays(document, "", _DEEP)


def _is_row(document: dict[str, Any]) -> bool:
    """Whether a file with one object is a file of one line."""
    return not any(isinstance(value, list | dict) for value in document.values())


def _arrays(value: Any, at: str, deep: int) -> dict[str, list[dict[str, Any]]]:
    if isinstance(value, list):
        if value and all(isinstance(row, dict) for row in value):
            return {at or "the whole file": value}
        return {}
    if not isinstance(value, dict) or deep == 0:
        return {}
    if isinstance(value.get("columns"), list) and isinstance(value.get("data"), list):
        names = [str(name) for name in value["columns"]]
        rows = [dict(zip(names, row, strict=False)) for row in value["data"]]
        return {at or "the whole file": rows}
    if len(value) > 1 and all(isinstance(row, dict) for row in value.values()):
        return {at or "the whole file": [{"id": item, **row} for item, row in value.items()]}
    found: dict[str, list[dict[str, Any]]] = {}
    for name, part in value.items():
        found |= _arrays(part, f"{at}.{name}" if at else name, deep - 1)
    return found
