"""Shares from simple random samples without replacement: sample sizes, exact intervals, sequences.

Of N items an unknown number M are positive; a sample of n shows x of them, and
``P(x) = C(M, x) C(N - M, n - x) / C(N, n)`` for every M, so no approximation is needed.

References:
    Cochran (1977), Sampling Techniques, 3rd ed., eq. 4.1 and 4.2: the sample size.
    Konijn (1973), and Buonaccorsi (1987), Am. Stat. 41, 215-218: the exact interval, as Clopper and
    Pearson's for the binomial.
    Waudby-Smith & Ramdas (2020), Confidence sequences for sampling without replacement, NeurIPS,
    theorem 2.1: the prior-posterior-ratio martingale, here with a uniform prior on M.
"""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from supersede.errors import ArgumentError
from supersede.metrics.intervals import z

__all__ = ["exact_interval", "half_width", "sample_size", "sequence_interval"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def sample_size(items: int, margin: float, confidence: float, share: float = 0.5) -> int:
    """How many of some items to label so that a share is known to within a margin.

    ``n = n0 / (1 + (n0 - 1) / N)`` with ``n0 = z² p (1 - p) / e²``, rounded up.

    Args:
        items: Number of items N, 0 or more.
        margin: Requested half-width of the interval, e; 0 labels all, 1 needs a single label.
        confidence: Two-sided confidence in (0, 1).
        share: The share p expected; 0.5 is the worst case.

    Returns:
        Labels, at most N.

    Raises:
        ArgumentError: The margin or the confidence is outside its range.

    Example:
        >>> [sample_size(n, 0.05, 0.95) for n in (100, 4000, 20_000, 10**8)]
        [80, 351, 377, 385]

    Assumes: the sample share is approximately normal, as Wald's interval requires; `exact_interval`
    gives the width that is actually reached.
    """
    check_margin(margin)
    check_confidence(confidence)
    if margin == 0 or items == 0:
        return items
    n0 = z(confidence) ** 2 * share * (1 - share) / margin**2
    return min(items, max(1, math.ceil(n0 / (1 + (n0 - 1) / items))))


def check_margin(margin: float) -> None:
    """Refuse a margin outside [0, 1].

    Raises:
        ArgumentError: It is outside that range.
    """
    if not 0 <= margin <= 1:
        msg = (
            f"margin={margin} is half the interval width and must be in [0, 1] (0 labels"
            " everything)"
        )
        raise ArgumentError(msg)


def check_confidence(confidence: float) -> None:
    """Refuse a confidence outside (0, 1).

    Raises:
        ArgumentError: It is outside that range.
    """
    if isinstance(confidence, str) or not 0 < confidence < 1:
        msg = f"confidence={confidence!r} must lie between 0 and 1, for example 0.95"
        raise ArgumentError(msg)


def exact_interval(positive: int, n: int, items: int, confidence: float) -> tuple[float, float]:
    """Exact interval of a share of a finite set: its coverage is at least nominal.

    Args:
        positive: Positives in the sample.
        n: Size of the sample.
        items: Size of the set.
        confidence: Two-sided confidence.

    Returns:
        Lower and upper end: those shares M / N for which the sample would not be in either tail
        of half the error probability.

    Example:
        >>> low, high = exact_interval(45, 50, 100, 0.95)
        >>> low, high
        (0.82, 0.95)
        >>> exact_interval(3, 4, 4, 0.95)
        (0.75, 0.75)

    Assumes: a simple random sample without replacement; exact for every N, n and share.
    """
    tail = (1 - confidence) / 2
    least, most = positive, items - (n - positive)
    above, below = np.arange(positive, n + 1), np.arange(positive + 1)
    at_least = _first(least, most, lambda m: _probability(above, n, items, m) > tail)
    beyond = _first(least, most + 1, lambda m: _probability(below, n, items, m) <= tail)
    return at_least / items, max(at_least, beyond - 1) / items


def sequence_interval(positive: int, n: int, items: int, confidence: float) -> tuple[float, float]:
    """An interval that holds at all sample sizes at once, so labelling can stop any time.

    All M with ``P(x | M) > (1 - confidence) / (n + 1)``: under a uniform prior on M, prior over
    posterior is a martingale, which exceeds ``1 / (1 - confidence)`` at any time with a
    probability of at most ``1 - confidence``.

    Args:
        positive: Positives among the labels so far.
        n: Number of labels so far.
        items: Size of the set.
        confidence: Probability that all intervals, at all times, contain the share.

    Example:
        >>> low, high = sequence_interval(45, 50, 100, 0.95)
        >>> low, high
        (0.77, 0.95)

    Assumes: items are labelled in random order, without replacement.
    """
    bound = math.log1p(-confidence) - math.log(n + 1)
    least, most = positive, items - (n - positive)
    peak = min(max(round(positive / n * items) if n else least, least), most)
    low = _first(least, peak, lambda m: float(_log_probability(positive, n, items, m)) > bound)
    past = _first(peak, most + 1, lambda m: float(_log_probability(positive, n, items, m)) <= bound)
    return low / items, max(peak, past - 1) / items


def half_width(n: int, items: int, confidence: float, share: float = 0.5) -> float:
    """Expected half-width of the exact interval from a sample of n.

    Example:
        >>> round(half_width(351, 4000, 0.95), 4)
        0.0511
    """
    if n >= items:
        return 0.0
    low, high = exact_interval(round(share * n), n, items, confidence)
    return (high - low) / 2


def _first(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """The first whole number in [low, high] for which a monotone condition holds, or high."""
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low


def _probability(x: Ints, n: int, items: int, m: int) -> float:
    """Probability that one of these numbers of positives is drawn, if m items are positive."""
    return float(np.exp(_log_probability(x, n, items, m)).sum())


def _log_probability(x: Ints | int, n: int, items: int, m: int) -> Floats:
    from scipy.special import gammaln

    def choose(of: int, some: Ints | int) -> Floats:
        possible = (np.asarray(some) >= 0) & (np.asarray(some) <= of)
        some = np.where(possible, some, 0)
        ways = gammaln(of + 1) - gammaln(some + 1) - gammaln(of - some + 1)
        return np.where(possible, ways, -np.inf)

    return np.asarray(choose(m, x) + choose(items - m, n - np.asarray(x)) - choose(items, n))
