"""What the deployed index loses by itself, separated from what a model loses.

An approximate index (HNSW, IVF) misses neighbours. The same queries are searched exactly and through
the index: the difference is the index's, and what is left between two models is the models'.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from supersede.embeddings.report.paired import PairedEstimate, mean, mean_difference
from supersede.embeddings.report.ranking import nearest
from supersede.embeddings.vectors import Metric, checked
from supersede.errors import ArgumentError, IndexAccessError, ItemError
from supersede.look.result import ResultMixin, frame_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["IndexLoss", "through_index"]


class _Results(Protocol):
    @property
    def ids(self) -> tuple[tuple[str, ...], ...]: ...


class _Searches(Protocol):
    stamp: str

    def search(self, queries: Any, k: int) -> _Results: ...

    def ids(self) -> list[str]: ...


@dataclass(frozen=True)
class IndexLoss(ResultMixin, named="the loss of an index", height="24rem"):
    """One model's searches, exact and through its index.

    Attributes:
        stamp: The index's model.
        k: Length of the result list.
        exact: Share of searches that find when every item is compared.
        served: Share that find through the index.
        change: Paired difference, served − exact: what the index loses.
        agreement: Share of the exact k nearest items that the index returns.
    """

    stamp: str
    k: int
    exact: PairedEstimate
    served: PairedEstimate
    change: PairedEstimate
    agreement: float

    def to_frame(self) -> "pa.Table":
        """One row per figure: recall without the index, through it, and the change."""
        parts = {"exact": self.exact, "served": self.served, "change": self.change}
        return frame_of({"figure": name, **part.to_dict()} for name, part in parts.items())

    def to_html(self) -> str:
        """A page with the figures."""
        from supersede.look.table_page import table_page

        return table_page("What the index loses by itself", f"{self}.", self.to_frame())

    def __str__(self) -> str:
        return (
            f"{self.stamp}: recall@{self.k} {100 * self.exact.value:.1f} % exact, {100 * self.served.value:.1f} %"
            f" through the index ({100 * self.change.value:+.1f} points [{100 * self.change.low:+.1f},"
            f" {100 * self.change.high:+.1f}]), {100 * self.agreement:.1f} % of the nearest {self.k} returned"
        )


def through_index(
    index: _Searches,
    queries: Any,
    gallery: Any,
    ids: Sequence[Any],
    answers: Sequence[Sequence[Any]] | Sequence[Any],
    *,
    k: int = 10,
    metric: Metric = "cosine",
    confidence: float = 0.95,
) -> IndexLoss:
    """Search exactly and through the index, on the same queries.

    Args:
        index: The deployed index; anything of `supersede.embeddings.indexes`, or an object of your own
            with these two methods and a stamp. For a FAISS index: `DeployedFaiss`.
        queries: Queries embedded by the index's model, shape ``(q, d)``.
        gallery: The vectors that the index holds, shape ``(g, d)``.
        ids: Id of each gallery vector, as in the index.
        answers: For each query the id of its right answer, or a sequence of ids.
        k: Length of the result list.
        metric: How the index compares vectors.
        confidence: Of the intervals.

    Raises:
        ItemError: Counts differ.
        ArgumentError: The index says that it compares vectors in another way, or k is below 1.
        IndexAccessError: The index holds other items than the gallery: it has changed.
    """
    own = getattr(index, "metric", metric)
    if own != metric:
        msg = f"the index compares by {own!r} and metric={metric!r}; pass metric={own!r}"
        raise ArgumentError(msg)
    if k < 1:
        msg = f"k={k!r}; it must be 1 or more"
        raise ArgumentError(msg)
    asked = checked(queries, "queries", metric=metric)
    held = checked(gallery, "gallery", metric=metric)
    names = np.array([str(name) for name in ids])
    if len(names) != len(held) or len(answers) != len(asked):
        msg = f"{len(names)} ids for {len(held)} vectors and {len(answers)} answers for {len(asked)} queries"
        raise ItemError(msg)
    inside = set(index.ids())
    apart = inside ^ set(names.tolist())
    if apart:
        msg = (
            f"the index of {index.stamp!r} and the gallery differ in {len(apart)} items, such as {min(apart)!r}:"
            " the index has changed; read its items again"
        )
        raise IndexAccessError(msg)
    rows, _ = nearest(asked, held, k, metric=metric)
    served = index.search(asked, k).ids
    right = [
        {str(a)} if isinstance(a, str | int | np.generic) else {str(x) for x in a} for a in answers
    ]
    exact = [set(names[row].tolist()) for row in rows]
    before = np.array([bool(r & e) for r, e in zip(right, exact, strict=True)], float)
    after = np.array([bool(r & set(s)) for r, s in zip(right, served, strict=True)], float)
    shared: npt.NDArray[np.float64] = np.array(
        [len(e & set(s)) / len(e) for e, s in zip(exact, served, strict=True)]
    )
    return IndexLoss(
        index.stamp,
        k,
        mean(before, confidence=confidence),
        mean(after, confidence=confidence),
        mean_difference(before, after, confidence=confidence),
        float(shared.mean()),
    )
