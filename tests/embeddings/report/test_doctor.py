import numpy as np
import pytest
from sklearn.datasets import load_digits

from supersede.embeddings import diagnose
from supersede.errors import ArgumentError, TooFewLabelsError, VectorError


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


@pytest.mark.parametrize("kind", ["clusters", "classes", "copies", "cone"])
def test_clustered_and_anisotropic_embeddings_of_one_model_raise_no_alarm(kind):
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(2000, 32))
    vectors = {
        "clusters": lambda: 3 * rng.normal(size=(10, 32))[rng.integers(0, 10, 2000)] + noise,
        "classes": lambda: np.eye(32)[rng.integers(0, 7, 2000)] + 0.02 * noise,
        "copies": lambda: np.repeat(noise[:150], 15, axis=0),
        "cone": lambda: noise * np.r_[20, np.ones(31)] + 5,
    }[kind]()
    assert diagnose(vectors).answer == "not decided"


def test_one_model_is_said_only_of_less_than_one_per_cent(spaces):
    a, b = spaces
    both = np.where((np.arange(1000) < 15)[:, None], b[:1000], a[:1000])
    for known in (30, 100, 300):
        found = diagnose(both, known_old=a[1000 : 1000 + known], known_new=b[1000 : 1000 + known])
        assert found.answer != "one model"


def test_what_says_nothing_is_not_taken_for_an_answer(spaces):
    a, _ = spaces
    with pytest.raises(ArgumentError, match="go together"):
        diagnose(a, known_old=a[:50])
    with pytest.raises(ArgumentError, match="one for each"):
        diagnose(a, stamps=["m1"] * 10)
    found = diagnose(a, stamps=["m1"] * (len(a) - 5) + [None] * 5)
    assert (found.answer, found.stamps) == ("not decided", {"m1": len(a) - 5})
    same = diagnose(a[:500], known_old=a[500:600], known_new=a[600:700])
    assert same.answer == "not decided"
    assert "do not differ" in str(same)


def test_vectors_of_two_dimensions_are_two_models():
    found = diagnose([[1.0, 2.0]] * 5 + [[1.0, 2.0, 3.0]] * 2)
    assert (found.answer, found.suspects.tolist()) == ("mixed", [5, 6])
    assert "2 (5 vectors), 3 (2 vectors)" in str(found)


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
