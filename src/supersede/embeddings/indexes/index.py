"""What a migration needs of a vector index, whoever keeps it.

Every row has an id, a unit vector, the stamp of the model that made it, a version and a mark of
deletion. A write with an older version than the stored one changes nothing, so that a backfill that
read an item before it changed never overwrites the change; a deleted item stays as a mark for the same
reason. Searching leaves marks out.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from supersede.embeddings.vectors import Floats, checked, unit
from supersede.errors import ArgumentError, ItemError, StampError, VectorError

__all__ = [
    "Contents",
    "Neighbours",
    "Stored",
    "VectorIndex",
    "asked",
    "named",
    "ready",
    "same_model",
]


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Results of a search, nearest first; fewer than asked for where the index is small.

    Attributes:
        ids: For each query, the ids of its results.
        scores: For each query, their cosines.
    """

    ids: tuple[tuple[str, ...], ...]
    scores: tuple[npt.NDArray[np.float32], ...]


@dataclass(frozen=True, eq=False)
class Stored:
    """Rows as they are stored, those that were requested and exist.

    Attributes:
        ids: Their ids.
        vectors: Shape ``(n, d)``; rows of deleted items are zero.
        stamps: The model of each.
        versions: The version of each.
        deleted: Whether each is a mark of deletion.
    """

    ids: tuple[str, ...]
    vectors: Floats
    stamps: tuple[str, ...]
    versions: npt.NDArray[np.int64]
    deleted: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Contents:
    """What an index holds in all.

    Attributes:
        rows: Rows, marks of deletion included.
        distinct: Distinct ids; fewer than rows if something is in it twice.
        deleted: Marks of deletion.
        stamps: Rows by stamp.
    """

    rows: int
    distinct: int
    deleted: int
    stamps: dict[str, int]


class VectorIndex(Protocol):
    """One model's vectors in one store."""

    stamp: str
    dimensions: int

    def write(self, ids: Sequence[str], vectors: Any, versions: Any, *, stamp: str) -> None:
        """Insert or replace rows whose stored version is not newer."""

    def remove(self, ids: Sequence[str], versions: Any) -> None:
        """Mark items as deleted."""

    def search(self, queries: Any, k: int) -> Neighbours:
        """The nearest items of each query by cosine."""

    def read(self, ids: Sequence[str]) -> Stored:
        """Stored rows."""

    def ids(self) -> list[str]:
        """Ids of all items that are not deleted, sorted."""

    def contents(self) -> Contents:
        """Counts of everything stored."""


def ready(
    index: VectorIndex, ids: Sequence[str], vectors: Any, versions: Any, stamp: str
) -> tuple[list[str], Floats, npt.NDArray[np.int64]]:
    """Check a batch before it is written.

    Raises:
        StampError: The vectors are of another model than the index.
        VectorError: They are broken or of another dimension.
        ItemError: Ids repeat within the batch, or counts differ.
    """
    if stamp != index.stamp:
        msg = (
            f"these vectors carry the stamp {stamp!r} and the index is of {index.stamp!r}: two models must not"
            " be mixed in one index; write to the index of that model"
        )
        raise StampError(msg)
    made = unit(checked(vectors, "vectors"))
    if made.shape[1] != index.dimensions:
        msg = f"vectors of {made.shape[1]} dimensions; the index of {index.stamp!r} holds {index.dimensions}"
        raise VectorError(msg)
    names, numbers = named(ids, versions)
    if len(names) != len(made):
        msg = f"{len(names)} ids for {len(made)} vectors; expected one of each per item"
        raise ItemError(msg)
    return names, made, numbers


def named(ids: Sequence[str], versions: Any = None) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Ids of a batch as text, with their versions.

    Raises:
        ItemError: Ids repeat or are one text in place of a sequence, or versions are not one whole
            number per id.
    """
    if isinstance(ids, str | bytes):
        msg = f"ids={ids!r} is one text; give a sequence of ids, such as [{ids!r}]"
        raise ItemError(msg)
    names = [str(name) for name in ids]
    if len(set(names)) < len(names):
        twice, _ = Counter(names).most_common(1)[0]
        msg = f"ids repeat within one batch, such as {twice!r}; name each item once"
        raise ItemError(msg)
    given = np.zeros(len(names)) if versions is None else np.asarray(versions)
    if given.shape != (len(names),) or (given != np.floor(given)).any():
        msg = f"{given.shape} versions for {len(names)} ids; expected one whole number per item"
        raise ItemError(msg)
    return names, given.astype(np.int64)


class _Sized(Protocol):
    stamp: str
    dimensions: int


def asked(index: _Sized, queries: Any, k: int, *, unit_length: bool = True) -> Floats:
    """Queries, of length one unless it is declined, checked before a search.

    Raises:
        VectorError: They are broken or of another dimension than the index.
        ArgumentError: k is not a whole number above 0.
    """
    given = checked(queries, "queries", metric="cosine" if unit_length else "euclidean")
    made = unit(given) if unit_length else np.asarray(given, np.float32)
    if made.shape[1] != index.dimensions:
        msg = f"queries of {made.shape[1]} dimensions; the index of {index.stamp!r} holds {index.dimensions}"
        raise VectorError(msg)
    if k != int(k) or k < 1:
        msg = f"k={k!r}; it must be a whole number above 0"
        raise ArgumentError(msg)
    return made


def same_model(what: str, kept: tuple[str, int], stamp: str | None, dimensions: int | None) -> None:
    """Refuse to open an index as one of another model.

    Raises:
        StampError: Its stamp is another one.
        VectorError: Its vectors have other dimensions.
    """
    if stamp not in {None, kept[0]}:
        msg = f"{what} is of {kept[0]!r}, not of {stamp!r}"
        raise StampError(msg)
    if dimensions not in {None, kept[1]}:
        msg = f"{what} holds vectors of {kept[1]} dimensions, not of {dimensions}"
        raise VectorError(msg)
