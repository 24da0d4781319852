"""The documentation names every flag and every check that there is."""

import inspect
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from supersede import review
from supersede.cli import COMMANDS
from supersede.cli.review import review as review_command

DOCS = Path(__file__).parents[2] / "docs"


def flags(command):
    """Names of a command's arguments, those in shared groups of flags one by one."""
    for name, parameter in inspect.signature(command).parameters.items():
        default = parameter.default
        if is_dataclass(default):
            yield from (f.name for f in fields(default))
        else:
            named = [n for p in getattr(parameter.annotation, "__metadata__", ()) for n in p.name]
            yield named[0].removeprefix("--") if named else name


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_every_flag_is_documented(command):
    pages = (DOCS / "reference").glob("command-line*.md")
    text = "".join(page.read_text() for page in sorted(pages))
    assert f"supersede {command.__name__}" in text or command is review_command
    for name in flags(command):
        flag = name.rstrip("_").replace("_", "-")  # Python keeps some words for itself
        assert f"--{flag}" in text or name.upper() in text, name


def test_every_check_is_documented():
    text = (DOCS / "explanation" / "verdicts.md").read_text()
    checks = [n for n in review.__all__ if hasattr(getattr(review, n), "judge") and n != "Check"]
    assert len(checks) == 14
    for name in checks:
        assert f"`{name}`" in text


def test_every_page_is_in_the_navigation():
    navigation = (DOCS.parent / "mkdocs.yml").read_text()
    for page in DOCS.rglob("*.md"):
        assert str(page.relative_to(DOCS)) in navigation, page
