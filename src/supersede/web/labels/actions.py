"""What happens to a labelling task: items are given out, answered, skipped and taken back.

Everything locks the task first, so that no two annotators get the same item unless the task wants
several answers per item. An answer is committed before the next item is given out; an item that
somebody leaves open returns to the others after a while, and their answer counts if it still can.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from supersede.errors import ConflictError, InputError, NotFoundError
from supersede.evaluate import Plan
from supersede.table.table import Table
from supersede.web.database import Assignment, Label, LabelItem, LabelTask
from supersede.web.files import register
from supersede.web.jobs.queue import enqueue
from supersede.web.labels.contents import Contents, contents
from supersede.web.labels.plans import option_list, packed, replacements, unpacked
from supersede.web.labels.queries import ASKED, FREE, HELD, LOCKED
from supersede.web.ledger import append
from supersede.web.names import check_name, check_text
from supersede.web.site import Site

__all__ = [
    "LOOK",
    "MOST_ITEMS",
    "MOST_PER_ITEM",
    "Draft",
    "answer",
    "draft",
    "labels_of",
    "locked",
    "next_item",
    "next_of",
    "open_task",
    "plan_of",
    "set_state",
    "undo",
]

LOOK = "look"  # the kind of job that estimates from the labels so far
_HELD = timedelta(minutes=10)
MOST_ITEMS = 20_000
MOST_PER_ITEM = 9
_OPEN = "open"


@dataclass(frozen=True)
class Draft:
    """A task that can be opened: what takes long is done, without the database.

    Attributes:
        plan: The plan.
        shown: Columns that annotators see.
        contents: What is in them.
        fingerprint: That of the table.
    """

    plan: Plan
    shown: tuple[str, ...]
    contents: Contents
    fingerprint: str


def draft(site: Site, plan: Plan, table: Table, shown: Sequence[str]) -> Draft:
    """Read what is shown of a plan's items.

    Args:
        site: The installation.
        plan: The plan.
        table: Its table.
        shown: Columns that annotators see.

    Raises:
        InputError: There are too many items, or a column is a model's.
        MissingColumnError: A column is not in the table.
    """
    if len(plan.items) > MOST_ITEMS:
        msg = f"the plan has {len(plan.items):,} items; open at most {MOST_ITEMS:,} at once"
        raise InputError.of(msg, "budget")
    models = {model for e in plan.estimands for term in e.terms for model in term.models}
    if seen := models & set(shown):
        msg = f"{', '.join(sorted(seen))} would show what a model says, and sway the answers"
        raise InputError.of(msg, "shown")
    found = contents(site, table, plan.items["item"].to_pylist(), shown)
    return Draft(plan, tuple(shown), found, table.fingerprint or "")


def open_task(
    site: Site,
    db: Session,
    made: Draft,
    *,
    title: str,
    question: str,
    limits: Mapping[str, float],
    made_by: int,
    per_item: int = 1,
    review_id: int | None = None,
) -> LabelTask:
    """Open a task for the items of a plan.

    Args:
        site: The installation.
        db: A session of `Database.write`.
        made: The items, and what is shown of them.
        title: The task's name.
        question: The question about each item.
        limits: For some estimands the value that decides: the task ends when the interval excludes
            it. Others end when they are as narrow as planned.
        made_by: Who opens it.
        per_item: Annotators per item.
        review_id: The review that waits for it.

    Raises:
        InputError: A text is refused, or a number is out of range.
    """
    if not 1 <= per_item <= MOST_PER_ITEM:
        msg = f"{per_item} annotators per item; expected 1 to {MOST_PER_ITEM}"
        raise InputError.of(msg, "per_item")
    plan, now = made.plan, site.now()
    task = LabelTask(
        title=check_name("title", title), question=check_text("question", question, 500),
        state=_OPEN, table_hash=made.fingerprint, design=packed(plan),
        design_hash=plan.design, options=option_list(plan), shown={"columns": list(made.shown)},
        aims={"limits": dict(limits)}, per_item=per_item, review_id=review_id, made_by=made_by,
        created=now, decided=None,
    )  # fmt: skip
    db.add(task)
    db.flush()
    for kept, kind in made.contents.media:
        register(db, kept, kind, None, now)
    rows = plan.items.to_pylist()
    order = sorted(range(len(rows)), key=lambda r: (rows[r]["reserve"], rows[r]["order"]))
    db.add_all(
        LabelItem(
            task_id=task.id, item=str(rows[row]["item"]), position=place, pattern=str(rows[row]["pattern"]),
            content={"fields": made.contents.fields.get(str(rows[row]["item"]), [])},
            state="spare" if rows[row]["reserve"] else "waiting",
        )
        for place, row in enumerate(order)
    )  # fmt: skip
    db.flush()
    append(
        db, _about(task.id),
        {"event": "task opened", "design": plan.design, "items": plan.size, "by": made_by}, now,
    )  # fmt: skip
    return task


def plan_of(task: LabelTask) -> Plan:
    """The plan of a task.

    Raises:
        ConflictError: It changed underneath.
    """
    return unpacked(task.design, task.design_hash)


def locked(db: Session, task_id: int) -> LabelTask:
    """The task, until the transaction ends.

    Raises:
        NotFoundError: There is no such task.
    """
    task: LabelTask | None = db.execute(LOCKED, {"task": task_id}).scalar_one_or_none()
    if task is None:
        msg = f"there is no labelling task {task_id}"
        raise NotFoundError(msg)
    return task


def next_item(db: Session, task_id: int, user_id: int, now: datetime) -> LabelItem | None:
    """The item that an annotator has, or the next one for them; None if there is none.

    Raises:
        NotFoundError: There is no such task.
    """
    return next_of(db, locked(db, task_id), user_id, now)


def next_of(db: Session, task: LabelTask, user_id: int, now: datetime) -> LabelItem | None:
    """As `next_item`, of a task that is `locked` already."""
    if task.state != _OPEN:
        return None
    given = {"task": task.id, "user": user_id, "now": now}
    item: LabelItem
    for item, own, taken in db.execute(HELD, given).all():
        if item.state == "waiting" and taken < task.per_item:
            own.expires = now + _HELD
            return item
        own.state = "released"  # somebody else has answered meanwhile
    found = db.execute(FREE, given).one_or_none()
    if found is None:
        return None
    item = found[0]
    _hold(db, item.id, user_id, now, found[1])
    return item


def answer(
    db: Session,
    task_id: int,
    item_id: int,
    user_id: int,
    form: str,
    value: str | None,
    now: datetime,
) -> LabelTask:
    """Keep an annotator's answer; the same form again changes nothing.

    Args:
        db: A session of `Database.write`.
        task_id: The task.
        item_id: The item.
        user_id: The annotator.
        form: The number of the form.
        value: One of the task's options; None to skip the item.
        now: The time.

    Returns:
        The task, locked.

    Raises:
        ConflictError: The task is not open, or the item was answered elsewhere meanwhile.
        InputError: It is not one of the options.
        NotFoundError: There is no such item in the task.
    """
    task = locked(db, task_id)
    given = {"task": task_id, "user": user_id, "now": now, "item": item_id, "form": form}
    given |= {"kind": LOOK, "about": _about(task_id)}
    item, own, taken, kept, looking = db.execute(ASKED, given).one()
    if kept:
        return task
    if item is None:
        msg = "this item is not part of the task"
        raise NotFoundError(msg)
    if task.state != _OPEN:
        msg = f"this task is {task.state}; the answer was not needed any more"
        raise ConflictError(msg)
    if value is not None and value not in {option["value"] for option in task.options}:
        msg = "choose one of the answers that the page offers"
        raise InputError.of(msg, "value")
    if not 8 <= len(form) <= 200:
        msg = "the form has no number; load the page again"
        raise InputError(msg)
    if own is None:
        msg = "this item was not given to you; load the page again"
        raise ConflictError(msg)
    if own.state in {"labelled", "skipped"}:
        msg = "you have answered this item already, in another tab; undo that to change it"
        raise ConflictError(msg)
    if item.state != "waiting" or taken >= task.per_item:
        msg = "somebody else has answered this item meanwhile; here is the next one"
        raise ConflictError(msg)
    db.add(Label(item_id=item_id, user_id=user_id, form=form, value=value, given=now, undone=None))
    own.state = "skipped" if value is None else "labelled"
    db.flush()
    _settle(db, task, item, value)
    if not looking:
        enqueue(db, LOOK, _about(task_id), {"task": task_id}, now)
    return task


def undo(db: Session, task_id: int, user_id: int, now: datetime) -> LabelItem | None:
    """Take back the annotator's last answer, and give them the item again; None if there is none.

    Raises:
        ConflictError: The task is not open any more.
    """
    task = locked(db, task_id)
    if task.state != _OPEN:
        msg = f"this task is {task.state}, so its answers stay as they are"
        raise ConflictError(msg)
    query = (
        select(Label, LabelItem)
        .join(LabelItem, LabelItem.id == Label.item_id)
        .where(LabelItem.task_id == task_id, Label.user_id == user_id, Label.undone.is_(None))
        .order_by(Label.id.desc())
        .limit(1)
    )
    row = db.execute(query).one_or_none()
    if row is None:
        return None
    label, item = row
    label.undone = now
    for other in db.execute(
        select(Assignment)
        .join(LabelItem, LabelItem.id == Assignment.item_id)
        .where(
            LabelItem.task_id == task_id, Assignment.user_id == user_id, Assignment.state == "held"
        )
    ).scalars():
        other.state = "released"
    item.state = "waiting"
    query_own = select(Assignment).where(
        Assignment.item_id == item.id, Assignment.user_id == user_id
    )
    _hold(db, item.id, user_id, now, db.execute(query_own).scalar_one_or_none())
    db.flush()
    return item


def set_state(db: Session, task_id: int, state: str, by: int, now: datetime) -> None:
    """Pause, open again, or close a task.

    Raises:
        ConflictError: It is decided or closed for good.
        InputError: There is no such state.
    """
    task = locked(db, task_id)
    if state not in {_OPEN, "paused", "closed"}:
        msg = f"a task can be open, paused or closed, not {state!r}"
        raise InputError.of(msg, "state")
    if task.state in {"decided", "closed"}:
        msg = f"this task is {task.state}; open a new one for more labels"
        raise ConflictError(msg)
    task.state = state
    append(db, _about(task_id), {"event": f"task {state}", "by": by}, now)


def _hold(db: Session, item_id: int, user_id: int, now: datetime, own: Assignment | None) -> None:
    if own is None:
        own = Assignment(item_id=item_id, user_id=user_id, state="held", given=now, expires=now)
        db.add(own)
    own.state, own.given, own.expires = "held", now, now + _HELD
    db.flush()


def _settle(db: Session, task: LabelTask, item: LabelItem, value: str | None) -> None:
    """Close an item that has all its answers; without any label it is replaced by the next in line."""
    query = select(Label.value).where(Label.item_id == item.id, Label.undone.is_(None))
    values = [value] if task.per_item == 1 else list(db.execute(query).scalars())
    if len(values) < task.per_item:
        return
    votes = sorted((values.count(v) for v in set(values) if v is not None), reverse=True)
    if votes and (len(votes) == 1 or votes[0] > votes[1]):
        item.state = "labelled"
        return
    item.state = "skipped"  # all skipped, or they are split: as the estimate counts it
    plan = plan_of(task)
    ids = [str(i) for i in plan.items["item"].to_pylist()]
    rows = {name: row for row, name in enumerate(ids)}
    query_used = select(LabelItem).where(LabelItem.task_id == task.id, LabelItem.state != "spare")
    used = {rows[found.item] for found in db.execute(query_used).scalars()}
    wanted = {ids[row] for row in replacements(plan, rows[item.item], used)}
    spare = select(LabelItem).where(
        LabelItem.task_id == task.id, LabelItem.state == "spare", LabelItem.item.in_(wanted)
    )
    for found in db.execute(spare).scalars():
        found.state = "waiting"


def _about(task_id: int) -> str:
    return f"labels/{task_id}"


def labels_of(db: Session, task_id: int) -> list[dict[str, Any]]:
    """All answers that stand: item, value (None where skipped), annotator; in order of arrival."""
    query = (
        select(LabelItem.item, Label.value, Label.user_id)
        .join(Label, Label.item_id == LabelItem.id)
        .where(LabelItem.task_id == task_id, Label.undone.is_(None))
        .order_by(Label.id)
    )
    return [dict(row._mapping) for row in db.execute(query)]
