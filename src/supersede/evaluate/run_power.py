"""How likely a check is to see a regression: exact, with the interval that the check itself uses.

Two models on the same n items disagree (exactly one is right) on about a share d of them. The numbers
of lost and gained answers are multinomial, so for each number of disagreements there is a smallest
number of lost answers at which the check fails, and binomial tails add up to its power. Nothing is
approximated but the design effect, which divides n (Kish 1965).

References:
    Lachenbruch (1992), Stat. Med. 11, 1521-1525, on McNemar's test: why the disagreement decides.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from supersede.metrics.flips import Flips
from supersede.metrics.moments import Moments

__all__ = ["CheckedBy", "Power"]

CheckedBy = Literal["min_gain", "max_nfr"]
Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

_FAR = 1e-9  # of the numbers of disagreements, what is left out on either side
_MOST = 10**8  # items; larger numbers are of no practical use
_CLOSE = 1e-3  # of a regression, as a share of it


@dataclass(frozen=True)
class Power:
    """What a check on accuracy or on negative flips can show.

    Attributes:
        check: ``"min_gain"`` or ``"max_nfr"``.
        limit: Its limit.
        disagreement: Share of items on which exactly one model is right, in (0, 1].
        design_effect: By how much clusters and weights multiply variances, at least 1.
        confidence: The review's.

    Assumes: items, or clusters of them, are independent draws; the disagreement stays what it is.
    """

    check: CheckedBy
    limit: float
    disagreement: float
    design_effect: float = 1.0
    confidence: float = 0.95

    def fails(self, items: int, regression: float) -> float:
        """The chance that a model that breaks the limit by `regression` fails on so many items.

        Args:
            items: Labelled items.
            regression: How far accuracy lies below the limit, or the negative flip rate above it.

        Example:
            >>> round(Power("min_gain", 0.0, disagreement=0.1).fails(2000, regression=0.02), 2)
            0.81
        """
        lost, gained = self._rates(regression)
        return self._chance(items, lost, gained, fails=True)

    def passes(self, items: int, room: float) -> float:
        """The chance that a model that keeps the limit by `room` passes on so many items."""
        lost, gained = self._rates(-room)
        return self._chance(items, lost, gained, fails=False)

    def regression_shown(self, items: int, power: float) -> float | None:
        """The smallest regression that fails with this chance; None where none does."""
        low, high = 0.0, self._most()
        if self.fails(items, high) < power:
            return None
        while high - low > _CLOSE * high:
            middle = (low + high) / 2
            low, high = (low, middle) if self.fails(items, middle) >= power else (middle, high)
        return high

    def items_to_show(self, regression: float, power: float) -> int | None:
        """The items on which such a regression fails with this chance; None beyond 10⁸."""
        return _least(lambda items: self.fails(items, regression) >= power)

    def items_to_pass(self, room: float, power: float) -> int | None:
        """The items on which a model that keeps the limit by `room` passes with this chance."""
        return _least(lambda items: self.passes(items, room) >= power)

    def _most(self) -> float:
        """The largest regression that there can be."""
        return 1 + self.limit if self.check == "min_gain" else 1 - self.limit

    def _rates(self, regression: float) -> tuple[float, float]:
        """The rates of negative and positive flips."""
        if self.check == "max_nfr":
            lost = min(max(self.limit + regression, 0.0), 1.0)
            return lost, min(max(self.disagreement - lost, 0.0), 1 - lost)
        gain = self.limit - regression
        apart = max(self.disagreement, abs(gain))
        return (apart - gain) / 2, (apart + gain) / 2

    def _chance(self, items: int, lost: float, gained: float, *, fails: bool) -> float:
        from scipy.stats import binom

        n = int(items / self.design_effect)
        if n < 1:
            return 0.0
        apart = min(lost + gained, 1.0)
        if apart <= 0:
            numbers = np.zeros(1, np.int64)
        else:
            ends = binom.ppf([_FAR, 1 - _FAR], n, apart).astype(np.int64)
            numbers = np.arange(max(ends[0], 0), min(ends[1], n) + 1)
        weight = binom.pmf(numbers, n, apart)
        share = lost / apart if apart > 0 else 0.0
        first = self._first(numbers, n, fails=fails)
        # fails from so many lost answers on; passes below that number
        tail = (
            binom.sf(first - 1, numbers, share) if fails else binom.cdf(first - 1, numbers, share)
        )
        return float((weight * tail).sum())

    def _first(self, apart: Counts, n: int, *, fails: bool) -> Counts:
        """The least lost answers at which the check fails, or no longer passes."""
        low, high = np.full(len(apart), -1), apart + 1
        while (high - low > 1).any():
            middle = np.where(high - low > 1, (low + high) // 2, high)
            met = self._met(np.minimum(middle, apart), apart, n, fails=fails)
            met |= middle > apart
            open_ = high - low > 1
            high = np.where(open_ & met, middle, high)
            low = np.where(open_ & ~met, middle, low)
        return high

    def _met(self, lost: Counts, apart: Counts, n: int, *, fails: bool) -> npt.NDArray[np.bool_]:
        """Whether the check fails, or does not pass, at so many lost answers."""
        flips = _flips(lost.astype(float), (apart - lost).astype(float), float(n))
        if self.check == "min_gain":
            low, high = flips.gain_interval(self.confidence)
            return np.asarray(high < self.limit if fails else low < self.limit)
        low, high = flips.nfr_interval(self.confidence)
        return np.asarray(low > self.limit if fails else high > self.limit)


def _flips(lost: Floats, gained: Floats, n: float) -> Flips:
    """The flips that a review would count, were there so many of them."""
    size = np.full(len(lost), n)
    right = size - lost - gained  # both are right; the intervals of flips do not look at it
    counts = {"old": right + lost, "new": right + gained, "negative": lost, "positive": gained}
    moments = {name: Moments(size, size, size, x, x, x) for name, x in counts.items()}
    gain = Moments(size, size, size, gained - lost, gained - lost, gained + lost)
    return Flips(pa.table({}), **moments, gain=gain)


def _least(enough: Callable[[int], bool]) -> int | None:
    """The least number of items with which something holds, which more items keep."""
    high = 8
    while not enough(high):
        high *= 2
        if high > _MOST:
            return None
    low = high // 2
    while high - low > max(1, high // 1000):  # three digits
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
