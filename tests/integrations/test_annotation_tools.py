"""Tasks out and labels back through the files of annotation tools."""

import json

import pytest

from supersede.errors import LabelError, SourceError
from supersede.evaluate import estimate, plan, precision
from supersede.integrations import ground_truth, label_studio
from tests.evaluate.cases import ensemble

CASE = ensemble(items=1500)
MADE = plan(CASE.table(), [precision("m0"), precision("m1")], seed=1)


def test_label_studio_round_trip_with_skips_and_two_annotators(tmp_path):
    file = tmp_path / "tasks.json"
    label_studio.write_tasks(MADE, file, data=lambda i: {"text": f"item {i}"})
    tasks = json.loads(file.read_text())
    assert "votes" not in tasks[0]["meta"]
    item = tasks[0]["meta"]["item"]
    assert tasks[0]["data"] == {"text": f"item {item}", "item": item, "design": MADE.design}
    for at, task in enumerate(tasks):
        choice = {"value": {"choices": [str(CASE.truth[task["meta"]["item"]])]}}
        said = {"result": [choice], "completed_by": at % 2}
        skip = {"result": [], "was_cancelled": True, "completed_by": 2}
        task["annotations"] = [skip] if at == 3 else [said, {**said, "completed_by": 5}]
    file.write_text(json.dumps(tasks))
    labels = label_studio.read_annotations(file)
    assert labels.design == MADE.design
    found = estimate(MADE, labels)
    assert found.skipped == 1
    assert found.agreement == 1.0
    complete = estimate(MADE, CASE.label(MADE, reserves=True))
    assert abs(found.each[0].value - complete.each[0].value) < 0.03


def test_label_studio_exports_that_do_not_fit_are_refused(tmp_path):
    file = tmp_path / "export.json"
    file.write_text(json.dumps([{"id": 4, "data": {}, "annotations": []}]))
    with pytest.raises(LabelError, match="task 4 has no item"):
        label_studio.read_annotations(file)
    file.write_text(json.dumps([{"id": 4, "data": {"item": 1}, "annotations": [{"result": []}]}]))
    with pytest.raises(LabelError, match="has no choice"):
        label_studio.read_annotations(file)


def test_ground_truth_round_trip(tmp_path):
    file = tmp_path / "manifest.jsonl"
    ground_truth.write_manifest(MADE, file, source_ref=lambda i: f"s3://bucket/{i}.png")
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert rows[0]["source-ref"].startswith("s3://bucket/")
    for at, row in enumerate(rows):
        said = str(CASE.truth[row["supersede-item"]])
        row["job"] = int(said)
        row["job-metadata"] = {"class-name": said, "human-annotated": "yes"}
        if at == 2:
            del row["job"]
            row["job-metadata"] = {"failure-reason": "unreadable"}
    file.write_text("\n".join(map(json.dumps, rows)))
    labels = ground_truth.read_manifest(file, "job")
    assert labels.design == MADE.design
    assert estimate(MADE, labels).skipped == 1
    file.write_text('{"source": "x"}\n')
    with pytest.raises(LabelError, match=r"line 1 .* has no supersede-item"):
        ground_truth.read_manifest(file, "job")


def small_export(tmp_path, label, **more):
    """The tasks as JSON_MIN gives them back: data and answers side by side."""
    file = tmp_path / "min.json"
    label_studio.write_tasks(MADE, file, data=lambda i: {"text": f"item {i}"})
    tasks = [task["data"] | {"id": task["id"]} for task in json.loads(file.read_text())]
    for task in tasks:
        task |= {"annotator": 1, "annotation_id": 3, "lead_time": 1.5, **more}
        task["sentiment"] = label(int(CASE.truth[task["item"]]))
    file.write_text(json.dumps(tasks))
    return file


def test_label_studio_json_min(tmp_path):
    file = small_export(tmp_path, str)
    with pytest.raises(LabelError, match=r"which column has the labels \('text', 'sentiment'\)"):
        label_studio.read_annotations(file)
    labels = label_studio.read_annotations(file, control="sentiment")
    assert labels.design == MADE.design
    assert estimate(MADE, labels).each == estimate(MADE, CASE.label(MADE, reserves=True)).each
    with pytest.raises(LabelError, match="no task has an answer of a control 'other'"):
        label_studio.read_annotations(file, control="other")
    file = small_export(tmp_path, lambda y: {"choices": [str(y), "unsure"]})
    with pytest.raises(LabelError, match="has 2 choices"):
        label_studio.read_annotations(file, control="sentiment")


def test_label_studio_takes_one_choice_of_one_control(tmp_path):
    def export(*parts):
        file = tmp_path / "export.json"
        result = [{"from_name": name, "value": {"choices": said}} for name, said in parts]
        task = {"id": 4, "data": {"item": 1}, "annotations": [{"result": result}]}
        file.write_text(json.dumps([task]))
        return file

    with pytest.raises(LabelError, match=r"has 2 choices \(0, 1\).*choice='single'"):
        label_studio.read_annotations(export(("a", ["0", "1"])))
    file = export(("a", ["0"]), ("b", ["1"]))
    with pytest.raises(LabelError, match=r"several controls \(a, b\)"):
        label_studio.read_annotations(file)
    assert label_studio.read_annotations(file, control="b").annotations[0].label == "1"


def test_ground_truth_counts_people_only(tmp_path):
    file = tmp_path / "manifest.jsonl"
    ground_truth.write_manifest(MADE, file)
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    for at, row in enumerate(rows):
        said = "yes" if at < 20 else "no"
        row["job"] = int(CASE.truth[row["supersede-item"]])
        row["job-metadata"] = {"class-name": str(row["job"]), "human-annotated": said}
    file.write_text("\n".join(map(json.dumps, rows)))
    assert len(ground_truth.read_manifest(file, "job")) == 20
    file.write_text("\n".join(map(json.dumps, rows[20:])))
    with pytest.raises(LabelError, match="come from automated data labelling"):
        ground_truth.read_manifest(file, "job")


@pytest.mark.parametrize("text", ["", "{", "null", "[1]", '{"a": 1}', '[{"id": 1}]'])
def test_files_that_no_tool_wrote_are_refused(text, tmp_path):
    file = tmp_path / "file.json"
    file.write_text(text)
    with pytest.raises((LabelError, SourceError)):
        label_studio.read_annotations(file)
    if text:
        with pytest.raises((LabelError, SourceError)):
            ground_truth.read_manifest(file, "job")
    with pytest.raises(SourceError, match="cannot read"):
        ground_truth.read_manifest(tmp_path / "none", "job")


CHOICE = {"from_name": "c", "value": {"choices": ["1"]}}


@pytest.mark.parametrize(
    "change",
    [
        {"annotations": {"a": 1}},
        {"annotations": ["1"]},
        {"annotations": 3},
        {"annotations": [{"result": {"value": 1}}]},
        {"annotations": [{"result": ["1"]}]},
        {"annotations": [{"result": [{**CHOICE, "value": {"choices": [None]}}]}]},
        {"annotations": [{"result": [CHOICE], "was_cancelled": "perhaps"}]},
        {"annotations": [{"result": [CHOICE], "reviews": [{"accepted": False}]}]},
        {"data": {"item": {}}},
    ],
)
def test_label_studio_parts_of_another_shape_are_refused(change, tmp_path):
    file = tmp_path / "export.json"
    file.write_text(json.dumps([{"id": 4, "data": {"item": 1}, **change}]))
    with pytest.raises(LabelError, match="task 4"):
        label_studio.read_annotations(file)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"job-metadata": {"class-name": None}}, "has no value"),
        ({"job-metadata": {"human-annotated": "perhaps"}}, "expected yes or no"),
        ({"supersede-item": {}}, "not an id"),
    ],
)
def test_ground_truth_lines_that_say_nothing_are_refused(change, message, tmp_path):
    file = tmp_path / "manifest.jsonl"
    file.write_text(json.dumps({"supersede-item": 1, "job": 1, **change}))
    with pytest.raises(LabelError, match=message):
        ground_truth.read_manifest(file, "job")


def test_a_key_that_occurs_twice_is_refused(tmp_path):
    file = tmp_path / "file.json"
    file.write_text('{"supersede-item": 1, "job": 1, "job": 0}')
    with pytest.raises(SourceError, match="'job' occurs twice"):
        ground_truth.read_manifest(file, "job")
    file.write_text('[{"id": 1, "item": 1, "c": "1", "c": "0"}]')
    with pytest.raises(SourceError, match="'c' occurs twice"):
        label_studio.read_annotations(file)
