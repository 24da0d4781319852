"""What happens to a labelling task: items are given out, answered, skipped and taken back.

Everything locks the task first, so that no two annotators get the same item unless the task wants
several answers per item. An answer is committed before the next item is given out; an item that
somebody leaves open returns to the others after a while, and their answer counts if it still can.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from supersede.errors import ConflictError, InputError, NotFoundError
from supersede.evaluate import Plan
from supersede.table.table import Table
from supersede.web.database import Assignment, Job, Label, LabelItem, LabelTask
from supersede.web.jobs.queue import enqueue
from supersede.web.labels.contents import contents
from supersede.web.labels.plans import option_list, packed, replacements, unpacked
from supersede.web.ledger import append
from supersede.web.names import check_name, check_text
from supersede.web.site import Site

__all__ = [
    "LOOK",
    "MOST_ITEMS",
    "MOST_PER_ITEM",
    "answer",
    "labels_of",
    "locked",
    "next_item",
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


def open_task(
    site: Site,
    db: Session,
    plan: Plan,
    table: Table,
    *,
    title: str,
    question: str,
    shown: Sequence[str],
    limits: Mapping[str, float],
    made_by: int,
    per_item: int = 1,
    review_id: int | None = None,
) -> LabelTask:
    """Open a task for the items of a plan.

    Args:
        site: The installation.
        db: A session of `Database.write`.
        plan: The plan.
        table: Its table, from which the items are shown.
        title: The task's name.
        question: The question about each item.
        shown: Columns that they see.
        limits: For some estimands the value that decides: the task ends when the interval excludes
            it. Others end when they are as narrow as planned.
        made_by: Who opens it.
        per_item: Annotators per item.
        review_id: The review that waits for it.

    Raises:
        InputError: A text is refused, or there are too many items.
        MissingColumnError: A column is not in the table.
    """
    if not 1 <= per_item <= MOST_PER_ITEM:
        msg = f"{per_item} annotators per item; expected 1 to {MOST_PER_ITEM}"
        raise InputError.of(msg, "per_item")
    if len(plan.items) > MOST_ITEMS:
        msg = f"the plan has {len(plan.items):,} items; open at most {MOST_ITEMS:,} at once"
        raise InputError.of(msg, "budget")
    models = {model for e in plan.estimands for term in e.terms for model in term.models}
    if seen := models & set(shown):
        msg = f"{', '.join(sorted(seen))} would show what a model says, and sway the answers"
        raise InputError.of(msg, "shown")
    task = LabelTask(
        title=check_name("title", title), question=check_text("question", question, 500),
        state=_OPEN, table_hash=table.fingerprint or "", design=packed(plan),
        design_hash=plan.design, options=option_list(plan), shown={"columns": list(shown)},
        aims={"limits": dict(limits)}, per_item=per_item, review_id=review_id, made_by=made_by,
        created=site.now(), decided=None,
    )  # fmt: skip
    db.add(task)
    db.flush()
    rows = plan.items.to_pylist()
    fields = contents(site, db, table, [row["item"] for row in rows], shown)
    order = sorted(range(len(rows)), key=lambda r: (rows[r]["reserve"], rows[r]["order"]))
    db.add_all(
        LabelItem(
            task_id=task.id, item=str(rows[row]["item"]), position=place,
            pattern=str(rows[row]["pattern"]), content={"fields": fields.get(str(rows[row]["item"]), [])},
            state="spare" if rows[row]["reserve"] else "waiting",
        )
        for place, row in enumerate(order)
    )  # fmt: skip
    db.flush()
    append(
        db, f"labels/{task.id}",
        {"event": "task opened", "design": plan.design, "items": plan.size, "by": made_by}, site.now(),
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
    query = select(LabelTask).where(LabelTask.id == task_id).with_for_update()
    task = db.execute(query).scalar_one_or_none()
    if task is None:
        msg = f"there is no labelling task {task_id}"
        raise NotFoundError(msg)
    return task


def next_item(db: Session, task_id: int, user_id: int, now: datetime) -> LabelItem | None:
    """The item that an annotator has, or the next one for them; None if there is none.

    Raises:
        NotFoundError: There is no such task.
    """
    task = locked(db, task_id)
    if task.state != _OPEN:
        return None
    held = (
        select(LabelItem, Assignment)
        .join(Assignment, Assignment.item_id == LabelItem.id)
        .where(
            LabelItem.task_id == task_id, Assignment.user_id == user_id, Assignment.state == "held"
        )
        .order_by(Assignment.given.desc())
    )
    for item, own in db.execute(held).all():
        if item.state == "waiting" and _others(db, item.id, user_id, now) < task.per_item:
            own.expires = now + _HELD
            return item
        own.state = "released"  # somebody else has answered meanwhile
    mine = select(Assignment.item_id).where(
        Assignment.user_id == user_id, Assignment.state.in_(("labelled", "skipped"))
    )
    taken = (
        select(func.count())
        .where(
            Assignment.item_id == LabelItem.id, Assignment.user_id != user_id,
            Assignment.state.in_(("labelled", "skipped"))
            | ((Assignment.state == "held") & (Assignment.expires > now)),
        )
        .scalar_subquery()
    )  # fmt: skip
    free = (
        select(LabelItem)
        .where(
            LabelItem.task_id == task_id, LabelItem.state == "waiting", LabelItem.id.not_in(mine),
            taken < task.per_item,
        )
        .order_by(LabelItem.position)
        .limit(1)
    )  # fmt: skip
    found: LabelItem | None = db.execute(free).scalar_one_or_none()
    if found is not None:
        _hold(db, found.id, user_id, now)
    return found


def answer(
    db: Session,
    task_id: int,
    item_id: int,
    user_id: int,
    form: str,
    value: str | None,
    now: datetime,
) -> None:
    """Keep an annotator's answer; the same form again changes nothing.

    Args:
        db: A session of `Database.write`.
        task_id: The task.
        item_id: The item.
        user_id: The annotator.
        form: The number of the form.
        value: One of the task's options; None to skip the item.
        now: The time.

    Raises:
        ConflictError: The task is not open, or the item was answered elsewhere meanwhile.
        InputError: It is not one of the options.
        NotFoundError: There is no such item in the task.
    """
    task = locked(db, task_id)
    before = select(Label).where(Label.user_id == user_id, Label.form == form)
    if db.execute(before).scalar_one_or_none() is not None:
        return
    item = db.get(LabelItem, item_id)
    if item is None or item.task_id != task_id:
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
    own = _assignment(db, item_id, user_id)
    if own is None:
        msg = "this item was not given to you; load the page again"
        raise ConflictError(msg)
    if own.state in {"labelled", "skipped"}:
        msg = "you have answered this item already, in another tab; undo that to change it"
        raise ConflictError(msg)
    if item.state != "waiting" or _others(db, item_id, user_id, now) >= task.per_item:
        msg = "somebody else has answered this item meanwhile; here is the next one"
        raise ConflictError(msg)
    db.add(Label(item_id=item_id, user_id=user_id, form=form, value=value, given=now, undone=None))
    own.state = "skipped" if value is None else "labelled"
    db.flush()
    _settle(db, task, item)
    _look_soon(db, task, now)


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
    _hold(db, item.id, user_id, now)
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
    append(db, f"labels/{task_id}", {"event": f"task {state}", "by": by}, now)


def _hold(db: Session, item_id: int, user_id: int, now: datetime) -> None:
    own = _assignment(db, item_id, user_id)
    if own is None:
        own = Assignment(item_id=item_id, user_id=user_id, state="held", given=now, expires=now)
        db.add(own)
    own.state, own.given, own.expires = "held", now, now + _HELD
    db.flush()


def _assignment(db: Session, item_id: int, user_id: int) -> Assignment | None:
    query = select(Assignment).where(Assignment.item_id == item_id, Assignment.user_id == user_id)
    return db.execute(query).scalar_one_or_none()


def _others(db: Session, item_id: int, user_id: int, now: datetime) -> int:
    """How many others have answered an item, or have it in front of them."""
    query = select(func.count()).where(
        Assignment.item_id == item_id, Assignment.user_id != user_id,
        Assignment.state.in_(("labelled", "skipped"))
        | ((Assignment.state == "held") & (Assignment.expires > now)),
    )  # fmt: skip
    return int(db.execute(query).scalar_one())


def _settle(db: Session, task: LabelTask, item: LabelItem) -> None:
    """Close an item that has all its answers; without any label it is replaced by the next in line."""
    query = select(Label.value).where(Label.item_id == item.id, Label.undone.is_(None))
    values = list(db.execute(query).scalars())
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


def _look_soon(db: Session, task: LabelTask, now: datetime) -> None:
    """Have the estimates brought up to date, unless that is due already."""
    about = f"labels/{task.id}"
    waiting = select(func.count()).where(
        Job.kind == LOOK, Job.about == about, Job.state == "queued"
    )
    if not db.execute(waiting).scalar_one():
        enqueue(db, LOOK, about, {"task": task.id}, now)


def labels_of(db: Session, task_id: int) -> list[dict[str, Any]]:
    """All answers that stand: item, value (None where skipped), annotator; in order of arrival."""
    query = (
        select(LabelItem.item, Label.value, Label.user_id)
        .join(Label, Label.item_id == LabelItem.id)
        .where(LabelItem.task_id == task_id, Label.undone.is_(None))
        .order_by(Label.id)
    )
    return [dict(row._mapping) for row in db.execute(query)]
