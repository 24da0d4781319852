"""Limits on metrics and sizes of runs, through the command line."""

import json

import numpy as np
import pandas as pd
import pytest

from supersede.cli import main


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    n = 2000
    names = np.array(["spam", "a@b", "3"])
    y = rng.choice(3, n, p=[0.6, 0.35, 0.05])
    rows = {"y": names[y], "sex": rng.choice(["f", "m"], n)}
    for model in ("old", "new"):
        rows[model] = names[np.where(rng.random(n) < 0.85, y, rng.integers(0, 3, n))]
    pd.DataFrame(rows).to_csv("t.csv", index=False)
    return tmp_path


def test_flags_and_file_say_the_same(folder, capsys):
    review = ["review", "t.csv", "--old", "old", "--new", "new", "--quiet", "--format", "json"]
    flags = ["--label", "y", "--group", "sex", "--min", "recall:spam=80%", "--min",
             "recall:3@sex=0.5", "--max-drop", "macro_f1=6pp", "--max-drop", 'precision:"a@b"=0.04',
             "--min", "recall:*@*=30%"]  # fmt: skip
    codes = [main([*review, *flags])]
    said = [json.loads(capsys.readouterr().out)]
    (folder / "review.toml").write_text(
        'label = "y"\ngroup = ["sex"]\n'
        'min = ["recall:spam=80%", "recall:3@sex=0.5", "recall:*@*=30%"]\n'
        'max-drop = ["macro_f1=6pp", \'precision:"a@b"=0.04\']\n'
    )
    codes.append(main([*review, "--config", "review.toml"]))
    said.append(json.loads(capsys.readouterr().out))
    found = [
        sorted((f["check"], f["limit"], f["estimate"]) for f in r["candidates"][0]["findings"])
        for r in said
    ]
    assert found[0] == found[1]
    assert codes[0] == codes[1]
    assert [name for name, _, _ in found[0]] == [
        "max_drop macro_f1", "max_drop precision:a@b", "min recall:*@*", "min recall:3@sex",
        "min recall:spam",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("flag", "limit", "says"),
    [
        ("--min", "recall", "METRIC=LIMIT"),
        ("--min", "recall=80%", "of which class"),
        ("--min", "recal:spam=80%", "did you mean recall"),
        ("--min", "recall:spam=high", "expected a number"),
        ("--min", "recall:spam=0,8", "write 0.8"),
        ("--min", "recall:spam=80", "share in"),
        ("--max-drop", "f1:spam=0.5", "write 0.5pp or 50pp"),
        ("--max-drop", "log_loss=0.01", "--max-rise"),
        ("--max", "log_loss=40%", "without %"),
        ("--max", "log_loss=0.4", "two classes"),
        ("--min", "accuracy@age=80%", "'age'"),
        ("--min", "accuracy:spam=80%", "not of one class"),
    ],
)
def test_limits_that_cannot_be_meant(folder, capsys, flag, limit, says):
    review = ["review", "t.csv", "--old", "old", "--new", "new", "--label", "y", "--quiet"]
    assert main([*review, flag, limit]) == 2
    shown = " ".join(capsys.readouterr().err.split())
    assert says in shown
    assert "Traceback" not in shown


def test_sizes_of_runs(folder, capsys):
    assert main(["plan", "--detect", "2pp", "--discordant", "10%"]) == 0
    assert "a regression of 2" in capsys.readouterr().out
    assert main(["plan", "--run-items", "500", "--discordant", "10%", "--power", "0.95"]) == 0
    assert "95" in capsys.readouterr().out
    flags = ["--model", "old", "--model", "new", "--label", "y", "--group", "sex"]
    files = ["--out", "sizes.html", "--json", "sizes.json"]
    assert main(["plan", "t.csv", *flags, "--detect", "2pp", *files]) == 0
    assert "sex = f" in capsys.readouterr().out
    assert len(json.loads((folder / "sizes.json").read_text())["rows"]) == 3
    assert "<svg" in (folder / "sizes.html").read_text()


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--detect", "2pp"], "--discordant 10%"),
        (["--detect", "2", "--discordant", "10%"], "write 2pp"),
        (["--detect", "2pp", "--discordant", "0.1"], "could mean"),
        (["t.csv", "--detect", "2pp", "--model", "old"], "--model OLD --model NEW"),
        (["--detect", "2pp", "--discordant", "10%", "--group", "sex"], "name its file"),
        (["--detect", "2pp", "--discordant", "10%", "--budget", "5"], "leave out"),
        (["--discordant", "10%"], "--detect"),
        (["t.csv", "--model", "old", "--power", "80%"], "go with --detect"),
    ],
)
def test_sizes_that_cannot_be_meant(folder, capsys, flags, says):
    assert main(["plan", *flags]) == 2
    assert says in " ".join(capsys.readouterr().err.split())
