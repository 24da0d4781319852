"""The job that brings the estimates of a task up to date, and ends it when they decide."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from supersede.errors import NotFoundError
from supersede.evaluate import Annotation, Estimate, Labels, Plan, latest_look
from supersede.web.database import LabelItem, LabelTask, Look
from supersede.web.jobs.handler import Handler, Report
from supersede.web.jobs.queue import Claim, enqueue, finish
from supersede.web.labels.actions import LOOK, labels_of, locked, plan_of
from supersede.web.labels.plans import value_of
from supersede.web.ledger import append
from supersede.web.site import Site

__all__ = ["HANDLERS", "Aim", "aims_of", "decides", "given_labels", "latest", "look"]

REVIEW = "review"  # the kind of job that runs a review, here again with its labels


@dataclass(frozen=True)
class Aim:
    """One estimand, and how far it is from being decided.

    Attributes:
        name: The estimand.
        value: The estimate; None if there is none yet.
        low: Lower end of its interval.
        high: Upper end.
        limit: The value that the interval must exclude; None if it must be narrow.
        margin: The half-width at which it is narrow enough.
        decided: Whether it is decided.
        more: Labels that it needs about, if it stays where it is; None if that is unknown.
        note: Why there is no estimate.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    limit: float | None
    margin: float
    decided: bool
    more: int | None
    note: str = ""


def given_labels(db: Session, task: LabelTask) -> Labels:
    """The labels of a task, as `supersede.evaluate` takes them."""
    return Labels(
        tuple(
            Annotation(
                row["item"],
                None if row["value"] is None else value_of(row["value"]),
                row["user_id"],
            )
            for row in labels_of(db, task.id)
        ),
        task.design_hash,
    )


def latest(db: Session, task_id: int) -> Look | None:
    """The last look at the estimates of a task."""
    query = select(Look).where(Look.task_id == task_id).order_by(Look.labels.desc()).limit(1)
    return db.execute(query).scalar_one_or_none()


def aims_of(plan: Plan, limits: dict[str, float], found: dict[str, Any] | None) -> list[Aim]:
    """How far each estimand of a plan is."""
    records = {} if found is None else {e["name"]: e for e in found["estimates"]}
    labels = 0 if found is None else found["labels"]
    return [
        _aim(e.name, e.margin, limits.get(e.name), records.get(e.name), labels, plan.size)
        for e in plan.expectations
    ]


def decides(estimate: Estimate, margin: float, limit: float | None) -> bool:
    """Whether an estimate's interval excludes the limit or, without one, is narrow enough."""
    if estimate.low is None or estimate.high is None:
        return estimate.note.startswith("undefined")
    if limit is not None:
        return estimate.low > limit or estimate.high < limit
    return estimate.half_width <= margin


def look(site: Site, held: Claim, report: Report) -> None:
    """Estimate from the labels so far; end the task if they decide it, or none are left."""
    task_id = held.payload["task"]
    with site.database.read() as db:
        task = db.get(LabelTask, task_id)
        if task is None:
            msg = f"there is no labelling task {task_id}"
            raise NotFoundError(msg)
        plan, labels = plan_of(task), given_labels(db, task)
        limits = dict(task.aims.get("limits", {}))
    seen = latest_look(plan, labels, disagreement="majority") if len(labels) else None
    with site.database.write() as db:
        task, now = locked(db, task_id), site.now()
        if seen is not None:
            margins = {e.name: e.margin for e in plan.expectations}
            decided = all(decides(e, margins[e.name], limits.get(e.name)) for e in seen.estimates)
            known = select(Look).where(Look.task_id == task_id, Look.labels == seen.labels)
            record = {
                "labels": seen.labels, "estimates": [e.to_dict() for e in seen.estimates],
                "agreement": seen.estimates.agreement, "disputed": len(seen.estimates.disputed),
                "skipped": seen.estimates.skipped,
            }  # fmt: skip
            aims = aims_of(plan, limits, record)
            record["more"] = max((one.more for one in aims if one.more is not None), default=None)
            row = db.execute(known).scalar_one_or_none()
            if row is None:
                row = Look(task_id=task_id, labels=seen.labels, estimates={}, decided=False, at=now)
                db.add(row)
            row.estimates, row.decided, row.at = record, decided, now
            if decided and task.state in {"open", "paused"}:
                _end(db, task, "decided", record, now)
        if task.state == "open" and not _waiting(db, task_id):
            _end(db, task, "closed", {} if seen is None else record, now)
        finish(db, held, now)


def _end(db: Session, task: LabelTask, state: str, record: dict[str, Any], now: Any) -> None:
    task.state, task.decided = state, now
    append(
        db, f"labels/{task.id}",
        {"event": f"task {state}", "labels": record.get("labels", 0), "design": task.design_hash}, now,
    )  # fmt: skip
    if task.review_id is not None:
        payload = {"review": task.review_id, "task": task.id}
        enqueue(db, REVIEW, f"review/{task.review_id}", payload, now)


def _waiting(db: Session, task_id: int) -> int:
    query = select(func.count()).where(LabelItem.task_id == task_id, LabelItem.state == "waiting")
    return int(db.execute(query).scalar_one())


def _aim(
    name: str, margin: float, limit: float | None, found: dict[str, Any] | None, labels: int, size: int
) -> Aim:  # fmt: skip
    if found is None or found["low"] is None:
        note = "" if found is None else found["note"]
        return Aim(name, None, None, None, limit, margin, False, None, note)
    estimate = Estimate(**found)
    decided = decides(estimate, margin, limit)
    return Aim(
        name, estimate.value, estimate.low, estimate.high, limit, margin, decided,
        0 if decided else _more(estimate, margin, limit, labels, size), estimate.note,
    )  # fmt: skip


def _more(estimate: Estimate, margin: float, limit: float | None, labels: int, size: int) -> int:
    """Labels until the interval, narrowing like a root, excludes the limit or is narrow enough."""
    value = 0.0 if estimate.value is None else estimate.value
    wanted = margin if limit is None else abs(value - limit)
    if wanted <= 0:
        return size - labels
    more = labels * ((estimate.half_width / wanted) ** 2 - 1)
    rounded = max(1, round(more, -1 if more >= 20 else 0))
    return int(min(rounded, max(size - labels, 1)))


def _give_up(site: Site, db: Session, held: Claim, problem: str) -> None:
    """The next label has the estimates made again."""


HANDLERS = {LOOK: Handler(look, _give_up)}
