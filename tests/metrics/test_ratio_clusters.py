"""Intervals of groups' losses where few clusters carry the variance."""

import numpy as np
import pyarrow as pa
import pytest

from supersede.metrics.ratio_intervals import interval, joint_interval
from supersede.metrics.ratio_sums import sum_ratios
from supersede.metrics.ratios import Part


@pytest.mark.parametrize(
    ("clusters", "items", "rate", "alike"), [(20, 50, 0.05, 0.3), (12, 100, 0.05, 0.1)]
)
def test_few_clusters_cover(clusters, items, rate, alike):
    rng, trials = np.random.default_rng(0), 400
    spread = (1 - alike) / alike
    own = rng.beta(rate * spread, (1 - rate) * spread, (trials, clusters))
    lost = (rng.random((trials, clusters, items)) < own[:, :, None]).astype(float).ravel()
    keys = {"trial": pa.array(np.repeat(np.arange(trials), clusters * items))}
    unit = pa.array(np.arange(len(lost)) // items)
    (found,) = sum_ratios([Part(lost, binary=True)], keys, [("trial",)], cluster=unit)
    low, high = interval(found, 0, "share", 0.95)
    assert np.mean((low <= rate) & (rate <= high)) >= 0.945
    low, high = joint_interval(found, 0, "share", 0.95)
    assert np.all((low <= rate) & (rate <= high))
    halves = found.take(np.arange(200)), found.take(np.arange(200, 400))
    total = halves[0] + halves[1]  # no cluster in common
    assert np.allclose(total.fourth, found.fourth[:200] + found.fourth[200:])
