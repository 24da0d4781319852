"""Every page with long names that run both ways, narrow and wide, light and dark, in Chromium."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from supersede.look import figures, maps
from supersede.look.numbers import share
from supersede.look.page import figure_page
from tests.contract import results

pytestmark = pytest.mark.browser

BROKEN = (Path(__file__).parent / "broken.js").read_text()
LONG = "an improbably long name of a model or of a group that somebody gave it in a hurry"
UNBROKEN = "one_word_" * 9
RIGHT_TO_LEFT = "דגם חדש של מיון מכתבים"
NAMES = ("a", LONG, UNBROKEN, RIGHT_TO_LEFT)


@pytest.fixture(scope="module")
def tab(browser):
    page = browser.new_page()
    yield page
    page.close()


def problems(tab, path):
    """What is broken at each width and in each scheme, and what axe-core calls serious."""
    found = []
    tab.goto(path.as_uri())
    for width, scheme in ((1280, "light"), (390, "dark")):
        tab.set_viewport_size({"width": width, "height": 900})
        tab.emulate_media(color_scheme=scheme)
        tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        found += [f"{width} px: {text}" for text in tab.evaluate(BROKEN)]
        for rule in Axe().run(tab).response["violations"]:
            if rule["impact"] in {"serious", "critical"}:
                where = rule["nodes"][0]["html"][:120]
                found.append(f"{width} px {scheme}: {rule['id']}: {rule['help']}: {where}")
    return found


@pytest.fixture(scope="module", autouse=True)
def long_names():
    with results.named(f"{LONG} {RIGHT_TO_LEFT} {UNBROKEN}"):
        yield


@pytest.mark.parametrize("name", sorted(results.MADE))
def test_a_result_can_be_read(tab, tmp_path, name):
    path = tmp_path / "page.html"
    path.write_text(results.MADE[name]().to_html(), encoding="utf-8")
    assert problems(tab, path) == []


def _dots():
    dots = [
        figures.Dot(name, 0.1 * i, 0.05 * i, 0.2 * i + 0.1, 400, "fail")
        for i, name in enumerate(NAMES)
    ]
    return figures.dot_plot(
        dots, title="Groups", description="d", limit=0.15, limit_word="the limit"
    )


def _pairs():
    pairs = [figures.Pair(name, 0.5, 0.5 + 0.1 * i, 400) for i, name in enumerate(NAMES)]
    return figures.dumbbell(pairs, title="Pairs", description="d")


def _front():
    marks = [
        figures.Mark(name, 0.1 + 0.01 * i, 0.02 * i, "quiet", chosen=i == 1, named=True)
        for i, name in enumerate(NAMES)
    ]
    return figures.front_plot(
        marks, title="Front", description="d", x_name="error", y_name="flips", limit=0.12
    )


def _lines():
    lines = [figures.Line(name, [0.1 * i, 0.2 * i, 0.1]) for i, name in enumerate(NAMES)]
    return figures.line_plot(lines, ["v1", "v2", "v3"], title="Lines", y_name="error")


def _map():
    cells = [[maps.Cell(share(0.1 * i), "n 400", 0.2 * i) for i in range(4)] for _ in NAMES]
    return maps.heat_map(NAMES, NAMES, cells, title="A map", corner="model ↓ group →")


@pytest.mark.parametrize(
    "draw", [_dots, _pairs, _front, _lines, _map], ids=lambda f: f.__name__[1:]
)
def test_a_figure_can_be_read(tab, tmp_path, draw):
    path = tmp_path / "figure.html"
    path.write_text(figure_page("A figure", "Names of every kind.", draw()), encoding="utf-8")
    assert problems(tab, path) == []
