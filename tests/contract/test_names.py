"""A public name means one thing in all rooms."""

import ast
import re
from collections import defaultdict
from pathlib import Path

from tests.contract.test_results import public_names

# one loss each: of a table's items in an audit, of arrays in a bounty
_SAME = {"SquaredError", "ZeroOne"}


def test_no_name_has_two_meanings():
    meanings = defaultdict(set)
    for name, found in public_names():
        meanings[name].add(
            f"{getattr(found, '__module__', '')}.{getattr(found, '__qualname__', name)}"
        )
    several = {
        name: found for name, found in meanings.items() if len(found) > 1 and name not in _SAME
    }
    assert not several


ROOT = Path(__file__).parents[2]


def imported(path):
    """Pairs of module and name that a file imports from the package."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("supersede"):
            yield from ((node.module, alias.name) for alias in node.names)


def test_benchmarks_import_names_that_are_there():
    """Benchmarks run rarely, so a renamed name would stay unnoticed in them."""
    gone = []
    for path in sorted((ROOT / "benchmarks").rglob("*.py")):
        for module, name in imported(path):
            home = ROOT / "src" / Path(*module.split("."))
            source = home / "__init__.py" if home.is_dir() else home.with_suffix(".py")
            known = source.exists() and re.search(rf"\b{name}\b", source.read_text("utf-8"))
            if not known and not (home / f"{name}.py").exists() and not (home / name).is_dir():
                gone.append(f"{path.name}: {module}.{name}")
    assert not gone
