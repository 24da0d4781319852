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
diverging = Reward("diverging", lambda net, seed: float("nan"))
broken = Reward("broken", lambda net, seed: 1 / 0)
few = space.limited(**{f"block{i}__channels": [16] for i in range(7)}).limited(
    **{f"block{i}__kind": ["ibn"] for i in range(2)}
)
one = few.limited(**{f"block{i}__kind": ["ibn"] for i in range(7)})
"""
DIGITS = """
from supersede.search.architecture.tasks.digits import Digits
from supersede.search.architecture.tasks.spaces import space_for

task, space = Digits(copies=1, epochs=2), space_for("digits")
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
    assert "· fused" in (folder / "winner" / "network.html").read_text()
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


OF_ITS_OWN = ["--target", "chip.toml", "--quiet", "--task"]
SPACE = ["--space", "own.py:space"]


def test_trainings_that_all_diverge_are_exit_code_one(folder, capsys):
    flags = ["own.py:diverging", *SPACE, "--no-curate", "--evaluations", "2", "--out", "f.html"]
    assert main(["search", *OF_ITS_OWN, *flags]) == 1
    assert "its error is nan" in capsys.readouterr().out
    assert "All of 2 trainings failed" in (folder / "f.html").read_text()


def test_an_error_of_the_users_task_is_named_with_its_line(folder, capsys):
    flags = ["own.py:broken", *SPACE, "--no-curate", "--evaluations", "2"]
    assert main(["search", *OF_ITS_OWN, *flags]) == 2
    told = capsys.readouterr().err
    assert "own.py:broken raised ZeroDivisionError" in told
    assert "line 8" in told


def test_a_space_of_one_is_curated_and_searched(folder, capsys):
    flags = ["own.py:task", "--space", "own.py:one", "--evaluations", "5"]
    assert main(["search", *OF_ITS_OWN, *flags]) == 0
    assert "every network of the space" in capsys.readouterr().out


def test_the_combination_and_a_prior_are_flags(folder, capsys):
    some = ["own.py:task", "--space", "own.py:few", "--no-curate", "--evaluations"]
    assert main(["search", *OF_ITS_OWN, *some, "8", "--json", "first.json"]) == 0
    flags = [*some, "4", "--prior", "first.json"]
    assert main(["search", *OF_ITS_OWN, *flags, "--strategy", "combined"]) == 0
    assert "4 trained" in capsys.readouterr().out
    (folder / "first.json").write_text("[]")
    assert main(["search", *OF_ITS_OWN, *flags]) == 2
    assert "not the record of a search" in capsys.readouterr().err


def test_the_winner_is_exported_with_a_card_of_its_figures(folder):
    from supersede.hardware import EthosU

    (folder / "digits.py").write_text(DIGITS)
    flags = ["--task", "digits.py:task", "--space", "digits.py:space", "--no-curate", "--quiet"]
    command = [
        "search",
        "--target",
        "ethos-u55-128",
        "--evaluations",
        "1",
        *flags,
        "--cache",
        "c.db",
    ]
    assert main([*command, "--winner", "w"]) == 0
    figures = json.loads((folder / "w" / "card.json").read_text())["figures"]
    searched, again = (
        figures[f"error on validation data, {how}"] for how in ("in the search", "trained again")
    )
    assert searched == again
    assert abs(figures["error on test data, int8"] - figures["error on test data"]) < 0.05
    compiled = EthosU("u55-128").compile((folder / "w" / "model_int8.tflite").read_bytes())
    assert compiled.seconds == figures["latency, seconds (the compiler's estimate)"]
    assert compiled.weight_bytes == figures["weights, bytes as compressed"]


def test_nothing_is_measured_before_a_mistake_is_told(folder, capsys):
    for flags in (["--evaluations", "0"], ["--winner", "own.py"], ["--store", "mysql://h/x"]):
        assert main(["search", *OF_ITS_OWN, "own.py:task", *SPACE, *flags]) == 2
        told = capsys.readouterr()
        assert "granule" not in told.out
        assert told.err.startswith("error:")


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
