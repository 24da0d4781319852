"""Intervals for ratios of pooled rates, from a bootstrap over speakers.

Utterances of one speaker are alike, so the speakers are what is drawn. A contrast is a sum of
logarithms of pooled rates with signs: one rate is a contrast of itself, the effect of a condition is
a contrast of two, an interaction of four. Its standard error is linearised from the speakers'
influences; the bootstrap's draws, each studentised with its own standard error, supply the quantiles
(bootstrap-t), which with few speakers are wider and more skewed than Student's.

References:
    Bisani & Ney (2004), Bootstrap estimates for confidence intervals in ASR performance evaluation,
    ICASSP: the pooled rate is recomputed in each draw.
    Davison & Hinkley (1997), Bootstrap Methods and their Application, section 5.2.1.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Contrast", "Speakers", "log_contrast"]

Floats = npt.NDArray[np.float64]
DRAWS = 1999
_FEWEST = 2


@dataclass(frozen=True)
class Speakers:
    """Speakers of one group, drawn independently of all others.

    Attributes:
        errors: Errors of each speaker in each of `k` cells, shape ``(speakers, k)``.
        words: Words likewise.
        signs: The sign of each cell's logarithm in the contrast, shape ``(k,)``.
    """

    errors: Floats
    words: Floats
    signs: Floats

    def estimate(self, times: Floats | None = None) -> tuple[Floats, Floats]:
        """The contrast and its linearised variance.

        Args:
            times: How often each speaker is drawn, shape ``(draws, speakers)``; once by default.

        Returns:
            Two arrays of shape ``(draws,)``; NaN where a cell has no error or no word.
        """
        n = len(self.errors)
        times = np.ones((1, n)) if times is None else times
        errors, words = times @ self.errors, times @ self.words  # (draws, k)
        usable = (errors > 0).all(axis=1) & (words > 0).all(axis=1)
        e, w = np.where(errors > 0, errors, 1.0), np.where(words > 0, words, 1.0)
        value = (np.log(e / w) * self.signs).sum(axis=1)
        # (draws, speakers): each speaker's influence on the contrast
        influence = (self.signs / e) @ self.errors.T - (self.signs / w) @ self.words.T
        variance = (times * influence**2).sum(axis=1) * n / max(n - 1, 1)
        return np.where(usable, value, np.nan), np.where(usable, variance, np.nan)


@dataclass(frozen=True)
class Contrast:
    """A ratio of pooled rates with its interval.

    Attributes:
        ratio: The estimate; NaN where a cell has no error or no word.
        low: Lower end; NaN where the speakers do not support an end.
        high: Upper end.
        spread: Linearised standard error of the ratio's logarithm; NaN where there is no interval.
    """

    ratio: float
    low: float
    high: float
    spread: float = float("nan")


def log_contrast(
    groups: Sequence[Speakers], confidence: float, *, seed: int = 0, draws: int = DRAWS
) -> Contrast:
    """The exponential of a contrast summed over independent groups, with its interval.

    Args:
        groups: The groups; speakers are drawn within each.
        confidence: Two-sided confidence, in (0, 1).
        seed: Seed of the draws, so that the interval is the same every time.
        draws: Number of draws.

    Returns:
        The ratio. An end is NaN where there are fewer than two speakers in a group, where no
        variance can be seen, or where too many draws leave a cell without errors.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> words = np.full((20, 1), 100.0)
        >>> errors = rng.poisson(20, (20, 1)).astype(float)
        >>> found = log_contrast([Speakers(errors, words, np.ones(1))], 0.95)
        >>> found.low < errors.sum() / 2000 == found.ratio < found.high
        True

    Assumes: speakers are independent draws from those the recogniser will meet.
    """
    value, variance = _summed([group.estimate() for group in groups])
    centre, spread = float(value[0]), float(np.sqrt(variance[0]))
    few = any(len(group.errors) < _FEWEST for group in groups)
    if np.isnan(centre) or few or not spread > 0:
        return Contrast(float(np.exp(centre)), float("nan"), float("nan"))
    rng = np.random.default_rng(seed)
    drawn = []
    for group in groups:
        n = len(group.errors)
        drawn.append(group.estimate(rng.multinomial(n, np.full(n, 1 / n), draws).astype(float)))
    values, variances = _summed(drawn)
    known = ~np.isnan(values) & (variances > 0)
    t = (values[known] - centre) / np.sqrt(variances[known])
    # a draw without a statistic might have been extreme on either side
    unknown = draws - int(known.sum())
    tail = (1 - confidence) / 2
    rank = int(np.floor(tail * (draws + 1))) - 1 - unknown
    if rank < 0:
        return Contrast(float(np.exp(centre)), float("nan"), float("nan"))
    t.sort()
    low, high = centre - t[len(t) - 1 - rank] * spread, centre - t[rank] * spread
    point, below, above = (float(np.exp(min(v, 700.0))) for v in (centre, low, high))
    return Contrast(point, below, above, spread)


def _summed(parts: Sequence[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    values, variances = zip(*parts, strict=True)
    return np.sum(values, axis=0), np.sum(variances, axis=0)
