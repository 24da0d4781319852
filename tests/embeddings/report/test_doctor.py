import numpy as np
import pytest
from sklearn.datasets import load_digits

from supersede.embeddings import diagnose
from supersede.errors import TooFewLabelsError, VectorError


@pytest.fixture(scope="module")
def spaces():
    """Two models of the same images, with a mean of their own as real ones have."""
    x, _ = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    a, b = (np.maximum(x @ rng.normal(size=(64, 24)) / 20, 0) for _ in range(2))
    return a + 5 * rng.random(24), b + 5 * rng.random(24)


def test_stamps_settle_it(spaces):
    a, b = spaces
    both = np.vstack([a[:300], b[300:360]])
    found = diagnose(both, stamps=["a"] * 300 + ["b"] * 60)
    assert found.answer == "mixed"
    assert found.stamps == {"a": 300, "b": 60}
    assert diagnose(a, stamps=["a"] * len(a)).answer == "one model"


@pytest.mark.parametrize("share", [0.0, 0.05, 0.4])
def test_known_vectors_count_the_others(spaces, share):
    a, b = spaces
    n = 1000
    foreign = np.arange(n) < share * n
    both = np.where(foreign[:, None], b[:n], a[:n])
    found = diagnose(both, known_old=a[n : n + 300], known_new=b[n : n + 300])
    assert found.foreign.low <= share <= found.foreign.high
    assert found.answer == ("mixed" if share else "one model")
    assert np.isin(np.flatnonzero(foreign), found.suspects).mean() > 0.95 if share else True


def test_neighbourhoods_raise_a_suspicion_only(spaces):
    a, b = spaces
    both = np.vstack([a[:900], b[900:1200]])
    found = diagnose(both)
    assert found.answer == "suspected"
    assert (found.suspects >= 900).mean() > 0.9
    assert diagnose(a).answer == "not decided"


def test_lengths_in_two_groups(spaces):
    a, _ = spaces
    unit = a / np.linalg.norm(a, axis=1, keepdims=True)
    unit[::10] *= 7
    assert diagnose(unit).answer == "suspected"


def test_too_few_known_vectors_and_zeros(spaces):
    a, b = spaces
    with pytest.raises(TooFewLabelsError, match="too few"):
        diagnose(a, known_old=a[:5], known_new=b[:50])
    zeros = a.copy()
    zeros[:3] = 0
    assert "3 vectors are all zeros" in str(diagnose(zeros))
    zeros[0, 0] = np.nan
    with pytest.raises(VectorError, match="NaN"):
        diagnose(zeros)
