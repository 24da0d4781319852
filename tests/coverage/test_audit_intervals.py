"""Do the audit's intervals hold what they promise? Summed over all outcomes, or simulated."""

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from supersede.metrics.agresti_coull import agresti_coull
from supersede.metrics.intervals import z
from supersede.metrics.ratio_intervals import change, gap, interval, joint_interval
from supersede.metrics.ratio_sums import sum_ratios
from supersede.metrics.ratios import Part

GROUPS = 10


@pytest.mark.parametrize("n", [20, 21, 50, 200, 2000])
def test_intervals_of_one_group_cover(n):
    """Summed over all outcomes: exact, no simulation."""
    shares = np.arange(0.05, 0.9501, 0.002)
    hits = np.arange(n + 1)
    low, high = agresti_coull(hits / n, np.full(n + 1, n), z(0.95))
    covered = [stats.binom.pmf(hits, n, p)[(low <= p) & (p <= high)].sum() for p in shares]
    assert np.mean(covered) >= 0.945
    assert min(covered) >= 0.92


def simulated(draw, sizes, trials, weight=None, cluster=None):
    """Counts of `trials` audits of groups of these sizes, stacked as groups of one count."""
    per = sum(sizes)
    groups = np.tile(np.repeat(np.arange(len(sizes)), sizes), trials)
    trial = np.repeat(np.arange(trials), per)
    lost = draw(groups)
    keys = {"trial": pa.array(trial), "g": pa.array(groups)}
    binary = weight is None and set(np.unique(lost)) <= {0.0, 1.0}
    found, whole = sum_ratios(
        [Part(lost, binary=binary)], keys, [("trial", "g"), ("trial",)], weight=weight,
        cluster=cluster,
    )  # fmt: skip
    return found, whole


@pytest.mark.parametrize("rates", [(0.05,), (0.5,), (0.05, 0.2, 0.8)])
@pytest.mark.parametrize("n", [20, 100])
def test_joint_intervals_hold_for_all_groups(rates, n, simulations):
    rng = np.random.default_rng(0)
    truth = np.resize(rates, GROUPS)
    found, _ = simulated(
        lambda g: (rng.random(len(g)) < truth[g]).astype(float), [n] * GROUPS, simulations
    )
    held = []
    order = np.lexsort((found.keys["g"].to_numpy(), found.keys["trial"].to_numpy()))
    found = found.take(order)
    for start in range(0, len(found), GROUPS):
        part = found.take(np.arange(start, start + GROUPS))
        low, high = joint_interval(part, 0, "share", 0.95)
        held.append(np.all((low <= truth) & (truth <= high)))
    # the binomial's own error leaves some room below the nominal level
    assert np.mean(held) >= 0.95 - 2 * np.sqrt(0.05 * 0.95 / simulations)


@pytest.mark.parametrize(
    ("draw", "truth", "unit", "least"),
    [
        (lambda rng, k: rng.beta(0.5, 2, k), 0.2, "share", 0.93),
        (lambda rng, k: rng.binomial(5, rng.beta(0.5, 2, k)) / 5, 0.2, "share", 0.93),
        (lambda rng, k: rng.gamma(2, size=k), 2.0, "amount", 0.92),
        (lambda rng, k: rng.exponential(size=k), 1.0, "amount", 0.91),
    ],
    ids=["graded", "runs", "amounts", "skewed amounts"],
)
def test_other_losses_cover(draw, truth, unit, least, simulations):
    rng = np.random.default_rng(1)
    found, _ = simulated(lambda g: draw(rng, len(g)), [30], 5 * simulations)
    low, high = interval(found, 0, unit, 0.95)
    assert np.mean((low <= truth) & (truth <= high)) >= least


@pytest.mark.parametrize("kind", ["weights", "clusters"])
def test_weights_and_clusters_cover(kind, simulations):
    rng = np.random.default_rng(2)
    n, trials = 100, 3 * simulations
    weight = cluster = None
    if kind == "weights":
        weight = rng.lognormal(0, 0.7, n * trials)
        found, _ = simulated(
            lambda g: (rng.random(len(g)) < 0.2).astype(float), [n], trials, weight=weight
        )
    else:
        cluster = np.arange(n * trials) // 4
        rate = rng.beta(1, 4, len(cluster) // 4)
        found, _ = simulated(
            lambda g: (rng.random(len(g)) < rate[cluster]).astype(float), [n], trials,
            cluster=pa.array(cluster),
        )  # fmt: skip
    low, high = interval(found, 0, "share", 0.95)
    assert np.mean((low <= 0.2) & (high >= 0.2)) >= 0.93


@pytest.mark.parametrize("clustered", [False, True])
def test_gaps_to_all_items_cover(clustered, simulations):
    rng = np.random.default_rng(3)
    truth, sizes = np.array([0.1, 0.3, 0.1]), [40, 60, 200]
    overall = np.average(truth, weights=sizes)
    covered = []
    for _ in range(simulations):
        groups = np.repeat(np.arange(3), sizes)
        rate, cluster = truth[groups], None
        if clustered:  # speakers who meet every condition
            cluster = rng.integers(0, 60, len(groups))
            shift = rng.normal(0, 0.05, 60)[cluster]
            rate = np.clip(rate + shift, 0, 1)
        lost = (rng.random(len(groups)) < rate).astype(float)
        found, whole = sum_ratios(
            [Part(lost, binary=True)], {"g": pa.array(groups)}, [("g",), ()],
            cluster=None if cluster is None else pa.array(cluster),
        )  # fmt: skip
        _, low, high = gap(found, whole, 0, "share", 0.95)
        covered.append((low <= truth - overall) & (truth - overall <= high))
    assert np.mean(covered) >= 0.93
    assert np.mean(covered, axis=0).min() >= 0.91


def test_paired_changes_cover(simulations):
    rng = np.random.default_rng(4)
    n, trials = 60, 5 * simulations
    fate = rng.choice(4, size=n * trials, p=[0.75, 0.05, 0.1, 0.1])
    old, new = np.isin(fate, [2, 3]).astype(float), np.isin(fate, [1, 3]).astype(float)
    keys = {"trial": pa.array(np.repeat(np.arange(trials), n))}
    (found,) = sum_ratios([Part(old, binary=True), Part(new, binary=True)], keys, [("trial",)])
    _, low, high = change(found, 0, 1, "share", 0.95)
    assert np.mean((low <= -0.05) & (high >= -0.05)) >= 0.94
