"""Holm's adjustment for hypotheses most of which are far from their limit.

"The rate is at most the limit" is an interval, and most slices of a quiet model lie deep inside it. Their
p values are near 1 and say nothing, yet Holm's method counts them all. Here only hypotheses with a p
value of at most `reach` (about one half) are looked at: their p values are divided by `reach`, and
adjusted by Holm's method among themselves. The family-wise error stays controlled, because a p value
that is valid over an interval stays valid given that it is at most `reach` (Ellis, Pecanka & Goeman
2020). For counts `reach` must be a value that the p value can take.

References:
    Ellis, Pecanka & Goeman (2020), Biostatistics 21, e3-e17: conditionalisation.
    Holm (1979), Scand. J. Stat. 6, 65-70.
"""

import numpy as np
import numpy.typing as npt

from supersede.metrics.intervals import holm

__all__ = ["conditional_holm", "reach_of_counts"]

Floats = npt.NDArray[np.float64]


def conditional_holm(p: npt.ArrayLike, reach: npt.ArrayLike = 0.5) -> Floats:
    """Adjusted p values: the family-wise error over all hypotheses is controlled.

    Args:
        p: Raw p values, shape ``(k,)``.
        reach: Above this, a hypothesis is not looked at; in (0, 1), shape ``(k,)`` or a number.

    Returns:
        Adjusted p values; 1 where the raw one is above `reach`.

    Example:
        >>> conditional_holm([0.002, 0.9, 0.8, 0.95]).tolist()
        [0.004, 1.0, 1.0, 1.0]

    Assumes: p values are independent, or positively dependent as those of overlapping slices are.
    """
    raw = np.asarray(p, float)
    given = np.broadcast_to(np.asarray(reach, float), raw.shape)
    seen = (raw <= given) & (given > 0)
    adjusted = np.ones_like(raw)
    adjusted[seen] = holm(raw[seen] / given[seen])
    return adjusted


def reach_of_counts(n: npt.ArrayLike, limit: float) -> Floats:
    """The largest p value of at most one half that "the share is at most the limit" can have.

    Args:
        n: Sizes, or effective sizes, shape ``(k,)``.
        limit: The share that must not be exceeded, in (0, 1).

    Example:
        >>> reach_of_counts([100], 0.02).round(3).tolist()  # three hits of 100 or more
        [0.323]
    """
    from scipy.special import betainc

    size = np.asarray(n, float)
    hits = np.floor(size * limit)  # the median of a binomial lies within one of its mean
    for _ in range(3):
        tail = betainc(np.maximum(hits, 1e-12), np.maximum(size - hits + 1, 1e-12), limit)
        hits += (hits < 1) | (tail > 0.5)
    reach = betainc(hits, np.maximum(size - hits + 1, 1e-12), limit)
    return np.asarray(np.where(size >= hits, np.minimum(reach, 0.5), 0.0))
