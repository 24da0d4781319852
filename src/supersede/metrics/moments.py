"""Weighted means with their variances, as sums that merge."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Moments", "ratio"]

Floats = npt.NDArray[np.float64]
_SUMS = ("n", "w", "w2", "x", "w2x", "w2xx")


@dataclass(frozen=True)
class Moments:
    """Sums that carry the weighted mean of a value in [0, 1] (or [-1, 1]) and its variance.

    Attributes are arrays of shape ``(k,)``, one entry a slice; they add up over disjoint parts.

    Attributes:
        n: Number of items.
        w: Sum of weights.
        w2: Sum of squared weights.
        x: Sum of weight times value.
        w2x: Sum of squared weight times value.
        w2xx: Sum of squared weight times squared value.
        resampled: Variances of the means from a cluster bootstrap, which then replace those that
            suppose independent items; None otherwise.

    Assumes: items are independent draws unless `resampled` says otherwise; a weighted mean is a
    ratio estimator, its variance linearised (Särndal, Swensson & Wretman 1992, eq. 5.7.10).
    """

    n: Floats
    w: Floats
    w2: Floats
    x: Floats
    w2x: Floats
    w2xx: Floats
    resampled: Floats | None = None

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(*(getattr(self, name) + getattr(other, name) for name in _SUMS))

    def take(self, rows: npt.NDArray[np.intp]) -> "Moments":
        """Some of the slices."""
        resampled = None if self.resampled is None else self.resampled[rows]
        kept = {name: getattr(self, name)[rows] for name in _SUMS}
        return Moments(**kept, resampled=resampled)

    def total(self) -> "Moments":
        """All slices, which must not overlap, as one."""
        return Moments(*(getattr(self, name).sum(keepdims=True) for name in _SUMS))

    @property
    def mean(self) -> Floats:
        """The weighted means; NaN for slices without weight."""
        return ratio(self.x, self.w)

    @property
    def variance(self) -> Floats:
        """Variances of the means."""
        if self.resampled is not None:
            return self.resampled
        spread = self.w2xx - 2 * self.mean * self.w2x + self.mean**2 * self.w2
        return ratio(np.maximum(spread, 0), self.w**2)

    @property
    def kish(self) -> Floats:
        """Kish's effective sizes: what the weights alone leave of n."""
        return np.nan_to_num(ratio(self.w**2, self.w2))

    def effective_n(self, variance_of_one: Floats) -> Floats:
        """Sizes of simple random samples with the same variances of the means.

        Args:
            variance_of_one: Variance of one item's value under simple random sampling, shape
                ``(k,)``; for a share p it is ``p * (1 - p)``.

        Returns:
            Effective sizes; Kish's where all values agree, so that the variance says nothing.
        """
        known = (self.variance > 0) & (variance_of_one > 0)
        return np.where(known, ratio(variance_of_one, self.variance), self.kish)

    @property
    def share_n(self) -> Floats:
        """Effective sizes for an interval of a share."""
        return self.effective_n(self.mean * (1 - self.mean))


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Elementwise quotient; NaN where the denominator is not positive."""
    out: Floats = np.full(len(denominator), np.nan)
    np.divide(numerator, denominator, out=out, where=denominator > 0)
    return out
