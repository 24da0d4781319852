"""What a stranger does in the demonstration, in Chromium, with every page looked at by axe."""

import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from supersede.web.serving import free_port

BROKEN = (Path(__file__).parents[1] / "look" / "broken.js").read_text("utf-8")
AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text("utf-8")
MOST = 150_000  # bytes of a page, with all that it loads

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """The address that ``serve --demo`` prints."""
    command = [sys.executable, "-c", "import sys; from supersede.cli import main; sys.exit(main())"]
    command += ["serve", "--demo", "--port", str(free_port("127.0.0.1")), "--workers", "1"]
    log = tmp_path_factory.mktemp("demo") / "log"
    with log.open("wb") as written:
        process = subprocess.Popen(command, stderr=written)
    found = None
    while found is None:
        assert process.poll() is None, log.read_text()
        time.sleep(0.5)
        found = re.search(r"open (http://\S+) in a browser", log.read_text())
    answers = False
    while not answers:  # it prints the address before it listens
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(found[1], timeout=60) as answer:
                answers = answer.status == 200
        except OSError:
            time.sleep(0.5)
    yield found[1]
    process.terminate()
    process.wait(60)


@pytest.fixture
def page(browser, printed):
    context = browser.new_context(base_url=printed, viewport={"width": 390, "height": 844})
    opened = context.new_page()
    opened.set_default_timeout(120_000)
    opened.goto("/")
    yield opened
    context.close()


def serious(page):
    """What axe finds on a page that is more than moderate; its script is added past the policy."""
    context = page.context.browser.new_context(
        bypass_csp=True, storage_state=page.context.storage_state(), viewport=page.viewport_size
    )
    other = context.new_page()
    other.set_default_timeout(120_000)
    other.goto(page.url)
    other.evaluate(AXE)
    found = other.evaluate("async () => (await axe.run()).violations")
    context.close()
    return [
        (v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in {"serious", "critical"}
    ]


def test_an_accepted_submission_without_code_in_ten_clicks(page):
    clicks = 0

    def click(what):
        nonlocal clicks
        page.click(what)
        clicks += 1

    click("text=Hunt: find a group")
    click("text=Submit without code")
    click("summary >> text=disability")
    click('input[name="in:disability"][value="yes"]')
    click("text=Train and try on public rows")
    click("text=Submit for judging")
    page.wait_for_selector("text=It waits for its answer")
    page.wait_for_selector(".word >> text=/Accepted|Rejected/")
    assert "Accepted" in page.inner_text(".word")
    assert clicks <= 10
    assert serious(page) == []


PAGES = {
    "Ada": (
        "/", "/rounds", "/rounds/1", "/rounds/1/submit", "/rounds/1/model", "/rounds/1/findings",
        "/account", "/ledger", "/labels", "/reviews", "/nowhere",
    ),
    "Grace": ("/people", "/rounds/new", "/rounds/1", "/rounds/1/findings", "/reviews", "/labels"),
}  # fmt: skip


@pytest.mark.parametrize("name", PAGES)
def test_pages_are_small_and_can_be_read_and_axe_finds_nothing_serious(page, name):
    page.click(f'form:has(input[value="{name}"]) button')
    sizes: list[int] = []
    said: list[str] = []
    page.on("response", lambda answer: sizes.append(len(answer.body())) if answer.ok else None)
    page.on("console", lambda m: said.append(m.text) if m.type == "error" else None)
    for path in PAGES[name]:
        sizes.clear()
        said.clear()
        page.goto(path)
        page.wait_for_load_state("load")
        assert sum(sizes) <= MOST, (path, sum(sizes))
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 844})
            assert page.evaluate(BROKEN) == [], (path, width)
        assert not said or path == "/nowhere", (path, said)
        assert serious(page) == [], path
