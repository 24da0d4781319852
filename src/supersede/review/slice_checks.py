"""Checks on every slice: classes, groups, intersections. How slices become a verdict: `slice_verdicts`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from supersede.errors import ArgumentError
from supersede.look.numbers import points, share
from supersede.metrics.intervals import paired_difference, student_tail, z
from supersede.metrics.moments import Moments
from supersede.review.alike import ALIKE, no_fall_above, no_share_above, shrunk
from supersede.review.evidence import CLASS, Evidence, Margin
from supersede.review.finding import Finding, SliceFinding, combined
from supersede.review.limits import checked_limit, checked_size
from supersede.review.more_labels import gain_labels, labels_needed, share_labels
from supersede.review.slice_verdicts import (
    JudgedMargin,
    SliceQuestion,
    slices_finding,
    unlabelled_step,
    unlabelled_words,
)

__all__ = ["MaxGap", "MaxSliceNFR", "NoSliceWorse"]

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]

_DRAWS = 200  # futures looked at
_SHRUNK = 2000  # slices; of more, each is taken by itself

MIN_ITEMS = 30
"""Below this, no slice can be shown to keep a limit of a few per cent."""


@dataclass(frozen=True)
class MaxSliceNFR:
    """In no slice may more than a share `limit` of the items flip from right to wrong.

    Attributes:
        limit: The largest negative flip rate, in (0, 1), or as text such as ``"2%"``.
        min_items: Smaller slices can fail but do not hold up the verdict.

    Assumes: labelled items are independent draws, or drawn in the table's clusters; where slices are
    judged together, as in `supersede.review.alike`.
    """

    limit: float
    min_items: int = MIN_ITEMS

    def __post_init__(self) -> None:
        object.__setattr__(self, "limit", checked_limit("MaxSliceNFR", self.limit, "share"))
        checked_size("min_items", self.min_items)

    def judge(self, evidence: Evidence) -> Finding:
        """Hold every slice's negative flip rate against the limit."""
        asked = SliceQuestion(
            "max_slice_nfr", "Does any slice break?", self.limit, "share", 1, self.min_items
        )
        judged = [self._judged(margin, evidence) for margin in evidence.margins]
        return slices_finding(judged, asked, evidence)

    def _judged(self, margin: Margin, evidence: Evidence) -> JudgedMargin:
        limit, confidence = self.limit, evidence.confidence
        negative = margin.flips.negative
        low, high = negative.share_interval(confidence)
        size = negative.sizes(negative.mean * (1 - negative.mean), confidence)
        p, borrow = negative.tail_above(limit), _independent(margin, evidence)
        expected = _expected(negative, borrow)

        def together(places: Places) -> bool:
            hits = (negative.mean * size)[places]
            return borrow and no_share_above(hits, size[places], limit, confidence)

        def needs(place: int, wanted: float, level: float) -> int | None:
            one = negative.take(np.array([place]))
            fails_at = level * float(one.reach(limit)[0])

            def decided(mean: Floats, times: float) -> npt.NDArray[np.bool_]:
                _, most = one.share_interval(confidence, mean, times)
                return (most <= limit) | (one.tail_above(limit, mean, times) < fails_at)

            return share_labels(one, decided, wanted, float(expected[place]))

        def future(places: Places, times: float, rng: np.random.Generator) -> bool:
            some = negative.take(places)
            known = some.effective_n(some.mean * (1 - some.mean))
            fresh = np.round(known * (times - 1)).astype(int)
            hits = some.mean * known + rng.binomial(fresh, expected[places])
            mean = hits / np.maximum(known + fresh, 1e-12)
            _, most = some.share_interval(confidence, mean, times)
            if np.all(most <= limit):
                return True
            n = some.sizes(some.mean * (1 - some.mean), confidence, times)
            alike = borrow and len(places) >= ALIKE
            return alike and no_share_above(mean * n, n, limit, confidence)

        return JudgedMargin(
            margin, negative.mean, low, high, p, negative.reach(limit), expected, together, needs,
            future,
        )  # fmt: skip


@dataclass(frozen=True)
class NoSliceWorse:
    """In no slice may accuracy fall by more than `delta` (0.02 is two points).

    Attributes:
        delta: The largest fall in accuracy, in [0, 1), or as text such as ``"2pp"``.
        min_items: Smaller slices can fail but do not hold up the verdict.

    Assumes: as for `MaxSliceNFR`.
    """

    delta: float
    min_items: int = MIN_ITEMS

    def __post_init__(self) -> None:
        object.__setattr__(self, "delta", checked_limit("NoSliceWorse", self.delta, "fall"))
        checked_size("min_items", self.min_items)

    def judge(self, evidence: Evidence) -> Finding:
        """Hold every slice's paired gain in accuracy against minus delta."""
        asked = SliceQuestion(
            "no_slice_worse", "Does any slice get worse?", -self.delta, "points", -1, self.min_items
        )
        judged = [self._judged(margin, evidence) for margin in evidence.margins]
        return slices_finding(judged, asked, evidence)

    def _judged(self, margin: Margin, evidence: Evidence) -> JudgedMargin:
        delta, confidence, flips = self.delta, evidence.confidence, margin.flips
        low, high = flips.gain_interval(confidence)
        alone = _independent(margin, evidence)
        borrow = delta > 0 and alone
        lost_then, gained_then = (_expected(m, alone) for m in (flips.negative, flips.positive))

        def together(places: Places) -> bool:
            return borrow and no_fall_above(
                *_normal(low, high, confidence, places), delta, confidence
            )

        def needs(place: int, wanted: float, level: float) -> int | None:
            one = flips.take(np.array([place]))

            def decided(lost: Floats, gained: Floats, times: float) -> npt.NDArray[np.bool_]:
                least, _ = one.gain_interval(confidence, (lost, gained), times)
                n = one.gain.effective_n(one.gain_variance) * times
                below = _tail_below(lost, gained, n, one.gain.freedom * times, -delta)
                return (least >= -delta) | (below < level / 2)

            rates = float(lost_then[place]), float(gained_then[place])
            return gain_labels(one, decided, wanted, rates)

        def future(places: Places, times: float, rng: np.random.Generator) -> bool:
            some = flips.take(places)
            known = some.gain.effective_n(some.gain_variance)
            fresh = np.round(known * (times - 1)).astype(int)
            lost = rng.binomial(fresh, lost_then[places])
            rest = np.clip(gained_then[places] / np.maximum(1 - lost_then[places], 1e-12), 0, 1)
            gained = rng.binomial(fresh - lost, rest)
            total = np.maximum(known + fresh, 1e-12)
            rates = (some.nfr * known + lost) / total, (some.pfr * known + gained) / total
            least, most = some.gain_interval(confidence, rates, times)
            if np.all(least >= -delta):
                return True
            alike = borrow and len(places) >= ALIKE
            every = np.arange(len(places))
            return alike and no_fall_above(
                *_normal(least, most, confidence, every), delta, confidence
            )

        n = flips.gain.effective_n(flips.gain_variance)
        p = _tail_below(flips.nfr, flips.pfr, n, flips.gain.freedom, -delta)
        return JudgedMargin(
            margin, flips.gain.mean, low, high, p, np.full(len(p), 0.5), gained_then - lost_then,
            together, needs, future,
        )  # fmt: skip


@dataclass(frozen=True)
class MaxGap:
    """The new model's accuracy may differ by at most `limit` between any two groups of a column.

    Attributes:
        limit: The largest difference of accuracies, in (0, 1), or as text such as ``"5pp"``.
        min_items: Smaller groups are left out, and named.

    Assumes: groups of a column are disjoint; intervals are simultaneous over them (Bonferroni).
    """

    limit: float
    min_items: int = MIN_ITEMS

    def __post_init__(self) -> None:
        object.__setattr__(self, "limit", checked_limit("MaxGap", self.limit, "share"))
        checked_size("min_items", self.min_items)

    def judge(self, evidence: Evidence) -> Finding:
        """Hold the largest gap between groups against the limit."""
        margins = [margin for margin in evidence.margins if margin.columns != (CLASS,)]
        found = [(margin, self._gap(margin, evidence.confidence)) for margin in margins]
        gaps = [gap for _, gap in found if gap]
        if not margins:
            msg = "the check of gaps needs groups: name group columns, e.g. groups=['sex']"
            raise ArgumentError(msg)
        if not gaps:
            return self._too_small(evidence)
        silent = [
            (values, size)
            for margin in margins
            for values, size in margin.unlabelled
            if size >= self.min_items
        ]
        more = self._more(
            [margin for margin, gap in found if gap and gap.verdict == "undecided"], evidence
        )
        gaps.sort(key=lambda gap: gap.estimate - self.limit, reverse=True)
        worst = gaps[0]
        verdict = combined(gap.verdict for gap in gaps if gap.verdict)
        if verdict == "pass" and silent:
            verdict = "undecided"
        shown = share(worst.estimate, worst.low, worst.high, against=self.limit)
        none = "" if more or silent else "no number of labels will do, the gap is at the limit; "
        steps = [f"max_gap: {none}accept a gap of up to {points(worst.high).removeprefix('+')}."]
        if silent:
            steps.insert(0, unlabelled_step("max_gap", silent))
        return Finding(
            check="max_gap",
            question="Is it right equally often for every group?",
            verdict=verdict,
            reason=(
                f"Between {worst.slice}, the new model's accuracy differs by"
                f" {shown.replace('%', 'pp')};"
                f" the limit is at most {share(self.limit, exact=True).replace('%', 'pp')}."
                + (f" But {unlabelled_words(silent)}." if silent else "")
            ),
            estimate=worst.estimate,
            low=worst.low,
            high=worst.high,
            limit=self.limit,
            unit="points",
            more_labels=more if verdict == "undecided" else None,
            more_labels_random=more if verdict == "undecided" else None,
            steps=tuple(steps) if verdict == "undecided" else (),
            slices=tuple(gaps),
            slice_count=len(gaps),
        )

    def _too_small(self, evidence: Evidence) -> Finding:
        nothing = float("nan")
        step = f"max_gap: compare groups of {self.min_items} items or more, or lower min_items."
        return Finding(
            check="max_gap", question="Is it right equally often for every group?",
            verdict="undecided",
            reason=f"No column has two groups of {self.min_items} items, so there is no gap to judge.",
            estimate=nothing, low=nothing, high=nothing, limit=self.limit, unit="points",
            steps=(step,),
        )  # fmt: skip

    def _more(self, margins: Sequence[Margin], evidence: Evidence) -> int | None:
        """Labels at random that decide each column's gap; None where none will do."""
        total = float(evidence.whole.n[0])

        def needs(margin: Margin) -> int | None:
            new = margin.flips.new.take(np.flatnonzero(margin.items >= self.min_items))
            level = 1 - (1 - evidence.confidence) / len(new.n)
            known, rate = new.effective_n(new.mean * (1 - new.mean)), np.clip(new.mean, 0, 1)

            def chance(more: int) -> float:
                fresh = np.round(known * more / total).astype(int)
                hits = np.random.default_rng(0).binomial(fresh, rate, (_DRAWS, len(rate)))
                mean = (rate * known + hits) / np.maximum(known + fresh, 1e-12)
                low, high = new.share_interval(level, mean, 1 + more / total)
                least, most = low.max(1) - high.min(1), high.max(1) - low.min(1)
                return float(((most <= self.limit) | (least > self.limit)).mean())

            return labels_needed(chance)

        found = [needs(margin) for margin in margins]
        known = [more for more in found if more is not None]
        return max(known) if known and len(known) == len(found) else None

    def _gap(self, margin: Margin, confidence: float) -> SliceFinding | None:
        judged = np.flatnonzero(margin.items >= self.min_items)
        if len(judged) < 2:
            return None
        new = margin.flips.new.take(judged)
        low, high = new.share_interval(1 - (1 - confidence) / len(judged))
        best, worst = int(np.argmax(new.mean)), int(np.argmin(new.mean))
        least = float(max(low.max() - high.min(), 0.0))
        most = float(high.max() - low.min())
        first, second = (int(judged[i]) for i in (best, worst))
        return SliceFinding(
            slice=f"{margin.name(first)} and {margin.name(second)}",
            n=int(new.n[best] + new.n[worst]),
            estimate=float(new.mean[best] - new.mean[worst]),
            low=least,
            high=most,
            verdict="pass" if most <= self.limit else "fail" if least > self.limit else "undecided",
            p_adjusted=float("nan"),
            values={"best": margin.values(first), "worst": margin.values(second)},
        )


def _independent(margin: Margin, evidence: Evidence) -> bool:
    """Whether the slices have no cluster in common, so that they can borrow from each other."""
    units, whole = margin.flips.negative.units, evidence.whole.negative.units
    if evidence.table.cluster is None or units is None or whole is None:
        return True
    return bool(units.sum() <= whole[0])


def _expected(moments: Moments, borrow: bool) -> Floats:
    """What each slice's rate is expected to be: its own, or drawn towards that of all."""
    known = moments.effective_n(moments.mean * (1 - moments.mean))
    own = np.clip(np.nan_to_num(moments.mean), 0, 1)
    some = known > 0
    if not borrow or not ALIKE <= some.sum() <= _SHRUNK:
        return own
    own[some] = shrunk((own * known)[some], known[some])
    return own


def _normal(low: Floats, high: Floats, confidence: float, places: Places) -> tuple[Floats, Floats]:
    """Centres of intervals, and the standard errors that they stand for."""
    half = np.maximum(high - low, 1e-12) / 2 / z(confidence)
    return ((low + high) / 2)[places], half[places]


def _tail_below(lost: Floats, gained: Floats, n: Floats, freedom: Floats, limit: float) -> Floats:
    """One-sided p values for "the gain is at least the limit"; Bonett and Price's interval inverted."""
    from scipy.special import ndtr

    confidence = 0.6826894921370859  # one standard error on either side
    low, high = paired_difference(lost, gained, n, confidence)
    half = np.maximum((high - low) / 2, 1e-300)
    return student_tail(ndtr(((low + high) / 2 - limit) / half), freedom)
