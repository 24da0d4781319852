"""Tables of what happened and what is to be done: the ledger, files, jobs, workers."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from supersede.web.database.columns import Id, Table

__all__ = ["Entry", "Job", "LedgerHead", "StoredFile", "Worker"]


class Entry(Table):
    """One entry of the ledger; triggers refuse any change."""

    __tablename__ = "ledger"

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    stream: Mapped[str] = mapped_column(index=True)  # what it is about, such as ``round/3``
    body: Mapped[str]  # canonical JSON, as hashed; never parsed to be written again
    hash: Mapped[str] = mapped_column(unique=True)


class LedgerHead(Table):
    """The last entry, in one row that writers lock in turn."""

    __tablename__ = "ledger_head"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # always 1
    number: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[str]


class StoredFile(Table):
    """An uploaded file, by the hash of its content; the bytes lie in the data folder."""

    __tablename__ = "files"

    hash: Mapped[str] = mapped_column(primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str]  # as its owner called it; for display only, never a path
    added_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    added: Mapped[datetime]


class Job(Table):
    """Work for a worker.

    A job is ``queued``, ``running``, ``done`` or ``failed``. While it runs, `worker` and `attempt`
    say whose it is: only the attempt that holds it may finish it, so its effects happen once.
    """

    __tablename__ = "jobs"
    __table_args__ = (Index("ix_jobs_state_due", "state", "due"),)

    id: Mapped[Id]
    kind: Mapped[str]
    about: Mapped[str] = mapped_column(index=True)  # jobs about the same thing run one at a time
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    state: Mapped[str]
    due: Mapped[datetime]  # not before
    attempt: Mapped[int]
    worker: Mapped[str | None]
    lease: Mapped[datetime | None]
    progress: Mapped[str]
    created: Mapped[datetime]
    started: Mapped[datetime | None]
    finished: Mapped[datetime | None]
    problem: Mapped[str]


class Worker(Table):
    """A worker process that has reported."""

    __tablename__ = "workers"

    name: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[str]
    seen: Mapped[datetime]
