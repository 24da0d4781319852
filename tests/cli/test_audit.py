"""``supersede audit``, called as the command line calls it."""

import json

import numpy as np
import pytest
from cyclopts import App

from supersede import errors
from supersede.cli.audit import audit


@pytest.fixture
def run():
    app = App(name="supersede", result_action="return_value")
    app.command(audit)
    return lambda *words: app(["audit", *map(str, words)], exit_on_error=False)


@pytest.fixture
def log(frame, tmp_path):
    rows = frame(3000)
    hit = (rows.site == "south") & (rows.index % 3 == 0)
    rows.loc[hit, "b"] = 1 - rows.loc[hit, "y"]
    rows["words"] = 10
    rows["errors"] = np.where(rows.b == rows.y, 0, 3)
    path = tmp_path / "log.parquet"
    rows.to_parquet(path)
    return path


def test_groups_are_printed_and_written(run, log, tmp_path, capsys):
    code = run(
        log, "--model", "b", "--old", "a", "--group", "sex", "--condition", "site", "--cross",
        "sex×site", "--out", tmp_path / "a.html", "--json", tmp_path / "a.json",
        "--markdown", tmp_path / "a.md", "--cover", "sex", "--cover", "site",
    )  # fmt: skip
    assert code == 0
    printed = capsys.readouterr().out
    assert "▲ site = south" in printed
    assert "of the next 100 items" in printed
    assert "Combinations of two attributes" in (tmp_path / "a.html").read_text()
    assert json.loads((tmp_path / "a.json").read_text())["conditions"] == ["site"]


def test_history_gates_the_next_version(run, log, tmp_path, capsys):
    history = tmp_path / "audits.jsonl"
    common = [log, "--group", "site", "--history", history, "--tolerance", "0.05"]
    assert run(*common, "--model", "a", "--version", "1") == 0
    assert run(*common, "--model", "b", "--version", "2") == 1
    assert "against version 1: fail" in capsys.readouterr().out
    assert run(*common, "--model", "b") == 0
    with pytest.raises(errors.ArgumentError, match="--history"):
        run(log, "--model", "a", "--group", "site", "--version", "3")


def test_finds_are_declared_through_a_file(run, log, tmp_path, capsys):
    finds = tmp_path / "finds.json"
    assert (
        run(log, "--model", "b", "--slices-of", "site", "--slices-of", "sex", "--finds", finds) == 0
    )
    assert "✓ site = south" in capsys.readouterr().out
    assert run(log, "--model", "b", "--declared", finds) == 0
    assert "▲ site = south" in capsys.readouterr().out
    finds.write_text("{}{")
    with pytest.raises(errors.ArgumentError, match="written by --finds"):
        run(log, "--model", "b", "--declared", finds)


def test_word_errors_and_rates(run, log, capsys):
    words = ["--errors", "errors", "--out-of", "words", "--group", "site"]
    assert run(log, "--model", "b", *words) == 0
    assert "word error rate" in capsys.readouterr().out
    assert run(log, "--model", "b", "--measure", "false-negative-rate", "--group", "site") == 0
    assert "false negative rate" in capsys.readouterr().out
    with pytest.raises(errors.ArgumentError, match="must be given together"):
        run(log, "--model", "b", "--errors", "errors", "--group", "site")


def test_guesses_are_refused_or_marked(run, log, capsys):
    with pytest.raises(errors.InferredAttributeError):
        run(log, "--model", "b", "--group", "sex", "--inferred", "sex")
    assert run(log, "--model", "b", "--group", "sex", "--inferred", "sex", "--allow-inferred") == 0
    assert "sex (inferred) = f" in capsys.readouterr().out
    with pytest.raises(errors.ArgumentError, match="--inferred"):
        run(log, "--model", "b", "--group", "sex", "--inferred", "race")
    with pytest.raises(errors.ArgumentError, match="--cross"):
        run(log, "--model", "b", "--cross", "sex")
    with pytest.raises(errors.ArgumentError, match="end in"):
        run(log, "--model", "b", "--group", "sex", "--out", "x.txt")


FACTS = """
name = "triage"
version = "2"
released = 2026-01-02
intended_use = "Sorts letters by their urgency."
limits = ["English letters only."]
customer_must_test = ["Letters of their own."]
"""


def test_coverage_grid_and_card_are_drawn(run, log, tmp_path):
    facts, card = tmp_path / "facts.toml", tmp_path / "card.html"
    facts.write_text(FACTS)
    code = run(
        log, "--model", "b", "--old", "a", "--group", "sex", "--cover", "sex", "--cover", "site",
        "--grid", "site", "--out", tmp_path / "a.html", "--card", facts, "--card-out", card,
    )  # fmt: skip
    assert code == 0
    page = (tmp_path / "a.html").read_text()
    assert "Every model in every scenario" in page
    assert "6 of 6 combinations are covered" in page
    assert page.count("<figure>") >= 4
    assert "Sorts letters by their urgency." in card.read_text()


def test_cards_without_facts_are_refused(run, log, tmp_path):
    with pytest.raises(errors.ArgumentError, match=r"--card facts\.toml"):
        run(log, "--model", "b", "--group", "sex", "--card-out", tmp_path / "card.html")
    facts = tmp_path / "facts.toml"
    for text in ("name = ", "nonsense = 1", FACTS.replace("limits", "limit")):
        facts.write_text(text)
        with pytest.raises(errors.ArgumentError, match="cannot make a card"):
            run(
                log, "--model", "b", "--group", "sex", "--card", facts, "--card-out",
                tmp_path / "card.html",
            )  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        ["--out", "a.json"],
        ["--json", "a.html"],
        ["--markdown", "a.txt"],
        ["--grid", "site"],
        ["--finds", "f.json"],
        ["--version", "2"],
        ["--card", "c.toml"],
    ],
)
def test_what_cannot_be_written_is_refused_before_the_work(run, tmp_path, wrong):
    with pytest.raises(
        errors.ArgumentError, match=r"must end in|--out audit\.html|name the|needs both"
    ):
        run(tmp_path / "no such table.csv", "--model", "b", "--group", "sex", *wrong)


def test_what_means_unknown_is_unknown_in_the_grid_and_the_coverage(run, log, tmp_path, capsys):
    run(
        log, "--model", "b", "--group", "sex", "--cover", "site", "--grid", "site", "--unknown",
        "south", "--out", tmp_path / "a.html",
    )  # fmt: skip
    assert "site = south" not in (tmp_path / "a.html").read_text()
    assert "south" not in capsys.readouterr().out


def test_a_column_crossed_with_itself_is_refused(run, log):
    with pytest.raises(errors.ArgumentError, match="names a column twice"):
        run(log, "--model", "b", "--cross", "sex×sex")
