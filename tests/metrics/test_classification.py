"""Metrics by class and by group, at the edges that the oracle does not cover."""

import numpy as np
import pytest

import supersede
from supersede.errors import ArgumentError
from supersede.metrics import by_class, by_group, calibration
from supersede.table import Right


def test_classes_one_against_the_rest():
    rows = {"y": ["a", "a", "b", "c"], "m": ["a", "b", "b", "d"]}
    found = by_class(supersede.read(rows, models=["m"]), "m")
    assert found.keys["class"].to_pylist() == ["a", "b", "c", "d"]
    assert found.metric("recall").value[:3].tolist() == [0.5, 1.0, 0.0]
    assert np.isnan(found.metric("recall").value[3])  # no such label
    assert np.isnan(found.metric("precision").value[2])  # never predicted
    assert found.metric("accuracy").value.tolist() == [0.75, 0.75, 0.75, 0.75]


def test_a_group_of_one_gets_a_wide_interval():
    rows = {"y": [1, 0, 1], "m": [1, 0, 1], "g": ["x", "x", "y"]}
    (found,) = by_group(supersede.read(rows, models=["m"]), "m", [["g"]])
    share = found.metric("accuracy")
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
        by_class(table, "m").metric("auc")


def test_weights_enter_every_metric():
    rows = {"y": [1, 1, 0], "m": [1, 0, 0], "w": [3, 1, 2]}
    table = supersede.read(rows, models=["m"], weight="w")
    (found,) = by_group(table, "m", [[]])
    assert found.metric("accuracy").value.tolist() == pytest.approx([5 / 6])
    assert found.metric("recall").value.tolist() == pytest.approx([3 / 4])
    assert by_class(table, "m").metric("recall").value.tolist() == pytest.approx([1.0, 3 / 4])


def test_calibration_is_perfect_where_scores_are_shares():
    rng = np.random.default_rng(0)
    score = rng.uniform(size=20_000)
    label = (rng.uniform(size=20_000) < score).astype(int)
    table = supersede.read({"y": label, "m": score}, models=["m"])
    assert calibration(table, "m").error < 0.02
    table = supersede.read({"y": label, "m": score**2}, models=["m"])
    assert calibration(table, "m").error > 0.1
