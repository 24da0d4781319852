"""Do the intervals hold what they promise? Simulated, or summed over all outcomes."""

import numpy as np
import pytest
from scipy import stats

from supersede.metrics.bootstrap import cluster_variances
from supersede.metrics.intervals import holm, paired_difference, tail_above, wilson
from supersede.metrics.moments import Moments


@pytest.mark.parametrize("n", [20, 50, 200, 1000])
def test_wilson_covers_on_average(n):
    """Summed over all outcomes: exact, no simulation."""
    shares = np.linspace(0.01, 0.99, 99)
    k = np.arange(n + 1)
    low, high = wilson(k / n, np.full(n + 1, n))
    covered = [stats.binom.pmf(k, n, p)[(low <= p) & (p <= high)].sum() for p in shares]
    assert np.mean(covered) > 0.945
    assert min(covered) > 0.83  # known dips near 0 and 1 (Brown, Cai & DasGupta 2001)


@pytest.mark.parametrize("n", [30, 100, 1000])
@pytest.mark.parametrize(("nfr", "pfr"), [(0.01, 0.01), (0.02, 0.06), (0.2, 0.25)])
def test_paired_differences_cover(n, nfr, pfr, simulations):
    rng = np.random.default_rng(0)
    counts = rng.multinomial(n, [nfr, pfr, 1 - nfr - pfr], size=20 * simulations)
    low, high = paired_difference(counts[:, 0] / n, counts[:, 1] / n, n)
    covered = ((low <= pfr - nfr) & (pfr - nfr <= high)).mean()
    assert covered > 0.945


def test_weighted_shares_cover(simulations):
    rng = np.random.default_rng(0)
    n, p, covered = 500, 0.1, []
    for _ in range(simulations):
        weight = rng.lognormal(0, 0.7, n)
        x = (rng.uniform(size=n) < p).astype(float)
        sums = (float(n), weight.sum(), (weight**2).sum(), (weight * x).sum())
        square = (weight**2 * x).sum()
        moments = Moments(*(np.array([s]) for s in (*sums, square, square)))
        low, high = wilson(moments.mean, moments.share_n)
        covered.append(low[0] <= p <= high[0])
    assert np.mean(covered) > 0.95 - 3 * np.sqrt(0.05 * 0.95 / simulations)


def test_clustered_shares_cover(simulations):
    rng = np.random.default_rng(0)
    clusters, size, p, covered = 80, 12, 0.2, []
    for seed in range(simulations):
        own = rng.beta(2, 8, clusters)  # mean .2, items of a cluster alike
        hits = rng.binomial(size, own).astype(float)
        (variance,) = cluster_variances(
            np.arange(clusters), np.zeros(clusters, int), np.full(clusters, float(size)), [hits],
            draws=200, seed=seed,
        )  # fmt: skip
        mean = hits.sum() / (size * clusters)
        low, high = wilson(mean, mean * (1 - mean) / variance[0])
        covered.append(low <= p <= high)
    assert np.mean(covered) > 0.94 - 3 * np.sqrt(0.06 * 0.94 / simulations)


def test_a_model_that_keeps_every_limit_seldom_fails(simulations):
    """200 slices exactly at the limit: the chance of failing any stays below (1 - .95) / 2."""
    rng = np.random.default_rng(0)
    n = rng.integers(20, 400, 200)
    failed = [
        (holm(tail_above(rng.binomial(n, 0.02) / n, n, 0.02)) < 0.025).any()
        for _ in range(5 * simulations)
    ]
    assert np.mean(failed) < 0.025 + 3 * np.sqrt(0.025 / (5 * simulations))
