"""The README as an index shows it: links into the repository made absolute.

In the repository the links are relative, so they work in any clone and on any host. An index shows
the page without the files beside it, so the build puts the repository's address in front of them.
"""

import re
import tomllib
from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface

__all__ = ["ReadmeHook", "absolute"]

_RELATIVE = re.compile(r"\]\((?![a-z][a-z0-9+.-]*:|#)([^)\s]+)\)", re.IGNORECASE)


def absolute(markdown: str, repository: str) -> str:
    """The text with every relative link leading to the repository's main branch.

    Example:
        >>> absolute("[a](docs/a.md), [b](https://b.example), [c](#c)", "https://r.example")
        '[a](https://r.example/blob/main/docs/a.md), [b](https://b.example), [c](#c)'
    """
    return _RELATIVE.sub(rf"]({repository}/blob/main/\1)", markdown)


class ReadmeHook(MetadataHookInterface):
    """Sets the field ``readme`` when a wheel or a source distribution is built."""

    def update(self, metadata: dict[str, object]) -> None:
        """Read README.md and the address in ``[project.urls]``."""
        root = Path(self.root)
        project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        text = (root / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": absolute(text, project["urls"]["Repository"]),
        }
