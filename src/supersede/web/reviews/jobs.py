"""The job that runs a review, the first time or again with the labels of its task."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from supersede.web.database import LabelTask, Review
from supersede.web.jobs.handler import Handler, Report
from supersede.web.jobs.queue import Claim, finish
from supersede.web.labels.actions import plan_of
from supersede.web.labels.looks import given_labels
from supersede.web.ledger import append
from supersede.web.reviews.actions import REVIEW, review_of
from supersede.web.reviews.running import Outcome, run
from supersede.web.site import Site

__all__ = ["HANDLERS"]

_NO_LABELS = "There are no labels yet. Have the items labelled on which the models differ."


def work(site: Site, held: Claim, report: Report) -> None:
    """Run it, and keep report and verdict in one transaction."""
    review_id, task_id = held.payload["review"], held.payload.get("task")
    labelled, decided = None, True
    with site.database.write() as db:
        review = review_of(db, review_id)
        if task_id is None:
            review.state = "running"
        else:
            task = db.get_one(LabelTask, task_id)
            labelled = plan_of(task), given_labels(db, task)
            decided = task.state == "decided"
        kind, source, settings = review.kind, dict(review.source), dict(review.settings)
    if kind == "review" and labelled is None and not settings["label"]:
        outcome = Outcome("undecided", {"verdict": "undecided", "notes": [_NO_LABELS]}, "", 0)
    else:
        outcome = run(site, kind, source, settings, report, labelled)
    if not decided and outcome.state in {"pass", "fail"}:
        # its interval holds at one number of labels only, and the one that holds at all did not decide
        outcome = Outcome("undecided", outcome.result, outcome.page, outcome.labels)
    kept = site.files.keep([outcome.page.encode()], 10**9) if outcome.page else None
    with site.database.write() as db:
        review, now = review_of(db, review_id), site.now()
        if task_id is not None:
            review = _continued(db, review)
        review.state, review.result, review.labels = outcome.state, outcome.result, outcome.labels
        review.report_hash, review.finished = None if kept is None else kept.hash, now
        if kept is not None:
            _register(db, kept, now)
        append(
            db, f"review/{review.id}",
            {
                "event": "review finished", "candidate": review.candidate_id, "kind": kind,
                "verdict": outcome.state, "report": review.report_hash, "labels": outcome.labels,
                "continues": review.continues,
            }, now,
        )  # fmt: skip
        finish(db, held, now)


def _continued(db: Session, review: Review) -> Review:
    """The review that continues one that was undecided; it is made once."""
    query = select(Review).where(Review.continues == review.id)
    found = db.execute(query).scalars().first()
    if found is None:
        same = ("candidate_id", "kind", "title", "source", "settings", "made_by", "created")
        found = Review(
            **{name: getattr(review, name) for name in same}, state="running", result=None,
            report_hash=None, problem="", labels=None, continues=review.id, job_id=None,
            finished=None,
        )  # fmt: skip
        db.add(found)
        db.flush()
    return found


def _register(db: Session, kept: Any, now: Any) -> None:
    from supersede.web.files import register

    register(db, kept, "report.html", None, now)


def give_up(site: Site, db: Session, held: Claim, problem: str) -> None:
    """Say on the page why it failed."""
    review = db.get(Review, held.payload["review"])
    if review is None:
        return
    review.problem = problem
    if held.payload.get("task") is None:
        review.state, review.finished = "failed", site.now()


HANDLERS = {REVIEW: Handler(work, give_up)}
