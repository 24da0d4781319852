"""Disks that fill up, and databases that go away: the request is refused whole, and can be repeated."""

from contextlib import contextmanager

from sqlalchemy import event, func, select

from supersede.web.database import Finding
from supersede.web.ledger import verify
from tests.web.bounties.made import opened


@contextmanager
def full_disk(site):
    """SQLite finds no room for another page, as on a disk that is full."""

    def no_room(connection, *_):
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")

    def room(connection, *_):
        connection.execute("PRAGMA max_page_count = 1000000")

    event.listen(site.database.engine, "checkout", no_room)
    try:
        yield
    finally:
        event.remove(site.database.engine, "checkout", no_room)
        event.listen(site.database.engine, "checkout", room)


def test_a_full_disk_refuses_the_request_whole(site, enter):
    enter("grace", "owner")
    ada = enter("ada", "hunter", team="A")
    number = opened(site)
    sent = {"title": "Small wards", "text": "x" * 9_000, "group": "", "form": "a form of mine"}
    with full_disk(site):
        answer = ada.post(f"/rounds/{number}/findings", data=sent)
        assert (answer.status_code, "disk is full" in answer.text) == (507, True)
        assert ada.get(f"/rounds/{number}").status_code == 200  # reading still works
    with site.database.read() as db:
        assert db.execute(select(func.count()).select_from(Finding)).scalar_one() == 0
        verify(db)
    assert ada.post(f"/rounds/{number}/findings", data=sent).status_code == 303
    with site.database.read() as db:
        assert db.execute(select(func.count()).select_from(Finding)).scalar_one() == 1
