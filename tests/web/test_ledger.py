import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from supersede.errors import LedgerError
from supersede.web.ledger import Head, append, head, verify, verify_signature
from supersede.web.ledger.ledger import START, link


def filled(site, entries=5):
    with site.database.write() as db:
        for number in range(entries):
            append(db, "test", {"event": "happened", "number": number, "name": "Ünï"}, site.now())


def test_an_intact_ledger_verifies_against_every_earlier_head(either_site):
    heads = []
    for _ in range(4):
        with either_site.database.read() as db:
            heads.append(head(db))
        filled(either_site, 2)
    with either_site.database.read() as db:
        assert verify(db) == head(db)
        for anchor in heads:
            assert verify(db, anchor).number == 8


def test_entries_can_be_changed_neither_nor_removed(either_site):
    filled(either_site)
    statements = ["UPDATE ledger SET body = '{}' WHERE number = 2", "DELETE FROM ledger"]
    if not either_site.database.sqlite:
        statements.append("TRUNCATE ledger")
    for statement in statements:
        with pytest.raises(DBAPIError, match="append-only"), either_site.database.write() as db:
            db.execute(text(statement))


@pytest.fixture
def forced(site):
    """Changes behind the triggers' back, as somebody with the database's file can."""

    def change(*statements):
        with site.database.write() as db:
            for what in ("update", "delete"):
                db.execute(text(f"DROP TRIGGER IF EXISTS ledger_frozen_{what}"))
            for statement in statements:
                db.connection().exec_driver_sql(statement)

    return change


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger SET body = replace(body, '\"number\":1', '\"number\":7') WHERE number = 2",
        "UPDATE ledger SET body = body || ' ' WHERE number = 2",
        "UPDATE ledger SET stream = 'other' WHERE number = 2",
        "UPDATE ledger SET hash = replace(hash, substr(hash, 1, 1), 'g') WHERE number = 5",
        "DELETE FROM ledger WHERE number = 3",
        "DELETE FROM ledger WHERE number = 5",
        "UPDATE ledger_head SET number = 4",
        "UPDATE ledger SET number = 100 WHERE number = 5",
    ],
)
def test_any_altered_byte_is_found(site, forced, statement):
    filled(site)
    forced(statement)
    with pytest.raises(LedgerError), site.database.read() as db:
        verify(db)


def test_every_single_byte_of_a_body_counts(site, forced):
    filled(site, 2)
    with site.database.read() as db:
        body = db.execute(text("SELECT body FROM ledger WHERE number = 1")).scalar_one()
    for place in range(len(body)):
        other = chr(ord(body[place]) ^ 1)
        altered = (body[:place] + other + body[place + 1 :]).replace("'", "''")
        forced(f"UPDATE ledger SET body = '{altered}' WHERE number = 1")
        with pytest.raises((LedgerError, ValueError)), site.database.read() as db:
            verify(db)


@pytest.mark.parametrize(
    "body", ["{", '{"a": 1}', '{"a":1e400}', '{"a":NaN}', "[" * 100_000, '{"b":1,"a":1}']
)
def test_a_forged_chain_needs_bodies_as_we_write_them(site, forced, body):
    forged = link(1, "test", body, START)
    forced(
        "DELETE FROM ledger",
        f"INSERT INTO ledger VALUES (1, 'test', '{body}', '{forged}')",
        f"UPDATE ledger_head SET number = 1, hash = '{forged}'",
    )
    with pytest.raises(LedgerError), site.database.read() as db:
        verify(db)


@pytest.mark.parametrize(
    "statements",
    [
        ["UPDATE ledger SET number = -2 WHERE number = 2", "UPDATE ledger SET number = 2 WHERE number = 3",
         "UPDATE ledger SET number = 3 WHERE number = -2"],
        ["INSERT INTO ledger SELECT 6, stream, body, hash || 'x' FROM ledger WHERE number = 5"],
        ["INSERT INTO ledger SELECT 0, stream, body, hash || 'x' FROM ledger WHERE number = 5"],
        ["UPDATE ledger_head SET hash = upper(hash)"],
        ["DELETE FROM ledger WHERE number = 1"],
        ["DELETE FROM ledger"],
        ["DELETE FROM ledger_head"],
    ],
)  # fmt: skip
def test_entries_that_were_swapped_added_or_dropped_are_found(site, forced, statements):
    filled(site)
    forced(*statements)
    with pytest.raises(LedgerError), site.database.read() as db:
        verify(db)


def test_a_ledger_cut_off_or_rewritten_shows_against_an_anchor(site, forced):
    filled(site)
    with site.database.read() as db:
        anchor = head(db)
        fourth = db.execute(text("SELECT hash FROM ledger WHERE number = 4")).scalar_one()
    forced(
        "DELETE FROM ledger WHERE number = 5",
        f"UPDATE ledger_head SET number = 4, hash = '{fourth}'",
    )
    with site.database.read() as db:
        verify(db)  # alone, a shorter chain is a chain
        with pytest.raises(LedgerError, match="cut off"):
            verify(db, anchor)
    with site.database.write() as db:
        append(db, "test", {"event": "another"}, site.now())
    with site.database.read() as db, pytest.raises(LedgerError, match="rewritten"):
        verify(db, anchor)


def test_an_anchor_of_the_empty_ledger_is_zeros(site):
    with site.database.read() as db:
        assert verify(db, Head(0, START)).number == 0
        with pytest.raises(LedgerError):
            verify(db, Head(0, "1" * 64))


def test_what_is_undone_leaves_no_entry(either_site):
    def failing():
        with either_site.database.write() as db:
            append(db, "test", {"event": "happened"}, either_site.now())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        failing()
    with either_site.database.read() as db:
        assert verify(db).number == 0


def test_the_head_is_signed_with_the_key_that_it_names(site, stranger):
    filled(site)
    found = stranger.get("/api/v1/ledger/head").json()
    record = {"number": found["number"], "hash": found["hash"]}
    assert verify_signature(record, found["signature"], found["key"])
    assert not verify_signature({**record, "number": 4}, found["signature"], found["key"])


def test_the_export_is_for_judges(site, enter):
    filled(site)
    assert enter("ada", "hunter").get("/api/v1/ledger").status_code == 403
    lines = enter("jo", "judge").get("/api/v1/ledger?after=3").text.splitlines()
    assert len(lines) >= 2
