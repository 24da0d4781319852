"""Do the intervals hold what they promise? Simulated, or summed over all outcomes."""

import numpy as np
import pytest
from scipy import stats

import supersede
from supersede.metrics.conditional_holm import conditional_holm, reach_of_counts
from supersede.metrics.intervals import paired_difference, tail_above, wilson
from supersede.review import MaxNFR


@pytest.mark.parametrize("n", [20, 50, 200, 1000])
def test_wilson_covers_on_average(n):
    """Summed over all outcomes: exact, no simulation."""
    shares = np.linspace(0.01, 0.99, 99)
    k = np.arange(n + 1)
    low, high = wilson(k / n, np.full(n + 1, n), 0.95)
    covered = [stats.binom.pmf(k, n, p)[(low <= p) & (p <= high)].sum() for p in shares]
    assert np.mean(covered) > 0.945
    assert min(covered) > 0.83  # known dips near 0 and 1 (Brown, Cai & DasGupta 2001)


@pytest.mark.parametrize("n", [30, 100, 1000])
@pytest.mark.parametrize(("nfr", "pfr"), [(0.01, 0.01), (0.02, 0.06), (0.2, 0.25)])
def test_paired_differences_cover(n, nfr, pfr, simulations):
    rng = np.random.default_rng(0)
    counts = rng.multinomial(n, [nfr, pfr, 1 - nfr - pfr], size=20 * simulations)
    low, high = paired_difference(counts[:, 0] / n, counts[:, 1] / n, n, 0.95)
    covered = ((low <= pfr - nfr) & (pfr - nfr <= high)).mean()
    assert covered > 0.945


def trials(draw, count, *, weighted=False):
    """Flips of many independent samples, counted in one call: each is a slice."""
    rows = {"trial": [], "cluster": [], "lost": [], "w": []}
    for trial in range(count):
        cluster, lost, weight = draw()
        rows["trial"].append(np.full(len(lost), trial))
        rows["cluster"].append(cluster + trial * 10_000)
        rows["lost"].append(lost)
        rows["w"].append(weight)
    column = {name: np.concatenate(parts) for name, parts in rows.items()}
    table = {"y": np.ones(len(column["lost"]), int), "a": np.ones(len(column["lost"]), int)}
    table |= {"b": 1 - column["lost"], "trial": column["trial"]}
    use = {"weight": "w"} if weighted else {"cluster": "cluster"}
    table |= {"w": column["w"]} if weighted else {"cluster": column["cluster"]}
    review = supersede.compare(
        table, old="a", new="b", label="y", groups=["trial"], checks=[MaxNFR(0.5)], **use
    )
    return review.candidate.evidence.margins[1].flips


CLUSTERED = [
    # clusters, items in each, rate, correlation within them, sizes differ
    (20, 50, 0.01, 1.0), (50, 20, 0.01, 1.0), (200, 10, 0.01, 1.0), (20, 50, 0.05, 0.3),
    (20, 50, 0.0, 0.0), (20, 50, 0.2, 0.1), (30, 30, 0.02, 0.05), (80, 12, 0.2, 0.1),
]  # fmt: skip


@pytest.mark.parametrize(("clusters", "items", "rate", "alike"), CLUSTERED)
def test_clustered_shares_and_gains_cover(clusters, items, rate, alike, simulations):
    rng = np.random.default_rng(0)
    number = np.repeat(np.arange(clusters), items)

    def draw():
        if alike in {0.0, 1.0}:
            own = (rng.random(clusters) < rate).astype(float) if alike else np.full(clusters, rate)
        else:
            spread = (1 - alike) / alike
            own = rng.beta(rate * spread, (1 - rate) * spread, clusters)
        return number, (rng.random(len(number)) < own[number]).astype(int), np.ones(len(number))

    flips = trials(draw, simulations)
    slack = 3 * np.sqrt(0.07 * 0.93 / simulations)
    low, high = flips.nfr_interval(0.95)
    assert np.mean((low <= rate) & (rate <= high)) >= 0.93 - slack
    low, high = flips.gain_interval(0.95)
    assert np.mean((low <= -rate) & (-rate <= high)) >= 0.93 - slack


@pytest.mark.parametrize(
    ("n", "rate", "spread"), [(300, 0.01, 0.7), (200, 0.1, 0.7), (300, 0.03, 1.2)]
)
def test_weighted_shares_cover(n, rate, spread, simulations):
    rng = np.random.default_rng(0)

    def draw():
        return np.arange(n), (rng.random(n) < rate).astype(int), rng.lognormal(0, spread, n)

    low, high = trials(draw, simulations, weighted=True).nfr_interval(0.95)
    slack = 3 * np.sqrt(0.07 * 0.93 / simulations)
    assert np.mean((low <= rate) & (rate <= high)) >= 0.93 - slack


def test_a_model_that_keeps_every_limit_seldom_fails(simulations):
    """200 slices exactly at the limit: the chance of failing any stays below (1 - .95) / 2."""
    rng = np.random.default_rng(0)
    n = rng.integers(20, 400, 200)
    reach = reach_of_counts(n, 0.02)
    p = [tail_above(rng.binomial(n, 0.02) / n, n, 0.02) for _ in range(5 * simulations)]
    failed = [(conditional_holm(values, reach) < 0.025).any() for values in p]
    assert np.mean(failed) < 0.025 + 3 * np.sqrt(0.025 / (5 * simulations))
