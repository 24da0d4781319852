"""What annotators see of an item: its fields, and images and sounds among them."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from supersede.errors import MissingColumnError
from supersede.table.internal import internal
from supersede.table.source import collect
from supersede.table.table import Table
from supersede.web.bounties.tables import blob_lengths
from supersede.web.files import Kept
from supersede.web.site import Site

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["MEDIA", "Contents", "contents", "media_type"]

_LONG = 80  # characters from which a value is a text
_MOST_TEXT = 20_000
_AT_ONCE = 50_000_000  # bytes of images and sounds in memory
# the first bytes of formats that browsers show; nothing else is served as an image or a sound
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"),
    (b"ID3", "audio/mpeg"), (b"\xff\xfb", "audio/mpeg"), (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
)  # fmt: skip
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}
MEDIA = frozenset({*(kind for _, kind in _MAGIC), *_RIFF.values()})


@dataclass(frozen=True)
class Contents:
    """What is shown of some items.

    Attributes:
        fields: By the text of an item's id, its fields.
        media: The images and sounds among them, with their types.
    """

    fields: dict[str, list[dict[str, str]]]
    media: list[tuple[Kept, str]]


def contents(site: Site, table: Table, ids: Sequence[Any], columns: Sequence[str]) -> Contents:
    """The fields of some items; their images and sounds are on the disk then, but not registered.

    Args:
        site: Keeps images and sounds.
        table: The table, with item ids.
        ids: The items.
        columns: The columns to show, in order. Never the models' answers.

    Raises:
        MissingColumnError: A column is not in the table.
    """
    assert table.item is not None  # noqa: S101  # a plan needs ids
    for column in columns:
        if column not in table.rows.columns:
            raise MissingColumnError.of(column, table.rows.columns, "the items to label")
    most = site.settings.artefact_mb * 1_000_000
    sizes = _sizes(table, ids, columns)
    found = Contents({}, [])
    for some in _portions(ids, sizes, most):
        shown = {f"shown_{p}": _short(table.rows[c], most) for p, c in enumerate(columns)}
        for row in _of_items(table, some, shown):
            item = str(row["id"])
            found.fields[item] = [
                {"name": column, **_shown(site, found, row[f"shown_{p}"], sizes[item][p], most)}
                for p, column in enumerate(columns)
            ]
    return found


def _of_items(
    table: Table, ids: Sequence[Any], values: "Mapping[str, ir.Value]"
) -> list[dict[str, Any]]:
    """Some values of each item, and its ``id``."""
    import ibis

    names = {internal(name): name for name in ["id", *values]}
    rows = table.rows.select(
        **{internal("id"): table.rows[table.item]},
        **{internal(name): value for name, value in values.items()},
    )
    key = internal("item")
    wanted = ibis.memtable(pa.table({key: pa.array(ids)}))
    found = collect(rows.inner_join(wanted, [(internal("id"), key)])).to_pylist()
    return [{name: row[inner] for inner, name in names.items()} for row in found]


def _sizes(table: Table, ids: Sequence[Any], columns: Sequence[str]) -> dict[str, list[int]]:
    """By item, the bytes of its images and sounds in each column, before any is read."""
    sizes = {f"size_{p}": _size(table.rows[column]) for p, column in enumerate(columns)}
    return {
        str(row["id"]): [row[f"size_{p}"] or 0 for p in range(len(columns))]
        for row in _of_items(table, ids, sizes)
    }


def _size(column: "ir.Value") -> "ir.Value":
    """The bytes of an image or a sound; zero for other columns."""
    import ibis

    if column.type().is_string() or not (lengths := blob_lengths(column)):
        return ibis.literal(0)
    return sum(length.fill_null(0) for length in lengths)


def _short(column: "ir.Value", most: int) -> "ir.Value":
    """The column without what is too large to be shown, so that it never leaves the engine."""
    import ibis

    kind = column.type()
    if kind.is_string():
        return column.left(_MOST_TEXT + 1)
    return (
        (_size(column) <= most).ifelse(column, ibis.null(kind)) if blob_lengths(column) else column
    )


def _portions(ids: Sequence[Any], sizes: Mapping[str, list[int]], most: int) -> Iterator[list[Any]]:
    """The items in parts whose images and sounds fit into memory together."""
    some: list[Any] = []
    held = 0
    for item in ids:
        own = sum(size for size in sizes.get(str(item), []) if size <= most)
        if some and held + own > _AT_ONCE:
            yield some
            some, held = [], 0
        some.append(item)
        held += own
    if some:
        yield some


def media_type(content: bytes) -> str | None:
    """The type of an image or a sound, by its first bytes; None for anything else.

    Example:
        >>> media_type(b"RIFF....WAVEfmt "), media_type(b"<svg onload=alert(1)>")
        ('audio/wav', None)
    """
    if content[:4] == b"RIFF":
        return _RIFF.get(content[8:12])
    return next((kind for start, kind in _MAGIC if content.startswith(start)), None)


def _shown(site: Site, found: Contents, value: Any, size: int, most: int) -> dict[str, str]:
    """How one value is rendered: ``value``, ``text``, ``image``, ``audio``, or why it is not."""
    if size > most:
        return {
            "kind": "broken",
            "value": f"{size / 1e6:.0f} MB, and at most {most / 1e6:g} are shown",
        }
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return {"kind": "missing", "value": ""}
    if isinstance(value, dict) and isinstance(value.get("bytes"), bytes):  # as data sets keep media
        value = value["bytes"]
    if isinstance(value, bytes):
        return _media(site, found, value, most)
    if isinstance(value, datetime | date):
        return {"kind": "value", "value": value.isoformat()}
    text = str(value)
    if len(text) > _MOST_TEXT:
        text = text[:_MOST_TEXT] + " …"
    kind = "text" if len(text) > _LONG or "\n" in text else "value"
    return {"kind": kind, "value": text}


def _media(site: Site, found: Contents, content: bytes, most: int) -> dict[str, str]:
    kind = media_type(content)
    if kind is None:
        return {"kind": "broken", "value": f"{len(content):,} bytes, neither image nor sound"}
    kept = site.files.keep([content], most)
    found.media.append((kept, kind))
    return {"kind": kind.partition("/")[0], "value": kept.hash, "type": kind}
