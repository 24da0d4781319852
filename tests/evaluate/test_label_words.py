"""A label counts only as a class that models predict or that the caller names."""

import json

import numpy as np
import pytest

import supersede
from supersede.errors import ArgumentError, LabelError
from supersede.evaluate import Annotation, Labels, accuracy, estimate, follow, plan, precision
from supersede.integrations import ground_truth, label_studio
from tests.evaluate.cases import ensemble

CASE = ensemble(items=600)
MADE = plan(CASE.table(), precision("m0"), margin=0.1)
IDS = [row["item"] for row in MADE.items.to_pylist() if not row["reserve"]]
TRUTH = [int(CASE.truth[i]) for i in IDS]
WORDS = ["cat", "dog", "owl"]
ANIMALS = {
    "id": np.arange(900),
    "a": [WORDS[i % 3] for i in range(900)],
    "b": [WORDS[i * i % 3] for i in range(900)],
}
PETS = plan(
    supersede.read(ANIMALS, models=["a", "b"], labelled=False), accuracy("b") - accuracy("a")
)


def said(words) -> dict[str, list]:
    return {"item": IDS, "label": [words[y] for y in TRUTH]}


@pytest.mark.parametrize(
    ("no", "yes"),
    [
        ("no", "yes"),
        ("No", "Yes"),
        ("False", "True"),
        ("false", "true"),
        ("NA", "NA"),
        ("0", "null"),
        ("n/a", "1"),
        ("0", "1 or 0"),
        (0.3, 0.7),
        (0, 2),
        (-1, 1),
        (float("inf"), 1),
        ([0], [1]),
        ([0, 1], [1]),
        ("[0]", "[1]"),
        ("negative", "positive"),
        ("0,0", "1,0"),
    ],
)
def test_labels_that_are_no_class_are_refused(no, yes):
    for judge in (estimate, follow):
        with pytest.raises(LabelError, match="are not a class of this plan") as refused:
            judge(MADE, said([no, yes]))
        assert "Expected one of 0, 1" in str(refused.value)


@pytest.mark.parametrize(
    "words", [[0, 1], ["0", "1"], [0.0, 1.0], [False, True], ["0.0", "1.0"], [" 0", "1 "]]
)
def test_spellings_that_files_make_of_a_class_are_read(words):
    assert estimate(MADE, said(words)).each == estimate(MADE, said([0, 1])).each


@pytest.mark.parametrize("empty", [None, float("nan"), "", "  "])
def test_an_empty_label_is_not_labelled_yet(empty):
    half = len(IDS) // 2
    some = {"item": IDS, "label": [*map(str, TRUTH[:half]), *[empty] * (len(IDS) - half)]}
    if isinstance(empty, float):
        some["label"] = np.array([float(y) for y in TRUTH[:half]] + [empty] * (len(IDS) - half))
    found = estimate(MADE, some)
    assert found.missing == len(IDS) - half
    notes = [Annotation(i, y) for i, y in zip(IDS, some["label"], strict=True) if y is not None]
    assert estimate(MADE, Labels(tuple(notes))).each == found.each


def test_the_remedies_work_when_typed():
    expected = estimate(MADE, said([0, 1])).each
    found = estimate(MADE, said(["no", "yes"]), same={"1": ["yes"], "0": ["no"]})
    assert found.each == expected
    ids = PETS.items["item"].to_pylist()
    labels = {"item": ids, "label": ["Dog"] * len(ids)}
    with pytest.raises(LabelError, match="pass same='folded'"):
        estimate(PETS, labels)
    lower = {"item": ids, "label": ["dog"] * len(ids)}
    assert estimate(PETS, labels, same="folded").each == estimate(PETS, lower).each
    labels["label"][0] = "fish"
    with pytest.raises(LabelError, match=r"pass classes=\['fish'\]"):
        estimate(PETS, labels, same="folded")
    found = estimate(PETS, labels, same="folded", classes=["fish"])
    assert found.each != estimate(PETS, lower).each


def test_a_class_that_a_closed_plan_lacks_is_added_by_planning_again():
    table = CASE.table()
    closed = plan(table, accuracy("m0"), margin=0.1)
    ids = closed.items["item"].to_pylist()
    labels = {"item": ids, "label": [2, *[int(CASE.truth[i]) for i in ids[1:]]]}
    with pytest.raises(LabelError, match=r"classes=\[0, 1, 2\] and after=<this plan>"):
        estimate(closed, labels)
    again = plan(table, accuracy("m0"), margin=0.1, classes=[0, 1, 2], after=closed)
    more = again.items["item"].to_pylist()
    labels = Labels(
        tuple(Annotation(i, 2 if i == ids[0] else int(CASE.truth[i])) for i in more),
        closed.design,
    )
    assert estimate(again, labels)["accuracy(m0)"].value is not None


def test_a_spelling_mistake_among_many_labels_moves_nothing():
    ids = PETS.items["item"].to_pylist()
    labels = {"item": ids, "label": ["dog"] * len(ids)}
    labels["label"][7] = "dgo"
    with pytest.raises(LabelError, match=rf"1 of {len(ids)} labels are not a class.*'dgo' \(1 ×\)"):
        estimate(PETS, labels)


def test_grades_are_right_or_wrong_and_nothing_between():
    grades = {"id": np.arange(300), "a": [0, 1, 1] * 100, "b": [1, 1, 0] * 100}
    table = supersede.read(
        grades, models={m: supersede.table.Right(m) for m in "ab"}, labelled=False
    )
    made = plan(table, accuracy("b") - accuracy("a"), margin=0.1)
    ids = made.items["item"].to_pylist()
    for bad in (0.7, "maybe", 2, "partial", [1]):
        labels = {"item": ids, "a": [bad] * len(ids), "b": [1] * len(ids)}
        with pytest.raises(LabelError, match="must state for each of b, a"):
            estimate(made, Labels(tuple(Annotation(i, {"a": bad, "b": 1}) for i in ids)))
        if not isinstance(bad, list):
            with pytest.raises(LabelError, match="must state for each of b, a"):
                estimate(made, labels)
    words = {"item": ids, "a": ["wrong"] * len(ids), "b": ["right"] * len(ids)}
    numbers = {"item": ids, "a": [0] * len(ids), "b": [1] * len(ids)}
    assert estimate(made, words).each == estimate(made, numbers).each


def test_annotation_tools_meet_the_same_rule(tmp_path):
    file = tmp_path / "tasks.json"
    label_studio.write_tasks(MADE, file)
    tasks = json.loads(file.read_text())
    for task in tasks:
        task["annotations"] = [{"result": [{"value": {"choices": ["Yes"]}}]}]
    file.write_text(json.dumps(tasks))
    with pytest.raises(LabelError, match="'Yes'"):
        estimate(MADE, label_studio.read_annotations(file))
    ground_truth.write_manifest(MADE, file)
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    for row in rows:
        row["job"], row["job-metadata"] = 1, {"class-name": "yes", "human-annotated": "yes"}
    file.write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(LabelError, match="'yes'"):
        estimate(MADE, ground_truth.read_manifest(file, "job"))


def test_a_class_that_no_model_predicts_is_refused_where_it_is_asked_for():
    table = supersede.read(ANIMALS, models=["a", "b"], labelled=False)
    with pytest.raises(ArgumentError, match=r"class 1, which no model predicts.*positive='owl'"):
        plan(table, precision("a"))
    with pytest.raises(ArgumentError, match="predict text"):
        plan(table, accuracy("a"), classes=[0, 1])
    with pytest.raises(ArgumentError, match="must be a list"):
        plan(table, accuracy("a"), classes="cat")
    made = plan(table, precision("a", positive="owl"), classes=["cat", "dog", "owl", "fish"])
    ids = made.items["item"].to_pylist()
    found = estimate(made, {"item": ids, "label": ["fish"] * len(ids)})
    assert found.each[0].value == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("skip", ["maybe", "x", 2])
def test_a_skipped_column_says_yes_or_no(skip):
    with pytest.raises(LabelError, match="column 'skipped'"):
        estimate(MADE, {"item": IDS, "label": TRUTH, "skipped": [skip] * len(IDS)})
