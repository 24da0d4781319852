"""fairlearn's MetricFrame as the oracle of audits on partitions (fairlearn 0.15)."""

import fairlearn.metrics as fairlearn
import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as sklearn

import supersede
from supersede.audit import Rate, ZeroOne, audit_groups, audit_losses

THEIRS = {
    ZeroOne(): sklearn.zero_one_loss,
    Rate("accuracy"): sklearn.accuracy_score,
    Rate("precision"): sklearn.precision_score,
    Rate("recall"): sklearn.recall_score,
    Rate("false_positive_rate"): fairlearn.false_positive_rate,
    Rate("false_negative_rate"): fairlearn.false_negative_rate,
    Rate("selection_rate"): fairlearn.selection_rate,
}
EXACT = 1e-12


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    n = 20_000
    return pd.DataFrame(
        {
            "y": rng.integers(0, 2, n),
            "m": rng.integers(0, 2, n),
            "g": rng.integers(0, 100, n),
            "h": rng.choice(["f", "m"], n),
            "w": rng.random(n),
            "l": rng.exponential(size=n),
        }
    )


def frame_of(metric, rows, columns, **options):
    return fairlearn.MetricFrame(
        metrics=metric, y_true=rows.y, y_pred=rows.m, sensitive_features=rows[columns], **options
    )


@pytest.mark.parametrize("loss", THEIRS, ids=lambda loss: loss.name)
@pytest.mark.parametrize("columns", [["g"], ["g", "h"]])
def test_groups_and_gaps_equal_fairlearns(rows, loss, columns):
    theirs = frame_of(THEIRS[loss], rows, columns)
    table = supersede.read(rows[["y", "m", "g", "h"]], models=["m"])
    splits = {"groups": columns} if len(columns) == 1 else {"cross": [tuple(columns)]}
    ours = audit_groups(table, "m", loss=loss, **splits)
    assert ours.overall.value == pytest.approx(theirs.overall, abs=EXACT)
    by_group = theirs.by_group
    assert len(ours.rows) == len(by_group)
    for row in ours.rows:
        at = row.values if len(columns) > 1 else row.values[0]
        assert row.value == pytest.approx(by_group[at], abs=EXACT)
        assert row.gap == pytest.approx(by_group[at] - theirs.overall, abs=EXACT)
    (spread,) = ours.spreads
    if ours.rows[0].n >= 30 and all(row.n >= 30 for row in ours.rows):
        assert spread.value == pytest.approx(theirs.difference(method="between_groups"), abs=EXACT)


def test_weights_and_arrays_equal_fairlearns(rows):
    wrong = (rows.y != rows.m).to_numpy(float)
    theirs = frame_of(
        sklearn.zero_one_loss, rows, ["g"], sample_params={"sample_weight": rows.w}
    ).by_group
    ours = audit_losses(wrong, {"g": rows.g}, weight=rows.w)
    np.testing.assert_allclose([row.value for row in ours.rows], theirs.to_numpy(), atol=EXACT)

    def mean_loss(y_true, y_pred, lost):
        return lost.mean()

    theirs = frame_of(mean_loss, rows, ["g"], sample_params={"lost": rows.l}).by_group
    ours = audit_losses(rows.l, {"g": rows.g})
    np.testing.assert_allclose([row.value for row in ours.rows], theirs.to_numpy(), atol=EXACT)
