"""Pages of reviews: all of them, one, its report, and the history of a model."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, Request, UploadFile
from fastapi.responses import Response
from markupsafe import Markup
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from supersede.errors import NotFoundError, SupersedeError
from supersede.look.figures import Dot, dot_plot
from supersede.look.numbers import points, share
from supersede.web.bounties.tables import kept_columns
from supersede.web.database import Approval, Candidate, Job, LabelTask, Review, User
from supersede.web.labels.actions import plan_of
from supersede.web.labels.looks import aims_of, latest
from supersede.web.pages import again, page, part, see_other
from supersede.web.reviews import actions
from supersede.web.security import SignedIn, SiteOf, Visitor, needs
from supersede.web.security.forms import once
from supersede.web.site import Site
from supersede.web.uploads import table_taken

__all__ = ["router"]

router = APIRouter(include_in_schema=False)
Judge = Annotated[Visitor, Depends(needs("judge"))]
Reader = Annotated[Visitor, Depends(needs("judge", "approver", "viewer"))]
Text = Annotated[str, Form()]
_TONE = {"pass": "pass", "fail": "fail", "undecided": "undecided"}
_SHOWN = 30


@router.get("/reviews")
def reviews(request: Request, site: SiteOf, who: SignedIn) -> Response:
    """All candidates with their last review."""
    if not who.may("judge", "approver", "viewer"):
        return page(request, "web.reviews/reviews.html", who, rows=[], may=False)
    with site.database.read() as db:
        query = select(Candidate).order_by(Candidate.id.desc()).limit(200)
        candidates = list(db.execute(query).scalars())
        latest_ids = select(func.max(Review.id)).group_by(Review.candidate_id)
        every = select(Review).where(Review.id.in_(latest_ids))
        last = {review.candidate_id: review for review in db.execute(every).scalars()}
        rows = [(candidate, last.get(candidate.id)) for candidate in candidates]
        return page(request, "web.reviews/reviews.html", who, rows=rows, may=True)


@router.get("/reviews/new")
def new_review(request: Request, site: SiteOf, who: Judge, candidate: int = 0) -> Response:
    """The form for the table; a patched model brings its own."""
    with site.database.read() as db:
        found = db.get(Candidate, candidate)
        if found is not None and found.file_hash is not None:
            return see_other(f"/reviews/of/{found.file_hash}?candidate={found.id}")
    return page(request, "web.reviews/new.html", who, paths=site.settings.tables)


@router.post("/reviews/upload")
def upload(
    request: Request,
    site: SiteOf,
    who: Judge,
    path: Text = "",
    table: Annotated[UploadFile | None, File()] = None,
) -> Response:
    """Take the table, and lead to the settings."""
    return table_taken(
        request, site, who, table, path, form="web.reviews/new.html", then="/reviews/of/"
    )


@router.get("/reviews/of/{table}")
def settings_form(
    request: Request, site: SiteOf, who: Judge, table: str, candidate: int = 0
) -> Response:
    """The form for columns and limits."""
    with site.database.read() as db:
        found = db.get(Candidate, candidate)
        typed = {} if found is None else {"candidate": found.name}
    return _settings(request, site, who, table, typed=typed)


def _settings(request: Request, site: Site, who: Visitor, table: str, **values: Any) -> Response:
    columns = kept_columns(site.files, table)
    return page(request, "web.reviews/settings.html", who, table=table, columns=columns, **values)


@router.post("/reviews/of/{table}")
def ask(
    request: Request,
    site: SiteOf,
    who: Judge,
    table: str,
    form: Text = "",
    candidate: Text = "",
    kind: Text = "review",
    old: Text = "",
    new: Text = "",
    label: Text = "",
    item: Text = "",
    labels: Text = "",
    limit: Text = "-0.01",
    groups: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Ask for a review or an audit."""
    typed: dict[str, Any] = {
        "candidate": candidate, "kind": kind, "old": old, "new": new, "label": label,
        "item": item, "labels": labels, "limit": limit, "groups": groups or [],
    }  # fmt: skip
    try:
        settings = actions.settings_of(typed)
        with site.database.write() as db:

            def act() -> str:
                named = actions.candidate_named(db, candidate or new, who.user_id, site)
                source = {"file": table}
                made = actions.ask(site, db, named, kind, source, settings, who.user_id)
                return f"/reviews/{made.id}"

            return see_other(once(db, who.user_id, form, site.now(), act))
    except SupersedeError as error:
        return _settings(request, site, who, table, **again(error, typed))


@router.get("/reviews/{review_id}")
def review_page(request: Request, site: SiteOf, who: Reader, review_id: int) -> Response:
    """One review: how far it is, what it found, who signed it."""
    with site.database.read() as db:
        return page(request, "web.reviews/review.html", who, **_facts(db, review_id))


@router.get("/reviews/{review_id}/progress")
def progress(request: Request, site: SiteOf, who: Reader, review_id: int) -> Response:
    """The part of a review's page that changes by itself."""
    with site.database.read() as db:
        return part(request, "web.reviews/standing.html", who, **_facts(db, review_id))


@router.get("/reviews/{review_id}/report")
def report(site: SiteOf, who: Reader, review_id: int) -> Response:
    """The report, which is a page of its own, without scripts."""
    with site.database.read() as db:
        hash = actions.review_of(db, review_id).report_hash
    if hash is None:
        msg = "this review has no report yet"
        raise NotFoundError(msg)
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox"
    headers = {"content-security-policy": policy, "cache-control": "private, max-age=3600"}
    return Response(site.files.read(hash), media_type="text/html; charset=utf-8", headers=headers)


@router.post("/reviews/{review_id}/labels")
def open_labels(site: SiteOf, who: Judge, review_id: int) -> Response:
    """Have labelled what decides an undecided review."""
    return see_other(f"/labels/{actions.label_task(site, review_id, who.user_id)}")


@router.post("/reviews/{review_id}/sign")
def sign(
    request: Request,
    site: SiteOf,
    who: Reader,
    review_id: int,
    form: Text = "",
    decision: Text = "",
    name: Text = "",
    reason: Text = "",
) -> Response:
    """Approve or decline."""
    try:
        with site.database.write() as db:

            def act() -> str:
                review = actions.review_of(db, review_id)
                actions.sign(db, review, who, decision, name, reason, site)
                return f"/reviews/{review_id}"

            return see_other(once(db, who.user_id, form, site.now(), act))
    except SupersedeError as error:
        with site.database.read() as db:
            typed = {"name": name, "reason": reason, "decision": decision}
            return page(
                request,
                "web.reviews/review.html",
                who,
                **again(error, typed),
                **_facts(db, review_id),
            )


@router.get("/reviews/model/{candidate_id}")
def history(request: Request, site: SiteOf, who: Reader, candidate_id: int) -> Response:
    """All reviews and audits of a model, with a picture over time."""
    with site.database.read() as db:
        candidate = db.get(Candidate, candidate_id)
        if candidate is None:
            msg = f"there is no candidate {candidate_id}"
            raise NotFoundError(msg)
        query = select(Review).where(Review.candidate_id == candidate_id).order_by(Review.id)
        found = list(db.execute(query).scalars())
        signed = _signed(db, [review.id for review in found])
        pictures = [
            picture for kind in ("review", "audit")
            if (picture := _over_time([r for r in found if r.kind == kind])) is not None
        ]  # fmt: skip
        return page(
            request, "web.reviews/history.html", who, candidate=candidate,
            reviews=list(reversed(found)), signed=signed, pictures=pictures,
        )  # fmt: skip


def _facts(db: Session, review_id: int) -> dict[str, Any]:
    review = actions.review_of(db, review_id)
    job = None if review.job_id is None else db.get(Job, review.job_id)
    task = db.execute(
        select(LabelTask).where(LabelTask.review_id == review.id)
    ).scalars().first()  # fmt: skip
    after = db.execute(select(Review).where(Review.continues == review.id)).scalars().first()
    aim = None
    if task is not None:
        seen = latest(db, task.id)
        found = None if seen is None else seen.estimates
        aims = aims_of(plan_of(task), task.aims.get("limits", {}), found)
        # the first that is open; a question without an estimate yet is as open as can be
        aim = next((one for one in aims if not one.decided), aims[0])
    return {
        "review": review, "job": job, "task": task, "after": after, "aim": aim,
        "candidate": db.get(Candidate, review.candidate_id),
        "signed": _signed(db, [review.id]).get(review.id, []), "tone": _TONE.get(review.state, "quiet"),
        "picture": _findings(review),
    }  # fmt: skip


def _signed(db: Session, reviews: list[int]) -> dict[int, list[tuple[Approval, str]]]:
    query = (
        select(Approval, User.name)
        .join(User, User.id == Approval.user_id)
        .where(Approval.review_id.in_(reviews))
        .order_by(Approval.id)
    )
    found: dict[int, list[tuple[Approval, str]]] = {}
    for approval, name in db.execute(query):
        found.setdefault(approval.review_id, []).append((approval, name))
    return found


def _findings(review: Review) -> Markup | None:
    found = (review.result or {}).get("findings", [])
    dots = [
        Dot(f["check"].replace("_", " "), f["estimate"], f["low"], f["high"], review.labels or 0,
            _TONE.get(f["verdict"], "quiet"))
        for f in found if f["check"] == "min_gain"
    ]  # fmt: skip
    if not dots:
        return None
    return dot_plot(
        dots, title="Gain in accuracy", description="The new model's accuracy minus the old one's.",
        limit=found[0]["limit"], form=points,
    )  # fmt: skip


def _over_time(found: list[Review]) -> Markup | None:
    dots = [
        Dot(
            f"{review.id} · {review.created:%d %b %Y}", review.result["value"],
            review.result["low"], review.result["high"], review.labels or 0,
            _TONE.get(review.state, "quiet"),
        )
        for review in found[-_SHOWN:]
        if review.result is not None and review.result.get("value") is not None
    ]  # fmt: skip
    if not dots:
        return None
    last = next(r.result for r in reversed(found) if r.result and r.result.get("value") is not None)
    measure = last["measure"]
    return dot_plot(
        dots, title=f"{measure.capitalize()} over time",
        description="One row per review, the oldest first.", limit=last.get("limit"),
        form=points if found[0].kind == "review" else share,
    )  # fmt: skip
