"""Means over queries, and paired differences of means, with intervals that a few queries widen.

A difference lies in [−1, 1]. Bonett and Price's interval for paired shares adds one lost and one
gained search before it takes the normal interval; the same is done here for any bounded difference
(reciprocal ranks, average precisions), so that no variance of zero is taken for certainty. One query
therefore decides nothing.

References:
    Bonett & Price (2012), J. Educ. Behav. Stat. 37, 479-488.
    Fieller (1954), J. R. Stat. Soc. B 16, 175-185: the interval of a ratio of means.

Assumes: queries are independent draws from the searches to come, or are drawn in clusters (the
photographs of one person, the searches of one user); the gallery is fixed.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from supersede.metrics.intervals import wilson, z

__all__ = ["PairedEstimate", "gain_ratio", "mean", "mean_difference"]

Wide = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PairedEstimate:
    """A number with its interval.

    Attributes:
        value: The estimate; NaN where nothing was there to estimate it from.
        low: Lower end.
        high: Upper end.
        n: Queries behind it.
    """

    value: float
    low: float
    high: float
    n: int

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers."""
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.n}


def _clustered(values: Wide, clusters: npt.NDArray[Any] | None) -> tuple[float, int]:
    """Sum of squared deviations of cluster sums from the mean, and the number of clusters."""
    centred = values - values.mean()
    if clusters is None:
        return float(np.square(centred).sum()), len(values)
    _, code = np.unique(clusters, return_inverse=True)
    sums = np.bincount(code, centred)
    return float(np.square(sums).sum()), len(sums)


def mean(
    values: Wide, *, confidence: float = 0.95, clusters: npt.NDArray[Any] | None = None
) -> PairedEstimate:
    """Mean of values in [0, 1] with Wilson's interval at its effective size; NaN are left out.

    Example:
        >>> import numpy as np
        >>> found = mean(np.array([1.0, 1.0, 1.0]))
        >>> found.value, round(found.low, 2)
        (1.0, 0.44)
    """
    known = ~np.isnan(values)
    kept = values[known]
    if not len(kept):
        return PairedEstimate(math.nan, 0.0, 1.0, 0)
    centre = float(kept.mean())
    squares, groups = _clustered(kept, None if clusters is None else clusters[known])
    size = float(groups)
    variance = squares / len(kept) ** 2
    if 0 < centre < 1 and variance > 0:
        size = min(centre * (1 - centre) / variance, 4.0 * len(kept))
        if clusters is not None:
            size = min(size, float(len(kept)))
    low, high = wilson(centre, size, confidence)
    return PairedEstimate(centre, float(low), float(high), len(kept))


def mean_difference(
    old: Wide,
    new: Wide,
    *,
    confidence: float = 0.95,
    clusters: npt.NDArray[Any] | None = None,
) -> PairedEstimate:
    """Paired difference new − old of values in [0, 1], queries that either lacks left out.

    Example:
        >>> import numpy as np
        >>> one = mean_difference(np.zeros(1), np.ones(1))
        >>> one.value, one.low < 0
        (1.0, True)
    """
    apart = new - old
    known = ~np.isnan(apart)
    kept = apart[known]
    n = len(kept)
    if not n:
        return PairedEstimate(math.nan, -1.0, 1.0, 0)
    squares, groups = _clustered(kept, None if clusters is None else clusters[known])
    # one search lost and one gained are added, each as heavy as an average cluster
    weight = n / groups
    size = n + 2 * weight
    centre = float(kept.sum()) / size
    shift = float(kept.mean()) - centre
    spread = squares + groups * (weight * shift) ** 2
    spread += (weight**2) * ((1 - centre) ** 2 + (1 + centre) ** 2)
    half = z(confidence) * math.sqrt(spread) / size
    low, high = max(-1.0, centre - half), min(1.0, centre + half)
    value = float(kept.mean())
    return PairedEstimate(value, min(low, value), max(high, value), n)


def gain_ratio(old: Wide, cross: Wide, best: Wide, *, confidence: float = 0.95) -> PairedEstimate:
    """(cross − old) / (best − old) with Fieller's interval; NaN where best − old may be zero.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> old = rng.random(400) * 0.5
        >>> round(gain_ratio(old, old + 0.1, old + 0.2).value, 2)
        0.5
    """
    known = ~np.isnan(old + cross + best)
    top, bottom = (cross - old)[known], (best - old)[known]
    n = len(top)
    if n < 3:
        return PairedEstimate(math.nan, -math.inf, math.inf, n)
    a, b = float(top.mean()), float(bottom.mean())
    aa, ab, _, bb = (np.cov(top, bottom).ravel() / n).tolist()
    zz = z(confidence) ** 2
    lead = b * b - zz * bb
    if lead <= 0 or b <= 0:
        return PairedEstimate(math.nan, -math.inf, math.inf, n)
    middle = a * b - zz * ab
    root = math.sqrt(max(middle**2 - lead * (a * a - zz * aa), 0.0))
    return PairedEstimate(a / b, (middle - root) / lead, (middle + root) / lead, n)
