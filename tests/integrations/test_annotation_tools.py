"""Tasks out and labels back through the files of annotation tools."""

import json

import pytest

from supersede.errors import LabelError
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
    assert tasks[0]["data"] == {"text": f"item {tasks[0]['meta']['item']}"}
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
