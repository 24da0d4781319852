"""Items that are hard to show, in Chromium: damaged files, text from right to left, very long words."""

import asyncio
import threading

import pyarrow as pa
import pytest
import uvicorn

import supersede
from supersede.evaluate import accuracy, plan
from supersede.web.accounts import actions as accounts
from supersede.web.app import create_app
from supersede.web.database import User
from supersede.web.labels.actions import draft, open_task
from supersede.web.serving import free_port
from tests.web.conftest import opened

pytestmark = pytest.mark.browser

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 200  # its first bytes are right, and nothing else
WAV = b"RIFF\x24\0\0\0WAVEfmt " + b"\xff" * 60
HTML = "<b onclick=alert(1)>yes</b>"
HEBREW = "\u05e9\u05dc\u05d5\u05dd \u202eabc " * 40


SHOWN = ["picture", "sound", "note", "big", "nothing"]


@pytest.fixture
def page(tmp_path, clock, browser):
    """The first item of a task, as an annotator's phone shows it."""
    site = opened(tmp_path, clock, port=free_port("127.0.0.1"))
    n = 40
    table = pa.table({
        "id": [f"i{k}" for k in range(n)], "picture": pa.array([PNG] * n, pa.binary()),
        "sound": pa.array([WAV] * n, pa.binary()), "note": [HEBREW + "x" * 5000] * n,
        "big": pa.array([b"GIF8" + bytes(6_000_000)] + [None] * (n - 1), pa.binary()),
        "nothing": pa.array([None] * n, pa.string()),
        "old": [HTML] * n, "new": [HTML, "no"] * (n // 2),
    })  # fmt: skip
    read = supersede.read(table, models=["old", "new"], item="id", labelled=False)
    asked = accuracy("new") - accuracy("old")
    with site.database.write() as db:
        ada = User(name="ada", folded="ada", password="-", created=site.now(), removed=None)
        db.add(ada)
        db.flush()
        accounts.grant(db, ada.id, "annotator", site.now(), by=ada.id)
        secret = accounts.start_session(db, ada.id, site.now())
        task = open_task(
            site, db, draft(site, plan(read, asked, margin=0.0, method="coordinated"), read, SHOWN),
            title="t", question="Which?", limits={}, made_by=ada.id,
        ).id  # fmt: skip
    server = uvicorn.Server(
        uvicorn.Config(create_app(site), port=site.settings.port, log_config=None)
    )
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    while not server.started:
        thread.join(0.05)
        assert thread.is_alive()
    context = browser.new_context(
        base_url=site.settings.origin, viewport={"width": 390, "height": 844}
    )
    context.add_cookies([{"name": "supersede", "value": secret, "url": site.settings.origin}])
    found = context.new_page()
    found.set_default_timeout(120_000)
    found.goto(f"/labels/{task}/item")
    yield found
    context.close()
    server.should_exit = True
    thread.join()
    site.database.close()


def test_what_cannot_be_shown_is_said_and_the_item_can_be_answered(page):
    said = page.get_by_text("This cannot be shown: the file is damaged")
    said.nth(1).wait_for()  # the picture's and the sound's
    assert said.count() == 2
    assert page.locator("img, audio").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.get_by_role("button", name=HTML).count() == 1
    first = page.locator("input[name=item_id]").input_value()
    page.keyboard.press("1")
    page.wait_for_function(
        "before => document.querySelector('input[name=item_id]').value !== before", arg=first
    )
    assert "1 answered by you" in page.locator("#one").inner_text()
