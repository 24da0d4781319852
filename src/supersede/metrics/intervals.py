"""Intervals for shares and for paired differences of shares, from sums alone.

All functions work on arrays elementwise. Sample sizes may be fractional: weights and clusters enter
as an *effective* size, the size of the simple random sample with the same variance (Kish 1965).

References:
    Wilson (1927), J. Am. Stat. Assoc. 22, 209-212: the score interval.
    Bonett & Price (2012), J. Educ. Behav. Stat. 37, 479-488: the adjusted Wald interval for paired
    differences; Fagerland, Lydersen & Laake (2014), Stat. Med. 33, 2850-2875, compare it with its
    peers.
    Holm (1979), Scand. J. Stat. 6, 65-70.
"""

from statistics import NormalDist

import numpy as np
import numpy.typing as npt

__all__ = [
    "holm",
    "mcnemar",
    "paired_difference",
    "student",
    "student_tail",
    "tail_above",
    "wilson",
    "z",
]

Floats = npt.NDArray[np.float64]
FloatsLike = npt.ArrayLike


def z(confidence: float) -> float:
    """The two-sided standard normal quantile, 1.96 for 0.95."""
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def student(confidence: float, freedom: FloatsLike) -> Floats:
    """Student's two-sided quantiles; the normal one where the degrees of freedom are infinite.

    Example:
        >>> student(0.95, [1, 10, float("inf")]).round(2).tolist()
        [12.71, 2.23, 1.96]
    """
    from scipy.special import stdtrit

    df = np.asarray(freedom, float)
    finite = np.isfinite(df)
    quantiles = stdtrit(np.where(finite, df, 1.0), 0.5 + confidence / 2)
    return np.where(finite, quantiles, z(confidence))


def student_tail(p: FloatsLike, freedom: FloatsLike) -> Floats:
    """Normal tail probabilities as those of Student's distribution at the same distance.

    Args:
        p: One-sided p values in [0, 1] that take an estimated variance for the true one.
        freedom: Degrees of freedom of that variance.

    Example:
        >>> student_tail([0.025, 0.025], [3, float("inf")]).round(3).tolist()
        [0.072, 0.025]
    """
    from scipy.special import ndtri, stdtr

    raw, df = np.asarray(p, float), np.asarray(freedom, float)
    finite = np.isfinite(df)
    return np.where(finite, stdtr(np.where(finite, df, 1.0), ndtri(raw)), raw)


def wilson(share: FloatsLike, n: FloatsLike, confidence: float) -> tuple[Floats, Floats]:
    """Wilson's score interval for a share.

    Args:
        share: Observed shares in [0, 1], shape ``(k,)`` or scalar; NaN where there is nothing.
        n: Sizes, or effective sizes, of the same shape; 0 gives the interval [0, 1].
        confidence: Two-sided nominal coverage in (0, 1).

    Returns:
        Lower and upper ends.

    Example:
        >>> low, high = wilson(0.1, 100, 0.95)
        >>> round(float(low), 4), round(float(high), 4)
        (0.0552, 0.1744)

    Assumes: items are drawn independently; approximate, mean coverage near nominal from n = 10.
    """
    p = np.nan_to_num(np.asarray(share, float))
    size = np.asarray(n, float)
    zz = z(confidence) ** 2
    centre = (p * size + zz / 2) / (size + zz)
    half = np.sqrt(zz) * np.sqrt(np.maximum(p * (1 - p) * size + zz / 4, 0)) / (size + zz)
    # rounding must not exclude the estimate itself: exact 0 and 1 stay ends of the interval
    low = np.where(p <= 0, 0.0, np.clip(centre - half, 0, p))
    high = np.where(p >= 1, 1.0, np.clip(centre + half, p, 1))
    return low, high


def paired_difference(
    lost: FloatsLike, gained: FloatsLike, n: FloatsLike, confidence: float
) -> tuple[Floats, Floats]:
    """Bonett and Price's interval for a paired difference, ``gained - lost``.

    Args:
        lost: Shares of items that only the old model got right (negative flips), in [0, 1].
        gained: Shares of items that only the new model got right (positive flips), in [0, 1].
        n: Sizes, or effective sizes.
        confidence: Two-sided nominal coverage in (0, 1).

    Returns:
        Lower and upper ends, within [-1, 1].

    Example:
        >>> low, high = paired_difference(0.02, 0.05, 400, 0.95)
        >>> round(float(low), 4), round(float(high), 4)
        (0.0033, 0.0564)

    Assumes: items are drawn independently; both models are graded on the same items.
    """
    size = np.asarray(n, float)
    down = (np.nan_to_num(np.asarray(lost, float)) * size + 1) / (size + 2)
    up = (np.nan_to_num(np.asarray(gained, float)) * size + 1) / (size + 2)
    half = z(confidence) * np.sqrt((up + down - (up - down) ** 2) / (size + 2))
    return np.clip(up - down - half, -1, 1), np.clip(up - down + half, -1, 1)


def mcnemar(negative: FloatsLike, positive: FloatsLike) -> Floats:
    """McNemar's mid-p value for "the two models are equally often right".

    Args:
        negative: Counts of negative flips.
        positive: Counts of positive flips.

    Returns:
        Two-sided mid-p values in [0, 1]; 1 where there are no flips.

    Example:
        >>> round(float(mcnemar(2, 10)), 4)
        0.0225

    References:
        Fagerland, Lydersen & Laake (2013), BMC Med. Res. Methodol. 13:91, eq. 4 of the mid-p test.
    """
    from scipy.special import betainc

    low = np.minimum(negative, positive).astype(float)
    n = np.asarray(negative, float) + np.asarray(positive, float)
    # binomial tails as incomplete beta functions, so that effective counts may be fractional
    at_most = betainc(np.maximum(n - low, 1e-12), low + 1, 0.5)
    below = np.where(low > 0, betainc(n - low + 1, np.maximum(low, 1e-12), 0.5), 0.0)
    return np.where(n > 0, np.minimum(at_most + below, 1.0), 1.0)


def tail_above(share: FloatsLike, n: FloatsLike, limit: float) -> Floats:
    """One-sided p values for "the true share is at most the limit", by the exact binomial tail.

    Args:
        share: Observed shares in [0, 1].
        n: Sizes, or effective sizes (the tail is then the incomplete beta function's).
        limit: The share in [0, 1] that must not be exceeded.

    Returns:
        The probability of at least as many hits if the true share were the limit.

    Example:
        >>> round(float(tail_above(0.8, 10, 0.5)), 4)  # 8 of 10
        0.0547
    """
    from scipy.special import betainc

    size = np.asarray(n, float)
    hits = np.nan_to_num(np.asarray(share, float)) * size
    p = betainc(np.maximum(hits, 1e-12), np.maximum(size - hits + 1, 1e-12), limit)
    return np.where(hits > 0, p, 1.0)


def holm(p: FloatsLike) -> Floats:
    """Holm's adjusted p values: the family-wise error over all of them is controlled.

    Args:
        p: Raw p values, shape ``(k,)``, dependent in any way.

    Returns:
        Adjusted p values, shape ``(k,)``.

    Example:
        >>> holm([0.01, 0.04, 0.03]).tolist()
        [0.03, 0.06, 0.06]
    """
    raw = np.asarray(p, float)
    order = np.argsort(raw)
    steps = (len(raw) - np.arange(len(raw))) * raw[order]
    adjusted = np.empty_like(raw)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
