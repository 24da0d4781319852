"""The documentation names every flag and every check that there is."""

import inspect
from pathlib import Path

import pytest

from supersede import review
from supersede.cli.audit import audit
from supersede.cli.review import review as command

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(
    "name",
    sorted(
        {*inspect.signature(command).parameters, *inspect.signature(audit).parameters, "config"}
    ),
)
def test_every_flag_is_documented(name):
    text = (DOCS / "reference" / "command-line.md").read_text()
    assert f"--{name.replace('_', '-')}" in text or name.upper() in text


def test_every_check_is_documented():
    text = (DOCS / "explanation" / "verdicts.md").read_text()
    checks = [n for n in review.__all__ if hasattr(getattr(review, n), "judge") and n != "Check"]
    assert len(checks) == 10
    for name in checks:
        assert f"`{name}`" in text


def test_every_page_is_in_the_navigation():
    navigation = (DOCS.parent / "mkdocs.yml").read_text()
    for page in DOCS.rglob("*.md"):
        assert str(page.relative_to(DOCS)) in navigation, page
