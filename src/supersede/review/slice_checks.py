"""Checks on every slice: classes, groups, intersections.

Many slices are looked at, and some look bad by chance. A slice *fails* only if Holm's adjusted p
value, over all slices of the check, says that its limit is exceeded; so the chance of failing a
model that keeps every limit stays below ``(1 - confidence) / 2``. To *pass*, every slice's own
interval must keep the limit; no correction is needed, since all of them must (an intersection-union
test, Berger 1982). A slice with fewer than `min_items` items can fail but does not hold up the
verdict: it is named as too small to judge.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from supersede.errors import ArgumentError
from supersede.look.numbers import count, points, share
from supersede.metrics.intervals import holm, labels_to_decide, tail_above, wilson, z
from supersede.review.evidence import CLASS, Evidence, Margin
from supersede.review.finding import Finding, SliceFinding, combined

__all__ = ["SHOWN", "MaxGap", "MaxSliceNFR", "NoSliceWorse"]

Floats = npt.NDArray[np.float64]
SHOWN = 200
"""Slices that a finding carries; the others are counted."""

MIN_ITEMS = 30
"""Below this, no slice can be shown to keep a limit of a few per cent."""


@dataclass(frozen=True)
class MaxSliceNFR:
    """In no slice may more than a share `limit` of the items flip from right to wrong.

    Attributes:
        limit: The largest negative flip rate, in (0, 1].
        min_items: Smaller slices can fail but do not hold up the verdict.
    """

    limit: float
    min_items: int = MIN_ITEMS

    def __post_init__(self) -> None:
        if not 0 < self.limit <= 1:
            msg = f"MaxSliceNFR({self.limit}): the limit is a share in (0, 1], so 0.02 for 2 %"
            raise ArgumentError(msg)

    def judge(self, evidence: Evidence) -> Finding:
        """Hold every slice's negative flip rate against the limit."""
        parts = []
        for margin in evidence.margins:
            flips = margin.flips
            low, high = flips.nfr_interval(evidence.confidence)
            p = tail_above(flips.nfr, flips.negative.share_n, self.limit)
            parts.append(_Slices(margin.names, flips.n, flips.nfr, low, high, p))
        found = _Slices.joined(parts)
        return found.finding(
            check="max_slice_nfr",
            question="Does any slice break?",
            limit=self.limit,
            unit="share",
            sense=1,
            variance=np.full(len(found.n), self.limit * (1 - self.limit)),
            min_items=self.min_items,
            confidence=evidence.confidence,
        )


@dataclass(frozen=True)
class NoSliceWorse:
    """In no slice may accuracy fall by more than `delta` (0.02 is two points).

    Attributes:
        delta: The largest fall in accuracy, at least 0.
        min_items: Smaller slices can fail but do not hold up the verdict.
    """

    delta: float
    min_items: int = MIN_ITEMS

    def __post_init__(self) -> None:
        if not 0 <= self.delta < 1:
            msg = (
                f"NoSliceWorse({self.delta}): delta is a fall in accuracy in [0, 1), 0.02 for 2 pp"
            )
            raise ArgumentError(msg)

    def judge(self, evidence: Evidence) -> Finding:
        """Hold every slice's paired gain in accuracy against minus delta."""
        parts, variances = [], []
        for margin in evidence.margins:
            flips = margin.flips
            low, high = flips.gain_interval(evidence.confidence)
            half = np.maximum((high - low) / 2, 1e-300) / z(evidence.confidence)
            p = ndtr(((low + high) / 2 + self.delta) / half)
            parts.append(_Slices(margin.names, flips.n, flips.gain.mean, low, high, p))
            variances.append(half**2 * (flips.gain_n + 2))
        return _Slices.joined(parts).finding(
            check="no_slice_worse",
            question="Does any slice get worse?",
            limit=-self.delta,
            unit="points",
            sense=-1,
            variance=np.concatenate(variances) if variances else np.zeros(0),
            min_items=self.min_items,
            confidence=evidence.confidence,
        )


@dataclass(frozen=True)
class MaxGap:
    """The new model's accuracy may differ by at most `limit` between any two groups of a column.

    Attributes:
        limit: The largest difference of accuracies, in (0, 1].
        min_items: Smaller groups are left out, and named.

    Assumes: groups of a column are disjoint; intervals are simultaneous over them (Bonferroni).
    """

    limit: float
    min_items: int = MIN_ITEMS

    def __post_init__(self) -> None:
        if not 0 < self.limit <= 1:
            msg = f"MaxGap({self.limit}): the limit is a difference in (0, 1], so 0.05 for 5 pp"
            raise ArgumentError(msg)

    def judge(self, evidence: Evidence) -> Finding:
        """Hold the largest gap between groups against the limit."""
        gaps = [
            gap
            for margin in evidence.margins
            if margin.columns != (CLASS,) and (gap := self._gap(margin, evidence.confidence))
        ]
        if not gaps:
            msg = "the check of gaps needs groups: name group columns, e.g. groups=['sex']"
            raise ArgumentError(msg)
        gaps.sort(key=lambda gap: gap.estimate - self.limit, reverse=True)
        worst = gaps[0]
        reason = (
            f"Between {worst.slice}, the new model's accuracy differs by"
            f" {share(worst.estimate, worst.low, worst.high).replace('%', 'pp')};"
            f" at most {share(self.limit).replace('%', 'pp')} is allowed."
        )
        return Finding(
            check="max_gap",
            question="Is it right equally often for every group?",
            verdict=combined(gap.verdict for gap in gaps if gap.verdict),
            reason=reason,
            estimate=worst.estimate,
            low=worst.low,
            high=worst.high,
            limit=self.limit,
            unit="points",
            slices=tuple(gaps),
            slice_count=len(gaps),
        )

    def _gap(self, margin: Margin, confidence: float) -> SliceFinding | None:
        judged = np.flatnonzero(margin.flips.n >= self.min_items)
        if len(judged) < 2:
            return None
        new = margin.flips.new.take(judged)
        low, high = wilson(new.mean, new.share_n, 1 - (1 - confidence) / len(judged))
        best, worst = int(np.argmax(new.mean)), int(np.argmin(new.mean))
        least = float(max(low.max() - high.min(), 0.0))
        most = float(high.max() - low.min())
        names = margin.names
        return SliceFinding(
            slice=f"{names[judged[best]]} and {names[judged[worst]]}",
            n=int(new.n[best] + new.n[worst]),
            estimate=float(new.mean[best] - new.mean[worst]),
            low=least,
            high=most,
            verdict="pass" if most <= self.limit else "fail" if least > self.limit else "undecided",
            p_adjusted=float("nan"),
        )


@dataclass(frozen=True)
class _Slices:
    """Estimates of all slices of a check, as arrays; only those shown become objects."""

    names: list[str]
    n: Floats
    estimate: Floats
    low: Floats
    high: Floats
    p: Floats

    @classmethod
    def joined(cls, parts: "Sequence[_Slices]") -> "_Slices":
        if not parts:
            msg = "the check of slices needs slices: name groups, or give the table a class label"
            raise ArgumentError(msg)
        names = [name for part in parts for name in part.names]
        arrays = [
            np.concatenate([getattr(part, field) for part in parts])
            for field in ("n", "estimate", "low", "high", "p")
        ]
        return cls(names, *arrays)

    def finding(
        self,
        *,
        check: str,
        question: str,
        limit: float,
        unit: Literal["share", "points"],
        sense: int,
        variance: Floats,
        min_items: int,
        confidence: float,
    ) -> Finding:
        """Judge every slice; `sense` is 1 where more is worse and -1 where less is."""
        adjusted = holm(self.p)
        fails = adjusted < (1 - confidence) / 2
        passes = (self.high <= limit) if sense > 0 else (self.low >= limit)
        small = self.n < min_items
        verdicts = np.select([fails, passes, ~small], ["fail", "pass", "undecided"], "")
        excess = np.where(np.isnan(self.estimate), -np.inf, sense * (self.estimate - limit))
        rank = np.select([verdicts == "fail", verdicts == "undecided"], [0, 1], 2)
        order = np.lexsort((-self.n, -excess, rank))
        shown = tuple(
            SliceFinding(
                slice=self.names[i],
                n=int(self.n[i]),
                estimate=float(self.estimate[i]),
                low=float(self.low[i]),
                high=float(self.high[i]),
                verdict=str(verdicts[i]) or None,  # type: ignore[arg-type]
                p_adjusted=float(adjusted[i]),
            )
            for i in order[:SHOWN]
        )
        verdict = combined(v for v in ("fail", "undecided") if v in verdicts)
        open_ = np.flatnonzero(verdicts == "undecided")
        more = _more(self.estimate[open_] - limit, variance[open_], self.n[open_], confidence)
        worst = order[0]
        return Finding(
            check=check,
            question=question,
            verdict=verdict,
            reason=_reason(shown[0], verdicts, limit, unit),
            estimate=float(self.estimate[worst]),
            low=float(self.low[worst]),
            high=float(self.high[worst]),
            limit=limit,
            unit=unit,
            more_labels=more if verdict == "undecided" else None,
            slices=shown,
            slice_count=len(self.names),
        )


def _more(distance: Floats, variance: Floats, n: Floats, confidence: float) -> int | None:
    """Labels that all undecided slices still want together."""
    wanted = [
        labels_to_decide(float(d), float(v), confidence)
        for d, v in zip(distance, variance, strict=True)
    ]
    if not wanted or any(w is None for w in wanted):
        return None
    return int(sum(max(1, (w or 0) - int(have)) for w, have in zip(wanted, n, strict=True)))


def _reason(worst: SliceFinding, verdicts: npt.NDArray[np.str_], limit: float, unit: str) -> str:
    form = share if unit == "share" else points
    bound = f"at most {share(limit)}" if unit == "share" else f"at least {points(limit)}"
    total = count(len(verdicts))
    failed, open_ = int((verdicts == "fail").sum()), int((verdicts == "undecided").sum())
    small = int((verdicts == "").sum())
    parts = []
    if failed:
        parts.append(f"{count(failed)} of {total} slices break the limit of {bound}")
    if open_:
        parts.append(f"{count(open_)} of {total} slices cannot be decided yet")
    if not parts:
        parts.append(f"all {count(len(verdicts) - small)} slices keep the limit of {bound}")
    text = f"{'; '.join(parts)}; the furthest is {worst.slice} with"
    text += f" {form(worst.estimate, worst.low, worst.high)} ({count(worst.n)} items)."
    if small:
        text += f" Too small to judge: {count(small)}."
    return text[0].upper() + text[1:]
