"""fairlearn's MetricFrame as the oracle of the group table (fairlearn 0.15, _metric_frame.py)."""

import fairlearn.metrics as fairlearn
import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as sklearn

import supersede
from supersede.metrics import by_group

THEIRS = {
    "accuracy": sklearn.accuracy_score,
    "precision": sklearn.precision_score,
    "recall": sklearn.recall_score,
    "f1": sklearn.f1_score,
    "false_positive_rate": fairlearn.false_positive_rate,
    "specificity": fairlearn.true_negative_rate,
    "false_negative_rate": fairlearn.false_negative_rate,
    "selection_rate": fairlearn.selection_rate,
}


@pytest.mark.parametrize("columns", [["g"], ["g", "h"]])
def test_groups_equal_fairlearns(columns):
    rng = np.random.default_rng(0)
    n = 20_000
    rows = pd.DataFrame(
        {
            "y": rng.integers(0, 2, n),
            "m": rng.integers(0, 2, n),
            "g": rng.integers(0, 100, n),
            "h": rng.integers(0, 2, n),
        }
    )
    theirs = fairlearn.MetricFrame(
        metrics=THEIRS, y_true=rows.y, y_pred=rows.m, sensitive_features=rows[columns]
    ).by_group
    (found,) = by_group(supersede.read(rows, models=["m"]), "m", [columns])
    ours = pd.DataFrame(found.to_dict(0.95)).set_index(columns).sort_index()
    for name in THEIRS:
        assert np.abs(ours[name].to_numpy() - theirs[name].to_numpy()).max() < 1e-12
