"""Intervals of differences from the intervals of their two sides (MOVER).

The distances from each estimate to its own limits stand in for standard errors at those limits, so
skewness and bounds carry over to the difference; for two independent shares this is Newcombe's
hybrid score interval.

References:
    Newcombe (1998), Statistics in Medicine 17, 873-890, method 10.
    Zou & Donner (2008), Statistics in Medicine 27, 1693-1702, eq. 5: dependent sides.
"""

import numpy as np
import numpy.typing as npt

__all__ = ["difference_interval"]

Floats = npt.NDArray[np.float64]
Interval = tuple[npt.ArrayLike, npt.ArrayLike]


def difference_interval(
    first: npt.ArrayLike,
    first_interval: Interval,
    second: npt.ArrayLike,
    second_interval: Interval,
    correlation: npt.ArrayLike = 0.0,
) -> tuple[Floats, Floats]:
    """Interval of ``first - second``.

    Args:
        first: Estimates, shape ``(k,)``.
        first_interval: Their lower and upper ends.
        second: Estimates that are subtracted, shape ``(k,)`` or scalar.
        second_interval: Their lower and upper ends.
        correlation: Correlation of the two estimates, in [-1, 1]; 0 where they share no items.

    Returns:
        Lower and upper ends, at the confidence of the two intervals.

    Example:
        >>> low, high = difference_interval([0.3], ([0.2], [0.42]), [0.1], ([0.05], [0.18]))
        >>> round(float(low[0]), 3), round(float(high[0]), 3)
        (0.072, 0.33)

    Assumes: both intervals have the same confidence.
    """
    p, q, rho = (np.asarray(v, float) for v in (first, second, correlation))
    p_low, p_high = (np.asarray(end, float) for end in first_interval)
    q_low, q_high = (np.asarray(end, float) for end in second_interval)

    def distance(a: Floats, b: Floats) -> Floats:
        return np.sqrt(np.maximum(a**2 + b**2 - 2 * rho * a * b, 0))

    low = p - q - distance(p - p_low, q_high - q)
    high = p - q + distance(p_high - p, q - q_low)
    return low, high
