"""The tutorial as a notebook: the same source as the page, cut at its Python blocks.

As a hook of MkDocs it runs the notebook, shows what each block prints below it, and adds
``tutorial.ipynb`` to the site. Tests call `run` as well.
"""

import json
import os
import re
import tempfile
from pathlib import Path
from typing import Any

from gallery import CACHE, digest, sources
from mkdocs.structure.files import File, Files

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"
_BLOCK = re.compile(r"^```python\n(.*?)^```\n?", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[([^\]]+)\]\((?!https?:)[^)]*\)(?:\{[^}]*\})?")


def notebook(markdown: str) -> dict[str, Any]:
    r"""The notebook, in version 4.5 of the format, without outputs.

    Links to other pages lose their targets, since a notebook is opened far from the site.

    Example:
        >>> [cell["cell_type"] for cell in notebook("# A\n\n```python\n1 + 1\n```\n")["cells"]]
        ['markdown', 'code']
    """
    cells: list[dict[str, Any]] = []
    for number, part in enumerate(_BLOCK.split(markdown)):
        is_code = number % 2 == 1
        text = part.strip() if is_code else _LINK.sub(r"\1", part.strip())
        if not text:
            continue
        cell: dict[str, Any] = {"id": f"cell-{len(cells)}", "metadata": {}, "source": text}
        if is_code:
            cell |= {"cell_type": "code", "execution_count": None, "outputs": []}
        else:
            cell |= {"cell_type": "markdown"}
        cells.append(cell)
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def run(markdown: str, folder: Path) -> dict[str, Any]:
    """The notebook with what its cells print, run in a folder; an error in a cell is raised."""
    import nbclient
    import nbformat

    made = nbformat.from_dict(notebook(markdown))
    nbformat.validate(made)
    client = nbclient.NotebookClient(made, timeout=None, resources={"metadata": {"path": folder}})
    # one thread: on a busy machine, spinning threads of OpenMP take each other's time
    return dict(client.execute(env={**os.environ, "OMP_NUM_THREADS": "1"}))


def printed(cell: dict[str, Any]) -> str:
    """What a cell printed."""
    return "".join(
        output["text"]
        for output in cell.get("outputs", ())
        if output["output_type"] == "stream" and output["name"] == "stdout"
    )


def on_files(files: Files, *, config: Any) -> Files:
    """Add the notebook to the site."""
    content = json.dumps(_ran(TUTORIAL.read_text(encoding="utf-8")), indent=1)
    files.append(File.generated(config, "tutorial.ipynb", content=content))
    return files


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Files) -> str:
    """Show below each block of the tutorial what it prints."""
    if page.file.src_uri != TUTORIAL.name:
        return markdown
    cells = _ran(TUTORIAL.read_text(encoding="utf-8"))["cells"]
    texts = iter([printed(cell) for cell in cells if cell["cell_type"] == "code"])

    def with_text(block: re.Match[str]) -> str:
        text = next(texts)
        return block[0] + (f"\n```text\n{text.rstrip()}\n```\n" if text else "")

    return _BLOCK.sub(with_text, markdown)


def _ran(markdown: str) -> dict[str, Any]:
    kept = CACHE / f"tutorial-{digest(markdown, *sources())}.json"
    if not kept.exists():
        for old in CACHE.glob("tutorial-*.json"):
            old.unlink()
        with tempfile.TemporaryDirectory() as folder:
            text = json.dumps(run(markdown, Path(folder)))
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(text, encoding="utf-8")
    found: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
    return found
