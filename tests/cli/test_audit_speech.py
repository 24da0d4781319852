"""``supersede audit --reference … --hypothesis …``, called as the command line calls it."""

import csv
import json

import pytest
from tests.audit.speech.test_speech_audit import spoken

from supersede.cli import main


@pytest.fixture
def log(tmp_path):
    data = spoken(n=400)
    path = tmp_path / "calls.csv"
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(data)
        out.writerows(zip(*data.values(), strict=True))
    return path


def test_transcripts_are_audited_and_written(log, tmp_path, capsys):
    code = main([
        "audit", str(log), "--reference", "text", "--hypothesis", "asr", "--old", "older",
        "--group", "accent", "--condition", "noise", "--cluster", "who", "--baseline", "noise=quiet",
        "--out", str(tmp_path / "a.html"), "--json", str(tmp_path / "a.json"),
        "--history", str(tmp_path / "h.jsonl"), "--version", "1",
    ])  # fmt: skip
    assert code == 0
    assert "noise = street hurts accent = south" in capsys.readouterr().out
    assert json.loads((tmp_path / "a.json").read_text())["normaliser"] == "plain/1"
    assert "Whom does asr understand?" in (tmp_path / "a.html").read_text()
    assert (tmp_path / "h.jsonl").exists()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--reference", "text"], "must be given together"),
        (["--reference", "text", "--hypothesis", "asr", "--label", "y"], "--label does not go"),
        (["--reference", "text", "--hypothesis", "asr", "--normaliser", "mine"], "no normaliser"),
        (["--reference", "text", "--hypothesis", "asr", "--baseline", "quiet"], "noise=quiet"),
        (["--model", "asr", "--baseline", "noise=quiet"], "are for transcripts"),
        (["--reference", "text", "--hypothesis", "asr", "--version", "1"], "--history"),
    ],
)
def test_flags_that_do_not_go_together_are_refused(log, flags, words, capsys):
    assert main(["audit", str(log), *flags]) == 2
    assert words in capsys.readouterr().err
