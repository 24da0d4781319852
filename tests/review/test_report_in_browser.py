"""The report as a person sees it, in Chromium."""

import os
from pathlib import Path

import pytest

import supersede
from supersede.review import MaxSliceNFR, MinGain

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "light"), (1280, "dark")])
def test_report_reads_at_every_width(browser, frame, tmp_path, width, scheme):
    rows = frame(3000)
    review = supersede.compare(
        rows, old="a", new="b", groups=["sex", "site"], checks=[MinGain(0), MaxSliceNFR(0.1)]
    )
    path = review.save(tmp_path / "report.html")
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    problems, requests = [], []
    page.on("console", lambda message: problems.append(message.text))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(path.as_uri())
    assert page.locator("[role=status] .word").inner_text() == "✓ Pass"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("svg.figure").count() >= 3
    for figure in page.locator("svg.figure").all():
        assert figure.bounding_box()["height"] > 60
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
    page.locator("summary").first.click()
    assert page.locator("details[open] table").first.is_visible()
    assert problems == []
    assert [url for url in requests if not url.startswith("file:")] == []
    shots = os.environ.get("SUPERSEDE_SCREENSHOTS")
    if shots:
        page.screenshot(path=Path(shots) / f"report-{width}-{scheme}.png", full_page=True)
    page.close()


def test_text_has_contrast_in_both_themes(browser, frame, tmp_path):
    path = supersede.compare(frame(500), old="a", new="b").save(tmp_path / "report.html")
    for scheme in ("light", "dark"):
        page = browser.new_page(color_scheme=scheme)
        page.goto(path.as_uri())
        ratios = page.evaluate(CONTRAST)
        assert min(ratios.values()) >= 4.5, (scheme, ratios)
        page.close()


CONTRAST = """() => {
  const style = getComputedStyle(document.documentElement);
  const channel = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = name => {
    const hex = style.getPropertyValue(name).trim().slice(1);
    const [r, g, b] = [0, 2, 4].map(i => channel(parseInt(hex.slice(i, i + 2), 16)));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const out = {};
  for (const ink of ['--ink', '--soft', '--accent', '--fail', '--pass', '--undecided', '--old'])
    for (const paper of ['--paper', '--wash']) {
      const [a, b] = [light(ink), light(paper)].sort((x, y) => y - x);
      out[ink + ' on ' + paper] = (a + 0.05) / (b + 0.05);
    }
  return out;
}"""
