"""Transactions on SQLite and PostgreSQL that mean the same.

Readers see one state of the database. Writers on SQLite run one at a time, and those of one process
wait in line, since SQLite itself has them try again and again; on PostgreSQL they lock the rows that
they are about to change, above all the head of the ledger.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from supersede.errors import DatabaseError
from supersede.web.database.migrate import check_version, migrate

__all__ = ["Database"]

_PATIENCE = 30  # seconds that a writer waits for another one


class Database:
    """The database of one installation.

    Args:
        url: SQLAlchemy address.

    Raises:
        DatabaseError: It cannot be opened.
    """

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self.sqlite = self.url.get_backend_name() == "sqlite"
        self._writing = threading.Lock()
        options: dict[str, Any] = {}
        if self.sqlite:
            if self.url.database:
                Path(self.url.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            options = {"connect_args": {"timeout": _PATIENCE, "check_same_thread": False}}
        self.engine: Engine = create_engine(
            self.url, pool_size=20, max_overflow=40, pool_pre_ping=not self.sqlite, **options
        )
        if self.sqlite:
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)

    def __str__(self) -> str:
        return self.url.render_as_string(hide_password=True)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for reading one state of the database."""
        options: dict[str, Any] = (
            {}
            if self.sqlite
            else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        )
        with self._connected(**options) as connection, Session(connection) as db:
            yield db

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session for writing; committed at the end, undone if an exception is raised.

        Raises:
            DatabaseError: Another writer does not end.
        """
        with (
            self._turn(),
            self._connected(supersede_write=True) as connection,
            Session(connection, expire_on_commit=False) as db,
        ):
            yield db
            db.commit()

    def migrate(self) -> None:
        """Bring the schema to the version of this program."""
        with self._connected(supersede_write=True) as connection:
            migrate(connection)
            connection.commit()

    def check_version(self) -> None:
        """Refuse a schema of another version.

        Raises:
            DatabaseError: The schema is of another version.
        """
        with self._connected() as connection:
            check_version(connection)

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self.sqlite:
            yield
            return
        if not self._writing.acquire(timeout=_PATIENCE):
            msg = f"the database {self} is being written to for more than {_PATIENCE} s; try again"
            raise DatabaseError(msg)
        try:
            yield
        finally:
            self._writing.release()

    @contextmanager
    def _connected(self, **options: Any) -> Iterator[Connection]:
        try:
            connection = self.engine.connect()
        except OperationalError as error:
            msg = f"cannot reach the database {self}: {error.orig}"
            raise DatabaseError(msg) from error
        with connection:
            connection.execution_options(**options)
            yield connection


def _prepare_sqlite(connection: sqlite3.Connection, _: Any) -> None:
    connection.isolation_level = None  # transactions begin where `_begin_sqlite` says
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    # a writer takes its lock at once: a reader that turns into one could be refused halfway
    writes = connection.get_execution_options().get("supersede_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
