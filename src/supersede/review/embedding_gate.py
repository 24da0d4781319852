"""A check on searches: how many that find today may be lost when an embedding model is replaced.

It judges a compatibility report (`supersede.embeddings.compatibility`) beside the other checks of a
review; the report's own page says which searches are lost.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from supersede.embeddings.report.result import Compatibility
from supersede.embeddings.report.searches import Searches
from supersede.errors import ArgumentError
from supersede.look.numbers import share
from supersede.metrics.intervals import wilson
from supersede.metrics.moments import Moments
from supersede.review.evidence import Evidence
from supersede.review.finding import Finding, SliceFinding, Verdict
from supersede.review.more_labels import share_labels

__all__ = ["MaxLostSearches"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MaxLostSearches:
    """At most a share `limit` of the searches may find today and no longer find afterwards.

    Attributes:
        compatibility: The report.
        limit: The largest share that is tolerated, in (0, 1].
        change: ``"cross"``: new queries search the old gallery; ``"re-index"``: both are new.

    Assumes: queries are independent draws, or the report was given their clusters.
    """

    compatibility: Compatibility
    limit: float = 0.02
    change: Literal["cross", "re-index"] = "cross"

    def __post_init__(self) -> None:
        if not 0 < self.limit <= 1:
            msg = f"limit={self.limit!r} must be a share in (0, 1], such as 0.02; a sample cannot show that nothing is lost"
            raise ArgumentError(msg)
        if self._searches() is None:
            msg = f"the report has no {self.change!r} test; give it the vectors that it needs"
            raise ArgumentError(msg)

    def _searches(self) -> Searches | None:
        found = self.compatibility
        return found.searches if self.change == "cross" else found.reindexed

    def _more(self, lost: float, searches: int, confidence: float) -> int | None:
        """Further searches that decide with 80 % chance, if the true share is the one observed."""
        n, x = np.array([float(searches)]), np.array([lost * searches])

        def decided(shares: Floats, times: float) -> npt.NDArray[np.bool_]:
            low, high = wilson(shares, searches * times, confidence)
            return np.asarray((high <= self.limit) | (low > self.limit))

        return share_labels(Moments(n, n, n, x, x, x), decided)

    def judge(self, evidence: Evidence) -> Finding:
        """Hold the interval of lost searches against the limit; the review's items do not enter."""
        searches = self._searches()
        if searches is None:  # refused when this was made
            raise AssertionError
        lost = searches.lost
        verdict: Verdict = (
            "pass" if lost.high <= self.limit else "fail" if lost.low > self.limit else "undecided"
        )
        more = None
        if verdict == "undecided":
            more = self._more(lost.value, searches.n, evidence.confidence)
        return Finding(
            check="max_lost_searches",
            question="Does the new embedding model lose searches?",
            verdict=verdict,
            reason=(
                f"{share(lost.value, lost.low, lost.high)} of {searches.n} searches find among the first"
                f" {searches.k} today and no longer would; at most {share(self.limit)} may."
            ),
            estimate=lost.value,
            low=lost.low,
            high=lost.high,
            limit=self.limit,
            more_labels=more,
            slices=tuple(
                SliceFinding(f"{p.by} = {p.value}", p.n, p.lost.value, p.lost.low, p.lost.high, None, math.nan)
                for p in searches.slices[:200]
            ),
            slice_count=len(searches.slices),
        )  # fmt: skip
