"""The tutorial runs as a notebook; Sybil runs it as a page."""

import importlib
from pathlib import Path

TOOLS = Path(__file__).parents[2] / "tools" / "site"


def test_the_notebook_runs(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(TOOLS)
    tutorial = importlib.import_module("tutorial")
    ran = tutorial.run(tutorial.TUTORIAL.read_text(), tmp_path)
    printed = "".join(tutorial.printed(cell) for cell in ran["cells"])
    assert "deployed → new: fail" in printed
    assert (tmp_path / "review.html").exists()
