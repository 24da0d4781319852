"""An installation in a folder, on both engines, and people who use it."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import create_engine, text
from starlette.testclient import TestClient

from supersede.web.accounts import actions
from supersede.web.app import create_app
from supersede.web.database import User
from supersede.web.settings import Settings
from supersede.web.site import Site, open_site

# on a machine that is busy with other tests, a worker that steps back may never run
os.environ.setdefault("SUPERSEDE_WEB_WORKER_NICENESS", "0")

ORIGIN = "http://127.0.0.1:8000"


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 26, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def add(self, **passed: float) -> None:
        self.time += timedelta(**passed)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def opened(folder: Path, clock: Clock, **settings: object) -> Site:
    """An installation with a clock of the test's own."""
    site = open_site(Settings(data=folder, **settings), migrate=True)  # type: ignore[arg-type]
    object.__setattr__(site, "now", clock)
    return site


@pytest.fixture
def site(tmp_path: Path, clock: Clock) -> Iterator[Site]:
    found = opened(tmp_path, clock)
    yield found
    found.database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def either_site(request, tmp_path: Path, clock: Clock) -> Iterator[Site]:
    """The same on SQLite and on PostgreSQL."""
    url = ""
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres")
        scratch = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        with scratch.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
        scratch.dispose()
    found = opened(tmp_path, clock, database=url)
    yield found
    found.database.close()


@pytest.fixture
def app(site: Site) -> FastAPI:
    return create_app(site)


Enter = Callable[..., TestClient]


def client_of(app: FastAPI) -> TestClient:
    """A browser that nobody has signed in with."""
    headers = {"sec-fetch-site": "same-origin"}
    return TestClient(app, base_url=ORIGIN, headers=headers, follow_redirects=False)


@pytest.fixture
def enter(app: FastAPI, site: Site) -> Enter:
    """Signs somebody in: ``enter("ada", "hunter", team="Lovelace")``."""

    def entered(name: str, *roles: str, team: str = "") -> TestClient:
        with site.database.write() as db:
            # what a password costs is tested where passwords are
            user = User(name=name, folded=name, password="-", created=site.now(), removed=None)
            db.add(user)
            db.flush()
            for role in roles:
                actions.grant(db, user.id, role, site.now(), by=user.id)
            if team:
                actions.put_in_team(db, user.id, actions.team_named(db, team, site.now()).id)
            secret = actions.start_session(db, user.id, site.now())
        client = client_of(app)
        client.cookies.set("supersede", secret)
        return client

    return entered


@pytest.fixture
def stranger(app: FastAPI) -> TestClient:
    return client_of(app)
