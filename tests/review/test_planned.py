"""A review of labels that came from a plan is right, and needs far fewer of them."""

import numpy as np
import pytest

import supersede
from supersede import errors
from supersede.evaluate import accuracy, negative_flips, plan
from supersede.review import MaxNFR, MinGain


def planned(rows, seed):
    """The rows with the labels that a plan asked for, and the plan."""
    unlabelled = supersede.read(rows.drop(columns="y"), models=["a", "b"], labelled=False)
    asked = [accuracy("b") - accuracy("a"), negative_flips("a", "b")]
    design = plan(unlabelled, asked, margin=0.01, seed=seed)
    chosen = design.items.filter(np.logical_not(design.items["reserve"].to_numpy()))
    ids = set(chosen["item"].to_pylist())
    return rows.assign(y=rows["y"].astype(float).where(rows["id"].isin(ids))), design


def test_planned_labels_give_the_truth(frame, simulations):
    rows = frame(20_000, nfr=0.02, pfr=0.05)
    truth = supersede.compare(rows, old="a", new="b").candidate.evidence.whole
    found, covered = [], []
    for seed in range(max(10, simulations // 20)):
        some, design = planned(rows, seed)
        review = supersede.compare(
            some, old="a", new="b", checks=[MaxNFR(0.05), MinGain(0)], labels=design
        )
        whole = review.candidate.evidence.whole
        assert review.candidate.evidence.labelled == some["y"].notna().sum() < 2000
        low, high = whole.nfr_interval(0.95)
        found.append((whole.nfr[0], whole.gain.mean[0]))
        covered.append(low[0] <= truth.nfr[0] <= high[0])
    assert np.mean(found, axis=0) == pytest.approx([truth.nfr[0], truth.gain.mean[0]], abs=0.002)
    assert np.mean(covered) > 0.85
    assert review.verdict == "pass"
    page = review.to_html()
    assert f"chosen by the plan {design.design}" in page
    assert "nan" not in page.lower().replace("nano", "")


def test_what_a_plan_cannot_serve_is_refused(frame):
    rows = frame(3000)
    some, design = planned(rows, 1)
    table = supersede.read(some.rename(columns={"id": "key"}), models=["a", "b"])
    with pytest.raises(errors.ArgumentError, match="needs item ids and a label column"):
        supersede.compare(table, old="a", new="b", labels=design)
    with pytest.raises(errors.ArgumentError, match="without clusters or costs"):
        supersede.compare(some, old="a", new="b", cluster="site", labels=design)
