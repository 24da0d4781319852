"""The tutorial as a notebook: the same source as the page, cut at its Python blocks.

As a hook of MkDocs it adds ``tutorial.ipynb`` to the site; tests run what `notebook` returns.
"""

import json
import re
from pathlib import Path
from typing import Any

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


def on_files(files: Files, *, config: Any) -> Files:
    """Add the notebook to the site."""
    content = json.dumps(notebook(TUTORIAL.read_text(encoding="utf-8")), indent=1)
    files.append(File.generated(config, "tutorial.ipynb", content=content))
    return files
