"""Metrics by class and by group, at the edges that the oracle does not cover."""

import numpy as np
import pytest

import supersede
from supersede.errors import ArgumentError
from supersede.metrics import METRICS, by_class, by_group, calibration
from supersede.table import Right


def test_classes_one_against_the_rest():
    rows = {"y": ["a", "a", "b", "c"], "m": ["a", "b", "b", "d"]}
    found = by_class(supersede.read(rows, models=["m"]), "m")
    assert found.keys["class"].to_pylist() == ["a", "b", "c", "d"]
    assert found.metric("recall", 0.95).value[:3].tolist() == [0.5, 1.0, 0.0]
    assert np.isnan(found.metric("recall", 0.95).value[3])  # no such label
    assert np.isnan(found.metric("precision", 0.95).value[2])  # never predicted
    assert found.metric("accuracy", 0.95).value.tolist() == [0.75, 0.75, 0.75, 0.75]


def test_a_group_of_one_gets_a_wide_interval():
    rows = {"y": [1, 0, 1], "m": [1, 0, 1], "g": ["x", "x", "y"]}
    (found,) = by_group(supersede.read(rows, models=["m"]), "m", [["g"]])
    share = found.metric("accuracy", 0.95)
    assert share.value.tolist() == [1.0, 1.0]
    assert (share.high - share.low).max() > 0.7


def test_unknown_metrics_and_models_without_classes_are_refused():
    table = supersede.read({"m": [1, 0]}, models={"m": Right("m")})
    with pytest.raises(ArgumentError, match="predicts no classes"):
        by_group(table, "m", [[]])
    with pytest.raises(ArgumentError, match="no scores"):
        calibration(table, "m")
    table = supersede.read({"y": [1], "m": [1]}, models=["m"])
    with pytest.raises(ArgumentError, match="no metric 'auc'"):
        by_class(table, "m").metric("auc", 0.95)


def test_weights_enter_every_metric():
    rows = {"y": [1, 1, 0], "m": [1, 0, 0], "w": [3, 1, 2]}
    table = supersede.read(rows, models=["m"], weight="w")
    (found,) = by_group(table, "m", [[]])
    assert found.metric("accuracy", 0.95).value.tolist() == pytest.approx([5 / 6])
    assert found.metric("recall", 0.95).value.tolist() == pytest.approx([3 / 4])
    assert by_class(table, "m").metric("recall", 0.95).value.tolist() == pytest.approx([1.0, 3 / 4])


def test_doubled_items_in_clusters_count_once():
    rng = np.random.default_rng(1)
    y, m, g = rng.integers(0, 3, 300), rng.integers(0, 3, 300), rng.integers(0, 2, 300)
    once = {"y": y, "m": m, "g": g}
    twice = {name: np.repeat(values, 2) for name, values in once.items()}
    twice["speaker"] = np.repeat(np.arange(300), 2)
    alone = supersede.read(once, models=["m"])
    pairs = supersede.read(twice, models=["m"], cluster="speaker")
    for name in METRICS:
        for a, b in (
            (by_group(alone, "m", [["g"]])[0], by_group(pairs, "m", [["g"]])[0]),
            (by_class(alone, "m"), by_class(pairs, "m")),
        ):
            order = [b.keys.to_pylist().index(key) for key in a.keys.to_pylist()]
            one, two = a.metric(name, 0.95), b.metric(name, 0.95)
            assert two.low[order] == pytest.approx(one.low)
            assert two.high[order] == pytest.approx(one.high)
            assert two.n[order] == pytest.approx(one.n)
            assert b.n[order] == pytest.approx(2 * a.n)


@pytest.mark.parametrize("weights", [False, True])
def test_clusters_vary_as_linearised_by_hand(weights):
    rng = np.random.default_rng(2)
    rows = {
        "y": rng.integers(0, 2, 900),
        "m": rng.integers(0, 2, 900),
        "s": rng.integers(0, 90, 900),
    }
    weight = rng.uniform(0.5, 2, 900) if weights else np.ones(900)
    table = supersede.read(
        rows | {"w": weight}, models=["m"], cluster="s", weight="w" if weights else None
    )
    whole = weight * (rows["y"] == 1)
    part = whole * (rows["m"] == 1)
    ratio = part.sum() / whole.sum()
    error = np.sqrt((np.bincount(rows["s"], part - ratio * whole) ** 2).sum()) / whole.sum()
    (found,) = by_group(table, "m", [[]])
    recall = found.metric("recall", 0.95)
    assert recall.value == pytest.approx(ratio)
    assert np.sqrt(ratio * (1 - ratio) / recall.n) == pytest.approx(error)


def test_calibration_is_perfect_where_scores_are_shares():
    rng = np.random.default_rng(0)
    score = rng.uniform(size=20_000)
    label = (rng.uniform(size=20_000) < score).astype(int)
    table = supersede.read({"y": label, "m": score}, models=["m"])
    assert calibration(table, "m").error < 0.02
    table = supersede.read({"y": label, "m": score**2}, models=["m"])
    assert calibration(table, "m").error > 0.1


def test_one_cluster_that_is_a_whole_slice_counts_as_one_unit():
    y = ["cat"] * 49 + ["dog"] * 60 + ["eel"] * 60
    m = ["cat"] * 44 + ["dog"] * 55 + ["eel"] * 65 + ["dog"] * 5
    site = ["all cats", *(f"site {i // 4}" for i in range(120))]
    rows = {"y": y, "m": m, "site": [site[0]] * 49 + site[1:]}
    found = by_class(supersede.read(rows, models=["m"], cluster="site"), "m").metric("recall", 0.95)
    assert found.n[0] == pytest.approx(1)
    assert found.high[0] - found.low[0] > 0.5


def test_groups_that_are_no_number_are_a_group_with_clusters_too():
    rows = {
        "y": [1, 0, 1, 1],
        "m": [1, 1, 1, 0],
        "g": np.array([1.0, np.nan, 1.0, np.nan]),
        "c": list("aabb"),
    }
    (found,) = by_group(supersede.read(rows, models=["m"], cluster="c"), "m", [["g"]])
    assert sorted(found.metric("accuracy", 0.95).value.tolist()) == [0.0, 1.0]
