"""What annotators see of an item: its fields, and images and sounds among them."""

import math
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import pyarrow as pa
from sqlalchemy.orm import Session

from supersede.errors import MissingColumnError, SizeError
from supersede.table.internal import internal
from supersede.table.source import collect
from supersede.table.table import Table
from supersede.web.files import register
from supersede.web.site import Site

__all__ = ["MEDIA", "contents", "media_type"]

_LONG = 80  # characters from which a value is a text
_MOST_TEXT = 20_000
# the first bytes of formats that browsers show; nothing else is served as an image or a sound
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"),
    (b"ID3", "audio/mpeg"), (b"\xff\xfb", "audio/mpeg"), (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
)  # fmt: skip
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}
MEDIA = frozenset({*(kind for _, kind in _MAGIC), *_RIFF.values()})


def contents(
    site: Site, db: Session, table: Table, ids: Sequence[Any], columns: Sequence[str]
) -> dict[str, list[dict[str, str]]]:
    """The fields of some items, by the text of their ids.

    Args:
        site: Keeps images and sounds.
        db: A session of `Database.write`.
        table: The table, with item ids.
        ids: The items.
        columns: The columns to show, in order. Never the models' answers.

    Raises:
        MissingColumnError: A column is not in the table.
    """
    import ibis

    assert table.item is not None  # noqa: S101  # a plan needs ids
    for column in columns:
        if column not in table.rows.columns:
            raise MissingColumnError.of(column, table.rows.columns, "the items to label")
    key = internal("item")
    wanted = ibis.memtable(pa.table({key: pa.array(ids)}))
    names = {internal(f"shown_{place}"): column for place, column in enumerate(columns)}
    rows = table.rows.select(
        **{internal("id"): table.rows[table.item]},
        **{name: table.rows[column] for name, column in names.items()},
    )
    found = collect(rows.inner_join(wanted, [(internal("id"), key)])).to_pylist()
    return {
        str(row[internal("id")]): [
            {"name": column, **_shown(site, db, row[name])} for name, column in names.items()
        ]
        for row in found
    }


def media_type(content: bytes) -> str | None:
    """The type of an image or a sound, by its first bytes; None for anything else.

    Example:
        >>> media_type(b"RIFF....WAVEfmt "), media_type(b"<svg onload=alert(1)>")
        ('audio/wav', None)
    """
    if content[:4] == b"RIFF":
        return _RIFF.get(content[8:12])
    return next((kind for start, kind in _MAGIC if content.startswith(start)), None)


def _shown(site: Site, db: Session, value: Any) -> dict[str, str]:
    """How one value is rendered: ``value``, ``text``, ``image``, ``audio``, or why it is not."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return {"kind": "missing", "value": ""}
    if isinstance(value, dict) and isinstance(value.get("bytes"), bytes):  # as data sets keep media
        value = value["bytes"]
    if isinstance(value, bytes):
        return _media(site, db, value)
    if isinstance(value, datetime | date):
        return {"kind": "value", "value": value.isoformat()}
    text = str(value)
    if len(text) > _MOST_TEXT:
        text = text[:_MOST_TEXT] + " …"
    kind = "text" if len(text) > _LONG or "\n" in text else "value"
    return {"kind": kind, "value": text}


def _media(site: Site, db: Session, content: bytes) -> dict[str, str]:
    kind = media_type(content)
    if kind is None:
        return {"kind": "broken", "value": f"{len(content):,} bytes, neither image nor sound"}
    most = site.settings.artefact_mb * 1_000_000
    try:
        kept = site.files.keep([content], most)
    except SizeError:
        return {
            "kind": "broken",
            "value": f"{kind} of {len(content) / 1e6:.0f} MB, too large to show",
        }
    register(db, kept, kind, None, site.now())
    return {"kind": kind.partition("/")[0], "value": kept.hash, "type": kind}
