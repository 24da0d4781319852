"""Exact search, block by block: where the first right answer stands, and the average precision.

Ties count against the model: a wrong answer that scores as high as a right one, to rounding, stands
before it. So a model that gives every item the same vector finds nothing, and no result depends on
the order of the gallery or on how many queries are searched at a time.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from supersede.embeddings.relevance import Relevance
from supersede.embeddings.vectors import Array, Floats, Metric, comparable, prepared

__all__ = ["Ranks", "nearest", "rank", "scores"]

Rows = npt.NDArray[np.intp]
Wide = npt.NDArray[np.float64]

AT_ONCE = 1 << 23  # scores that are held at a time
ROUNDING = 1e-6  # scores closer than this, relative to the lengths, are ties


@dataclass(frozen=True, eq=False)
class Ranks:
    """How each query fared; queries without any right answer are NaN.

    Attributes:
        first: Rank of the first right answer, from 1, shape ``(q,)``; 0 where there is none to find.
        precision: Average precision of each query, in [0, 1]; NaN where there is nothing to find.
    """

    first: Rows
    precision: Wide

    @property
    def asked(self) -> npt.NDArray[np.bool_]:
        """Which queries have a right answer in the gallery."""
        return self.first > 0

    def found(self, k: int) -> Wide:
        """Whether a right answer is among the first k, as 0 and 1; NaN where there is none."""
        return np.where(self.asked, self.first <= k, np.nan)

    @property
    def reciprocal(self) -> Wide:
        """1 / rank of the first right answer."""
        return np.where(self.asked, 1 / np.maximum(self.first, 1), np.nan)


def scores(queries: Floats, gallery: Floats, metric: Metric) -> Floats:
    """Similarities, shape ``(q, g)``; larger is nearer."""
    made = queries @ gallery.T
    if metric == "euclidean":  # −½ |q − g|² up to a constant of the query
        made -= 0.5 * np.square(gallery).sum(1)
    return made


def rank(
    queries: Array,
    gallery: Array,
    relevance: Relevance,
    *,
    metric: Metric = "cosine",
    own: Rows | None = None,
    precision: bool = True,
) -> Ranks:
    """Search every query in the whole gallery.

    Args:
        queries: Shape ``(q, d)``.
        gallery: Shape ``(g, d)``.
        relevance: Right answers.
        metric: How two vectors are compared.
        own: Gallery row that is the query itself and is left out, −1 for none.
        precision: Whether average precision is needed; without it, it is NaN where a query has
            several right answers.

    Raises:
        VectorError: The dimensions differ.

    Example:
        >>> import numpy as np
        >>> from supersede.embeddings.relevance import relevance_of
        >>> space = np.eye(3)
        >>> rank(space, space, relevance_of(3, 3, pairs=np.array([0, 1, 2]))).first
        array([1, 1, 1])
    """
    comparable(queries, gallery, "the query side", "the gallery side")
    held = prepared(gallery, metric)
    slack = _slack(held, metric)
    first = np.zeros(len(queries), np.intp)
    average = np.full(len(queries), np.nan)
    step = max(1, AT_ONCE // len(gallery))
    for start in range(0, len(queries), step):
        stop = min(start + step, len(queries))
        asked = prepared(queries[start:stop], metric)
        made = scores(asked, held, metric)
        if own is not None:
            has = np.flatnonzero(own[start:stop] >= 0)
            made[has, own[start:stop][has]] = -np.inf
        near = slack if metric == "cosine" else slack * np.linalg.norm(asked, axis=1).max()
        right = relevance.rows(start, stop)
        if relevance.single or not precision:
            first[start:stop] = _first(made, right, near)
            if relevance.single:
                known = first[start:stop] > 0
                average[start:stop][known] = 1 / first[start:stop][known]
        else:
            for row in range(stop - start):
                first[start + row], average[start + row] = _one(made[row], right[row], near)
    return Ranks(first, average)


def _slack(gallery: Floats, metric: Metric) -> float:
    return (
        ROUNDING if metric == "cosine" else ROUNDING * float(np.linalg.norm(gallery, axis=1).max())
    )


def _first(made: Floats, right: npt.NDArray[np.bool_], near: float) -> Rows:
    best = np.where(right, made, -np.inf).max(1)
    ahead = ((made >= best[:, None] - near) & ~right & np.isfinite(made)).sum(1)
    return np.where(np.isfinite(best), ahead + 1, 0)


def _one(made: Floats, right: npt.NDArray[np.bool_], near: float) -> tuple[int, float]:
    """Rank of the first right answer and average precision of one query."""
    wanted = np.sort(made[right])[::-1]
    if not len(wanted):
        return 0, float("nan")
    wrong = np.sort(made[~right])
    wrong = wrong[np.isfinite(wrong)]
    ahead = len(wrong) - np.searchsorted(wrong, wanted - near)
    found = np.arange(1, len(wanted) + 1)
    return int(ahead[0]) + 1, float((found / (found + ahead)).mean())


def nearest(
    queries: Array, gallery: Array, k: int, *, metric: Metric = "cosine"
) -> tuple[Rows, Floats]:
    """The k nearest gallery rows of each query and their scores, nearest first.

    Example:
        >>> import numpy as np
        >>> rows, _ = nearest(np.eye(2), np.eye(2)[::-1], 1)
        >>> rows.tolist()
        [[1], [0]]
    """
    comparable(queries, gallery, "the query side", "the gallery side")
    k = min(k, len(gallery))
    held = prepared(gallery, metric)
    rows = np.empty((len(queries), k), np.intp)
    best = np.empty((len(queries), k), np.float32)
    step = max(1, AT_ONCE // len(gallery))
    for start in range(0, len(queries), step):
        stop = min(start + step, len(queries))
        made = scores(prepared(queries[start:stop], metric), held, metric)
        top = np.argpartition(-made, k - 1, axis=1)[:, :k]
        value = np.take_along_axis(made, top, 1)
        order = np.argsort(-value, axis=1, kind="stable")
        rows[start:stop] = np.take_along_axis(top, order, 1)
        best[start:stop] = np.take_along_axis(value, order, 1)
    return rows, best
