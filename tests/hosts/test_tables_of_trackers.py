"""Tables as Weights & Biases writes them, and versions of a table in DVC. In make test-hosts."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest

import supersede


def answers(broken):
    rows = [(f"q{i}", i % 7 != 0 and i >= broken) for i in range(300)]
    return pd.DataFrame(rows, columns=["id", "correct"])


def flips(old, new):
    return supersede.compare(old=old, new=new).candidate.to_dict()["overall"]["nfr"]


@pytest.mark.skipif(find_spec("wandb") is None, reason="wandb is not installed")
def test_tables_of_weights_and_biases(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    import wandb

    for name, broken in (("old", 0), ("new", 30)):
        run = wandb.init(project="answers", dir=str(tmp_path / name))
        run.log({"answers": wandb.Table(dataframe=answers(broken))})
        run.finish()
    files = [next((tmp_path / name).rglob("*.table.json")) for name in ("old", "new")]
    assert set(json.loads(files[0].read_text())) >= {"columns", "data"}
    expected = flips(answers(0), answers(30))
    assert expected > 0
    assert flips(*map(str, files)) == expected


@pytest.mark.skipif(find_spec("dvc") is None, reason="dvc is not installed")
def test_versions_of_a_table_in_dvc(tmp_path):
    programs = Path(sys.executable).parent
    own = {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path), "DVC_NO_ANALYTICS": "1",
        "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b.example", "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@b.example",
    }  # fmt: skip

    def run(*command):
        return subprocess.run(command, cwd=tmp_path, env=own, check=False, capture_output=True)

    for command in (("git", "init", "-q", "-b", "main"), ("dvc", "init", "-q")):
        assert run(*command).returncode == 0
    for broken in (0, 30):
        answers(broken).to_csv(tmp_path / "answers.csv", index=False)
        assert run("dvc", "add", "-q", "answers.csv").returncode == 0
        assert run("git", "add", "-A").returncode == 0
        assert run("git", "commit", "-qm", f"{broken} broken").returncode == 0
    got = run("dvc", "get", "-q", ".", "answers.csv", "--rev", "HEAD~1", "-o", "old.csv")
    assert got.returncode == 0, got.stderr
    done = run(
        "supersede", "review", "old.csv", "answers.csv", "--max-nfr", "1%", "--json", "r.json"
    )
    assert done.returncode == 1, done.stderr
    found = json.loads((tmp_path / "r.json").read_text())
    assert found["candidates"][0]["overall"]["nfr"] == flips(answers(0), answers(30))
