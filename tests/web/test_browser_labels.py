"""Labelling in Chromium: 100 labels by the keyboard, from the page that `serve --demo` prints."""

import re
import socket
import threading
import time

import pytest
import uvicorn
from playwright.sync_api import expect

from supersede.web.app import create_app
from supersede.web.demonstration.people import add_people
from supersede.web.labels.actions import labels_of
from supersede.web.reviews import demonstration
from supersede.web.settings import Settings
from supersede.web.site import open_site


@pytest.fixture
def demo(tmp_path):
    """The demonstration, served on loopback; its address and its installation."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    site = open_site(Settings(data=tmp_path, port=port), migrate=True)
    demonstration.fill(site, add_people(site))
    config = uvicorn.Config(
        create_app(site, demo=True), host="127.0.0.1", port=port, log_level="error"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield site, f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()
    site.database.close()


def test_a_hundred_labels_in_at_most_110_key_presses(demo, browser, tmp_path):
    site, address = demo
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(address)
    page.get_by_role("button", name=re.compile("Anna")).click()
    page.get_by_role("link", name=re.compile("Who is employed")).click()
    page.locator("#start").click()
    presses = 0
    for number in range(100):
        item = page.locator("input[name=item_id]").input_value()
        says = page.locator(".shown", has_text="the record says").locator("p").inner_text()
        option = page.locator(".answers button", has_text=re.compile(f"^{says}( \\d)?$"))
        page.keyboard.press(option.get_attribute("data-key"))
        presses += 1
        if number < 99:
            expect(page.locator("input[name=item_id]")).not_to_have_value(item)
    answered = page.locator("#one p").first
    expect(answered).to_contain_text("100 answered")
    assert presses <= 110
    with site.database.read() as db:
        rows = labels_of(db, 1)
    assert len(rows) == 100
    assert not {"deployed", "boosted"} & set(page.locator(".shown .help").all_inner_texts())
    page.keyboard.press("u")
    expect(answered).to_contain_text("99 answered")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.close()
