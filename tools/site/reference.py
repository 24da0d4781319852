"""Split the reference of a room into one page for each file that defines public names.

A page of docs/reference whose front matter says

    names_of: [supersede.audit, supersede.audit.pictures]

gets a table of the names that these packages and files export, and beside it in the navigation a page for each file. The package is
read as text, so nothing heavy is imported.
"""

import itertools
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import griffe
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.utils import meta

ROOT = Path(__file__).parents[2]
_LINE = 88
_LONG = 175  # lines of documentation; a line takes 38 pixels, and a page at most 8,000


@dataclass(frozen=True)
class Module:
    """A file with public names.

    Attributes:
        path: The file, as it is imported.
        short: Its path below the room.
        names: The public names that it defines.
        home: Where users import them from.
        alone: Whether this is one name of a file that is too long for one page.
    """

    path: str
    short: str
    names: tuple[str, ...]
    home: str
    alone: bool = False

    def page(self, room: str) -> str:
        """Where its page lies, for the room's page at ``reference/room.md``."""
        return f"reference/{room}/{self.short}.md"

    def markdown(self) -> str:
        """The source of its page."""
        imported = f"from {self.home} import {', '.join(self.names)}"
        if len(imported) > _LINE:
            rows = "".join(f"    {name},\n" for name in self.names)
            imported = f"from {self.home} import (\n{rows})"
        members = "".join(f"        - {name}\n" for name in self.names)
        heading = f"# `{self.short}`\n\n```text\n{imported}\n```\n\n"
        if self.alone:
            return f"{heading}::: {self.path}.{self.names[0]}\n"
        return (
            f"{heading}::: {self.path}\n    options:\n"
            "      show_root_heading: false\n      show_root_toc_entry: false\n"
            f"      members:\n{members}"
        )


def on_config(config: Any) -> Any:
    """Put the new pages behind their room's page in the navigation."""
    config.nav = _with_modules(config.nav, Path(config.docs_dir))
    return config


def on_files(files: Files, *, config: Any) -> Files:
    """Add the new pages."""
    for page in sorted((Path(config.docs_dir) / "reference").glob("*.md")):
        for module in _modules(page):
            content = module.markdown()
            files.append(File.generated(config, module.page(page.stem), content=content))
    return files


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Files) -> str:
    """End a room's page with the table of its names."""
    source = page.file.abs_src_path
    if not page.file.src_uri.startswith("reference/") or source is None:
        return markdown
    modules = _modules(Path(source))
    if not modules:
        return markdown
    rows = [
        f"| {_link(module, name, page.file.src_uri)} | {_first_line(module.path, name)} |"
        for module in modules
        for name in module.names
    ]
    table = ["| name | what it is |", "|---|---|", *rows]
    return "\n".join([markdown.rstrip(), "", "## Names", "", *table, ""])


def _link(module: Module, name: str, uri: str) -> str:
    room = Path(uri).stem
    return f"[`{name}`]({room}/{module.short}.md#{module.path}.{name})"


def _with_modules(nav: Any, docs: Path) -> Any:
    if isinstance(nav, dict):
        return {title: _with_modules(item, docs) for title, item in nav.items()}
    if isinstance(nav, list):
        return [_with_modules(item, docs) for item in nav]
    modules = _modules(docs / nav) if nav.startswith("reference/") else ()
    if not modules:
        return nav
    title = _title(docs / nav)
    pages = [{module.short: module.page(Path(nav).stem)} for module in modules]
    return {title: [{"Overview": nav}, *pages]}


def _title(page: Path) -> str:
    text, _ = meta.get_data(page.read_text(encoding="utf-8"))
    return next(line.removeprefix("# ") for line in text.splitlines() if line.startswith("# "))


def _modules(page: Path) -> tuple[Module, ...]:
    _, matter = meta.get_data(page.read_text(encoding="utf-8"))
    if "names_of" not in matter:
        return ()
    return _public(tuple(matter["names_of"]))


@cache
def _package() -> griffe.Module:
    found = griffe.load("supersede", search_paths=[ROOT / "src"], resolve_aliases=True)
    assert isinstance(found, griffe.Module)
    return found


def _object(path: str) -> Any:
    try:
        return _package()[path.removeprefix("supersede.")] if path != "supersede" else _package()
    except KeyError as error:
        msg = f"the reference names {path}, which does not exist"
        raise PluginError(msg) from error


@cache
def _public(rooms: tuple[str, ...]) -> tuple[Module, ...]:
    found: dict[str, Module] = {}
    for room in rooms:
        homes = sorted((_home(room, name), name) for name in _exports(room))
        for path, pairs in itertools.groupby(homes, key=lambda pair: pair[0]):
            short = path.removeprefix(f"{rooms[0]}.").removeprefix("supersede.")
            found[path] = Module(path, short, tuple(name for _, name in pairs), room)
    return tuple(itertools.chain.from_iterable(_pages(found[path]) for path in sorted(found)))


def _pages(module: Module) -> list[Module]:
    """The module, or a page for each of its names where they are long together."""
    if len(module.names) < 2 or sum(_lines(module.path, name) for name in module.names) < _LONG:
        return [module]
    return [
        replace(module, short=f"{module.short}.{name}", names=(name,), alone=True)
        for name in module.names
    ]


def _lines(path: str, name: str) -> int:
    """About how many lines a name takes on a page: signatures and docstrings of all that is public."""
    found = _object(f"{path}.{name}")
    parts = (
        [found, *(m for m in found.members.values() if m.is_public)] if found.is_class else [found]
    )
    return sum(
        4 + len(getattr(part, "parameters", ()) or ()) + len(part.docstring.value.splitlines())
        for part in parts
        if part.docstring
    )


def _exports(path: str) -> list[str]:
    """What a file exports: its ``__all__``, and what a package imports from its own files."""
    module = _object(path)
    listed = [str(name) for name in module.exports or ()]
    imported = [
        name
        for name, member in module.members.items()
        if (member.is_alias and member.target_path.startswith(f"{path}."))
        or (
            not listed
            and not member.is_alias
            and member.is_module
            and name in (member.exports or ())
        )
    ]
    if not listed and not imported:
        msg = f"the reference names {path}, which exports nothing"
        raise PluginError(msg)
    return sorted({*listed, *imported}) if module.is_init_module else listed


def _home(room: str, name: str) -> str:
    """The file that defines a name that a room exports."""
    try:
        member = _object(room).members[name]
    except KeyError as error:
        msg = f"{room} exports {name}, but nothing says from where"
        raise PluginError(msg) from error
    if not member.is_alias and member.is_module:  # a file named like what it defines
        return f"{room}.{name}"
    return str(member.canonical_path.rpartition(".")[0])


def _first_line(path: str, name: str) -> str:
    found = _object(f"{path}.{name}")
    text = found.docstring.value if found.docstring else ""
    return text.strip().split("\n\n")[0].replace("\n", " ").replace("|", "\\|")
