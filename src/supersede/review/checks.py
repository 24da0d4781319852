"""Checks on all items at once. A check is anything with a method `judge`.

To pass, an interval must lie on the right side of the limit as a whole; to fail, on the wrong side;
else the check is undecided, and says about how many more labels would decide it.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from supersede.errors import ArgumentError
from supersede.look.numbers import amount, count, points, share
from supersede.metrics.intervals import labels_to_decide, wilson
from supersede.review.evidence import Evidence
from supersede.review.finding import Finding, Verdict
from supersede.table.source import collect

__all__ = ["Check", "MaxChurn", "MaxFlipCost", "MaxNFR", "MinGain"]


class Check(Protocol):
    """One condition that a new model must meet."""

    def judge(self, evidence: Evidence) -> Finding:
        """Hold the evidence against the condition."""


@dataclass(frozen=True)
class MinGain:
    """The new model is right on at least `limit` more of the items (0.01 is one point).

    Assumes: labelled items are independent draws, or drawn in the table's clusters.
    """

    limit: float = 0.0

    def judge(self, evidence: Evidence) -> Finding:
        """Hold the paired interval of the gain against the limit."""
        flips = evidence.whole
        low, high = (float(end[0]) for end in flips.gain_interval(evidence.confidence))
        gain, nfr, pfr = (float(v[0]) for v in (flips.gain.mean, flips.nfr, flips.pfr))
        verdict = _above(low, high, self.limit)
        reason = (
            f"The new model is right on {points(gain, low, high)} of the items more than the old;"
            f" it must be at least {points(self.limit)}."
        )
        return Finding(
            check="min_gain",
            question="Is the new model right more often?",
            verdict=verdict,
            reason=reason,
            estimate=gain,
            low=low,
            high=high,
            limit=self.limit,
            unit="points",
            more_labels=_more(verdict, gain - self.limit, nfr + pfr - (pfr - nfr) ** 2, evidence),
        )


@dataclass(frozen=True)
class MaxNFR:
    """At most a share `limit` of the items may flip from right to wrong.

    Assumes: labelled items are independent draws, or drawn in the table's clusters.
    """

    limit: float

    def __post_init__(self) -> None:
        _share_limit("MaxNFR", self.limit)

    def judge(self, evidence: Evidence) -> Finding:
        """Hold the interval of the negative flip rate against the limit."""
        flips = evidence.whole
        low, high = (float(end[0]) for end in flips.nfr_interval(evidence.confidence))
        nfr = float(flips.nfr[0])
        verdict = _below(low, high, self.limit)
        reason = (
            f"Negative flips are {share(nfr, low, high)} of the items;"
            f" at most {share(self.limit)} may be."
        )
        variance = self.limit * (1 - self.limit)
        return Finding(
            check="max_nfr",
            question="How much breaks that used to work?",
            verdict=verdict,
            reason=reason,
            estimate=nfr,
            low=low,
            high=high,
            limit=self.limit,
            more_labels=_more(verdict, nfr - self.limit, variance, evidence),
        )


@dataclass(frozen=True)
class MaxChurn:
    """At most a share `limit` of the items may get another answer, right or wrong.

    Assumes: items are independent draws. Needs no labels.
    """

    limit: float

    def __post_init__(self) -> None:
        _share_limit("MaxChurn", self.limit)

    def judge(self, evidence: Evidence) -> Finding:
        """Hold the interval of the share of changed answers against the limit."""
        churn = evidence.changed
        value = float(churn.mean[0])
        low, high = (float(end[0]) for end in wilson(churn.mean, churn.n, evidence.confidence))
        return Finding(
            check="max_churn",
            question="How many answers change at all?",
            verdict=_below(low, high, self.limit),
            reason=(
                f"{share(value, low, high)} of {count(churn.n[0])} items get another answer;"
                f" at most {share(self.limit)} may."
            ),
            estimate=value,
            low=low,
            high=high,
            limit=self.limit,
        )


@dataclass(frozen=True)
class MaxFlipCost:
    """Negative flips may cost at most `limit` an item, on average over all items.

    The table's cost column says what a negative flip on an item costs.

    Assumes: costs are bounded by the largest one in the table; the interval is Wilson's for the
    cost as a share of it, with the effective size that the observed variance gives.
    """

    limit: float

    def __post_init__(self) -> None:
        if not self.limit > 0:
            msg = f"MaxFlipCost({self.limit}): the limit is a cost per item, so more than 0"
            raise ArgumentError(msg)

    def judge(self, evidence: Evidence) -> Finding:
        """Hold the interval of the mean cost against the limit."""
        cost, table = evidence.whole.cost, evidence.table
        if cost is None or table.cost is None:
            msg = "the check of flip costs needs a cost column: supersede.read(…, cost='<column>')"
            raise ArgumentError(msg)
        rows = table.rows
        highest = float(
            collect(rows.aggregate(highest=rows[table.cost].max()))["highest"][0].as_py()
        )
        highest = highest or 1.0
        mean, variance = float(cost.mean[0]), float(cost.variance[0])
        part = mean / highest
        known = variance > 0
        n = part * (1 - part) * highest**2 / variance if known else float(cost.kish[0])
        low, high = (float(end) * highest for end in wilson(part, n, evidence.confidence))
        verdict = _below(low, high, self.limit)
        return Finding(
            check="max_flip_cost",
            question="What do the flips cost?",
            verdict=verdict,
            reason=(
                f"Negative flips cost {amount(mean, low, high)} an item;"
                f" at most {amount(self.limit)} is allowed."
            ),
            estimate=mean,
            low=low,
            high=high,
            limit=self.limit,
            unit="cost",
            more_labels=_more(verdict, mean - self.limit, variance * evidence.labelled, evidence),
        )


def _share_limit(check: str, limit: float) -> None:
    if not 0 < limit <= 1:
        msg = (
            f"{check}({limit}): the limit is a share in (0, 1], so 0.005 for 0.5 %; that nothing at"
            " all may break cannot be shown by a sample, so name the items: MustNotBreak"
        )
        raise ArgumentError(msg)


def _below(low: float, high: float, limit: float) -> Verdict:
    return "pass" if high <= limit else "fail" if low > limit else "undecided"


def _above(low: float, high: float, limit: float) -> Verdict:
    return "pass" if low >= limit else "fail" if high < limit else "undecided"


def _more(verdict: Verdict, distance: float, variance: float, evidence: Evidence) -> int | None:
    """Labels still missing, scaled by what weights and clusters make of a label."""
    if verdict != "undecided":
        return None
    needed = labels_to_decide(distance, variance, evidence.confidence)
    if needed is None or not np.isfinite(needed):
        return None
    worth = evidence.labelled / max(float(evidence.whole.gain_n[0]), 1.0)
    return max(1, int(np.ceil(needed * max(worth, 1.0))) - evidence.labelled)
