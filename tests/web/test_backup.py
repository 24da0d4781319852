import re
import sqlite3
import zipfile
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from supersede.errors import ConflictError, DatabaseError, InputError, LedgerError, ReportError
from supersede.web.accounts import actions
from supersede.web.bounties.replay import replay
from supersede.web.database import Database, Submission, Table, User
from supersede.web.ledger import head, verify
from supersede.web.operations.backup import back_up, restore
from tests.web.bounties.made import opened as round_opened
from tests.web.bounties.made import work_all
from tests.web.conftest import opened

DUMP = Path(__file__).parent / "vendor" / "first_schema.sql"


@pytest.fixture
def filled(site, enter):
    enter("grace", "owner")
    ada = enter("ada", "hunter", team="Ünïcode")
    number = round_opened(site)
    sent = {"key": "a submission", "group": "age >= 60", "note": "Ünï"}
    page = ada.post("/account/tokens", data={"label": "x"}).text
    token = re.search(r"<pre[^>]*>(sup_[^<]+)</pre>", page)[1]
    headers = {"authorization": f"Bearer {token}"}
    ada.post(f"/api/v1/rounds/{number}/submissions", json=sent, headers=headers)
    work_all(site)
    return site


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_a_backup_restores_on_either_engine_with_the_same_ledger(
    filled, tmp_path, clock, engine, request
):
    path = tmp_path / "backup.zip"
    kept = back_up(filled, path)
    assert path.stat().st_mode & 0o077 == 0  # it holds the key
    url = request.getfixturevalue("postgres") if engine == "postgresql" else ""
    other = opened(tmp_path / "other", clock, database=url)
    try:
        assert restore(other, path) == kept
        with filled.database.read() as a, other.database.read() as b:
            assert verify(b) == head(a)
            for table in Table.metadata.sorted_tables:
                rows = [sorted(map(str, db.execute(select(table)).all())) for db in (a, b)]
                assert rows[0] == rows[1], table.name
        assert replay(other, 1) == replay(filled, 1)
        with other.database.write() as db:  # numbers continue behind those that were restored
            made = actions.add_user(db, "later", "a long password", ["viewer"], clock())
            assert made.id == 3
        with pytest.raises(ConflictError, match="not empty"):
            restore(other, path)
    finally:
        other.database.close()


def altered(path, name, change):
    whole = path.with_name("altered.zip")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(whole, "w") as new:
        for item in old.namelist():
            content = old.read(item)
            new.writestr(item, change(content) if item.startswith(name) else content)
    return whole


def test_a_backup_of_a_version_with_the_same_rows_is_restored(filled, tmp_path, clock):
    path = tmp_path / "backup.zip"
    kept = back_up(filled, path)
    older = altered(
        path, "backup.json", lambda b: b.replace(b'"schema": "0002"', b'"schema": "0001"')
    )
    other = opened(tmp_path / "other", clock)
    try:
        assert restore(other, older) == kept
        other.database.check_version()
    finally:
        other.database.close()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("tables/ledger.jsonl", lambda b: b.replace(b"judged", b"jedged")),
        ("tables/ledger.jsonl", lambda b: b"\n".join(b.splitlines()[:-1]) + b"\n"),
        ("files/", lambda b: b + b" "),
        ("backup.json", lambda b: b.replace(b'"format": 1', b'"format": 2')),
        ("backup.json", lambda b: b.replace(b'"schema": "00', b'"schema": "99')),
        ("backup.json", lambda b: b"{}"),
        ("tables/users.jsonl", lambda b: b[:-5]),
        ("tables/users.jsonl", lambda b: b.replace(b'"name"', b'"no_such"')),
        ("tables/users.jsonl", lambda b: b.replace(b'"created": "2026', b'"created": "20x6')),
        ("tables/users.jsonl", lambda b: b.replace(b'"created": "', b'"created": null, "x": "')),
        ("tables/users.jsonl", lambda b: b + b),
        ("tables/users.jsonl", lambda b: b"[1]\n" + b),
        ("tables/role_grants.jsonl", lambda b: b.replace(b'"user_id": 1', b'"user_id": 99')),
        ("tables/ledger_head.jsonl", lambda b: b""),
        ("tables/ledger_head.jsonl", lambda b: b.replace(b'"number": ', b'"number": 1')),
        ("backup.json", lambda b: b"[]"),
        ("backup.json", lambda b: b"{" * 100_000),
        ("backup.json", lambda b: b.replace(b'"number": ', b'"number": "x", "n": ')),
        ("backup.json", lambda b: b.replace(b'"number": ', b'"number": 1')),
        ("key", lambda b: b[:-1]),
    ],
)
def test_a_damaged_backup_restores_nothing(filled, tmp_path, clock, name, change):
    back_up(filled, tmp_path / "backup.zip")
    other = opened(tmp_path / "other", clock)
    with pytest.raises((InputError, LedgerError)):
        restore(other, altered(tmp_path / "backup.zip", name, change))
    with other.database.read() as db:
        assert db.execute(select(func.count()).select_from(User)).scalar_one() == 0
    other.database.close()


def test_a_backup_whose_parts_are_missing_or_broken_restores_nothing(filled, tmp_path, clock):
    back_up(filled, tmp_path / "backup.zip")
    whole = (tmp_path / "backup.zip").read_bytes()
    other = opened(tmp_path / "other", clock)
    for place in range(40, len(whole), len(whole) // 30):
        (tmp_path / "broken.zip").write_bytes(whole[:place] + b"\xff\xff\xff" + whole[place + 3 :])
        try:
            restore(other, tmp_path / "broken.zip")
        except (InputError, LedgerError):
            pass
        else:  # the bytes were in a name or a time of the archive, which says nothing
            break
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError):
        restore(opened(tmp_path / "another", clock), tmp_path / "cut.zip")
    other.database.close()


def test_what_is_not_a_backup_is_refused(site, tmp_path):
    (tmp_path / "x.zip").write_bytes(b"x")
    for path in (tmp_path / "x.zip", tmp_path / "nowhere.zip"):
        with pytest.raises(InputError):
            restore(site, path)
    with pytest.raises(ReportError, match="exists"):
        back_up(site, tmp_path / "x.zip")


def test_the_first_schema_migrates_with_its_rows(tmp_path):
    """The dump was written by the first version; whatever comes later has to take it."""
    path = tmp_path / "supersede.db"
    with sqlite3.connect(path) as old:
        old.executescript(DUMP.read_text("utf-8"))
    old.close()
    database = Database(f"sqlite:///{path}")
    with pytest.raises(DatabaseError, match="schema 0001"):
        database.check_version()
    database.migrate()
    database.check_version()
    with database.read() as db:
        assert verify(db).number == 4
        assert db.execute(select(Submission.state)).scalars().all() == ["accepted"]
        for table in Table.metadata.sorted_tables:
            db.execute(select(table)).all()
    database.close()


def test_a_database_of_another_version_is_refused(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'x.db'}")
    with pytest.raises(DatabaseError, match="schema none"):
        database.check_version()
    database.migrate()
    with database.write() as db:
        db.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for use in (database.check_version, database.migrate):
        with pytest.raises(DatabaseError, match="newer version"):
            use()
    database.close()


def test_tables_and_migrations_agree(tmp_path):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    database = Database(f"sqlite:///{tmp_path / 'x.db'}")
    database.migrate()
    with database.engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection), Table.metadata)
    assert found == []
    database.close()
