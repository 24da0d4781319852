"""Look at the built site in Chromium: `make docs` fails where a page is not fit to be read.

``python tools/site/check.py site`` measures the reference and looks for stray files; with
``--pictures FOLDER PAGE…`` it also takes screenshots of pages, 390 and 1280 px wide.
"""

import argparse
import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

TALLEST = 8_000  # pixels of a reference page at 1280 px
WIDTHS = (390, 1280)


def main() -> int:
    """Run all checks; the exit code is 1 where one fails."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("site", type=Path)
    arguments.add_argument(
        "--pictures",
        nargs="+",
        default=[],
        metavar="",
        help="a folder, and pages such as how-to/review",
    )
    given = arguments.parse_args()
    site = given.site.resolve()
    faults = [f"{path.relative_to(site)} does not belong on a site" for path in site.rglob("*.py")]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM") or shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
            timeout=120_000,
        )
        faults += _too_tall(browser, site)
        for page in given.pictures[1:]:
            _photograph(browser, site, page, Path(given.pictures[0]))
        browser.close()
    for fault in faults:
        print(f"site: {fault}", file=sys.stderr)
    return 1 if faults else 0


def _too_tall(browser: Browser, site: Path) -> list[str]:
    faults, tallest = [], (0, "")
    page = browser.new_page(viewport={"width": 1280, "height": 800}, java_script_enabled=False)
    for path in sorted((site / "reference").rglob("index.html")):
        page.goto(path.as_uri())
        height = int(page.evaluate("document.documentElement.scrollHeight"))
        name = str(path.parent.relative_to(site))
        tallest = max(tallest, (height, name))
        if height > TALLEST:
            faults.append(f"{name} is {height} px tall; split it, at most {TALLEST} are allowed")
    print(f"site: the tallest page of the reference is {tallest[1]} with {tallest[0]} px")
    return faults


def _photograph(browser: Browser, site: Path, name: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for width in WIDTHS:
        for scheme in ("light", "dark"):
            page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
            page.goto((site / name / "index.html").as_uri())
            wide = page.evaluate("document.documentElement.scrollWidth")
            if wide > width:
                print(f"site: {name} is {wide} px wide on a screen of {width} px", file=sys.stderr)
            page.screenshot(
                path=folder / f"{name.strip('/').replace('/', '-') or 'home'}-{width}-{scheme}.png",
                full_page=width == max(WIDTHS),
            )
            page.close()


if __name__ == "__main__":
    sys.exit(main())
