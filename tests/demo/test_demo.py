"""The demonstration: one life of a model, here with one person in forty, and the README's models."""

import json
import re
import shlex
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

import supersede
from supersede.demo.employment import employment
from supersede.demo.life import live, people
from supersede.demo.life.steps import FIRST, HUNT, PATCHED
from supersede.metrics import count_flips


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    folder = tmp_path_factory.mktemp("life")
    said = []
    return live(folder, every=40, progress=said.append), folder, said


def test_every_step_has_its_page_its_picture_and_its_commands(lived):
    life, folder, said = lived
    assert len(life.steps) == (7 if life.patched != "none" else 6)
    page = (folder / "index.html").read_text()
    for step in life.steps:
        assert (folder / step.page).exists()
        assert step.commands
        assert all(command in said for command in step.commands)
        assert step.headline
        assert step.seconds > 0
    assert page.count("<svg") >= 5
    assert life.verdict in {"pass", "fail", "undecided"}


def test_labels_are_revealed_only_where_a_plan_asks_for_them(lived):
    life, folder, _ = lived
    asked = set()
    for plan in folder.glob("*plan*.json"):
        asked |= {i["item"] for i in json.loads(plan.read_text())["items"] if not i["reserve"]}
    today = pq.read_table(folder / "today.parquet")
    known = {
        item
        for item, label in zip(*(today[n].to_pylist() for n in ("id", "employed")), strict=True)
        if label is not None
    }
    assert known == asked
    assert life.labels == len(asked) < life.items / 2


def test_a_shown_command_works_when_it_is_typed_again(lived):
    life, folder, _ = lived
    (command,) = [c for c in life.steps[3].commands if c.startswith("supersede audit")]
    done = subprocess.run(
        [sys.executable, "-m", *shlex.split(command)], cwd=folder, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_rounds_of_a_review_keep_its_confidence():
    rounds = 3
    levels = re.findall(r"--confidence ([0-9.]+)%", FIRST.review(1) + PATCHED.review(rounds))
    assert all(rounds * (100 - float(level)) <= 5 for level in levels)
    assert len(levels) == 2
    assert "--seed" not in HUNT


def test_today_has_no_labels_at_first(tmp_path):
    people.prepare(tmp_path, every=400)
    assert pq.read_table(tmp_path / "today.parquet")["employed"].null_count > 100
    first = pq.read_table(tmp_path / "today.parquet")["id"][0].as_py()
    assert list(people.reveal(tmp_path, [first])) == [first]


def test_training_that_looks_back_breaks_less():
    old, plain, congruent = models = [
        f"{name}_prediction" for name in ("deployed", "new", "congruent")
    ]
    table = supersede.read(
        employment().select(["employed", *models]), label="employed", models=models
    )
    ((before,), (after,)) = (count_flips(table, old, new) for new in (plain, congruent))
    assert after.nfr[0] < 0.85 * before.nfr[0]
    assert abs(after.gain.mean[0] - before.gain.mean[0]) < 0.002
