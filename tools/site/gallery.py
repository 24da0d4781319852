"""Real reports for the home page and the gallery, made while the site is built.

Each page of docs/gallery is an entry. Its front matter names the report that its code blocks write:

    title: Review a new model
    report: report.html           the file that the blocks write
    picture: h1                   CSS selector of what the card shows, from there downwards
    how_to: how-to/review.md      where the card leads

The blocks, ``console`` and ``py``, run one after the other in a folder that holds the demonstration's
predictions. What they print is not shown; what they write is. A room adds its card by adding a page.

Results are kept in .cache/gallery until the package or the page changes.
"""

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.utils import meta

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "gallery"
CARDS = "<!-- cards -->"
WIDTH, HEIGHT = 760, 475  # of a picture, in pixels
CHROMIUM_FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
_BLOCK = re.compile(r"^```(console|py)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Entry:
    """One page of the gallery."""

    uri: str
    title: str
    report: str
    picture: str
    how_to: str
    text: str

    @property
    def name(self) -> str:
        """The page's name without its ending."""
        return Path(self.uri).stem

    @property
    def lead(self) -> str:
        """The first paragraph, which the card shows."""
        return " ".join(self.text.split("\n\n")[0].split())


def on_files(files: Files, *, config: Any) -> Files:
    """Add reports and pictures to the site's files."""
    for entry in entries(config):
        made = made_by(entry)
        for path in sorted(made.iterdir()):
            uri = f"gallery/{entry.name}/{path.name}"
            files.append(File.generated(config, uri, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Files) -> str:
    """Put cards in the place kept for them, and picture and report on an entry's page."""
    if CARDS in markdown:
        cards = "\n\n".join(card(entry, page.file) for entry in entries(config))
        return markdown.replace(CARDS, f'<div class="grid cards" markdown>\n\n{cards}\n\n</div>')
    if "report" in page.meta:
        found = {entry.uri: entry for entry in entries(config)}
        return whole_page(found[page.file.src_uri])
    return markdown


def whole_page(entry: Entry) -> str:
    """An entry's page: its lead, the picture, links, and how the report was made."""
    lead, _, rest = entry.text.partition("\n\n")
    how_to = os.path.relpath(entry.how_to, Path(entry.uri).parent)
    return (
        f"# {entry.title}\n\n{lead}\n\n{pictures(entry, entry.name)}\n\n"
        f"[Open the whole report]({entry.name}/{entry.report}){{ .md-button .md-button--primary }}"
        f" [How to]({how_to}){{ .md-button }}\n\n## How it was made\n\n{rest}\n"
    )


def card(entry: Entry, at: File) -> str:
    """One item of the grid."""
    here = Path(at.src_uri).parent
    page, how_to = (os.path.relpath(uri, here) for uri in (entry.uri, entry.how_to))
    folder = os.path.relpath(f"gallery/{entry.name}", here)
    return "\n\n    ".join(
        [
            f"-   [{pictures(entry, folder)}]({page})",
            f"**[{entry.title}]({how_to})**",
            f"{entry.lead}",
        ]
    )


def pictures(entry: Entry, folder: str) -> str:
    """The picture for either palette."""
    return "".join(
        f"![The report of “{entry.title}”]({folder}/{scheme}.png#only-{scheme})"
        for scheme in ("light", "dark")
    )


def entries(config: Any) -> Iterator[Entry]:
    """The entries in the order of the navigation."""
    for uri in _uris(config.nav):
        if not uri.startswith("gallery/"):
            continue
        source = (Path(config.docs_dir) / uri).read_text(encoding="utf-8")
        text, matter = meta.get_data(source)
        if "report" not in matter:
            continue
        try:
            yield Entry(
                uri, text=text.strip(),
                **{name: matter[name] for name in ("title", "report", "picture", "how_to")},
            )  # fmt: skip
        except KeyError as error:
            msg = f"{uri}: the front matter has no {error}"
            raise PluginError(msg) from error


def _uris(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    for item in nav.values() if isinstance(nav, dict) else nav if isinstance(nav, list) else ():
        yield from _uris(item)


def made_by(entry: Entry) -> Path:
    """The folder with an entry's report and pictures, made unless it is there."""
    shape = f"{WIDTH}x{HEIGHT}"
    key = digest(entry.text, entry.report, entry.picture, shape, *sources())
    made = CACHE / f"{entry.name}-{key}"
    if made.exists():
        return made
    for old in (*CACHE.glob(f"{entry.name}-*"), CACHE / "work"):
        shutil.rmtree(old, ignore_errors=True)
    work, finished = CACHE / "work", CACHE / "work" / "made"
    predictions = _predictions()
    finished.mkdir(parents=True)
    shutil.copyfile(predictions, work / "predictions.parquet")
    for kind, code in _BLOCK.findall(entry.text):
        _run(entry, kind, code, work)
    if not (work / entry.report).is_file():
        msg = f"{entry.uri}: its code blocks wrote no {entry.report}"
        raise PluginError(msg)
    shutil.copyfile(work / entry.report, finished / entry.report)
    _photograph(finished / entry.report, entry.picture)
    return finished.rename(made)


def _predictions() -> Path:
    """The demonstration's predictions, kept until what makes them changes."""
    path = CACHE / f"predictions-{digest(*sources('demo', 'train'))}.parquet"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        code = (
            "import pyarrow.parquet as pq; from supersede.demo.employment import employment;"
            "pq.write_table(employment(), 'predictions.new')"
        )
        _call("the demonstration's predictions", [sys.executable, "-c", code], CACHE)
        for old in CACHE.glob("predictions-*.parquet"):
            old.unlink()
        (CACHE / "predictions.new").rename(path)
    return path


def _run(entry: Entry, kind: str, code: str, work: Path) -> None:
    if kind == "py":
        _call(entry.uri, [sys.executable, "-c", code], work)
        return
    for command in code.replace("\\\n", " ").splitlines():
        if command.startswith("$ supersede "):
            words = shlex.split(command.removeprefix("$ supersede "))
            _call(entry.uri, [sys.executable, "-m", "supersede", *words], work)


def _call(what: str, command: list[str], work: Path) -> None:
    """Run a command; a verdict (exit codes up to 3, except 2) is no error."""
    print(f"gallery: {what}: {shlex.join(command[1:])[:100]}", file=sys.stderr)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(CACHE / "home")}
    environment["PYTHONPATH"] = str(ROOT / "src")
    done = subprocess.run(
        command, cwd=work, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode not in {0, 1, 3} or "Traceback" in done.stderr:
        msg = (
            f"{what}: `{shlex.join(command)}` ended with {done.returncode}:\n{done.stderr[-3000:]}"
        )
        raise PluginError(msg)


def _photograph(report: Path, selector: str) -> None:
    """Write light.png and dark.png beside a report."""
    from playwright.sync_api import sync_playwright

    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        msg = "the pictures of the gallery need Chromium: install it, or name it in CHROMIUM"
        raise PluginError(msg)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=list(CHROMIUM_FLAGS), timeout=120_000
        )
        for scheme in ("light", "dark"):
            page = browser.new_page(
                viewport={"width": WIDTH, "height": HEIGHT}, color_scheme=scheme
            )
            page.goto(report.as_uri())
            page.locator(selector).first.evaluate("e => e.scrollIntoView({block: 'start'})")
            page.evaluate("scrollBy(0, -12)")
            page.screenshot(path=report.with_name(f"{scheme}.png"))
        browser.close()


def sources(*rooms: str) -> list[str]:
    """Digests of the package's files, or of some rooms'."""
    package = ROOT / "src" / "supersede"
    folders = [package / room for room in rooms] or [package]
    found = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return [
        hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(path for path in found if path.suffix != ".pyc")
    ]


def digest(*texts: str) -> str:
    """A short name for texts."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
