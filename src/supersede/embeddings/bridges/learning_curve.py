"""What a fit gains from more pairs, so that cross-validation speaks of the fit that is used.

A fold's maps are fitted to fewer pairs than the map that is used in the end. A second fit, to about
half of the pairs that the fold's had, shows how steep the learning curve is there. What recall still
lacks is taken to fall with one over the number of pairs, as the excess risk of least squares does. With
n pairs in all, m behind a fold's fit and h behind the second,

    recall(n) = recall(m) + (1/m − 1/n) / (1/h − 1/m) · (recall(m) − recall(h)).

(Growth with the logarithm of n, the other usual curve, overshot on development data.)

Assumes: a curve that does not fall; a difference below zero counts as noise.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from supersede.embeddings.report.paired import PairedEstimate
from supersede.metrics.intervals import z

__all__ = ["Fewer", "Gain", "grown", "growth_of", "half_of", "to_come"]

Rows = npt.NDArray[np.intp]
Wide = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Fewer:
    """Ranks under fits to fewer pairs.

    Attributes:
        rows: Which queries.
        first: Rank of the answer of each.
        growth: How much of the gain from these fits to the folds' fits is still to come.
    """

    rows: Rows
    first: Rows
    growth: float


@dataclass(frozen=True)
class Gain:
    """What is still to come of a share, and its standard error."""

    value: float = 0.0
    error: float = 0.0


def half_of(folds: int) -> int:
    """How many of the other folds the second fit uses; 0 if there are too few."""
    return (folds - 1) // 2


def growth_of(folds: int) -> float:
    """(1/m − 1/n) / (1/h − 1/m) for folds of equal size; 0 where there is no second fit.

    Example:
        >>> round(growth_of(3), 3), round(growth_of(5), 3), growth_of(2)
        (0.333, 0.2, 0.0)
    """
    half = half_of(folds)
    return 1 / (folds - 1) / (folds / half - folds / (folds - 1)) if half else 0.0


def to_come(first: Rows, fewer: Fewer | None, k: int, among: Wide) -> Gain:
    """How much the share of searches that succeed, and are in `among`, still grows.

    Args:
        first: Rank of each query's answer under the folds' fits.
        fewer: Ranks under the second fits.
        k: Length of the result list.
        among: Which queries count, as 0 and 1.

    Example:
        >>> first, rows = np.array([1, 1, 1, 9]), np.arange(4)
        >>> to_come(first, Fewer(rows, np.array([1, 1, 9, 9]), 0.5), 5, np.ones(4)).value
        0.125
    """
    if fewer is None:
        return Gain()
    apart = (first[fewer.rows] <= k).astype(float) - (fewer.first <= k)
    apart = apart * among[fewer.rows]
    n = len(apart)
    # as for paired differences: one search gained and one lost are added, lest no spread be certainty
    spread = float(np.square(apart - apart.mean()).sum()) + 2.0
    return Gain(
        fewer.growth * max(float(apart.mean()), 0.0), fewer.growth * math.sqrt(spread) / (n + 2)
    )


def grown(
    value: PairedEstimate, by: Gain, *, sign: int = 1, least: float = 0.0, confidence: float = 0.95
) -> PairedEstimate:
    """The estimate moved by what is still to come, its interval widened by that error."""
    if not by.error:
        return value
    wide = z(confidence) * by.error
    centre = min(max(value.value + sign * by.value, least), 1.0)
    low = centre - math.hypot(value.value - value.low, wide)
    high = centre + math.hypot(value.high - value.value, wide)
    return replace(value, value=centre, low=max(low, least), high=min(high, 1.0))
