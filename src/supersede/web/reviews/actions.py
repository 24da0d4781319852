"""What happens to a review: it is requested, waits for labels, is signed."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from supersede.errors import ConflictError, InputError, NotFoundError, TooFewLabelsError
from supersede.evaluate import Estimand, accuracy, for_each_group, plan
from supersede.review.slice_checks import MIN_ITEMS
from supersede.table.read import read
from supersede.table.source import collect, open_source
from supersede.table.table import Table
from supersede.web.database import Approval, Candidate, LabelTask, Review
from supersede.web.jobs.queue import enqueue
from supersede.web.labels.actions import Draft, draft, open_task
from supersede.web.labels.opening import MOST_LABELS
from supersede.web.ledger import append
from supersede.web.names import check_name, check_text, folded
from supersede.web.reviews.running import CONFIDENCE, WORST_SLICE, source_of
from supersede.web.security import Visitor
from supersede.web.site import Site

__all__ = ["REVIEW", "ask", "candidate_named", "label_task", "review_of", "settings_of", "sign"]

REVIEW = "review"  # the kind of job that runs one
_KINDS = ("review", "audit")
_CHOSEN = ("", "random")  # how labelled items were chosen
_FINISHED = {"pass", "fail", "undecided", "audited"}


def settings_of(typed: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a review, from the fields of a form.

    Raises:
        InputError: A field is missing, or is not a number.
    """
    if typed["kind"] not in _KINDS:
        msg = "choose a review or an audit"
        raise InputError.of(msg, "kind")
    needed = ["new", *(["old"] if typed["kind"] == "review" else ["label"])]
    for field in needed:
        if not typed[field]:
            words = {"new": "new model", "old": "model in service", "label": "label"}
            msg = f"choose the column of the {words[field]}"
            raise InputError.of(msg, field)
    if typed["labels"] not in _CHOSEN:
        msg = "say how the labelled items were chosen"
        raise InputError.of(msg, "labels")
    try:
        limit = float(typed["limit"] or "-0.01")
    except ValueError as error:
        msg = f"{typed['limit']!r} is not a number; a loss of one point is -0.01"
        raise InputError.of(msg, "limit") from error
    if not -1 < limit < 1 or math.isnan(limit):
        msg = "the limit is a difference of shares between -1 and 1, such as -0.01"
        raise InputError.of(msg, "limit")
    texts = {name: typed[name] for name in ("old", "new", "label", "item", "labels")}
    return {**texts, "groups": list(typed["groups"]), "limit": limit}


def candidate_named(
    db: Session, name: str, by: int, site: Site, file_hash: str | None = None
) -> Candidate:
    """The candidate of that name; a new one if there is none.

    Raises:
        InputError: The name is refused.
    """
    name = check_name("candidate", name)
    query = select(Candidate).where(Candidate.folded == folded(name))
    found = db.execute(query).scalar_one_or_none()
    if found is None:
        found = Candidate(
            name=name, folded=folded(name), round_id=None, file_hash=file_hash, made_by=by,
            created=site.now(),
        )  # fmt: skip
        db.add(found)
        db.flush()
    return found


def ask(
    site: Site,
    db: Session,
    candidate: Candidate,
    kind: str,
    source: Mapping[str, Any],
    settings: Mapping[str, Any],
    by: int,
) -> Review:
    """Ask for a review or an audit; a worker runs it."""
    review = Review(
        candidate_id=candidate.id, kind=kind, title=candidate.name, state="queued",
        source=dict(source), settings=dict(settings), result=None, report_hash=None, problem="",
        labels=None, continues=None, job_id=None, made_by=by, created=site.now(), finished=None,
    )  # fmt: skip
    db.add(review)
    db.flush()
    job = enqueue(db, REVIEW, f"review/{review.id}", {"review": review.id}, site.now())
    review.job_id = job.id
    return review


def review_of(db: Session, review_id: int, *, lock: bool = False) -> Review:
    """A review, locked for this transaction if wanted.

    Raises:
        NotFoundError: There is none of this number.
    """
    found = db.get(Review, review_id, with_for_update=lock or None)
    if found is None:
        msg = f"there is no review {review_id}"
        raise NotFoundError(msg)
    return found


def label_task(site: Site, review_id: int, by: int) -> int:
    """Open a task with the items whose labels decide an undecided review; the task's number.

    The task has only items on which the two models differ, in an order by which their answers
    can be looked at after each label. The review runs again when they decide, overall and in each
    group that the review judges.

    Raises:
        ConflictError: The review is not undecided.
        InputError: The table has no item ids, or no other columns to show.
        NotFoundError: There is no such review.
        TooFewLabelsError: No label can decide it.
    """
    with site.database.read() as db:
        review = review_of(db, review_id)
        if (known := _task_of(db, review_id)) is not None:
            return known
        title, settings = review.title, review.settings
        _check_undecided(review)
        source = source_of(site, review.source)
    made, limits = _drafted(site, source, settings)  # this may last long, so nobody waits for it
    with site.database.write() as db:
        review = review_of(db, review_id, lock=True)
        if (known := _task_of(db, review_id)) is not None:  # somebody else was faster
            return known
        _check_undecided(review)
        words = settings["label"] or "the right answer"
        return open_task(
            site, db, made, title=f"Review {review_id} of {title}"[:80],
            question=f"What is {words} of this item?", limits=limits, made_by=by,
            review_id=review_id,
        ).id  # fmt: skip


def _task_of(db: Session, review_id: int) -> int | None:
    query = select(LabelTask.id).where(LabelTask.review_id == review_id)
    found: int | None = db.execute(query).scalars().first()
    return found


def _check_undecided(review: Review) -> None:
    if review.kind != "review" or review.state != "undecided":
        msg = f"this {review.kind} is {review.state}; only an undecided review needs labels"
        raise ConflictError(msg)
    if not review.settings["item"]:
        msg = "the review names no column of item ids; ask for it again with one"
        raise InputError.of(msg, "item")


def _drafted(
    site: Site, source: str, settings: Mapping[str, Any]
) -> tuple[Draft, dict[str, float]]:
    """The items to label, and the limit of each gain."""
    models = [settings["old"], settings["new"]]
    found = read(source, models=models, item=settings["item"], labelled=False)
    hidden = {*models, settings["label"], settings["item"]}
    shown = [c for c in open_source(source).columns if c not in hidden and not _leaks(c, models)]
    if not shown:
        msg = "the table has nothing that an annotator could look at"
        raise InputError.of(msg, "table")
    gain = accuracy(settings["new"]) - accuracy(settings["old"])
    asked = [gain, *_by_group(gain, found, settings["groups"])]
    sure = 1 - (1 - CONFIDENCE) / len(asked)  # all intervals hold together
    made = plan(found, asked, margin=0.0, method="coordinated", confidence=sure)
    if made.size > MOST_LABELS:
        made = plan(
            found, asked, margin=0.01, method="coordinated", budget=MOST_LABELS, confidence=sure
        )
    if not made.size:
        msg = "the models give the same answer everywhere, so no label can distinguish them"
        raise TooFewLabelsError(msg)
    limits = {e.name: settings["limit"] if e.name == gain.name else -WORST_SLICE for e in asked}
    return draft(site, made, found, shown), limits


def _by_group(gain: Estimand, table: Table, columns: Sequence[str]) -> list[Estimand]:
    """The gain in each group that is large enough for its fall to hold up the review."""
    found = []
    for column in columns:
        sizes = collect(table.rows.group_by(column).aggregate(n=table.rows.count()))
        large = {row[column] for row in sizes.to_pylist() if row["n"] >= MIN_ITEMS}
        every = for_each_group(gain, table, column)
        found += [e for e in every if e.terms[0].where[-1].value in large]
    return found


def _leaks(column: str, models: list[str]) -> bool:
    """Whether a column's name says that it belongs to a model, such as its score."""
    stems = {name.removesuffix("_prediction") for name in models}
    scores = ("probability", "score", "prediction", "logit", "confidence")
    low = column.casefold()
    return any(word in low for word in scores) or any(
        s and low.startswith(s.casefold()) for s in stems
    )


def sign(
    db: Session, review: Review, who: Visitor, decision: str, name: str, reason: str, site: Site
) -> Approval:
    """Approve or decline, with name and reason; it is recorded for good, in the ledger.

    Raises:
        AccessError: They are not an approver.
        ConflictError: The review is not finished, or did not pass.
        InputError: The name is not theirs, or there is no reason.
    """
    who.check("approver")
    if decision not in {"approved", "declined"}:
        msg = "approve or decline"
        raise InputError.of(msg, "decision")
    if folded(name) != folded(who.name):
        msg = f"sign with your own name, {who.name}"
        raise InputError.of(msg, "name")
    reason = check_text("reason", reason, 2000)
    if not reason:
        msg = "say why; whoever reads this later has nothing else"
        raise InputError.of(msg, "reason")
    if review.state not in _FINISHED:
        msg = f"this review is {review.state}; it can be signed when it is finished"
        raise ConflictError(msg)
    if decision == "approved" and review.state in {"fail", "undecided"}:
        msg = (
            f"the verdict is {review.state}: it can be declined, or reviewed again with more labels"
        )
        raise ConflictError(msg)
    now = site.now()
    entry = append(
        db, f"review/{review.id}",
        {
            "event": decision, "candidate": review.candidate_id, "verdict": review.state,
            "report": review.report_hash, "by": who.user_id, "name": who.name, "reason": reason,
        }, now,
    )  # fmt: skip
    made = Approval(
        review_id=review.id, user_id=who.user_id, decision=decision, reason=reason,
        entry=entry.number, at=now,
    )  # fmt: skip
    db.add(made)
    db.flush()
    return made
