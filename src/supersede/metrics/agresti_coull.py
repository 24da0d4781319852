"""Agresti and Coull's interval for a share: Wilson's centre, and never narrower than Wilson's.

With ``c`` the normal (or Student) quantile, ``m = n + c²`` and ``q = (n p + c²/2) / m`` it is
``q ± c √(q (1 - q) / m)``. For n = 20…2000 and true shares .05….95 its coverage stays above .929
at a nominal .95, where Wilson's falls to .917 (computed exactly; see the tests).

References:
    Agresti & Coull (1998), The American Statistician 52, 119-126.
    Brown, Cai & DasGupta (2001), Statistical Science 16, 101-133, compare it with its peers.
"""

import numpy as np
import numpy.typing as npt

__all__ = ["agresti_coull"]

Floats = npt.NDArray[np.float64]


def agresti_coull(
    share: npt.ArrayLike, n: npt.ArrayLike, quantile: npt.ArrayLike
) -> tuple[Floats, Floats]:
    """Interval for a share.

    Args:
        share: Observed shares in [0, 1], shape ``(k,)``; NaN where there is nothing.
        n: Sizes, or effective sizes, shape ``(k,)``; 0 gives [0, 1].
        quantile: Two-sided quantile, 1.96 for 95 %; Student's where n is estimated from a variance.

    Returns:
        Lower and upper ends, within [0, 1].

    Example:
        >>> low, high = agresti_coull([0.1], [100], 1.96)
        >>> round(float(low[0]), 4), round(float(high[0]), 4)
        (0.0535, 0.1761)

    Assumes: items are drawn independently, or `n` says what dependence leaves of them.
    """
    p = np.nan_to_num(np.asarray(share, float))
    size, c = np.asarray(n, float), np.asarray(quantile, float)
    m = size + c**2
    centre = (size * p + c**2 / 2) / m
    half = c * np.sqrt(centre * (1 - centre) / m)
    nothing = size <= 0
    low = np.where(nothing | (p <= 0), 0.0, np.clip(centre - half, 0, p))
    high = np.where(nothing | (p >= 1), 1.0, np.clip(centre + half, p, 1))
    return low, high
