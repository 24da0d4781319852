"""What is installed runs: every command, from outside the source tree, without any extra.

`make test-wheel` runs this against the built wheel alone, in an environment of its own.
"""

import csv
import importlib.metadata
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from supersede.cli import COMMANDS

COMMAND = Path(sys.executable).parent / "supersede"


def run(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [COMMAND, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode in {0, 1, 2}, done.stderr  # a verdict is no error
    assert "Traceback" not in done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("installed")
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, 400)
    old, new = (np.where(rng.random(400) < p, label, 1 - label) for p in (0.8, 0.9))
    with (found / "t.csv").open("w", newline="") as file:
        write = csv.writer(file)
        write.writerow(["id", "y", "a", "b", "sex"])
        write.writerows(zip(range(400), label, old, new, rng.choice(["f", "m"], 400), strict=True))
    return found


def test_review(folder):
    run(folder, "review", "t.csv", "--old", "a", "--new", "b", "--label", "y", "--group", "sex",
        "--out", "review.html")  # fmt: skip
    assert (folder / "review.html").read_text().startswith("<!doctype html>")


def test_plan_and_estimate(folder):
    run(
        folder,
        "plan",
        "t.csv",
        "--item",
        "id",
        "--model",
        "a",
        "--model",
        "b",
        "--out",
        "p.html",
    )
    rows = list(csv.DictReader((folder / "t.csv").read_text().splitlines()))
    with (folder / "labels.csv").open("w", newline="") as file:
        write = csv.writer(file)
        write.writerow(["item", "label"])
        write.writerows([row["id"], row["y"]] for row in rows)
    assert "precision(b): 0.9" in run(folder, "estimate", "plan.csv", "labels.csv")
    assert "serve two estimands" in (folder / "p.html").read_text()


def test_audit(folder):
    run(
        folder,
        "audit",
        "t.csv",
        "--model",
        "b",
        "--label",
        "y",
        "--group",
        "sex",
        "--out",
        "a.html",
    )
    assert (folder / "a.html").read_text().startswith("<!doctype html>")


def test_every_command_is_there(folder):
    shown = run(folder, "--help")
    assert all(f" {command.__name__} " in shown for command in COMMANDS)


def test_the_version_is_that_of_the_package(folder):
    assert run(folder, "--version").strip() == importlib.metadata.version("supersede")
