"""Many rows and many classes: time and memory grow in step with them."""

import time
import tracemalloc

import numpy as np
import pytest
from sklearn.linear_model import SGDClassifier
from sklearn.naive_bayes import GaussianNB

from supersede.train.flips import PositiveCongruentClassifier
from supersede.train.flips.soft_targets import fit_soft


def rows(n, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4))
    y = (X[:, 0] + X[:, 1] + rng.normal(size=n) > 0).astype(np.int8)
    return X, y


def cost(fit, X, y):
    """CPU seconds and peak memory, as a multiple of the rows' own."""
    tracemalloc.start()
    start = time.process_time()
    fit(X, y)
    taken = time.process_time() - start
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return taken, peak / X.nbytes


@pytest.mark.parametrize(
    "n", [100_000, pytest.param(1_000_000, marks=pytest.mark.slow)], ids=["1e5", "1e6"]
)
def test_training_grows_in_step_with_rows(n):
    old = GaussianNB().fit(*rows(500, seed=1))
    for mode in ("weights", "soft", "blend"):
        congruent = PositiveCongruentClassifier(GaussianNB(), old, mode=mode, strengths=(1.0, 2.0))
        few_seconds, few_memory = cost(congruent.fit, *rows(n // 10))
        seconds, memory = cost(congruent.fit, *rows(n))
        assert seconds < 25 * few_seconds + 0.5
        assert memory < 1.5 * few_memory  # in multiples of the rows: in step with them
        assert memory < 12
    assert congruent.front_.items == n


def test_many_classes_do_not_multiply_the_rows():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(2_000, 3)), rng.integers(200, size=2_000)
    mass = np.full((2_000, 200), 1e-4)
    mass[np.arange(2_000), y] = 1
    mass[np.arange(2_000), (y + 1) % 200] = 0.5

    class Counting(SGDClassifier):
        def fit(self, X, y, sample_weight=None):
            self.rows_, self.weight_ = len(X), sample_weight
            return self

    model = fit_soft(Counting(), X, mass.argmax(axis=1), mass, np.arange(200))
    assert model.rows_ == 4_000  # not 400 000
    assert set(model.weight_) == {1.0, 0.5}
