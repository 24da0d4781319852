"""The convex programme: feasible, optimal, and never worse than what it may choose from."""

import numpy as np
import pytest

from supersede.evaluate.allocate import allocate
from supersede.evaluate.strata import stratify


def instance(seed, targets=4, kinds=60):
    rng = np.random.default_rng(seed)
    count = rng.integers(1, 80, kinds).astype(float)
    inside = rng.random((targets, kinds)) < 0.4
    p = rng.uniform(0.02, 0.98, kinds)
    variance = inside * p * (1 - p) / np.maximum(inside @ count, 1)[:, None] ** 2
    return count, variance, np.full(targets, (0.05 / 1.96) ** 2)


def usage(count, variance, probability):
    return variance @ (count * (1 / probability - 1))


@pytest.mark.parametrize("seed", range(8))
def test_targets_are_met_and_the_bound_is_near(seed):
    count, variance, budget = instance(seed)
    found = allocate(count, variance, budget)
    used = (variance * (count * (1 / np.maximum(found.probability, 1e-300) - 1))).sum(axis=1)
    assert (used <= budget * (1 + 1e-9)).all()
    assert found.bound <= found.labels <= found.bound * 1.0003


def test_a_target_of_zero_takes_all_items_that_matter():
    count, variance, budget = instance(1)
    budget[2] = 0
    found = allocate(count, variance, budget)
    assert (found.probability[variance[2] > 0] == 1).all()
    assert allocate(count, variance, budget * 0).labels == count[(variance > 0).any(axis=0)].sum()


def test_labels_already_paid_for_are_kept():
    count, variance, budget = instance(2)
    paid = np.full(len(count), 0.3)
    found = allocate(count, variance, budget, paid)
    assert (found.probability >= 0.3 - 1e-12).all()


def test_strata_meet_the_targets_with_whole_labels():
    count, variance, budget = instance(3)
    found = allocate(count, variance, budget)
    strata = stratify(
        count.astype(int), variance, budget, found.probability, np.linspace(0, 1, len(count))
    )
    assert (strata.usage <= 1 + 1e-9).all()
    assert (strata.take <= strata.items).all()
    assert strata.take.sum() < 1.15 * found.labels + 4
