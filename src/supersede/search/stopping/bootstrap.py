"""Standard error of a score on one validation set, by resampling its items.

Efron (1979): the spread of a statistic over samples drawn with replacement estimates its standard
error. For serially dependent items, whole blocks are drawn (Künsch, 1989, moving blocks).

Assumes: the validation items are a random sample of what the model will meet, and the model is
fixed (the randomness of its training is not part of this error).
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from supersede.errors import ArgumentError

__all__ = ["bootstrap_error"]

Array = NDArray[np.float64]


def bootstrap_error(
    losses: Sequence[float] | Array,
    statistic: Callable[[Array], float] | None = None,
    *,
    block: int = 1,
    resamples: int = 400,
    seed: int = 0,
) -> float:
    """Standard error of a statistic of per-item losses.

    Args:
        losses: One per validation item, shape ``(n,)``; those that are not finite are left out.
        statistic: The score that the search optimises, from losses; the mean if None.
        block: How many neighbouring items to draw together; above 1 for time series.
        resamples: How many samples to draw.
        seed: Seed of the draws.

    Returns:
        The error. For the mean of single items it is the exact limit, std / sqrt(n), without draws.

    Raises:
        ArgumentError: ``block`` or ``resamples`` out of range.

    Example:
        >>> round(bootstrap_error([0, 1, 1, 0, 1, 0, 1, 1]), 3)
        0.183
    """
    values = np.asarray(losses, dtype=np.float64)
    values = values[np.isfinite(values)]
    n = len(values)
    if block < 1 or resamples < 2:
        msg = f"got block={block}, resamples={resamples}; expected block >= 1, resamples >= 2"
        raise ArgumentError(msg)
    if n < 2 * block:
        return math.nan
    if statistic is None and block == 1:
        return float(values.std(ddof=1) / math.sqrt(n))
    rng = np.random.default_rng(seed)
    of = statistic if statistic is not None else lambda sample: float(sample.mean())
    drawn = [of(values[_blocks(n, block, rng)]) for _ in range(resamples)]
    return float(np.std(drawn, ddof=1))


def _blocks(n: int, block: int, rng: np.random.Generator) -> NDArray[np.int64]:
    starts = rng.integers(n - block + 1, size=-(-n // block))
    positions: NDArray[np.int64] = (starts[:, None] + np.arange(block)).ravel()[:n]
    return positions
