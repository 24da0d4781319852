"""The audit's page and the service card as a person sees them, in Chromium."""

import os
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from supersede.audit import audit_losses, service_card

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def audit():
    rng = np.random.default_rng(0)
    n = 3000
    site = rng.choice(["north", "south", "a place with a very long name by the sea"], n)
    sex = rng.choice(np.array(["f", "m", None], object), n)
    lost = rng.random(n) < np.where(site == "south", 0.4, 0.1)
    return audit_losses(
        lost, {"site": site, "sex": sex}, old=rng.random(n) < 0.2, cross=[("site", "sex")],
        name="error rate",
    )  # fmt: skip


def opened(browser, path, width, scheme):
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.problems, page.requests = [], []
    page.on("console", lambda message: page.problems.append(message.text))
    page.on("request", lambda request: page.requests.append(request.url))
    page.goto(path.as_uri())
    shots = os.environ.get("SUPERSEDE_SCREENSHOTS")
    if shots:
        name = f"{path.stem}-{width}-{scheme}.png"
        page.screenshot(path=Path(shots) / name, full_page=True)
    return page


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "light"), (1280, "dark")])
def test_audit_reads_at_every_width(browser, audit, tmp_path, width, scheme):
    page = opened(browser, audit.save(tmp_path / "audit.html"), width, scheme)
    assert "above that of all items" in page.locator("[role=status]").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("svg.figure").count() == 2
    assert page.locator("svg.figure .fail circle").count() >= 1
    assert page.locator("table.map td").count() == 9
    page.locator("summary").first.click()
    assert page.locator("details[open] table").first.is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.problems == []
    assert [url for url in page.requests if not url.startswith("file:")] == []
    page.close()


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_card_reads_at_every_width(browser, audit, tmp_path, width, scheme):
    card = service_card(
        [audit], name="triage", version="2", released=date(2026, 1, 2),
        intended_use="Sorts letters.", limits=["English only."],
        customer_must_test=["Your own letters."],
    )  # fmt: skip
    page = opened(browser, card.save(tmp_path / "card.html"), width, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("h2").all_inner_texts()[1] == "What must you test yourself?"
    assert page.locator("table").first.is_visible()
    assert page.problems == []
    page.close()


def test_shaded_cells_keep_their_contrast(browser, audit, tmp_path):
    for scheme in ("light", "dark"):
        page = opened(browser, audit.save(tmp_path / "audit.html"), 1280, scheme)
        ratio = page.evaluate(
            """() => {
              const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
              const light = color => {
                canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
                const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map(v => v / 255)
                  .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
                return .2126 * r + .7152 * g + .0722 * b; };
              return Math.min(...[...document.querySelectorAll('table.map td')].map(cell => {
                const style = getComputedStyle(cell);
                const [a, b] = [light(style.color), light(style.backgroundColor)].sort((x, y) => y - x);
                return (a + .05) / (b + .05); })); }"""
        )
        assert ratio >= 4.5
        page.close()
