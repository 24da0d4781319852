"""Sums and variances against loops that say the same at length."""

import numpy as np
import pytest

from supersede.metrics.auc import _variance
from supersede.metrics.class_averages import _Parts
from supersede.metrics.classification import _class_products
from supersede.metrics.moments import Moments


def test_products_of_clusters_decisions():
    rng = np.random.default_rng(0)
    truth, answer, cluster = (rng.integers(0, k, 60) for k in (4, 4, 7))
    weight = rng.random(60)
    expected = np.zeros((4, 4, 4))
    for kind in range(4):
        hit = (truth == kind) & (answer == kind)
        named, missed = (answer == kind) & ~hit, (truth == kind) & ~hit
        decisions = np.stack([hit, named, missed, ~(hit | named | missed)])
        for c in range(7):
            sums = (decisions * weight)[:, cluster == c].sum(axis=1)
            expected[kind] += np.outer(sums, sums)
    found = _class_products(truth, answer, weight, cluster, 4)
    assert found == pytest.approx(expected)


def test_the_variance_of_an_area_over_clusters():
    rng = np.random.default_rng(1)
    pull, y, cluster = rng.normal(size=40), rng.random(40) < 0.5, np.repeat(np.arange(8), 5)
    sums = pull.reshape(8, 5).sum(axis=1)
    assert _variance(pull, y, cluster) == pytest.approx(8 / 7 * (sums**2).sum())


def test_degrees_of_freedom_are_the_residuals_squared_sum_over_their_fourth_powers():
    rng = np.random.default_rng(2)
    w, x = rng.random(9) + 0.5, rng.random(9)
    fourth = np.array([[(w ** (4 - k) * x**k).sum() for k in range(5)]])
    one = Moments(
        *(np.array([v]) for v in (9.0, w.sum(), (w * w).sum(), x.sum(), (w * x).sum(), (x * x).sum())),
        units=np.array([9.0]), fourth=fourth,
    )  # fmt: skip
    residual = x - x.sum() / w.sum() * w
    expected = (residual**2).sum() ** 2 / (residual**4).sum()
    assert 1 < expected < 8
    assert one.freedom[0] == pytest.approx(expected)


def test_a_class_without_items_may_have_any_rate():
    nothing, none = np.zeros((2, 2)), np.array([50.0, 0.0])
    rate = np.array([0.8, 0.0])
    parts = _Parts(rate, rate, none, none, nothing, nothing, plain=True)
    low, high = parts.level_interval(0.95)
    assert low < 0.15  # 0.25 below the mean for the one class, and some more for the other
    assert 0.9 <= high <= 1.0


def test_degrees_of_freedom_are_fewer_than_units():
    x = np.tile([0.0, 1.0], 4)  # residuals of one size, whose sums' ratio is the number of units
    fourth = np.array([[8.0, *[4.0] * 4]])
    one = Moments(*(np.array([v]) for v in (8.0, 8.0, 8.0, 4.0, 4.0, 4.0)), np.array([8.0]), fourth)
    assert np.mean(x) == one.mean[0]
    assert one.freedom[0] == pytest.approx(7.0)
