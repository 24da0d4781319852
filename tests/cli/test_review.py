"""The command as its users call it."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from supersede.cli import main


@pytest.fixture
def rows(frame, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame(3000, nfr=0.01, pfr=0.05).to_csv("rows.csv", index=False)
    return "rows.csv"


def test_exit_codes(rows, capsys):
    base = ["review", rows, "--old", "a", "--new", "b"]
    assert main([*base, "--max-nfr", "5%"]) == 0
    assert main([*base, "--max-nfr", "0.001"]) == 1
    assert main([*base, "--max-nfr", "0.0101"]) == 3
    assert main([*base, "--max-nfr", "much"]) == 2
    assert main(["review", rows, "--old", "a"]) == 2
    assert main(["review", "nowhere.csv", "--old", "a", "--new", "b"]) == 2
    assert "no file matches 'nowhere.csv'" in capsys.readouterr().err
    assert main([*base, "--must-not-break", "nowhere.txt"]) == 2


def test_json_on_stdout_is_json_alone(rows, capsys):
    assert main(["review", rows, "--old", "a", "--new", "b", "--format", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["verdict"] == "pass"


def test_every_output(rows, capsys):
    flags = ["--group", "sex", "--group", "site", "--cross", "sex,site", "--max-slice-nfr", "10pp"]
    files = ["--out", "r.html", "--json", "r.json", "--markdown", "r.md"]
    assert main(["review", rows, "--old", "a", "--new", "b", *flags, *files]) == 0
    out = capsys.readouterr().out
    assert "3 000 items from rows.csv: item 'id', label 'y'" in out.replace("\u202f", " ")
    assert "sex = f × site = north" in Path("r.json").read_text()
    assert main(["review", rows, "--old", "a", "--new", "b", "--out", "r.pdf"]) == 2


def test_config_file_and_flags_over_it(rows):
    Path("review.toml").write_text(
        'table = "rows.csv"\nold = "a"\nnew = ["b"]\nmax-nfr = "0.1%"\ngroup = ["sex"]\n'
    )
    assert main(["review", "--config", "review.toml"]) == 1
    assert main(["review", "--config=review.toml", "--max-nfr", "5%"]) == 0
    assert main(["review", "--config", "absent.toml"]) == 2
    Path("review.toml").write_text("max-nrf = 1\n")
    assert main(["review", rows, "--old", "a", "--new", "b", "--config", "review.toml"]) == 2


def test_must_not_break_from_a_file(rows, frame):
    data = frame(3000, nfr=0.01, pfr=0.05)
    flips = data[(data.a == data.y) & (data.b != data.y)].id
    Path("critical.txt").write_text("\n".join(map(str, flips[:2])) + "\n")
    base = ["review", rows, "--old", "a", "--new", "b"]
    assert main([*base, "--must-not-break", "critical.txt"]) == 1
    assert main([*base, "--must-not-break-where", f"id = {flips.iloc[0] + 1}"]) in {0, 1}


def test_progress_goes_to_a_terminal_only(rows):
    command = [sys.executable, "-m", "supersede", "review", rows, "--old", "a", "--new", "b"]
    piped = subprocess.run(command, capture_output=True, text=True, check=True)
    assert piped.stderr == ""
    leader, follower = pty.openpty()
    with subprocess.Popen(command, stderr=follower, stdout=subprocess.DEVNULL) as process:
        process.wait()
        os.close(follower)
        seen = os.read(leader, 10_000).decode()
    os.close(leader)
    assert "counting flips from a to b" in seen


def test_help_names_every_flag(capsys):
    assert main(["review", "--help"]) == 0
    text = capsys.readouterr().out
    for flag in ("--max-slice-nfr", "--must-not-break", "--labels", "--format"):
        assert flag in text
    assert "Exit codes" in text
