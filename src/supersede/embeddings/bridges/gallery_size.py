"""Recall in a large gallery from the ranks in a small random sample of it.

Before a re-index nobody has the new vectors of the whole gallery. Of each query, a sample of n
documents shows how many of them stand before the right one. If λ is the share of the gallery that
stands before it, that number is binomial, and the search succeeds in a gallery of N if at most k − 1
of N − 1 stand before. The distribution of log λ over queries is estimated by g-modelling: an
exponential family with a few smooth terms, by penalised maximum likelihood.

Reference: Efron (2016), Biometrika 103, 1-20, equations 2 to 15.

Assumes: the sampled documents are a random draw from the gallery. Counting recall in the sample
itself would be far too kind: the sample has fewer documents to confuse.
"""

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from supersede.embeddings.report.paired import PairedEstimate
from supersede.errors import ArgumentError, TooFewLabelsError
from supersede.metrics.intervals import z

__all__ = ["MIN_SAMPLE", "recall_in"]

Wide = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

TERMS, PENALTY = 4, 1.0  # c₀ of Efron's equation 13
GRID = np.linspace(np.log(1e-7), np.log(0.5), 120)  # of log λ
MIN_SAMPLE = 100


@dataclass(frozen=True, eq=False)
class _Shape:
    """The estimated distribution of log λ."""

    mass: Wide

    def recall(self, k: int, gallery: int) -> float:
        return float((special.bdtr(k - 1, gallery - 1, np.exp(GRID)) * self.mass).sum())


def recall_in(
    gallery: int,
    ahead: Rows,
    sample: int,
    k: int,
    *,
    confidence: float = 0.95,
    draws: int = 50,
    seed: int = 0,
) -> PairedEstimate:
    """Share of searches that would succeed in the whole gallery.

    Args:
        gallery: Number of items N.
        ahead: For each query, how many other sampled documents stand before the right one.
        sample: Number of sampled documents n.
        k: Length of the result list.
        confidence: Of the interval.
        draws: Bootstrap draws of queries behind the interval.
        seed: Of the draws.

    Returns:
        The estimate with a normal interval from the bootstrap's spread.

    Raises:
        TooFewLabelsError: The sample has fewer than `MIN_SAMPLE` documents.
        ArgumentError: The gallery is smaller than the sample.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> share = np.exp(rng.normal(-8, 2, 1000)).clip(0, 1)
        >>> found = recall_in(10_000, rng.binomial(999, share), 1000, 10)
        >>> truth = (rng.binomial(9_999, share) < 10).mean()
        >>> bool(abs(found.value - truth) < 0.03)
        True
    """
    if sample < MIN_SAMPLE:
        msg = (
            f"{sample} documents embedded by the new model are too few to forecast a gallery of {gallery:,};"
            f" embed at least {MIN_SAMPLE}"
        )
        raise TooFewLabelsError(msg)
    if gallery < sample:
        msg = f"a gallery of {gallery} cannot have {sample} sampled documents"
        raise ArgumentError(msg)
    counts = np.bincount(ahead)
    values = np.flatnonzero(counts)
    likelihood = _binomial(values, sample - 1)
    value = _fit(likelihood, counts[values]).recall(k, gallery)
    rng = np.random.default_rng(seed)
    n = len(ahead)
    drawn = np.array(
        [
            _fit(likelihood, rng.multinomial(n, counts[values] / n)).recall(k, gallery)
            for _ in range(draws)
        ]
    )
    # no spread is not certainty: at least the spread of a share of n
    spread = max(float(drawn.std(ddof=1)), float(np.sqrt((value * (1 - value) + 1 / n) / n)))
    half = z(confidence) * spread
    return PairedEstimate(value, max(0.0, value - half), min(1.0, value + half), n)


def _binomial(values: Rows, size: int) -> Wide:
    """Probability of each count under each λ of the grid, shape ``(values, grid)``."""
    at = values[:, None].astype(float)
    ways = special.gammaln(size + 1) - special.gammaln(at + 1) - special.gammaln(size - at + 1)
    share = np.exp(GRID)[None]
    return np.asarray(np.exp(ways + at * np.log(share) + (size - at) * np.log1p(-share)))


@functools.cache
def _basis() -> Wide:
    x = (GRID - GRID.mean()) / (GRID.max() - GRID.mean())
    terms = np.polynomial.legendre.legvander(x, TERMS)[:, 1:]
    return np.asarray(terms / np.abs(terms).max(0))


def _fit(likelihood: Wide, counts: Rows) -> _Shape:
    basis = _basis()

    def loss(weights: Wide) -> tuple[float, Wide]:
        power = basis @ weights
        mass = np.exp(power - power.max())
        mass /= mass.sum()
        seen = np.maximum(likelihood @ mass, 1e-300)
        pull = -(counts / seen) @ likelihood * mass
        size = float(np.sqrt(np.square(weights).sum() + 1e-9))
        slope = basis.T @ (pull - mass * pull.sum()) + PENALTY * weights / size
        return float(-(counts * np.log(seen)).sum() + PENALTY * size), slope

    found = optimize.minimize(loss, np.zeros(TERMS), jac=True, method="L-BFGS-B").x
    power = basis @ found
    mass = np.exp(power - power.max())
    return _Shape(mass / mass.sum())
