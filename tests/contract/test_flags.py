"""A flag means the same in every verb, and what cannot be written is refused before the work."""

import inspect
import re
from collections import defaultdict
from dataclasses import fields, is_dataclass

import pytest

from supersede.cli import COMMANDS, main

# a submission to a bounty is a group, as an expression, and a model, as a file
_OWN = {("submit", "group"), ("submit", "model")}


def described(text):
    """The beginning of the help on each argument, from the docstring."""
    found, name = {}, None
    for line in re.split(r"\n\s*(?:Args|Attributes):\n", inspect.cleandoc(text))[-1].splitlines():
        start = re.match(r"^ {4}(\w+): (.*)", line)
        if start:
            name = start[1]
            found[name] = start[2]
        elif name and line.startswith("        "):
            found[name] += " " + line.strip()
        elif line.strip():
            name = None
    return {name: re.split(r"[.;:]( |$)| \[default", text)[0] for name, text in found.items()}


def flags(command):
    """Each flag with the beginning of its help."""
    texts = described(command.__doc__)
    for name, parameter in inspect.signature(command).parameters.items():
        if is_dataclass(parameter.default):
            told = described(type(parameter.default).__doc__)
            yield from ((field.name, told[field.name]) for field in fields(parameter.default))
        elif parameter.kind == parameter.KEYWORD_ONLY:
            yield name, texts[name]


def test_a_flag_means_the_same_in_every_verb():
    meanings = defaultdict(lambda: defaultdict(list))
    for command in COMMANDS:
        for name, text in flags(command):
            if (command.__name__, name) in _OWN:
                continue
            meanings[name][text].append(command.__name__)
    several = {name: dict(texts) for name, texts in meanings.items() if len(texts) > 1}
    assert not several, "begin the help of a flag with the same words in every verb"


FILES = {
    "review": ["t.csv", "--old", "a", "--new", "b"], "audit": ["t.csv", "--model", "a", "--group", "g"],
    "plan": ["t.csv", "--model", "a"], "estimate": ["plan.csv", "labels.csv"],
    "hunt": ["t.csv", "--model", "a", "--label", "y"], "replay": ["t.csv"],
    "search": ["--target", "cpu"], "lastmile": ["t.csv", "--against", "u.csv"],
    "profile": ["m.onnx", "--target", "cpu"], "advise": ["m.onnx", "--target", "cpu"],
    "compatibility": ["a.npy", "b.npy", "c.npy", "--label", "y"], "migrate": ["status", "folder"],
}  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_outputs_are_refused_before_the_work(command, capsys):
    """No input file exists, so a message about the output proves that it is looked at first."""
    given = inspect.signature(command).parameters
    for flag, wrong in (("out", "a.json"), ("out", "a"), ("json", "a.html"), ("markdown", "a.txt")):
        name = command.__name__
        if flag not in given or name not in FILES:
            continue
        assert main([name, *FILES[name], f"--{flag}", wrong]) == 2
        said = capsys.readouterr().err
        assert f"--{flag}" in said
        assert "must end in" in said


def test_long_work_can_be_silenced():
    quick = {"demo", "serve", "replay", "submit", "ledger", "backup", "restore"}
    for command in COMMANDS:
        assert command.__name__ in quick or "quiet" in inspect.signature(command).parameters
