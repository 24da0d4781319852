"""Clopper and Pearson's exact interval for a share: its coverage is never below nominal.

Score intervals lose their coverage in the far tails that intervals for many groups at once need,
so these use the exact one, at a confidence shared out among the groups (Bonferroni).

References:
    Clopper & Pearson (1934), Biometrika 26, 404-413.
    Korn & Graubard (1998), Survey Methodology 24, 193-201: effective sizes in the same formula.
"""

import numpy as np
import numpy.typing as npt

__all__ = ["clopper_pearson"]

Floats = npt.NDArray[np.float64]


def clopper_pearson(
    share: npt.ArrayLike, n: npt.ArrayLike, confidence: float
) -> tuple[Floats, Floats]:
    """Exact interval for a share.

    Args:
        share: Observed shares in [0, 1], shape ``(k,)``; NaN where there is nothing.
        n: Sizes, or effective sizes (they may be fractional), shape ``(k,)``; 0 gives [0, 1].
        confidence: Two-sided nominal coverage in (0, 1).

    Returns:
        Lower and upper ends.

    Example:
        >>> low, high = clopper_pearson([0.1], [100], 0.95)
        >>> round(float(low[0]), 4), round(float(high[0]), 4)
        (0.049, 0.1762)

    Assumes: items are drawn independently; exact for whole sizes, approximate for effective ones.
    """
    from scipy.special import betaincinv

    size = np.asarray(n, float)
    hits = np.nan_to_num(np.asarray(share, float)) * size
    missed = size - hits
    tail = (1 - confidence) / 2
    tiny = 1e-12  # keeps the beta parameters positive where an end is 0 or 1 anyway
    low = betaincinv(np.maximum(hits, tiny), missed + 1, tail)
    high = betaincinv(hits + 1, np.maximum(missed, tiny), 1 - tail)
    return np.where(hits > tiny, low, 0.0), np.where(missed > tiny, high, 1.0)
