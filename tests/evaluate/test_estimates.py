"""Estimates: right where all is labelled, honest about what is missing."""

import numpy as np
import pytest

import supersede
from supersede.errors import ArgumentError, LabelError, TooFewLabelsError
from supersede.evaluate import (
    Annotation,
    Labels,
    accuracy,
    change,
    estimate,
    f1,
    for_each_class,
    for_each_group,
    negative_flips,
    plan,
    positive_flips,
    precision,
    recall,
)
from supersede.table import Classes
from tests.evaluate.cases import ensemble, true_value

CASE = ensemble(items=4000)
MANY = [
    precision("m0"),
    recall("m1"),
    f1("m2"),
    accuracy("m0"),
    negative_flips("m0", "m1"),
    positive_flips("m0", "m1"),
    precision("m1") - precision("m0"),
    accuracy("m1") - accuracy("m0"),
    recall("m0").within(sex="f"),
    precision("m0").within(sex="f") - precision("m0").within(sex="m"),
    change(accuracy("m0"), "day", 10),
]


@pytest.mark.parametrize("method", ["allocated", "coordinated", "independent"])
def test_with_all_labels_estimates_are_the_truth(method):
    small = ensemble(items=400)
    made = plan(small.table(), MANY, margin=0, method=method)
    for found, estimand in zip(estimate(made, small.label(made)), MANY, strict=True):
        assert found.value == pytest.approx(true_value(small, estimand)), found.name
        assert found.half_width < 1e-9


@pytest.mark.parametrize("method", ["allocated", "coordinated"])
def test_many_estimands_at_once_lie_near_the_truth(method):
    made = plan(CASE.table(), MANY, margin=0.06, method=method, seed=1)
    found = estimate(made, CASE.label(made))
    for e, estimand in zip(found, MANY, strict=True):
        assert abs(e.value - true_value(CASE, estimand)) < 2 * e.half_width, e.name
        assert e.half_width < 0.075, e.name
    assert "precision(m0)" in found.to_frame()["name"].to_pylist()


def test_groups_and_classes_are_split_by_what_the_table_holds():
    table = CASE.table()
    assert [e.name for e in for_each_group(accuracy("m0"), table, "sex")] == [
        "accuracy(m0) | sex=f",
        "accuracy(m0) | sex=m",
    ]
    assert [e.terms[0].positive for e in for_each_class("recall", table, "m0")] == [0, 1]
    with pytest.raises(ArgumentError, match="cannot be split by class"):
        for_each_class("accuracy", table, "m0")


def test_several_classes_and_labels_that_no_model_predicts():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, 2000)
    said = [np.where(rng.random(2000) < 0.8, truth, rng.integers(0, 3, 2000)) for _ in range(2)]
    said = [np.where(s == 3, 0, s) for s in said]  # class 3 is never predicted
    words = np.array(["ant", "bee", "cat", "dog"])
    columns = {"item": np.arange(2000), "a": words[said[0]], "b": words[said[1]]}
    table = supersede.read(columns, models=["a", "b"], labelled=False)
    asked = [accuracy("a"), precision("b", positive="bee"), accuracy("b") - accuracy("a")]
    made = plan(table, asked, margin=0, seed=2)
    ids = made.items["item"].to_pylist()
    labels = {"item": ids, "label": words[truth[ids]].tolist()}
    with pytest.raises(LabelError, match=r"pass classes=\['dog'\]"):
        estimate(made, labels)
    found = estimate(made, labels, classes=["dog"])
    want = [(said[0] == truth).mean(), (truth[said[1] == 1] == 1).mean()]
    want.append((said[1] == truth).mean() - want[0])
    assert [e.value for e in found] == pytest.approx(want)
    some = plan(table, asked, margin=0.05, seed=2)
    ids = some.items["item"].to_pylist()
    labels = {"item": ids, "label": words[truth[ids]].tolist()}
    for e, w in zip(estimate(some, labels, classes=["dog"]), want, strict=True):
        assert abs(e.value - w) < 2 * e.half_width


def test_scores_sharpen_the_plan():
    rng = np.random.default_rng(0)
    score = rng.beta(0.3, 0.9, 5000)
    columns = {"item": np.arange(5000), "a": score}
    graded = supersede.read(columns, models=["a"], labelled=False)
    plain = supersede.read(
        {"item": columns["item"], "a": (score >= 0.5).astype(int)}, models=["a"], labelled=False
    )
    truth = (rng.random(5000) < score).astype(int)
    with_scores = plan(graded, [precision("a"), recall("a")], margin=0.03)
    without = plan(plain, [precision("a"), recall("a")], margin=0.03)
    assert with_scores.size < 0.8 * without.size
    ids = with_scores.items["item"].to_pylist()
    found = estimate(with_scores, {"item": ids, "label": truth[ids].tolist()})
    want = truth[score >= 0.5].mean()
    assert abs(found["precision(a)"].value - want) < 0.045


def test_a_judge_grades_are_proxies_and_never_labels():
    """A judge that is right nine times in ten; people see only some of the answers."""
    rng = np.random.default_rng(3)
    right = {m: (rng.random(4000) < p).astype(int) for m, p in [("a", 0.7), ("b", 0.8)]}
    judged = {m: np.where(rng.random(4000) < 0.9, r, 1 - r) for m, r in right.items()}
    table = supersede.read({"item": np.arange(4000), **judged}, models=["a", "b"])
    asked = [accuracy("a"), accuracy("b") - accuracy("a"), negative_flips("a", "b")]
    made = plan(table, asked, margin=0.04)
    ids = made.items["item"].to_pylist()
    labels = {"item": ids, **{m: right[m][ids].tolist() for m in "ab"}}
    found = estimate(made, labels)
    want = [right["a"].mean(), right["b"].mean() - right["a"].mean()]
    want.append((right["a"] & (1 - right["b"])).mean())
    for e, w in zip(found, want, strict=True):
        assert abs(e.value - w) < 1.6 * e.half_width
        assert e.half_width < 0.05
    biased = judged["a"].mean()
    assert abs(biased - want[0]) > 0.03  # the judge alone would be far off
    with pytest.raises(ArgumentError, match="no precision, recall or F1"):
        plan(table, precision("a"))


def test_skipped_items_are_replaced_by_the_next_number():
    made = plan(CASE.table(), [precision("m0"), precision("m1")], method="coordinated", seed=2)
    rng = np.random.default_rng(0)
    ids = made.items["item"].to_pylist()
    said = [None if rng.random() < 0.04 else int(CASE.truth[i]) for i in ids]
    labels = Labels(tuple(Annotation(i, s) for i, s in zip(ids, said, strict=True)), made.design)
    found = estimate(made, labels)
    assert found.skipped == said.count(None)
    for e, sample in zip(found, made.samples, strict=True):
        assert e.labels == sample.take  # reserves have filled the gaps


def test_a_label_beyond_a_gap_waits():
    made = plan(CASE.table(), precision("m0"), method="coordinated", seed=2)
    ids = made.items["item"].to_pylist()
    known = [i for at, i in enumerate(ids) if at != 50]
    found = estimate(made, {"item": known, "label": [int(CASE.truth[i]) for i in known]})
    assert found.each[0].labels == 50
    assert found.missing == 1


def test_too_few_labels_are_refused_with_what_to_do():
    made = plan(CASE.table(), [precision("m0"), precision("m1")])
    ids = made.items["item"].to_pylist()[:2]
    found = estimate(made, {"item": ids, "label": [1, 0]})
    with pytest.raises(TooFewLabelsError, match="label in the plan's order, first of all items"):
        found["precision(m0)"]
    assert "refused" in repr(found)


def test_recall_without_positives_is_refused():
    rng = np.random.default_rng(0)
    columns = {"item": np.arange(5000), "a": (rng.random(5000) < 0.002).astype(int)}
    table = supersede.read(columns, models=["a"], labelled=False)
    made = plan(table, recall("a"), budget=200)
    ids = made.items["item"].to_pylist()
    found = estimate(made, {"item": ids, "label": [0] * len(ids)})
    with pytest.raises(TooFewLabelsError, match=r"too few positives"):
        found[recall("a")]


def test_two_phases_need_fewer_labels_and_count_the_pilots():
    asked = [precision(m) for m in CASE.models]
    pilot = plan(CASE.table(), asked, margin=0.12, seed=4)
    learnt = estimate(pilot, CASE.label(pilot))
    second = plan(CASE.table(), asked, after=learnt, seed=4)
    assert second.size < plan(CASE.table(), asked, seed=4).size
    paid = {r["item"] for r in pilot.items.to_pylist() if not r["reserve"]}
    again = {r["item"] for r in second.items.to_pylist()}
    assert len(paid & again) > 0.85 * len(paid)
    found = estimate(second, CASE.label(second, reserves=True))
    for e, estimand in zip(found, asked, strict=True):
        assert abs(e.value - true_value(CASE, estimand)) < 2 * e.half_width


def test_resampled_intervals_count_every_label_once():
    asked = [precision(m) for m in CASE.models]
    options = {"method": "parent_child", "parent": "m0", "seed": 1}
    once = plan(CASE.table(), asked, **options)
    twice = plan(CASE.table(), asked, mix="resample", **options)
    assert twice.size < once.size
    assert any("covers about 82 %" in note for note in twice.notes)
    wide, narrow = (estimate(p, CASE.label(p, reserves=True)) for p in (twice, once))
    assert wide.each[1].half_width > 1.1 * narrow.each[1].half_width
    assert "every label once" in wide.each[1].note
    with pytest.raises(ArgumentError, match="is for precision"):
        plan(CASE.table(), [recall("m0")], **options)
    with pytest.raises(ArgumentError, match="has no precision among the estimands"):
        plan(CASE.table(), [precision("m1")], **options)


def test_confidence_in_one_of_many_classes_sharpens_the_plan():
    rng = np.random.default_rng(3)
    sure = rng.beta(4, 1, 6000)
    truth = rng.integers(0, 5, 6000)
    said = np.where(rng.random(6000) < sure, truth, (truth + rng.integers(1, 5, 6000)) % 5)
    columns = {"item": np.arange(6000), "a": said, "sure": sure}
    bare = supersede.read(columns, item="item", models=["a"], labelled=False)
    scored = supersede.read(
        columns, item="item", models={"a": Classes("a", score="sure")}, labelled=False
    )
    without = plan(bare, accuracy("a"), margin=0.02)
    with_scores = plan(scored, accuracy("a"), margin=0.02)
    assert with_scores.size < 0.8 * without.size
    ids = with_scores.items["item"].to_pylist()
    found = estimate(with_scores, {"item": ids, "label": truth[ids].tolist()})["accuracy(a)"]
    assert found.half_width < 0.022
    assert abs(found.value - (said == truth).mean()) < 2 * found.half_width


def test_confidence_is_no_score_of_class_1_where_there_are_more_classes():
    rng = np.random.default_rng(4)
    sure = rng.beta(4, 1, 4000)
    truth = rng.integers(0, 3, 4000)
    said = np.where(rng.random(4000) < sure, truth, (truth + rng.integers(1, 3, 4000)) % 3)
    columns = {"item": np.arange(4000), "a": said, "sure": sure}
    models = {"a": Classes("a", score="sure")}
    scored = plan(
        supersede.read(columns, item="item", models=models, labelled=False),
        recall("a"),
        margin=0.03,
    )
    bare = plan(
        supersede.read(columns, item="item", models=["a"], labelled=False), recall("a"), margin=0.03
    )
    assert scored.size == bare.size


def test_eight_graded_models_in_one_plan():
    rng = np.random.default_rng(2)
    items, models = 1200, [f"v{k}" for k in range(8)]
    hard = rng.normal(size=items)
    truth = {m: (rng.normal(size=items) + hard < 0.8).astype(int) for m in models}
    said = {m: np.where(rng.random(items) < 0.9, y, 1 - y).astype(bool) for m, y in truth.items()}
    table = supersede.read(
        {"item": np.arange(items), **said},
        models={m: supersede.table.Right(m) for m in models}, labelled=False,
    )  # fmt: skip
    asked = [*map(accuracy, models), negative_flips("v0", "v7")]
    for margin in (0, 0.08):
        made = plan(table, asked, margin=margin)
        ids = made.items["item"].to_numpy()
        found = estimate(made, {"item": ids, **{m: y[ids] for m, y in truth.items()}})
        right = [truth[m].mean() for m in models]
        right.append((truth["v0"] * (1 - truth["v7"])).mean())
        for e, true in zip(found, right, strict=True):
            assert e.value == pytest.approx(true, abs=0.1 if margin else 1e-9)
    assert made.size < 400


def test_more_graded_models_than_states_can_tell_apart_are_refused():
    many = {f"v{k}": np.arange(60) % (k + 2) == 0 for k in range(11)}
    table = supersede.read(
        {"item": np.arange(60), **many},
        models={m: supersede.table.Right(m) for m in many}, labelled=False,
    )  # fmt: skip
    with pytest.raises(
        ArgumentError, match="11 models with graded outcomes in one plan; at most 10"
    ):
        plan(table, [accuracy(m) for m in many])
