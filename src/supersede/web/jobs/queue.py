"""A queue in the database whose jobs take effect exactly once.

A worker *claims* a job with a lease and extends it while it works. If the worker dies, the lease
lapses and the job is queued again, as a new attempt. A job's effects and its end are written in one
transaction, which first checks that the attempt still holds the job: of two attempts, at most one
ever takes effect, whatever the clocks say. Both transactions also check that the schema is still
this program's, so that a worker of another version takes no job and leaves no effect.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import exists, func, select, update
from sqlalchemy.orm import Session, aliased

from supersede.errors import ConflictError
from supersede.web.database import Job, check_still_ours

__all__ = [
    "ATTEMPTS",
    "Claim",
    "LostJobError",
    "ahead",
    "claim",
    "enqueue",
    "extend",
    "finish",
    "hold",
    "release",
]


ATTEMPTS = 5  # a job that ended its worker so often is given up, as the server's failure


class LostJobError(ConflictError):
    """The job's lease has lapsed and another attempt holds it; nothing was written."""


@dataclass(frozen=True)
class Claim:
    """A job that an attempt holds.

    Attributes:
        id: The job.
        kind: What is to be done.
        about: What it is about.
        payload: Its arguments.
        attempt: Which attempt this is, from 1.
        worker: Who works on it.
    """

    id: int
    kind: str
    about: str
    payload: dict[str, Any]
    attempt: int
    worker: str


def enqueue(
    db: Session,
    kind: str,
    about: str,
    payload: dict[str, Any],
    at: datetime,
    *,
    due: datetime | None = None,
) -> Job:
    """Add a job; it exists exactly if the transaction is committed.

    Args:
        db: A session of `Database.write`.
        kind: A key of `web.work.HANDLERS`.
        about: What it is about: jobs about the same thing run one at a time, in order.
        payload: Its arguments, as plain data.
        at: The time.
        due: When it may start; at once if None.
    """
    job = Job(
        kind=kind,
        about=about,
        payload=payload,
        state="queued",
        due=due or at,
        attempt=0,
        worker=None,
        lease=None,
        progress="",
        created=at,
        started=None,
        finished=None,
        problem="",
    )
    db.add(job)
    db.flush()
    return job


def claim(db: Session, worker: str, now: datetime, lease: float) -> Claim | None:
    """Take the next job, or None if there is nothing to do.

    Raises:
        OtherVersionError: Another version of the program has migrated the database.
    """
    check_still_ours(db)
    _requeue(db, now)
    other = aliased(Job)
    busy = exists().where(other.about == Job.about, other.state == "running")
    earlier = exists().where(other.about == Job.about, other.state == "queued", other.id < Job.id)
    query = (
        select(Job)
        .where(Job.state == "queued", Job.due <= now, ~busy, ~earlier)
        .order_by(Job.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    job = db.execute(query).scalar_one_or_none()
    if job is None:
        return None
    job.state, job.worker, job.attempt = "running", worker, job.attempt + 1
    job.lease, job.started = now + timedelta(seconds=lease), job.started or now
    db.flush()
    return Claim(job.id, job.kind, job.about, dict(job.payload), job.attempt, worker)


def _requeue(db: Session, now: datetime) -> None:
    """Queue the jobs of workers that have stopped reporting."""
    lapsed = (Job.state == "running") & (Job.lease < now)
    db.execute(update(Job).where(lapsed).values(state="queued", worker=None, lease=None))


def extend(db: Session, held: Claim, now: datetime, lease: float, progress: str = "") -> None:
    """Hold a job for longer, and say how far it is.

    Raises:
        LostJobError: Another attempt holds it.
    """
    job = hold(db, held)
    job.lease, job.progress = now + timedelta(seconds=lease), progress or job.progress


def hold(db: Session, held: Claim) -> Job:
    """The job, locked for this transaction.

    Raises:
        LostJobError: Another attempt holds it.
        OtherVersionError: Another version of the program has migrated the database.
    """
    check_still_ours(db)
    job = db.execute(select(Job).where(Job.id == held.id).with_for_update()).scalar_one_or_none()
    if job is None or (job.state, job.worker, job.attempt) != (
        "running",
        held.worker,
        held.attempt,
    ):
        msg = f"job {held.id} is no longer held by attempt {held.attempt} of {held.worker}"
        raise LostJobError(msg)
    return job


def finish(db: Session, held: Claim, now: datetime, problem: str = "") -> None:
    """End a job, in the transaction of its effects.

    Args:
        db: A session of `Database.write`.
        held: The job.
        now: The time.
        problem: Why it failed; empty if it did not.

    Raises:
        LostJobError: Another attempt holds it.
    """
    job = hold(db, held)
    job.state, job.finished, job.lease = "failed" if problem else "done", now, None
    job.problem = problem
    db.flush()


def release(db: Session, held: Claim, due: datetime) -> None:
    """Queue a job again, to be tried later, as if this attempt had not been.

    Raises:
        LostJobError: Another attempt holds it.
    """
    job = hold(db, held)
    job.state, job.worker, job.lease, job.due = "queued", None, None, due
    job.attempt -= 1


def ahead(db: Session, job_id: int) -> int:
    """How many jobs about the same thing come before one."""
    about = select(Job.about).where(Job.id == job_id).scalar_subquery()
    found = select(func.count()).where(
        Job.about == about, Job.state.in_(("queued", "running")), Job.id < job_id
    )
    return int(db.execute(found).scalar_one())
