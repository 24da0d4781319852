"""Would a threshold that others set on the scores still select as many items?"""

from dataclasses import dataclass
from math import log, sqrt

import numpy as np
import numpy.typing as npt

from supersede.errors import ArgumentError
from supersede.look.numbers import count, share
from supersede.metrics.cells import count_cells
from supersede.review.evidence import Evidence
from supersede.review.finding import Finding, Verdict
from supersede.table.source import collect

__all__ = ["MaxScoreShift"]

_BINS = 1000  # thresholds looked at, evenly spaced over the range of both models' scores


@dataclass(frozen=True)
class MaxScoreShift:
    """At no threshold may the share of items scored at or above it change by more than `limit`.

    That largest change is the Kolmogorov-Smirnov distance of the two models' scores. Needs no
    labels.

    Assumes: items are independent draws; the interval is Massart's (1990) form of the
    Dvoretzky-Kiefer-Wolfowitz bound for each model, valid for any distribution and so rather wide.
    """

    limit: float

    def __post_init__(self) -> None:
        if not 0 < self.limit <= 1:
            msg = f"MaxScoreShift({self.limit}): the limit is a share in (0, 1], so 0.03 for 3 %"
            raise ArgumentError(msg)

    def judge(self, evidence: Evidence) -> Finding:
        """Hold the largest change at any threshold against the limit."""
        thresholds, before, after, n = _above(evidence)
        shift = np.abs(after - before)
        at = int(np.argmax(shift))
        value = float(shift[at])
        alpha = (1 - evidence.confidence) / 2
        band = 2 * sqrt(log(2 / alpha) / (2 * n))
        low, high = max(value - band, 0.0), min(value + band, 1.0)
        verdict: Verdict = (
            "pass" if high <= self.limit else "fail" if low > self.limit else "undecided"
        )
        reason = (
            f"A threshold of {thresholds[at]:.3g} selects {share(float(before[at]))} of the items"
            f" by the old scores and {share(float(after[at]))} by the new, the largest change of"
            f" all thresholds: {share(value, low, high).replace('%', 'pp')} over {count(n)} items;"
            f" at most {share(self.limit).replace('%', 'pp')} is allowed."
        )
        return Finding(
            check="max_score_shift",
            question="Do thresholds on the scores still hold?",
            verdict=verdict,
            reason=reason,
            estimate=value,
            low=low,
            high=high,
            limit=self.limit,
            unit="points",
        )


Floats = npt.NDArray[np.float64]


def _above(evidence: Evidence) -> tuple[Floats, Floats, Floats, int]:
    """Thresholds, and the share of items at or above each under the old and the new scores."""
    table = evidence.table
    scores = [table.score(model) for model in (evidence.old, evidence.new)]
    missing = [m for m, s in zip((evidence.old, evidence.new), scores, strict=True) if s is None]
    if missing:
        msg = (
            f"the check of score shift needs scores, and model {missing[0]!r} has none; name the"
            f" column: models={{{missing[0]!r}: supersede.table.Classes('…', score='<column>')}}"
        )
        raise ArgumentError(msg)
    rows = table.rows.select(old=scores[0], new=scores[1]).drop_null()
    ends = collect(
        rows.aggregate(
            low=rows.old.min(),
            low2=rows.new.min(),
            high=rows.old.max(),
            high2=rows.new.max(),
            n=rows.count(),
        )
    ).to_pylist()[0]
    low, high = min(ends["low"], ends["low2"]), max(ends["high"], ends["high2"])
    width = (high - low) / _BINS or 1.0
    counts = []
    for score in (rows.old, rows.new):
        place = ((score - low) / width).floor().cast("int64").clip(0, _BINS - 1)
        (cells,) = count_cells(rows, {"bin": place}, {"n": rows.count()}, [("bin",)])
        counts.append(np.bincount(cells["bin"].to_numpy(), cells["n"].to_numpy(), _BINS))
    n = int(ends["n"])
    before, after = (np.cumsum(c[::-1])[::-1] / n for c in counts)
    return low + width * np.arange(_BINS), before, after, n
