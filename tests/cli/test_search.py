"""``supersede search`` as a new user types it."""

import json

import pytest

from supersede.cli import main

CHIP = """
lanes = 256
clock = 1e9
bandwidth = 4e9
granule = 16
"""
OWN = """
from supersede.search.architecture import Reward, seven_blocks

space = seven_blocks(channels=(16, 48), step=8)
task = Reward("capacity", lambda net, seed: 1e5 / net.parameters)
number = 3
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "chip.toml").write_text(CHIP)
    (tmp_path / "own.py").write_text(OWN)
    return tmp_path


def test_a_search_from_a_file_is_continued(folder, capsys):
    (folder / "search.toml").write_text(
        'target = "chip.toml"\ntask = "own.py:task"\nspace = "own.py:space"\ncurate = false\n'
        'evaluations = 6\nstore = "run"\nout = "found.html"\nwinner = "winner"\nquiet = true\n'
    )
    assert main(["search", "--config", "search.toml"]) == 0
    assert "6 trained" in capsys.readouterr().out
    assert "fused" in (folder / "winner" / "network.html").read_text()
    assert json.loads((folder / "winner" / "network.json").read_text())["layers"]
    assert "The front" in (folder / "found.html").read_text()
    assert main(["search", "--config", "search.toml", "--evaluations", "9"]) == 0
    assert "9 trained" in capsys.readouterr().out


def test_limits_that_nothing_meets_are_exit_code_one(folder, capsys):
    code = main(
        ["search", "--target", "chip.toml", "--task", "own.py:task", "--space", "own.py:space",
         "--no-curate", "--max-latency", "0.0001", "--quiet"]
    )  # fmt: skip
    assert code == 1
    assert "exceeds latency by" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--task", "nonsense"], "expected digits, detection, segmentation"),
        (["--task", "own.py:none"], "defines no 'none'"),
        (["--task", "own.py:number"], "no method evaluate"),
        (["--task", "own.py:task"], "give its space, too"),
        (["--task", "own.py:task", "--space", "own.py:number"], "expected a Space"),
        (["--max-sram", "many"], "expected bytes"),
        (["--max-latency", "-1"], "must be above zero"),
        (["--out", "found.doc"], "must end in"),
        (["--target", "nonsense"], "no target 'nonsense'"),
    ],
)
def test_mistakes_are_named(folder, capsys, flags, words):
    target = [] if "--target" in flags else ["--target", "chip.toml"]
    assert main(["search", *target, "--quiet", *flags]) == 2
    assert words in capsys.readouterr().err
