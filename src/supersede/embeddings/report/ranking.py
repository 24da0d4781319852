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

__all__ = ["Gallery", "Ranks", "nearest", "rank"]

Rows = npt.NDArray[np.intp]
Wide = npt.NDArray[np.float64]

AT_ONCE = 1 << 23  # scores that are held at a time
ROUNDING = 1e-6  # scores closer than this, relative to the vectors' own lengths, are ties
CENTRE = 1001  # rows that a gallery's middle is taken from


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


class Gallery:
    """A gallery made ready for scores with one metric; larger scores are nearer.

    The score is the cosine, the dot product, or minus half the squared distance. Distances are taken
    from the middle of the gallery (the median of some rows, which no outlier moves), so that vectors
    far from the origin keep their digits.

    Args:
        vectors: Shape ``(g, d)``.
        metric: How two vectors are compared.
    """

    def __init__(self, vectors: Array, metric: Metric) -> None:
        self.metric = metric
        held = prepared(vectors, metric)
        self._middle: Floats | None = None
        if metric == "euclidean":
            some = np.unique(np.linspace(0, len(held) - 1, CENTRE).astype(np.intp))
            self._middle = np.asarray(np.median(held[some], axis=0), np.float32)
            held = held - self._middle
        self._held = held
        self._lengths = np.linalg.norm(held, axis=1)

    def __len__(self) -> int:
        return len(self._held)

    def scores(self, queries: Array) -> tuple[Floats, Floats]:
        """Scores, shape ``(q, g)``, and how far each may be off by rounding, broadcastable to it."""
        asked = prepared(queries, self.metric)
        if self._middle is not None:
            asked = asked - self._middle
        made = asked @ self._held.T
        if self.metric == "cosine":
            return made, np.full((1, 1), ROUNDING, np.float32)
        lengths = np.linalg.norm(asked, axis=1)[:, None]
        if self.metric == "dot":
            return made, ROUNDING * lengths * self._lengths
        made -= 0.5 * np.square(lengths) + 0.5 * np.square(self._lengths)
        return made, 0.5 * ROUNDING * np.square(lengths + self._lengths)


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
    held = Gallery(gallery, metric)
    first = np.zeros(len(queries), np.intp)
    average = np.full(len(queries), np.nan)
    step = max(1, AT_ONCE // len(gallery))
    for start in range(0, len(queries), step):
        stop = min(start + step, len(queries))
        made, slack = held.scores(queries[start:stop])
        if own is not None:
            has = np.flatnonzero(own[start:stop] >= 0)
            made[has, own[start:stop][has]] = -np.inf
        right = relevance.rows(start, stop)
        if relevance.single or not precision:
            first[start:stop] = _first(made, right, slack)
            if relevance.single:
                known = first[start:stop] > 0
                average[start:stop][known] = 1 / first[start:stop][known]
        else:
            most = np.broadcast_to(slack, made.shape)
            for row in range(stop - start):
                first[start + row], average[start + row] = _one(made[row], right[row], most[row])
    return Ranks(first, average)


def _first(made: Floats, right: npt.NDArray[np.bool_], slack: Floats) -> Rows:
    best = np.where(right, made, -np.inf).max(1)
    ahead = ((made + slack >= best[:, None]) & ~right & np.isfinite(made)).sum(1)
    return np.where(np.isfinite(best), ahead + 1, 0)


def _one(made: Floats, right: npt.NDArray[np.bool_], slack: Floats) -> tuple[int, float]:
    """Rank of the first right answer and average precision of one query."""
    wanted = np.sort(made[right])[::-1]
    if not len(wanted):
        return 0, float("nan")
    wrong = np.sort((made + slack)[~right])
    wrong = wrong[np.isfinite(wrong)]
    ahead = len(wrong) - np.searchsorted(wrong, wanted)
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
    held = Gallery(gallery, metric)
    rows = np.empty((len(queries), k), np.intp)
    best = np.empty((len(queries), k), np.float32)
    step = max(1, AT_ONCE // len(gallery))
    for start in range(0, len(queries), step):
        stop = min(start + step, len(queries))
        made, _ = held.scores(queries[start:stop])
        top = np.argpartition(-made, k - 1, axis=1)[:, :k]
        value = np.take_along_axis(made, top, 1)
        order = np.argsort(-value, axis=1, kind="stable")
        rows[start:stop] = np.take_along_axis(top, order, 1)
        best[start:stop] = np.take_along_axis(value, order, 1)
    return rows, best
