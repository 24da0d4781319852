"""Which gallery items are right answers to which query: by label, or by pairs."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from supersede.errors import ArgumentError, ItemError, TooFewLabelsError

__all__ = ["Relevance", "alike", "missing", "relevance_of", "text_of"]

Rows = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]


class Relevance(Protocol):
    """Right answers, in blocks of queries so that no mask of all pairs is ever held."""

    single: bool
    """Whether every query has at most one right answer."""

    def rows(self, start: int, stop: int) -> Mask:
        """Which gallery items are right for queries start to stop, shape ``(stop − start, g)``."""

    def counts(self) -> Rows:
        """Number of right answers of each query, shape ``(q,)``."""


class _ByLabel:
    def __init__(self, queries: Rows, gallery: Rows, own: Rows | None) -> None:
        self.queries, self.gallery, self.own = queries, gallery, own
        self.single = False

    def rows(self, start: int, stop: int) -> Mask:
        mask = self.queries[start:stop, None] == self.gallery[None]
        return _without_own(mask, self.own, start, stop)

    def counts(self) -> Rows:
        sizes = np.bincount(self.gallery, minlength=int(self.queries.max()) + 1)
        found = sizes[self.queries]
        if self.own is not None:
            has = self.own >= 0
            found = found - (has & (self.gallery[self.own] == self.queries))
        return np.asarray(found, np.intp)


class _ByPair:
    def __init__(self, starts: Rows, answers: Rows, size: int) -> None:
        self.starts, self.answers, self.size = starts, answers, size
        self.single = bool(np.diff(starts).max(initial=0) <= 1)

    def rows(self, start: int, stop: int) -> Mask:
        mask = np.zeros((stop - start, self.size), bool)
        low, high = self.starts[start], self.starts[stop]
        owner = np.repeat(np.arange(stop - start), np.diff(self.starts[start : stop + 1]))
        mask[owner, self.answers[low:high]] = True
        return mask

    def counts(self) -> Rows:
        return np.asarray(np.diff(self.starts), np.intp)


def _without_own(mask: Mask, own: Rows | None, start: int, stop: int) -> Mask:
    if own is not None:
        mine = own[start:stop]
        has = np.flatnonzero(mine >= 0)
        mask[has, mine[has]] = False
    return mask


def relevance_of(
    n_queries: int,
    n_gallery: int,
    *,
    query_labels: Sequence[Any] | npt.NDArray[Any] | None = None,
    gallery_labels: Sequence[Any] | npt.NDArray[Any] | None = None,
    pairs: Any = None,
    own: Any = None,
) -> Relevance:
    """Right answers from labels of both sides, or from pairs.

    Args:
        n_queries: Number of queries.
        n_gallery: Number of gallery items.
        query_labels: Class of each query; a gallery item of the same class is right.
        gallery_labels: Class of each gallery item.
        pairs: Gallery row of each query, shape ``(q,)``, −1 for none; or pairs of a query row and a
            gallery row, shape ``(m, 2)``.
        own: Gallery row that is the query itself, shape ``(q,)``, −1 for none; it never counts.

    Raises:
        ArgumentError: Neither or both are given, or the lengths do not fit.
        ItemError: A pair names a row that is not there, or repeats.
        TooFewLabelsError: No query has a right answer in the gallery.

    Example:
        >>> relevance_of(2, 3, query_labels=["a", "b"], gallery_labels=["a", "a", "c"]).counts()
        array([2, 0])
    """
    if (pairs is None) == (query_labels is None or gallery_labels is None):
        msg = "give either query_labels and gallery_labels, or pairs: what is a right answer?"
        raise ArgumentError(msg)
    mine = None if own is None else _own(own, n_queries, n_gallery)
    made = (
        _from_labels(query_labels, gallery_labels, n_queries, n_gallery, mine)
        if pairs is None
        else _from_pairs(pairs, n_queries, n_gallery, mine)
    )
    if not made.counts().any():
        msg = (
            "no query has a right answer in the gallery; are the labels (or ids of the pairs) of both"
            " sides written alike?"
        )
        raise TooFewLabelsError(msg)
    return made


def _own(own: Any, n_queries: int, n_gallery: int) -> Rows:
    rows = np.asarray(own)
    inside = (
        rows.dtype.kind in "iu" and rows.min(initial=0) >= -1 and rows.max(initial=-1) < n_gallery
    )
    if rows.shape != (n_queries,) or not inside:
        msg = (
            f"own must name a row of the gallery (a whole number, 0 to {n_gallery - 1}), or −1, for each of the"
            f" {n_queries} queries; it has shape {rows.shape} and type {rows.dtype}"
        )
        raise ArgumentError(msg)
    return rows.astype(np.intp)


def _from_labels(
    query_labels: Any, gallery_labels: Any, n_queries: int, n_gallery: int, own: Rows | None
) -> Relevance:
    asked, held = np.asarray(query_labels), np.asarray(gallery_labels)
    for name, labels, n in (
        ("query_labels", asked, n_queries),
        ("gallery_labels", held, n_gallery),
    ):
        if labels.shape != (n,):
            msg = f"{name} has shape {labels.shape}; expected one label for each of {n} vectors"
            raise ArgumentError(msg)
        absent = missing(labels)
        if absent.any():
            msg = f"{name}: {int(absent.sum())} labels are missing, first in row {int(absent.argmax())}"
            raise ArgumentError(msg)
    asked, held = alike(asked, held)
    _, codes = np.unique(np.concatenate([asked, held]), return_inverse=True)
    return _ByLabel(codes[:n_queries], codes[n_queries:], own)


def missing(values: npt.NDArray[Any]) -> Mask:
    """Which values are None, NaN, NaT or pandas' NA.

    Example:
        >>> missing(np.array(["a", None, float("nan")], object)).tolist()
        [False, True, True]
    """
    if values.dtype != object:
        return np.asarray(values != values, bool)
    return np.array([_absent(value) for value in values.tolist()], bool)


def _absent(value: Any) -> bool:
    same = value == value
    if value is None or not isinstance(same, bool | np.bool_):  # NA equals nothing, and says NA
        return True
    return not same


def alike(first: Any, second: Any) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Labels of both sides in one type: as text where one side is text, or where numbers would be rounded.

    Example:
        >>> alike([1, 2], ["1", "2"])[0].tolist()
        ['1', '2']
    """
    one, other = np.asarray(first), np.asarray(second)
    kinds = {one.dtype.kind, other.dtype.kind}
    rounded = kinds & set("iu") and kinds <= set("iuf") and np.result_type(one, other).kind == "f"
    if kinds & set("OUS") or rounded:
        return _as_text(one), _as_text(other)
    return one, other


def _as_text(labels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Labels as text; numbers that are whole are written as such, and bytes are decoded."""
    if labels.dtype.kind == "S":
        return np.char.decode(labels, "utf-8")
    return np.array([text_of(label) for label in labels.tolist()], str)


def text_of(label: Any) -> str:
    """A label or id as text; a number that is whole as such, however it is stored."""
    if isinstance(label, bytes):
        return label.decode()
    if isinstance(label, float) and label.is_integer():
        return str(int(label))
    return str(label)


def _from_pairs(pairs: Any, n_queries: int, n_gallery: int, own: Rows | None) -> Relevance:
    try:
        given = np.asarray(pairs)
    except ValueError as error:
        msg = f"pairs are ragged: {error}; give one row (query row, gallery row) for each right answer"
        raise ArgumentError(msg) from error
    if given.ndim == 1 and len(given) == n_queries and given.dtype.kind in "iu":
        asked = np.flatnonzero(given >= 0)
        given = np.stack([asked, given[asked]], 1)
    if given.ndim != 2 or given.shape[1] != 2 or given.dtype.kind not in "iu":
        msg = (
            f"pairs has shape {given.shape} and type {given.dtype}; expected the gallery row of each of"
            f" {n_queries} queries, or (m, 2) rows of query and gallery"
        )
        raise ArgumentError(msg)
    for side, column, n in (("query", given[:, 0], n_queries), ("gallery", given[:, 1], n_gallery)):
        outside = (column < 0) | (column >= n)
        if outside.any():
            msg = f"pairs: {side} row {int(column[outside][0])} is not there; rows go from 0 to {n - 1}"
            raise ItemError(msg)
    distinct = np.unique(given, axis=0)
    if len(distinct) < len(given):
        msg = f"pairs: {len(given) - len(distinct)} pairs are repeated; each pair may stand once"
        raise ItemError(msg)
    if own is not None:
        distinct = distinct[own[distinct[:, 0]] != distinct[:, 1]]
    starts = np.searchsorted(distinct[:, 0], np.arange(n_queries + 1))
    return _ByPair(np.asarray(starts, np.intp), np.asarray(distinct[:, 1], np.intp), n_gallery)
