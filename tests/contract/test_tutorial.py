"""The tutorial runs as a notebook; Sybil runs it as a page."""

import runpy
from pathlib import Path

import nbclient
import nbformat

ROOT = Path(__file__).parents[2]


def test_the_notebook_runs(tmp_path):
    tools = runpy.run_path(str(ROOT / "tools" / "site" / "notebook.py"))
    made = nbformat.from_dict(tools["notebook"](tools["TUTORIAL"].read_text()))
    nbformat.validate(made)
    ran = nbclient.NotebookClient(
        made, timeout=600, resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    outputs = [output for cell in ran.cells for output in cell.get("outputs", ())]
    assert not [output for output in outputs if output["output_type"] == "error"]
    printed = "".join(output.get("text", "") for output in outputs)
    assert "deployed → new: fail" in printed
    assert (tmp_path / "review.html").exists()
