"""Pages and links that come from files at the root of the repository."""

import tomllib
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
PAGES = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
UNNAMED = ".example"  # the ending of an address that stands for none


def on_config(config: Any) -> Any:
    """Link to the repository that ``[project.urls]`` names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    address = project["urls"]["Repository"]
    if not address.split("/")[2].endswith(UNNAMED):
        config.repo_url = address
        config.edit_uri = "edit/main/docs/"
    return config


def on_files(files: Files, *, config: Any) -> Files:
    """Add the changelog and its like as pages; their links into docs/ become links of the site."""
    for name in PAGES:
        text = (ROOT / name).read_text(encoding="utf-8").replace("](docs/", "](")
        files.append(File.generated(config, name.lower(), content=text))
    return files
