"""What changed in the old index past the migration: writes that did not go through `put` and `delete`.

When an item is embedded again, the journal keeps the version and a checksum of its old vector. An item
whose old vector is another one by now has an outdated new vector.
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from supersede.embeddings.indexes.index import Stored, VectorIndex
from supersede.embeddings.migration.journal import Journal

__all__ = ["Drift", "Seen", "drift", "seen"]

PART = 10_000  # items that are read at a time

Seen = tuple[int, int]
"""Version and checksum of an old vector."""


@dataclass(frozen=True)
class Drift:
    """How the old index departs from what the journal knows.

    Attributes:
        added: Items of the old index that the journal does not know as present.
        changed: Items whose old vector changed after they were embedded again.
        removed: Items that are in the new index only.
    """

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]

    @property
    def items(self) -> list[str]:
        """All of them."""
        return [*self.added, *self.changed, *self.removed]


def seen(stored: Stored) -> dict[str, Seen]:
    """Version and checksum of each item that is not deleted."""
    return {
        item: (int(version), zlib.crc32(np.ascontiguousarray(vector, "<f4").tobytes()))
        for item, version, vector, gone in zip(
            stored.ids, stored.versions, stored.vectors, stored.deleted, strict=True
        )
        if not gone
    }


def drift(
    old: VectorIndex, new: VectorIndex, journal: Journal, items: Sequence[str] | None = None
) -> Drift:
    """Compare the indexes with the journal.

    Args:
        old: The old index.
        new: The new index.
        journal: The migration's journal.
        items: Only these; None for all.
    """
    names = set(old.ids() if items is None else items)
    others = set(new.ids() if items is None else items)
    added: list[str] = []
    changed: list[str] = []
    here: set[str] = set()
    for part in _parts(sorted(names)):
        found = seen(old.read(part))
        here.update(found)
        known = journal.known(part)
        for item, now in found.items():
            state, then = known.get(item, ("gone", None))
            if state == "gone":
                added.append(item)
            elif state == "done" and then is not None and not _same(then, now):
                changed.append(item)
    left = sorted(others - here)
    inside = {item for part in _parts(left) for item in seen(new.read(part))}
    return Drift(tuple(added), tuple(changed), tuple(sorted(inside)))


def _same(then: tuple[int, int | None], now: Seen) -> bool:
    """Whether the vector is the one that was seen; of a live write only the version was."""
    return then[0] == now[0] and then[1] in {None, now[1]}


def _parts(items: list[str]) -> Iterator[list[Any]]:
    for start in range(0, len(items), PART):
        yield items[start : start + PART]
