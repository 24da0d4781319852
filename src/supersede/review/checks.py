"""Checks on all items at once. A check is anything with a method `judge`.

To pass, an interval must lie on the right side of the limit as a whole; to fail, on the wrong side;
otherwise the check is undecided, and says how many more labels would decide it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
import numpy.typing as npt

from supersede.errors import ArgumentError
from supersede.look.numbers import amount, items, level, points, share
from supersede.metrics.cells import Counting
from supersede.metrics.flips import Flips
from supersede.metrics.moments import Moments
from supersede.review.evidence import Evidence
from supersede.review.finding import Finding, Verdict
from supersede.review.limits import checked_limit
from supersede.review.more_labels import gain_labels, mean_labels, share_labels

__all__ = ["Check", "MaxChurn", "MaxFlipCost", "MaxNFR", "MinGain"]

Floats = npt.NDArray[np.float64]


class Check(Protocol):
    """One condition that a new model must meet."""

    def judge(self, evidence: Evidence) -> Finding:
        """Judge the condition by the evidence."""


def judging(check: Check, evidence: Evidence) -> Counting:
    """A check's judgement as work, so that the counts of all checks are requested together.

    Checks that need more counts than the evidence has give a method `judging` that asks for them.
    """
    if hasattr(check, "judging"):
        return (yield from check.judging(evidence))
    return check.judge(evidence)


def used_columns(checks: Sequence[Check]) -> list[str] | None:
    """The columns that checks split by; None where a check may look at any."""
    if any(not isinstance(getattr(check, "metric", ""), str) for check in checks):
        return None
    named = [getattr(check, "by", None) or () for check in checks]
    return [column for columns in named for column in columns]


@dataclass(frozen=True)
class MinGain:
    """The new model is right on at least `limit` more of the items (0.01 is one point).

    Attributes:
        limit: The least gain in accuracy, in (-1, 1), or as text such as ``"1pp"``.

    Assumes: labelled items are independent draws, or drawn in the table's clusters.
    """

    limit: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "limit", checked_limit("MinGain", self.limit, "gain"))

    def judge(self, evidence: Evidence) -> Finding:
        """Hold the paired interval of the gain against the limit."""
        flips, confidence = evidence.whole, evidence.confidence
        low, high = (float(end[0]) for end in flips.gain_interval(confidence))
        gain = float(flips.gain.mean[0])
        verdict: Verdict = (
            "pass" if low >= self.limit else "fail" if high < self.limit else "undecided"
        )
        more = None
        if verdict == "undecided":
            more = gain_labels(flips, partial(_gain_decided, flips, confidence, self.limit))
        shown = points(gain, low, high, against=self.limit)
        side = "at most" if verdict == "fail" else "at least"
        end = high if verdict == "fail" else low
        bound = points(end, resolution=(high - low) / 10, against=self.limit)
        return Finding(
            check="min_gain",
            question="Is the new model right more often?",
            verdict=verdict,
            reason=(
                f"{level(confidence)} sure that accuracy changes by {side} {bound}"
                f" (estimate {shown}); the limit is at least {points(self.limit, exact=True)}."
            ),
            estimate=gain,
            low=low,
            high=high,
            limit=self.limit,
            unit="points",
            more_labels=more,
            more_labels_random=more,
            steps=_accept("min_gain", verdict, more, f"accuracy may change by {points(low)}"),
        )


@dataclass(frozen=True)
class MaxNFR:
    """At most a share `limit` of the items may flip from right to wrong.

    Attributes:
        limit: The largest negative flip rate, in (0, 1), or as text such as ``"0.5%"``.

    Assumes: labelled items are independent draws, or drawn in the table's clusters.
    """

    limit: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "limit", checked_limit("MaxNFR", self.limit, "share"))

    def judge(self, evidence: Evidence) -> Finding:
        """Hold the interval of the negative flip rate against the limit."""
        flips, confidence = evidence.whole, evidence.confidence
        low, high = (float(end[0]) for end in flips.nfr_interval(confidence))
        nfr = float(flips.nfr[0])
        verdict = _below(low, high, self.limit)
        more = None
        if verdict == "undecided":
            more = share_labels(
                flips.negative, partial(_decided, flips.negative, confidence, self.limit)
            )
        return Finding(
            check="max_nfr",
            question="How much breaks that used to work?",
            verdict=verdict,
            reason=(
                f"{_bounded(confidence, verdict, low, high, self.limit, share)} of the items break"
                f" (estimate {share(nfr, low, high, against=self.limit)});"
                f" the limit is at most {share(self.limit, exact=True)}."
            ),
            estimate=nfr,
            low=low,
            high=high,
            limit=self.limit,
            more_labels=more,
            more_labels_random=more,
            steps=_accept("max_nfr", verdict, more, f"up to {share(high)} of the items may break"),
        )


@dataclass(frozen=True)
class MaxChurn:
    """At most a share `limit` of the items may get another answer, right or wrong.

    Attributes:
        limit: The largest share of changed answers, in (0, 1), or as text such as ``"5%"``.

    Assumes: items are independent draws, or drawn in the table's clusters. Needs no labels.
    """

    limit: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "limit", checked_limit("MaxChurn", self.limit, "share"))

    def judge(self, evidence: Evidence) -> Finding:
        """Hold the interval of the share of changed answers against the limit."""
        churn, confidence = evidence.changed, evidence.confidence
        value = float(churn.mean[0])
        low, high = (float(end[0]) for end in churn.share_interval(confidence))
        verdict = _below(low, high, self.limit)
        return Finding(
            check="max_churn",
            question="How many answers change at all?",
            verdict=verdict,
            reason=(
                f"{_bounded(confidence, verdict, low, high, self.limit, share)} of the answers"
                f" change (estimate {share(value, low, high, against=self.limit)} of"
                f" {items(churn.n[0])}); the limit is at most {share(self.limit, exact=True)}."
            ),
            estimate=value,
            low=low,
            high=high,
            limit=self.limit,
            steps=(
                "max_churn: labels do not decide it; review more items, or accept that up to"
                f" {share(high)} of the answers may change.",
            )
            if verdict == "undecided"
            else (),
        )


@dataclass(frozen=True)
class MaxFlipCost:
    """Negative flips may cost at most `limit` per item, on average over all items.

    The table's cost column says what a negative flip on an item costs.

    Attributes:
        limit: The largest mean cost, above 0, in the unit of the cost column.

    Assumes: costs are bounded by the largest one in the table; the interval is the one for the cost
    as a share of it, with the effective size that the observed variance gives.
    """

    limit: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "limit", checked_limit("MaxFlipCost", self.limit, "cost"))

    def judge(self, evidence: Evidence) -> Finding:
        """Hold the interval of the mean cost against the limit."""
        cost, table, confidence = evidence.whole.cost, evidence.table, evidence.confidence
        if cost is None or table.cost is None:
            msg = "the check of flip costs needs a cost column: supersede.read(…, cost='<column>')"
            raise ArgumentError(msg)
        highest = evidence.highest_cost or 1.0
        part = cost.over(highest)
        mean = float(cost.mean[0])
        low, high = (float(end[0]) * highest for end in part.share_interval(confidence))
        verdict = _below(low, high, self.limit)
        more = None
        if verdict == "undecided":
            more = mean_labels(part, partial(_decided, part, confidence, self.limit / highest))
        return Finding(
            check="max_flip_cost",
            question="What do the flips cost?",
            verdict=verdict,
            reason=(
                f"{_bounded(confidence, verdict, low, high, self.limit, amount)} per item is what"
                f" flips cost (estimate {amount(mean, low, high, against=self.limit)});"
                f" the limit is at most {amount(self.limit, exact=True)}."
            ),
            estimate=mean,
            low=low,
            high=high,
            limit=self.limit,
            unit="cost",
            more_labels=more,
            more_labels_random=more,
            steps=_accept(
                "max_flip_cost", verdict, more, f"flips may cost {amount(high)} per item"
            ),
        )


def _below(low: float, high: float, limit: float) -> Verdict:
    return "pass" if high <= limit else "fail" if low > limit else "undecided"


def _decided(
    moments: Moments, confidence: float, limit: float, mean: Floats, times: float
) -> npt.NDArray[np.bool_]:
    """Which means would decide, had there been that many times as many labels."""
    low, high = moments.share_interval(confidence, mean, times)
    return (high <= limit) | (low > limit)


def _gain_decided(
    flips: Flips, confidence: float, limit: float, lost: Floats, gained: Floats, times: float
) -> npt.NDArray[np.bool_]:
    low, high = flips.gain_interval(confidence, (lost, gained), times)
    return (low >= limit) | (high < limit)


def _bounded(
    confidence: float,
    verdict: Verdict,
    low: float,
    high: float,
    limit: float,
    form: Callable[..., str],
) -> str:
    """The end of the interval that matters: "95 % sure that fewer than 2.3 %"."""
    if verdict == "fail":
        return f"{level(confidence)} sure that more than {form(low, resolution=(high - low) / 10, against=limit)}"
    return f"{level(confidence)} sure that fewer than {form(high, resolution=(high - low) / 10, against=limit)}"


def _accept(check: str, verdict: Verdict, more: int | None, risk: str) -> tuple[str, ...]:
    """What to do besides labelling, where it is undecided."""
    if verdict != "undecided":
        return ()
    none = "" if more is not None else "no number of labels will do, the estimate is at the limit; "
    return (f"{check}: {none}accept it with a named risk: {risk}.",)
