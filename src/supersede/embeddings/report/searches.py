"""Lost and found searches: what the old model found among the first k and the new one does not.

A search is a query with a right answer in the gallery. The rate of lost searches is the retrieval
form of the negative flip rate (Yan et al. 2021; Zhang et al. 2022, arXiv 2201.09724, for rank one).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from supersede.embeddings.report.paired import PairedEstimate, mean
from supersede.embeddings.report.ranking import Ranks

__all__ = ["LostSearch", "Searches", "Slice", "lost_and_found"]

WORST = 50  # lost searches that are kept, those that fell furthest first


@dataclass(frozen=True)
class LostSearch:
    """One search that used to find.

    Attributes:
        query: Row or id of the query.
        label: Its class, where there are classes.
        old_rank: Where the first right answer stood.
        new_rank: Where it stands now.
    """

    query: str
    label: str | None
    old_rank: int
    new_rank: int


@dataclass(frozen=True)
class Slice:
    """Lost and found searches of one class or group.

    Attributes:
        by: What the queries are split by.
        value: The class or group.
        n: Searches in it.
        lost: Share lost.
        found: Share found.
    """

    by: str
    value: str
    n: int
    lost: PairedEstimate
    found: PairedEstimate

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers."""
        return {
            "by": self.by,
            "value": self.value,
            "n": self.n,
            "lost": self.lost.to_dict(),
            "found": self.found.to_dict(),
        }


@dataclass(frozen=True)
class Searches:
    """Searches lost and found by a change.

    Attributes:
        k: A search succeeds if a right answer is among the first k.
        n: Searches.
        both: Number that succeed before and after.
        lost: Share that only succeeded before.
        found: Share that only succeeds after.
        neither: Number that fail before and after.
        slices: By class and group, the largest share lost first.
        worst: Lost searches, those that fell furthest first.
    """

    k: int
    n: int
    both: int
    lost: PairedEstimate
    found: PairedEstimate
    neither: int
    slices: tuple[Slice, ...]
    worst: tuple[LostSearch, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists."""
        return {
            "k": self.k,
            "n": self.n,
            "both": self.both,
            "neither": self.neither,
            "lost": self.lost.to_dict(),
            "found": self.found.to_dict(),
            "slices": [part.to_dict() for part in self.slices],
            "worst": [vars(search) for search in self.worst],
        }


def lost_and_found(
    old: Ranks,
    new: Ranks,
    k: int,
    *,
    names: npt.NDArray[Any] | None = None,
    labels: npt.NDArray[Any] | None = None,
    groups: Mapping[str, npt.NDArray[Any]] | None = None,
    clusters: npt.NDArray[Any] | None = None,
    confidence: float = 0.95,
) -> Searches:
    """Compare two rankings of the same queries.

    Args:
        old: Ranks before the change.
        new: Ranks after it.
        k: Length of the result list.
        names: Id of each query; row numbers without.
        labels: Class of each query.
        groups: Further columns to split by.
        clusters: Cluster of each query.
        confidence: Of the intervals.

    Example:
        >>> import numpy as np
        >>> nan = np.full(3, np.nan)
        >>> found = lost_and_found(Ranks(np.array([1, 1, 9]), nan), Ranks(np.array([1, 4, 1]), nan), 1)
        >>> found.both, round(found.lost.value, 2), found.worst[0].query
        (1, 0.33, '1')
    """
    before, after = old.found(k), new.found(k)
    known = ~np.isnan(before + after)
    lost = np.where(known, (before == 1) & (after == 0), np.nan)
    found = np.where(known, (before == 0) & (after == 1), np.nan)
    columns = {} if labels is None else {"class": labels}
    slices = [
        Slice(
            by,
            str(value),
            int((rows & known).sum()),
            mean(lost[rows], confidence=confidence, clusters=_of(clusters, rows)),
            mean(found[rows], confidence=confidence, clusters=_of(clusters, rows)),
        )
        for by, column in {**columns, **(groups or {})}.items()
        for value in np.unique(np.asarray(column).astype(str))
        if ((rows := np.asarray(column).astype(str) == value) & known).any()
    ]
    fallen = np.flatnonzero(lost == 1)
    fallen = fallen[np.argsort(-(new.first[fallen] - old.first[fallen]), kind="stable")][:WORST]
    return Searches(
        k=k,
        n=int(known.sum()),
        both=int(((before == 1) & (after == 1))[known].sum()),
        lost=mean(lost, confidence=confidence, clusters=clusters),
        found=mean(found, confidence=confidence, clusters=clusters),
        neither=int(((before == 0) & (after == 0))[known].sum()),
        slices=tuple(sorted(slices, key=lambda part: (-part.lost.value, part.by, part.value))),
        worst=tuple(
            LostSearch(
                str(row if names is None else names[row]),
                None if labels is None else str(labels[row]),
                int(old.first[row]),
                int(new.first[row]),
            )
            for row in fallen.tolist()
        ),
    )


def _of(clusters: npt.NDArray[Any] | None, rows: npt.NDArray[Any]) -> npt.NDArray[Any] | None:
    return None if clusters is None else clusters[rows]
