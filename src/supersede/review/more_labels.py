"""How many more labels decide a check.

The number is the smallest with which the interval that judges decides, with 80 % chance, if the true
rates are those observed. The chance is summed over what the future labels can say: all counts of flips
among them, or, where these are very many, even steps of the normal distribution that they then follow.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from supersede.metrics.flips import Flips
from supersede.metrics.moments import Moments

__all__ = ["CHANCE", "gain_labels", "labels_needed", "mean_labels", "share_labels"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Decides = Callable[[Floats, float], Bools]
DecidesGain = Callable[[Floats, Floats, float], Bools]
CHANCE = 0.8
"""The chance with which the number of labels decides."""

_POINTS = 1024  # counts that are looked at one by one
_MOST = 10**8  # labels; a question that needs more lies on its limit
_SIDE = 64  # the same, for each of two counts
_CLOSE = 0.005  # a number of labels is not sought more exactly than this share of itself


def labels_needed(chance: Callable[[int], float], wanted: float = CHANCE) -> int | None:
    """The smallest number of labels that decides with the wanted chance.

    Args:
        chance: The chance that this many more labels decide, about increasing.
        wanted: The chance that is wanted.

    Returns:
        The number, at least 1 and exact to 0.5 %; None where no number up to 10⁸ will do.

    Example:
        >>> labels_needed(lambda more: more / 200)
        160
    """
    enough = 1
    while chance(enough) < wanted:
        enough *= 2
        if enough > _MOST:
            return None
    few = enough // 2
    while enough - few > max(1, _CLOSE * enough):
        middle = (few + enough) // 2
        if chance(middle) < wanted:
            few = middle
        else:
            enough = middle
    return enough


def share_labels(
    moments: Moments, decided: Decides, wanted: float = CHANCE, rate: float | None = None
) -> int | None:
    """Labels that decide a question about a share.

    Args:
        moments: One entry: the share observed.
        decided: Whether shares, in that many times as many labels, decide.
        wanted: The chance that is wanted.
        rate: The true share; by default the one observed.
    """
    mean, n = float(moments.mean[0]), float(moments.n[0])
    size = float(moments.effective_n(moments.mean * (1 - moments.mean))[0])

    def chance(more: int) -> float:
        fresh = max(round(more * size / n), 1)
        lost, weight = _counts(fresh, mean if rate is None else rate, _POINTS)
        held = decided((mean * size + lost) / (size + fresh), 1 + more / n)
        return float(weight @ held)

    return labels_needed(chance, wanted)


def gain_labels(
    flips: Flips,
    decided: DecidesGain,
    wanted: float = CHANCE,
    rates: tuple[float, float] | None = None,
) -> int | None:
    """Labels that decide a question about the gain in accuracy.

    Args:
        flips: One entry: the flips observed.
        decided: Whether rates of negative and positive flips, in that many times as many labels,
            decide.
        wanted: The chance that is wanted.
        rates: The true rates; by default those observed.
    """
    nfr, pfr, n = float(flips.nfr[0]), float(flips.pfr[0]), float(flips.n[0])
    true = (nfr, pfr) if rates is None else rates
    size = float(flips.gain.effective_n(flips.gain_variance)[0])

    def chance(more: int) -> float:
        fresh = max(round(more * size / n), 1)
        lost, first = _counts(fresh, true[0], _SIDE)
        # rare flips of either kind hardly depend on each other; what there is, a shift of the mean
        gained, second = _counts(fresh, true[1], _SIDE)
        shift = _lean(*true) * (lost - fresh * true[0])[:, None]
        total = size + fresh
        low = (nfr * size + lost[:, None] + np.zeros_like(shift)) / total
        up = np.clip((pfr * size + gained[None, :] + shift) / total, 0, 1)
        return float(first @ decided(low, up, 1 + more / n) @ second)

    return labels_needed(chance, wanted)


def mean_labels(moments: Moments, decided: Decides, wanted: float = CHANCE) -> int | None:
    """The same for a mean in [0, 1] of any values, whose future mean is taken to be normal."""
    from scipy.special import ndtri

    mean, n = float(moments.mean[0]), float(moments.n[0])
    variance = float(moments.variance[0]) * n  # of one label

    def chance(more: int) -> float:
        fresh = mean + ndtri((np.arange(_POINTS) + 0.5) / _POINTS) * np.sqrt(variance / more)
        shown = np.clip((mean * n + fresh * more) / (n + more), 0, 1)
        return float(decided(shown, 1 + more / n).mean())

    return labels_needed(chance, wanted)


def _counts(labels: int, rate: float, points: int) -> tuple[Floats, Floats]:
    """How many of the labels are hits, and how likely each number is."""
    from scipy.special import gammaln, ndtri, xlog1py, xlogy

    mean, deviation = labels * rate, np.sqrt(labels * rate * (1 - rate))
    low, high = max(mean - 6 * deviation - 3, 0), min(mean + 6 * deviation + 9, labels)
    if high - low < points:
        hits = np.arange(np.floor(low), np.ceil(high) + 1)
        fits = gammaln(labels + 1) - gammaln(hits + 1) - gammaln(labels - hits + 1)
        chance = np.exp(fits + xlogy(hits, rate) + xlog1py(labels - hits, -rate))
        return hits, chance / chance.sum()
    steps = ndtri((np.arange(points) + 0.5) / points)
    return np.clip(mean + steps * deviation, 0, labels), np.full(points, 1 / points)


def _lean(lost: float, gained: float) -> float:
    """How many positive flips fewer there are for each negative one more than expected."""
    return -gained / (1 - lost) if lost < 1 else 0.0
