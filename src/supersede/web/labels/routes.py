"""Pages of labels: the tasks, one task, and one item after the other."""

import csv
import io
import re
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, Request, UploadFile
from fastapi.responses import Response
from markupsafe import Markup
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from supersede.errors import ConflictError, InputError, NotFoundError, SupersedeError
from supersede.look.figures import Dot, dot_plot
from supersede.look.numbers import share
from supersede.web.bounties.tables import kept_columns
from supersede.web.database import Label, LabelItem, LabelTask, Look, StoredFile, User
from supersede.web.labels import actions
from supersede.web.labels.contents import MEDIA
from supersede.web.labels.looks import Aim, aims_of, latest
from supersede.web.labels.opening import Wanted, drafted, open_drafted
from supersede.web.labels.queries import STANDING
from supersede.web.pages import again, page, part, see_other
from supersede.web.security import SignedIn, SiteOf, Visitor, needs
from supersede.web.security.forms import once
from supersede.web.site import Site
from supersede.web.uploads import table_taken

__all__ = ["router"]

router = APIRouter(include_in_schema=False)
Judge = Annotated[Visitor, Depends(needs("judge"))]
Annotator = Annotated[Visitor, Depends(needs("annotator", "judge"))]
Text = Annotated[str, Form()]
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


@router.get("/labels")
def labels(request: Request, site: SiteOf, who: SignedIn) -> Response:
    """All tasks, those that need answers first."""
    with site.database.read() as db:
        query = select(LabelTask).order_by(LabelTask.id.desc()).limit(200)
        tasks = sorted(db.execute(query).scalars(), key=lambda task: task.state != "open")
        done = _counts(db, [task.id for task in tasks])
        return page(request, "web.labels/labels.html", who, tasks=tasks, done=done)


@router.get("/labels/new")
def new_task(request: Request, site: SiteOf, who: Judge) -> Response:
    """The form for a table whose items are to be labelled."""
    return page(request, "web.labels/new.html", who, paths=site.settings.tables)


@router.post("/labels/upload")
def upload(
    request: Request,
    site: SiteOf,
    who: Judge,
    path: Text = "",
    table: Annotated[UploadFile | None, File()] = None,
) -> Response:
    """Take the table, and lead to the question."""
    return table_taken(
        request, site, who, table, path, form="web.labels/new.html", then="/labels/from/"
    )


@router.get("/labels/from/{table}")
def question_form(request: Request, site: SiteOf, who: Judge, table: str) -> Response:
    """The form for the question."""
    return _question(request, site, who, table)


def _question(request: Request, site: Site, who: Visitor, table: str, **values: Any) -> Response:
    columns = kept_columns(site.files, table)
    return page(request, "web.labels/question.html", who, table=table, columns=columns, **values)


@router.post("/labels/from/{table}")
def open_task(
    request: Request,
    site: SiteOf,
    who: Judge,
    table: str,
    form: Text = "",
    title: Text = "",
    question: Text = "",
    measure: Text = "accuracy",
    model: Text = "",
    old: Text = "",
    item: Text = "",
    margin: Text = "0.05",
    limit: Text = "",
    budget: Text = "",
    per_item: Text = "1",
    shown: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Plan which items to label, and open the task."""
    typed: dict[str, Any] = {
        "title": title, "question": question, "measure": measure, "model": model, "old": old,
        "item": item, "margin": margin, "limit": limit, "budget": budget, "per_item": per_item,
        "shown": shown or [],
    }  # fmt: skip
    try:
        wanted = Wanted.of(typed)
        made = drafted(site, table, wanted)  # this may last long, so nobody waits for it
        with site.database.write() as db:
            at = once(
                db, who.user_id, form, site.now(),
                lambda: f"/labels/{open_drafted(site, db, made, wanted, who.user_id).id}",
            )  # fmt: skip
    except SupersedeError as error:
        return _question(request, site, who, table, **again(error, typed))
    return see_other(at)


@router.get("/labels/{task_id}")
def task_page(request: Request, site: SiteOf, who: SignedIn, task_id: int) -> Response:
    """One task: how far it is, and for judges what the answers say so far."""
    with site.database.read() as db:
        return page(request, "web.labels/task.html", who, **_facts(db, task_id, who))


@router.get("/labels/{task_id}/progress")
def progress(request: Request, site: SiteOf, who: SignedIn, task_id: int) -> Response:
    """The part of a task's page that changes as answers come in."""
    with site.database.read() as db:
        return part(request, "web.labels/progress.html", who, **_facts(db, task_id, who))


@router.post("/labels/{task_id}/state")
def set_state(site: SiteOf, who: Judge, task_id: int, state: Text = "") -> Response:
    """Pause, open again, or close a task."""
    with site.database.write() as db:
        actions.set_state(db, task_id, state, who.user_id, site.now())
    return see_other(f"/labels/{task_id}")


@router.get("/labels/{task_id}/labels.csv")
def export(site: SiteOf, who: Judge, task_id: int) -> Response:
    """All answers, as `supersede estimate` reads them."""
    with site.database.read() as db:
        task = _task(db, task_id)
        rows = actions.labels_of(db, task_id)
        words = {option["value"]: option["word"] for option in task.options}
        ids = {row["user_id"] for row in rows}
        people = {u.id: u.name for u in db.execute(select(User).where(User.id.in_(ids))).scalars()}
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow(["item", "label", "skipped", "annotator", "design"])
    for row in rows:
        word = "" if row["value"] is None else words.get(row["value"], row["value"])
        cells = [row["item"], word, row["value"] is None, people[row["user_id"]], task.design_hash]
        lines.writerow([_inert(str(cell)) for cell in cells])
    headers = {"content-disposition": f'attachment; filename="labels-{task_id}.csv"'}
    return Response(out.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/labels/{task_id}/item")
def item_page(request: Request, site: SiteOf, who: Annotator, task_id: int) -> Response:
    """The item that is to be answered now."""
    with site.database.write() as db:
        found = actions.next_item(db, task_id, who.user_id, site.now())
        values = _asked(db, task_id, who, found)
    return page(request, "web.labels/item.html", who, **values)


@router.post("/labels/{task_id}/item")
def give_answer(
    request: Request,
    site: SiteOf,
    who: Annotator,
    task_id: int,
    item_id: Annotated[int, Form()] = 0,
    number: Text = "",  # "form" would hide a property of the form from scripts
    act: Text = "",
) -> Response:
    """Keep an answer, or take the last one back, and show what comes next."""
    now, problem = site.now(), ""
    try:
        with site.database.write() as db:
            if act == "undo":
                found = actions.undo(db, task_id, who.user_id, now)
                problem = "" if found else "there is no answer of yours to take back"
            else:
                task = actions.answer(db, task_id, item_id, who.user_id, number, _value(act), now)
                found = actions.next_of(db, task, who.user_id, now)
            values = _asked(db, task_id, who, found)
    except ConflictError as error:
        problem = str(error)
    if problem:
        with site.database.write() as db:
            found = actions.next_item(db, task_id, who.user_id, now)
            values = _asked(db, task_id, who, found)
    if "hx-request" not in request.headers:
        if not problem:
            return see_other(f"/labels/{task_id}/item")
        return page(request, "web.labels/item.html", who, status=409, problem=problem, **values)
    return part(request, "web.labels/one.html", who, **{**values, "said": problem})


@router.get("/labels/media/{task_id}/{hash}")
def media(site: SiteOf, who: SignedIn, task_id: int, hash: str) -> Response:
    """An image or a sound of an item."""
    who.check("annotator", "judge", "approver")
    with site.database.read() as db:
        _task(db, task_id)
        kept = db.get(StoredFile, hash)
        kind = "" if kept is None else kept.name
    if kind not in MEDIA:
        msg = "there is no such image or sound"
        raise NotFoundError(msg)
    headers = {"cache-control": "private, max-age=3600", "content-security-policy": "sandbox"}
    return Response(site.files.read(hash), media_type=kind, headers=headers)


def _value(act: str) -> str | None:
    if act == "skip":
        return None
    if act.startswith("label "):
        return act.removeprefix("label ")
    msg = "answer, skip or undo"
    raise InputError.of(msg, "act")


def _task(db: Session, task_id: int) -> LabelTask:
    task = db.get(LabelTask, task_id)
    if task is None:
        msg = f"there is no labelling task {task_id}"
        raise NotFoundError(msg)
    return task


def _asked(db: Session, task_id: int, who: Visitor, item: LabelItem | None) -> dict[str, Any]:
    """What the page of one item shows."""
    given, seen = db.execute(STANDING, {"task": task_id, "user": who.user_id}).one()
    task = db.get_one(LabelTask, task_id)  # which the session has
    return {"task": task, "item": item, "given": given, "more": _more(seen), "said": ""}


def _counts(db: Session, tasks: list[int]) -> dict[int, tuple[int, int]]:
    """Items with all their answers, and items in all, by task."""
    query = (
        select(LabelItem.task_id, LabelItem.state, func.count())
        .where(LabelItem.task_id.in_(tasks))
        .group_by(LabelItem.task_id, LabelItem.state)
    )
    done: dict[int, tuple[int, int]] = {}
    for task_id, state, count in db.execute(query):
        have, of = done.get(task_id, (0, 0))
        answered = count if state in {"labelled", "skipped"} else 0
        done[task_id] = have + answered, of + (count if state in {"labelled", "waiting"} else 0)
    return done


def _more(seen: Look | None) -> int | None:
    """How many more labels the task needs about; None before the first look."""
    if seen is None or seen.decided:
        return None
    more: int | None = seen.estimates.get("more")
    return more


def _facts(db: Session, task_id: int, who: Visitor) -> dict[str, Any]:
    task = _task(db, task_id)
    seen = latest(db, task_id)
    done, of = _counts(db, [task_id]).get(task_id, (0, 0))
    aims: list[Aim] = []
    if who.may("judge", "approver"):  # what the answers say so far would sway whoever answers
        plan = actions.plan_of(task)
        found = None if seen is None else seen.estimates
        aims = aims_of(plan, task.aims.get("limits", {}), found)
    people = (
        select(User.name, func.count())
        .join(Label, Label.user_id == User.id)
        .join(LabelItem, LabelItem.id == Label.item_id)
        .where(LabelItem.task_id == task_id, Label.undone.is_(None))
        .group_by(User.name)
        .order_by(func.count().desc())
    )
    return {
        "task": task, "seen": seen, "done": done, "of": of, "aims": aims, "more": _more(seen),
        "people": db.execute(people).all() if aims else [], "picture": _picture(aims, seen),
    }  # fmt: skip


def _picture(aims: list[Aim], seen: Any) -> Markup | None:
    dots = [
        Dot(
            aim.name, aim.value, aim.low, aim.high, seen.labels,
            "pass" if aim.decided else "undecided",
        )
        for aim in aims
        if aim.value is not None and aim.low is not None and aim.high is not None
    ]  # fmt: skip
    if not dots:
        return None
    limits = {aim.limit for aim in aims}
    return dot_plot(
        dots, title="What the answers say so far",
        description="Intervals that hold at every number of labels.",
        limit=limits.pop() if len(limits) == 1 else None, form=share,
    )  # fmt: skip


def _inert(text: str) -> str:
    """A cell that no spreadsheet interprets as a formula; a number such as -1 stays one."""
    if text[:1] not in "=+-@\t\r" or _NUMBER.fullmatch(text):
        return text
    return "'" + text
