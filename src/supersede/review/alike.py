"""Many slices at once: does any exceed the limit, if they are alike?

Each of fifty slices has too few items to show by itself that it keeps a limit of two per cent. Taken
together they can: how much their observed rates differ says how much their true rates can. The slices
of one margin are taken as draws from one population, a beta distribution for rates and a normal one for
gains, whose mean and spread are unknown; both are integrated over, so that a spread that happens to be
estimated as zero does not count as certainty. The margin passes if

1. the probability that any slice exceeds the limit is at most ``(1 - confidence) / 2``, and
2. no slice *by itself* can be as bad as three times the limit: its own one-sided bound at that
   confidence lies below. This part is an intersection-union test and borrows nothing.

Errors (simulated in `benchmarks/review_corners.py`): with all slices at the limit, and with one at three
times the limit among quiet ones, a wrong pass has at most ``(1 - confidence) / 2``. One slice alone at
less than three times the limit among quiet ones can pass: that is the price of borrowing, and each
slice's own statement stands beside this one.

References:
    Berger (1982), Technometrics 24, 295-300: intersection-union tests.
    Gelman et al. (2013), Bayesian Data Analysis, 3rd ed., sections 5.3-5.5 and 5.7: both populations.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from supersede.metrics.clopper_pearson import clopper_pearson

__all__ = ["ALIKE", "LONE", "no_fall_above", "no_share_above", "shrunk"]

Floats = npt.NDArray[np.float64]

ALIKE = 8
"""So many slices show how much slices differ; fewer are judged one by one."""

LONE = 3.0
"""How many times the limit a single slice must be shown to keep by itself."""

_MEANS, _SPREADS = 24, 16  # points of the grid
_LEAST, _MOST = 0.03, 4.0  # spread as a share of the mean, or of the tolerated fall


def no_share_above(hits: Floats, n: Floats, limit: float, confidence: float) -> bool:
    """Whether slices with shares of hits are shown, together, to keep a limit.

    Args:
        hits: Hits of each slice, shape ``(k,)``; they may be effective numbers.
        n: Sizes, or effective sizes.
        limit: The share that no slice may exceed, in (0, 1).
        confidence: Two-sided confidence.

    Example:
        >>> no_share_above(np.full(50, 1.0), np.full(50, 300.0), 0.02, 0.95)
        True
        >>> no_share_above(np.full(50, 6.0), np.full(50, 300.0), 0.02, 0.95)
        False

    Assumes: slices share no items; their true rates are draws from one beta distribution, whose
    spread is half-Cauchy in units of its mean.
    """
    from scipy.special import betainc, logsumexp

    _, high = clopper_pearson(hits / n, n, confidence)
    if not np.all(high <= min(LONE * limit, 1.0)):
        return False
    fit = _Population.of(hits, n)
    keep = np.log(np.maximum(betainc(fit.hits, fit.misses, limit), 1e-300)) @ fit.times
    return bool(logsumexp(fit.weight + keep) >= np.log((1 + confidence) / 2))


def shrunk(hits: Floats, n: Floats) -> Floats:
    """What the rate of each slice is expected to be, if slices are alike.

    Args:
        hits: Hits of each slice, shape ``(k,)``.
        n: Sizes.

    Returns:
        Posterior means of the rates: between each slice's own rate and that of all.

    Example:
        >>> shrunk(np.array([0.0] * 9 + [4.0]), np.full(10, 100.0)).round(3)[[0, 9]].tolist()
        [0.001, 0.033]

    Assumes: as for `no_share_above`.
    """
    fit = _Population.of(hits, n)
    means = np.exp(fit.weight) @ (fit.hits / (fit.hits + fit.misses))
    return np.asarray(means[fit.kind])


@dataclass(frozen=True)
class _Population:
    """What is known of a population of rates: a grid of beta distributions with their weights.

    Attributes:
        weight: Logarithms of posterior probabilities, shape ``(g,)``.
        hits: Posterior parameters of each kind of slice, shape ``(g, kinds)``.
        misses: The other parameters.
        times: How many slices are of each kind.
        kind: The kind of each slice.
    """

    weight: Floats
    hits: Floats
    misses: Floats
    times: Floats
    kind: npt.NDArray[np.intp]

    @classmethod
    def of(cls, hits: Floats, n: Floats) -> "_Population":
        from scipy.special import betaln, logsumexp

        pooled = np.array([hits.sum() / n.sum()]), np.array([n.sum()])
        low, most = (float(end[0]) for end in clopper_pearson(*pooled, 1 - 2e-5))
        means = np.geomspace(max(low, 0.02 / n.sum()) / 2.5, min(2.5 * most, 0.999), _MEANS)
        spreads = np.geomspace(_LEAST, _MOST, _SPREADS)
        mean, spread = (part.ravel() for part in np.meshgrid(means, spreads, indexing="ij"))
        size = (1 - mean) / mean / spread**2 - 1
        possible = size > 0.02  # no beta distribution has another mean and spread
        mean, spread, size = mean[possible], spread[possible], size[possible]
        # Jeffreys' prior of the mean, on its logarithm's grid; half-Cauchy likewise
        prior = np.log(mean) / 2 + np.log(spread) - np.log1p(spread**2)
        kinds, kind, times = np.unique(
            np.stack([hits, n]), axis=1, return_inverse=True, return_counts=True
        )
        first = (mean * size)[:, None] + kinds[0]
        second = ((1 - mean) * size)[:, None] + kinds[1] - kinds[0]
        before = betaln(mean * size, (1 - mean) * size)
        weight = prior + (betaln(first, second) - before[:, None]) @ times
        return cls(weight - logsumexp(weight), first, second, times.astype(float), kind.ravel())


def no_fall_above(gain: Floats, error: Floats, fall: float, confidence: float) -> bool:
    """Whether slices with gains in accuracy are shown, together, not to fall by more than a limit.

    Args:
        gain: Gains of each slice, shape ``(k,)``.
        error: Their standard errors, above 0.
        fall: The fall that no slice may exceed, above 0.
        confidence: Two-sided confidence.

    Example:
        >>> no_fall_above(np.full(50, 0.0), np.full(50, 0.02), 0.05, 0.95)
        True
        >>> no_fall_above(np.full(50, -0.05), np.full(50, 0.02), 0.05, 0.95)
        False

    Assumes: slices share no items; true gains are draws from one normal distribution, whose spread
    is half-Cauchy in units of the tolerated fall; estimates are normal.
    """
    from scipy.special import log_ndtr, logsumexp

    from supersede.metrics.intervals import z

    if not np.all(gain - z(confidence) * error >= -LONE * fall):
        return False
    spreads = np.geomspace(_LEAST, _MOST, _SPREADS) * fall
    total = error**2 + spreads[:, None] ** 2  # (spreads, slices)
    precision = (1 / total).sum(axis=1)
    centre = (gain / total).sum(axis=1) / precision
    steps = np.linspace(-4, 4, _MEANS)
    mean = centre[:, None] + steps / np.sqrt(precision)[:, None]  # (spreads, means)
    apart = gain - mean[..., None]
    fit = -0.5 * (apart**2 / total[:, None] + np.log(total[:, None])).sum(axis=-1)
    prior = np.log(spreads) - np.log1p((spreads / fall) ** 2) - 0.5 * np.log(precision)
    weight = prior[:, None] + fit
    shrunk = spreads[:, None] ** 2 / total  # weight of a slice's own estimate
    after = mean[..., None] + shrunk[:, None] * apart
    left = np.sqrt(shrunk * error**2)
    keep = log_ndtr((after + fall) / left[:, None]).sum(axis=-1)
    return bool(logsumexp(weight + keep) - logsumexp(weight) >= np.log((1 + confidence) / 2))
