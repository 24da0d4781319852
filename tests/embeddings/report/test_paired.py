import numpy as np
import pytest

from supersede.embeddings.report.paired import gain_ratio, mean, mean_difference
from supersede.metrics.intervals import paired_difference


def test_differences_of_hits_are_bonett_and_price():
    rng = np.random.default_rng(0)
    old, new = rng.integers(0, 2, 80).astype(float), rng.integers(0, 2, 80).astype(float)
    found = mean_difference(old, new)
    low, high = paired_difference(
        ((old == 1) & (new == 0)).mean(), ((old == 0) & (new == 1)).mean(), 80, confidence=0.95
    )
    assert (found.low, found.high) == pytest.approx((float(low), float(high)))


def test_no_spread_is_no_certainty():
    same = mean_difference(np.ones(30), np.ones(30))
    assert same.low < 0 < same.high
    one = mean_difference(np.zeros(1), np.ones(1))
    assert one.low < 0


def test_nothing_to_estimate_from():
    assert np.isnan(mean(np.array([np.nan])).value)
    assert mean_difference(np.array([np.nan]), np.array([1.0])).n == 0


@pytest.mark.parametrize("clustered", [False, True])
def test_coverage_of_differences(simulations, clustered):
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(simulations):
        if clustered:
            own = np.repeat(rng.normal(0, 0.15, 60), 5)
            clusters = np.repeat(np.arange(60), 5)
        else:
            own, clusters = rng.normal(0, 0.15, 300), None
        old = np.clip(0.5 + rng.normal(0, 0.1, 300), 0, 1)
        new = np.clip(old + 0.05 + own, 0, 1)
        found = mean_difference(old, new, clusters=clusters)
        covered += found.low <= 0.05 <= found.high
    assert covered / simulations >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / simulations)


def test_coverage_of_the_gain(simulations):
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(simulations):
        old = rng.random(200) * 0.4
        step = rng.normal(0.3, 0.2, 200)
        found = gain_ratio(old, old + 0.5 * step + rng.normal(0, 0.1, 200), old + step)
        covered += found.low <= 0.5 <= found.high
    assert covered / simulations >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / simulations)


def test_no_gain_to_share_is_not_a_number():
    rng = np.random.default_rng(0)
    old = rng.random(100)
    assert np.isnan(gain_ratio(old, old + 0.1, old + rng.normal(0, 1, 100) * 0.1).value)
    assert np.isnan(gain_ratio(old, old, old - 0.2).value)
