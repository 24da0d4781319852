"""The demonstration of two versions of an application, from its logs to the decision."""

import csv
import gzip
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import supersede
from supersede.demo.answers import decide_answers
from supersede.review import MaxSliceNFR

ROOT = Path(__file__).parents[2]
LOGS = ROOT / "src/supersede/demo/answers/logs"


@pytest.fixture(scope="module")
def decided(tmp_path_factory):
    folder = tmp_path_factory.mktemp("answers")
    said = []
    return decide_answers(folder, progress=said.append), folder, said


def lines(name):
    text = gzip.decompress((LOGS / f"{name}.jsonl.gz").read_bytes()).decode()
    return [json.loads(line) for line in text.splitlines()]


def test_every_step_has_its_page_and_its_commands(decided):
    answers, folder, said = decided
    assert len(answers.steps) == 4
    for step in answers.steps:
        assert (folder / step.page).exists()
        assert all(command in said for command in step.commands)
    page = (folder / "index.html").read_text()
    assert "no language model was called" in page
    assert page.count("<svg") >= 2


def test_labels_overrule_the_judge_as_all_labels_do(decided):
    answers, _, _ = decided
    assert (answers.listed, answers.judged, answers.verdict) == ("pass", "pass", "fail")
    assert answers.labels < 0.1 * answers.items
    truth = {row["id"]: row["team"] for row in lines("sealed")}
    whole = {"id": list(truth), "team": list(truth.values())}
    for version in ("old", "new"):
        said = {row["id"]: row["answer"] for row in lines(version)}
        whole[version] = [said[item] for item in truth]
    whole["language"] = [row["language"] for row in lines("old")]
    limits = [MaxSliceNFR(0.06)]
    review = supersede.compare(
        whole, old="old", new="new", label="team", groups=["language"], checks=limits
    )
    assert review.verdict == answers.verdict


def test_labels_are_filled_in_only_where_the_plan_asks(decided):
    answers, folder, _ = decided
    with (folder / "plan.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    filled = [row for row in rows if row["label"]]
    assert len(filled) == answers.labels
    assert all(row["reserve"] == "False" for row in filled)
    assert "team" not in (folder / "old.jsonl").read_text().split("\n")[0]


def test_the_logs_are_what_their_script_writes(tmp_path):
    script = tmp_path / "tools/make_answers_demo"
    script.parent.mkdir()
    shutil.copy(ROOT / "tools/make_answers_demo", script)
    made = tmp_path / "src/supersede/demo/answers/logs"
    made.mkdir(parents=True)
    subprocess.run([sys.executable, script], check=True)
    for path in made.iterdir():
        kept = LOGS / path.name
        read = gzip.decompress if path.suffix == ".gz" else bytes
        assert read(path.read_bytes()) == read(kept.read_bytes())
