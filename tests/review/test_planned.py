"""A review of labels that came from a plan is right, and needs far fewer of them."""

import numpy as np
import pytest

import supersede
from supersede import errors
from supersede.evaluate import accuracy, negative_flips, plan, precision
from supersede.review import MaxNFR, MinGain, NoSliceWorse


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


def test_weights_of_the_items_and_of_the_plan_multiply(frame, simulations):
    rows = frame(4000, nfr=0.05, pfr=0.05)
    lost = (rows["a"] == rows["y"]) & (rows["b"] != rows["y"])
    rows["w"] = np.where(lost, 2.0, 1.0) * np.random.default_rng(3).lognormal(0, 0.5, len(rows))
    truth = (rows["w"] * lost).sum() / rows["w"].sum()
    found, covered = [], []
    for seed in range(max(10, simulations // 40)):
        some, design = planned(rows.drop(columns="w"), seed)
        review = supersede.compare(
            some.assign(w=rows["w"]),
            old="a",
            new="b",
            weight="w",
            labels=design,
            checks=[MaxNFR(0.5)],
        )
        finding = review.candidate.findings[0]
        found.append(finding.estimate)
        covered.append(finding.low <= truth <= finding.high)
    error = np.std(found) / np.sqrt(len(found))
    assert abs(np.mean(found) - truth) < 3 * error
    assert np.mean(covered) >= 0.8


def test_reserves_count_for_those_they_replace_and_no_label_may_be_missing(frame):
    rows = frame(8000, nfr=0.05, pfr=0.05)
    some, design = planned(rows, 1)

    def estimate(ids):
        y = rows["y"].astype(float).where(rows["id"].isin(ids))
        review = supersede.compare(
            rows.assign(y=y), old="a", new="b", labels=design, checks=[MaxNFR(0.5)]
        )
        return review.candidate.findings[0].estimate

    every = set(design.items["item"].to_pylist())
    first = set(some["id"][some["y"].notna()])
    flips = rows["a"] != rows["b"]
    lost = flips & (rows["a"] == rows["y"])
    for ids in (first, every):  # one probability in each of two strata of disagreement
        in_sample = rows["id"].isin(ids) & flips
        rate = lost[in_sample].sum() / in_sample.sum()
        assert estimate(ids) == pytest.approx(rate * flips.mean(), rel=0.05)
    with pytest.raises(errors.ArgumentError, match="1 labels that the plan asked for are missing"):
        estimate(first - {next(iter(first))})


def test_a_plan_for_another_question_says_nothing_of_flips(frame):
    rows = frame(4000)
    unlabelled = supersede.read(rows.drop(columns="y"), models=["a", "b"], labelled=False)

    def review(*asked, new="b", rows=rows):
        design = plan(unlabelled, list(asked), margin=0.05, method="coordinated")
        ids = design.items["item"].to_pylist()
        some = rows.assign(y=rows["y"].astype(float).where(rows["id"].isin(ids)), c=rows["b"])
        return supersede.compare(some, old="a", new=new, labels=design, checks=[MaxNFR(0.5)])

    with pytest.raises(errors.ArgumentError, match="asks nothing about 'a'"):
        review(precision("b"))
    with pytest.raises(errors.ArgumentError, match="asks nothing about 'c'"):
        review(negative_flips("a", "b"), new="c")
    with pytest.raises(errors.ArgumentError, match=r"leaves out \d+ items on which a and b differ"):
        review(negative_flips("a", "b").within(sex="f"))
    with pytest.raises(errors.ArgumentError, match="is of 4\u202f000 items, and this table has 3"):
        review(negative_flips("a", "b"), rows=rows[:3999])
    changed = rows.assign(id=np.where(rows["sex"] == "f", -1 - rows["id"], rows["id"]))
    with pytest.raises(errors.ItemError, match="of the plan are not in column 'id'"):
        review(negative_flips("a", "b"), rows=changed)
    assert review(accuracy("b")).candidate.evidence.whole.old.mean[0] > 0.5
    both = review(precision("a"), negative_flips("a", "b")).candidate.evidence.whole
    assert np.isnan(both.old.mean[0])  # labels where a says 1 are not those of all items
    assert both.nfr[0] > 0


def test_what_a_plan_cannot_serve_is_refused(frame):
    rows = frame(3000)
    some, design = planned(rows, 1)
    table = supersede.read(some.rename(columns={"id": "key"}), models=["a", "b"])
    with pytest.raises(errors.ArgumentError, match="needs item ids and a label column"):
        supersede.compare(table, old="a", new="b", labels=design)
    with pytest.raises(errors.ArgumentError, match="without clusters or costs"):
        supersede.compare(some, old="a", new="b", cluster="site", labels=design)


def test_a_plan_for_differences_alone_is_no_doubt_about_the_label(frame):
    """Where both models agree there is no label, so that the new model's accuracy is not known."""
    some, design = planned(frame(20_000, nfr=0.02, pfr=0.05), 1)
    review = supersede.compare(some, old="a", new="b", checks=[MinGain(0)], labels=design)
    assert review.verdict == "pass"
    assert not any("equals the predictions" in note for note in review.candidate.notes)


def test_labels_that_came_back_are_joined_by_item(frame, tmp_path):
    rows = frame(5000, nfr=0.05, pfr=0.05)
    some, design = planned(rows, 0)
    given = some[some["y"].notna()]
    arguments = {"old": "a", "new": "b", "checks": [MaxNFR(0.05), MinGain(0)], "labels": design}
    joined = supersede.compare(some, **arguments)
    file = tmp_path / "plan.csv"
    given.assign(label=given["y"].astype(int), item=given["id"]).to_csv(file, index=False)
    empty = rows.assign(y=None)  # a column that is waiting for labels
    backwards = {"item": given["id"][::-1], "label": given["y"].astype(int)[::-1]}
    for table, returned, label in (
        (rows.drop(columns="y"), file, None),
        (rows, backwards, None),  # a column that nobody named is not taken for labels
        (empty, file, "y"),
    ):
        review = supersede.compare(table, returned=returned, label=label, **arguments)
        assert review.candidate.findings == joined.candidate.findings
    with pytest.raises(errors.ArgumentError, match="two places: column 'y' holds 5"):
        supersede.compare(rows, returned=file, label="y", **arguments)
    with pytest.raises(errors.MissingColumnError, match="'yy'"):
        supersede.compare(rows, returned=file, label="yy", **arguments)
    with pytest.raises(errors.ArgumentError, match="labels that the plan asked for are missing"):
        supersede.compare(rows, returned={"item": [0], "label": [1]}, **arguments)
    with pytest.raises(errors.LabelError, match="yes"):
        supersede.compare(
            rows, returned={"item": given["id"], "label": ["yes"] * len(given)}, **arguments
        )
    with pytest.raises(errors.ArgumentError, match="labels=<plan>"):
        supersede.compare(rows, old="a", new="b", labels="random", returned=file)


def test_undecided_groups_are_planned_labelled_and_decided(frame):
    rows = frame(6000, nfr=0.03, pfr=0.08).drop(columns=["sex"])
    rng = np.random.default_rng(1)
    rows["ward"] = np.where(rng.random(6000) < 0.1, "small", "large")
    spoilt = (rows["ward"] == "small") & (rng.random(6000) < 0.4)
    rows["b"] = np.where(spoilt, 1 - rows["b"], rows["b"])
    known = rng.random(6000) < 0.03
    arguments = {
        "old": "a", "new": "b", "item": "id", "groups": ["ward"],
        "checks": [MinGain(-0.02), NoSliceWorse(0.05)],
    }  # fmt: skip
    first = supersede.compare(rows.assign(y=rows["y"].where(known)), labels="random", **arguments)
    assert first.verdict == "undecided"
    unlabelled = supersede.read(
        rows.drop(columns="y"), models=["a", "b"], item="id", labelled=False
    )
    design = plan(unlabelled, for_review=first.to_dict())
    names = [e.name for e in design.estimands]
    assert "accuracy(b) - accuracy(a)" in names
    assert "accuracy(b) - accuracy(a) | ward=small" in names
    asked = design.items.filter(np.logical_not(design.items["reserve"].to_numpy()))
    asked = asked["item"].to_pylist()
    truth = dict(zip(rows["id"], rows["y"], strict=True))
    returned = {"item": asked, "label": [truth[i] for i in asked]}
    again = supersede.compare(rows.drop(columns="y"), labels=design, returned=returned, **arguments)
    found = {f.check: f for f in again.candidate.findings}
    assert found["no_slice_worse"].verdict == "fail"
    assert len(asked) < 1000
