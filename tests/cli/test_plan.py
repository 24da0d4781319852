"""`supersede plan` and `supersede estimate`, as functions and through the command line's parser."""

import json

import numpy as np
import pandas as pd
import pytest
from cyclopts import App, CycloptsError
from tests.evaluate.cases import ensemble

from supersede.cli.estimate import estimate
from supersede.cli.plan import plan
from supersede.errors import ArgumentError

CASE = ensemble(items=1500)


@pytest.fixture
def app() -> App:
    app = App(result_action="return_value")
    app.command(plan)
    app.command(estimate)
    return app


@pytest.fixture
def table(tmp_path):
    pd.DataFrame(CASE.columns).to_csv(tmp_path / "table.csv", index=False)
    return tmp_path / "table.csv"


def test_from_table_to_estimates(app, table, tmp_path, capsys):
    out, picture = tmp_path / "plan.csv", tmp_path / "plan.html"
    words = (
        f"plan {table} --model m0 --model m1 --estimand precision --estimand accuracy_difference"
    )
    app([*words.split(), "--margin", "8%", "--group", "sex", "--tasks", str(out),
         "--out", str(picture)], exit_on_error=False)  # fmt: skip
    assert "Plan: label" in capsys.readouterr().out
    assert "<svg" in picture.read_text()
    sheet = pd.read_csv(out)
    assert list(sheet) == ["item", "order", "reserve", "label", "design"]
    sheet["label"] = CASE.truth[sheet["item"]]
    labels, result = tmp_path / "labels.csv", tmp_path / "result.json"
    sheet.to_csv(labels, index=False)
    app(["estimate", str(out), str(labels), "--json", str(result)], exit_on_error=False)
    shown = capsys.readouterr().out
    assert "precision(m0) | sex=f" in shown
    assert len(json.loads(result.read_text())["estimates"]) == 9
    app(["estimate", str(out), str(labels), "--anytime"], exit_on_error=False)
    assert " labels: " in capsys.readouterr().out


def test_a_second_phase_learns_from_the_first(app, table, tmp_path, capsys):
    pilot, labels = tmp_path / "pilot.csv", tmp_path / "labels.csv"
    models = ["--model", "m0", "--model", "m1", "--model", "m2"]
    app(
        ["plan", str(table), *models, "--margin", "12%", "--tasks", str(pilot)], exit_on_error=False
    )
    sheet = pd.read_csv(pilot)
    sheet["label"] = CASE.truth[sheet["item"]]
    sheet.to_csv(labels, index=False)
    app(["plan", str(table), *models, "--after", str(pilot), "--after-labels", str(labels),
         "--tasks", str(tmp_path / "second.csv")], exit_on_error=False)  # fmt: skip
    assert "Plan: label" in capsys.readouterr().out


def test_unknown_estimands_and_shares_are_refused(app, table, tmp_path):
    base = ["plan", str(table), "--model", "m0", "--tasks", str(tmp_path / "p.csv")]
    with pytest.raises(ArgumentError, match="'speed' is unknown or needs two models"):
        app([*base, "--estimand", "speed"], exit_on_error=False)
    with pytest.raises(CycloptsError, match="--margin is 'wide', which is not a share"):
        app([*base, "--margin", "wide"], exit_on_error=False)


def test_an_undecided_review_says_what_to_label_and_the_labels_decide_it(
    app, tmp_path, capsys, monkeypatch
):
    """120 labels leave the gain open; the plan labels only where the models disagree."""
    from supersede.cli import main

    monkeypatch.chdir(tmp_path)
    large = ensemble(items=6000, models=2, seed=2)
    rng = np.random.default_rng(0)
    better = np.where(rng.random(6000) < 0.15, large.truth, large.columns["m1"])
    frame = pd.DataFrame({**large.columns, "m1": better})
    known = rng.random(6000) < 0.02
    frame["y"] = np.where(known, large.truth, np.nan)
    frame.to_csv("table.csv", index=False)
    code = main(["review", "table.csv", "--old", "m0", "--new", "m1", "--label", "y", "--item", "item", "--labels", "random", "--min-gain", "0.01", "--json", "result.json", "--out", "r.html"])  # fmt: skip
    assert code == 3
    frame.drop(columns="y").to_csv("bare.csv", index=False)
    app(
        [
            "plan",
            "bare.csv",
            "--item",
            "item",
            "--for-review",
            "result.json",
            "--tasks",
            "plan.csv",
        ],
        exit_on_error=False,
    )
    assert "accuracy(m1) - accuracy(m0)" in capsys.readouterr().out
    sheet = pd.read_csv("plan.csv")
    asked = frame.loc[sheet["item"]]
    assert (asked["m0"] != asked["m1"]).all()
    sheet["label"] = large.truth[sheet["item"]]
    sheet.to_csv("labels.csv", index=False)
    app(["estimate", "plan.csv", "labels.csv", "--json", "estimates.json"], exit_on_error=False)
    (found,) = json.loads((tmp_path / "estimates.json").read_text())["estimates"]
    assert found["low"] > 0.01 or found["high"] < 0.01


def test_a_decided_review_has_nothing_to_label(app, tmp_path):
    result = tmp_path / "result.json"
    result.write_text(json.dumps({"old": "a", "candidates": [{"name": "b", "findings": []}]}))
    with pytest.raises(ArgumentError, match="no undecided min_gain, max_nfr"):
        app(["plan", "t.csv", "--for-review", str(result)], exit_on_error=False)
    with pytest.raises(ArgumentError, match="name the models"):
        app(["plan", "t.csv"], exit_on_error=False)
