"""Weighted means with their variances, as sums that merge.

A mean of items that are right or wrong and weigh the same is a count: its variance follows from the
mean, and exact methods serve it. With weights or clusters the variance must be *estimated* from the
independent units (clusters, otherwise items), and an estimate from few of them says little: if one
cluster of twenty has all the flips, the variance rests on that one. So an estimated variance comes
with its degrees of freedom, ``(Σ r²)² / Σ r⁴`` over the units' residuals ``r = X - mean · W``: the
number of units that it rests on in effect, which is the number of clusters with flips where flips are
rare. It is smaller than Satterthwaite's ``2 / (kurtosis - 1)`` per unit, and simulation favours it
(`benchmarks/review_corners.py`). A size can never fall below Kish's size of the *units*: no dependence
within clusters makes one worth less than a single item.

References:
    Särndal, Swensson & Wretman (1992), Model Assisted Survey Sampling, eq. 5.7.10 and section 8.7.
    Korn & Graubard (1998), Survey Methodology 24, 193-201: exact intervals at effective sizes,
    corrected for the degrees of freedom of an estimated variance.
    Satterthwaite (1946), Biometrics Bulletin 2, 110-114.
"""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from supersede.metrics.clopper_pearson import clopper_pearson
from supersede.metrics.conditional_holm import reach_of_counts
from supersede.metrics.intervals import student, student_tail, tail_above, wilson, z

__all__ = ["Moments", "ratio"]

Floats = npt.NDArray[np.float64]
_ROUNDING = 1e-12  # of a unit's squared spread; anything below is rounding, not variance


@dataclass(frozen=True)
class Moments:
    """Sums that carry the weighted mean of a value in [0, 1] (or [-1, 1]) and its variance.

    Attributes are arrays of shape ``(k,)``, one entry per slice; they add up over parts that have no
    unit in common. A unit is a cluster, or an item where there are no clusters; ``W`` is its sum of
    weights and ``X`` that of weight times value.

    Attributes:
        n: Number of items.
        w: Sum of ``W``, the weights.
        w2: Sum of ``W²``.
        x: Sum of ``X``.
        w2x: Sum of ``W X``.
        w2xx: Sum of ``X²``.
        units: Number of units; None for counts of items that weigh the same, whose variance needs no
            estimate.
        fourth: Sums of ``W⁴, W³X, W²X², WX³, X⁴``, shape ``(k, 5)``, from which the degrees of
            freedom of an estimated variance follow; where they are None, Kish's size less one.
        rows: Items that stand behind the sums, where they are more than `n`; None otherwise.
        drawn: Where the value of many items is known to be 0 even if unlabelled: sums of the weights
            and of their squares over the labelled ones of all others, shape ``(k, 2)``; None
            otherwise.
        uncertain: The number of these others, labelled or not; None otherwise.

    Assumes: units are independent draws; a weighted mean is a ratio estimator, its variance
    linearised (Särndal, Swensson & Wretman 1992, eq. 5.7.10).
    """

    n: Floats
    w: Floats
    w2: Floats
    x: Floats
    w2x: Floats
    w2xx: Floats
    units: Floats | None = None
    fourth: Floats | None = None
    rows: Floats | None = None
    drawn: Floats | None = None
    uncertain: Floats | None = None

    def __add__(self, other: "Moments") -> "Moments":
        pairs = {name: (mine, getattr(other, name)) for name, mine in self._known().items()}
        return Moments(**{name: mine + theirs for name, (mine, theirs) in pairs.items()})

    def take(self, rows: npt.NDArray[np.intp]) -> "Moments":
        """Some of the slices."""
        return Moments(**{name: values[rows] for name, values in self._known().items()})

    def total(self) -> "Moments":
        """All slices, which must not have units in common, as one."""
        return Moments(
            **{name: values.sum(axis=0, keepdims=True) for name, values in self._known().items()}
        )

    def _known(self) -> dict[str, Floats]:
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: values for name, values in named.items() if values is not None}

    @property
    def counted(self) -> bool:
        """Whether these are counts of items that all weigh the same."""
        return self.units is None

    @property
    def mean(self) -> Floats:
        """The weighted means; NaN for slices without weight."""
        return ratio(self.x, self.w)

    @property
    def variance(self) -> Floats:
        """Variances of the means; 0 where there are no two units to tell."""
        spread = self._spread / np.where(self.w > 0, self.w, np.nan) ** 2
        if self.units is None:
            return np.asarray(spread)
        units = self.units  # a variance around an estimated mean is too small by (u - 1) / u
        return np.asarray(
            spread * np.divide(units, units - 1, out=np.zeros(len(units)), where=units > 1)
        )

    @property
    def _spread(self) -> Floats:
        """Sum of the units' squared residuals."""
        spread = self.w2xx - 2 * self.mean * self.w2x + self.mean**2 * self.w2
        return np.asarray(np.where(spread > _ROUNDING * self.w2, spread, 0.0))

    @property
    def freedom(self) -> Floats:
        """Degrees of freedom of the variances, at least 1; infinite for counts."""
        if self.units is None:
            return np.full(len(self.n), np.inf)
        if self.fourth is None:
            return np.maximum(self.kish - 1, 1.0)
        m = np.nan_to_num(self.mean)
        signs = np.stack([m**4, -4 * m**3, 6 * m**2, -4 * m, np.ones_like(m)], axis=1)
        fourth = (self.fourth * signs).sum(axis=1)
        seen = (self._spread > 0) & (fourth > 0)
        found = np.divide(self._spread**2, fourth, out=np.ones(len(m)), where=seen)
        return np.asarray(np.clip(found, 1.0, np.maximum(self.units - 1, 1.0)))

    @property
    def kish(self) -> Floats:
        """Kish's effective sizes: what the weights, or unequal clusters, leave of the units.

        Items whose value is known to be 0 say nothing of the others. Of these, Kish's size counts,
        times the share of all items that they stand for: if none of 20 drawn from 200 flips, among
        10,000 items, that bounds the flips as 20 of 200 do, not as 10,000 would.
        """
        if self.drawn is None or self.uncertain is None:
            return np.nan_to_num(ratio(self.w**2, self.w2))
        weight, square = self.drawn.T
        known = self.n if self.rows is None else self.rows
        drawn = np.nan_to_num(ratio(self.w * weight, square))  # 0 where none was drawn
        return np.asarray(np.where(self.uncertain > 0, np.minimum(drawn, known), known))

    def effective_n(self, variance_of_one: Floats) -> Floats:
        """Sizes of simple random samples with the same variances of the means.

        Args:
            variance_of_one: Variance of one item's value under simple random sampling, shape
                ``(k,)``; for a share p it is ``p * (1 - p)``.

        Returns:
            Effective sizes, at most the number of items; Kish's where all values agree, so that the
            variance says nothing: with clusters, that is one item per cluster.
        """
        if self.counted:
            return np.asarray(self.w)
        known = (self.variance > 0) & (variance_of_one > 0)
        found = np.where(known, ratio(variance_of_one, self.variance), self.kish)
        most = self.n if self.rows is None else self.rows
        return np.asarray(np.minimum(np.nan_to_num(found), most))

    def sizes(self, variance_of_one: Floats, confidence: float, times: float = 1.0) -> Floats:
        """Effective sizes that allow for how little is known of an estimated variance.

        An interval that uses normal or binomial quantiles at these sizes is as wide as Student's
        (Korn & Graubard 1998), but never wider than independent units would make it if all items of
        a unit were alike.

        Args:
            variance_of_one: Variance of one item's value, as for `effective_n`.
            confidence: Two-sided confidence of the interval, in (0, 1).
            times: For this many times as many units of the same kind.
        """
        if self.counted:
            return np.asarray(self.w * times)
        known = (self.variance > 0) & (variance_of_one > 0)
        factor = (z(confidence) / student(confidence, self.freedom * times)) ** 2
        found = self.effective_n(variance_of_one)
        shrunk = found * np.where(known, factor, 1.0)
        return np.asarray(np.maximum(shrunk, np.minimum(self.kish, found)) * times)

    def share_interval(
        self, confidence: float, mean: Floats | None = None, times: float = 1.0
    ) -> tuple[Floats, Floats]:
        """Intervals of the means, which are shares: Wilson's for counts, Korn and Graubard's otherwise.

        Args:
            confidence: Two-sided confidence, in (0, 1).
            mean: Means to look at in place of those observed, of any shape that broadcasts.
            times: For this many times as many units of the same kind.
        """
        shown = self.mean if mean is None else mean
        n = self.sizes(self.mean * (1 - self.mean), confidence, times)
        return (wilson if self.counted else clopper_pearson)(shown, n, confidence)

    def over(self, scale: float) -> "Moments":
        """The moments of the value divided by a number above 0."""
        by = {"x": 1, "w2x": 1, "w2xx": 2}
        known = self._known()
        scaled = {name: known[name] / scale**power for name, power in by.items()}
        if self.fourth is not None:
            scaled["fourth"] = self.fourth / scale ** np.arange(5.0)
        return Moments(**(known | scaled))

    def tail_above(self, limit: float, mean: Floats | None = None, times: float = 1.0) -> Floats:
        """One-sided p values for "the true share is at most the limit"; see `tail_above`.

        With an estimated variance, the tail is Student's; it need not exceed the exact one of
        independent units whose items are all alike. `mean` and `times` are those of
        `share_interval`.
        """
        shown = self.mean if mean is None else mean
        if self.counted:
            return tail_above(shown, self.w * times, limit)
        known = self.effective_n(self.mean * (1 - self.mean))
        tail = student_tail(tail_above(shown, known * times, limit), self.freedom * times)
        return np.minimum(tail, tail_above(shown, np.minimum(self.kish, known) * times, limit))

    def reach(self, limit: float) -> Floats:
        """The largest p value of at most one half that `tail_above` can give, about."""
        return student_tail(
            reach_of_counts(self.effective_n(self.mean * (1 - self.mean)), limit), self.freedom
        )


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Elementwise quotient; NaN where the denominator is not positive."""
    out: Floats = np.full(len(denominator), np.nan)
    np.divide(numerator, denominator, out=out, where=denominator > 0)
    return out
