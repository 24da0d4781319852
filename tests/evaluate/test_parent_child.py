"""The article's method: unbiased with randomised rounding, capped, and its closed form."""

import numpy as np
import pytest

from supersede.evaluate.hypergeometric import sample_size
from supersede.evaluate.parent_child import draw_child, expected_saving


def draws(parent, child, n_parent, n_child, mix, reps, seed=0):
    """Item lists of the child and numbers of labels, over replications."""
    rng = np.random.default_rng(seed)
    inside = np.intersect1d(parent, child)
    outside = np.setdiff1d(child, parent)
    member = np.zeros(max(parent.max(), child.max()) + 1, bool)
    member[child] = True
    for _ in range(reps):
        top = rng.choice(parent, n_parent, replace=False)
        own = rng.permutation(outside)[:n_child]
        free = rng.permutation(child)[: 3 * n_child]
        made = draw_child(top[member[top]], own, free, len(inside), len(outside), n_child, mix, rng)
        yield made, len(np.union1d(top, made.members))


@pytest.mark.parametrize("sizes", [(1000, 900, 600), (500, 9450, 450), (4000, 4009, 4000)])
def test_every_item_is_as_likely_as_any_other(sizes):
    n_parent, n_child, overlap = sizes
    parent = np.arange(n_parent)
    child = np.arange(n_parent - overlap, n_parent - overlap + n_child)
    take = sample_size(n_child, 0.05, 0.95)
    counts = np.zeros(child.max() + 1)
    reps = 400
    for made, _ in draws(parent, child, sample_size(n_parent, 0.05, 0.95), take, "reshuffle", reps):
        assert len(made.members) == len(set(made.members)) == take
        counts[made.members] += 1
    want = reps * take / n_child
    for part in (np.intersect1d(parent, child), np.setdiff1d(child, parent)):
        error = want * (1 - take / n_child) / len(part)
        assert abs(counts[part].mean() - want) < 4 * error**0.5 + 4 * (reps / len(part)) ** 0.5 / 10


def test_the_cap_keeps_a_large_child_affordable():
    parent, child = np.arange(500), np.arange(50, 9500)
    n = sample_size(500, 0.05, 0.95), sample_size(len(child), 0.05, 0.95)
    labels = [n_labels for _, n_labels in draws(parent, child, *n, "reshuffle", 20)]
    assert np.mean(labels) < sum(n)


@pytest.mark.parametrize("mix", ["reshuffle", "resample"])
def test_the_closed_form_predicts_the_labels(mix):
    parent, child = np.arange(20_000), np.arange(8000, 26_000)
    n = 370
    labels = [n_labels for _, n_labels in draws(parent, child, n, n, mix, 60)]
    predicted = 2 * n * (1 - expected_saving(12 / 20, 12 / 18, mix))
    assert np.mean(labels) == pytest.approx(predicted, rel=0.02)


def test_without_overlap_nothing_is_shared():
    made, labels = next(draws(np.arange(100), np.arange(100, 300), 50, 60, "reshuffle", 1))
    assert labels == 110
    assert len(made.members) == 60


def test_resampling_repeats_labels():
    made, _ = next(draws(np.arange(1000), np.arange(1000), 200, 200, "resample", 1))
    assert len(made.repeats) == 200
    assert 0.55 < len(made.members) / 200 < 0.72  # 1 - 1/e
