"""Pages of submissions: by columns, by file, and one submission with its receipt."""

import json
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from supersede.errors import ConflictError, InputError, NotFoundError, SupersedeError
from supersede.web.bounties import rounds, submissions, views
from supersede.web.bounties.parameters import Hunter, Posted
from supersede.web.bounties.quotas import left_of
from supersede.web.bounties.reading import (
    chosen_columns,
    stored_model_file,
)
from supersede.web.database import Round
from supersede.web.pages import again, page, see_other
from supersede.web.security import SignedIn, SiteOf, Visitor
from supersede.web.site import Site

__all__ = ["router"]

router = APIRouter(include_in_schema=False)


@router.get("/rounds/{round_id}/submit")
def columns_form(request: Request, site: SiteOf, who: Hunter, round_id: int) -> Response:
    """The form for a submission without code."""
    with site.database.read() as db:
        return _columns(request, db, site, who, rounds.round_of(db, round_id, who))


def _columns(
    request: Request, db: Session, site: Site, who: Visitor, round_: Round, **values: Any
) -> Response:
    if "schema" not in round_.plan:
        msg = "this round is not open yet"
        raise ConflictError(msg)
    left = left_of(db, round_, who.team_id or 0, site.now())
    values = {"picked": {}, **values}
    return page(
        request,
        "web.bounties/columns.html",
        who,
        round=round_,
        schema=round_.plan["schema"],
        left=left,
        **values,
    )


@router.post("/rounds/{round_id}/submit")
def try_columns(
    request: Request, site: SiteOf, who: Hunter, round_id: int, posted: Posted
) -> Response:
    """Train a model for the picked columns and ranges, and compare it on the public rows."""
    with site.database.read() as db:
        round_ = rounds.round_of(db, round_id, who)
    try:
        group = submissions.group_of(
            chosen_columns(posted, round_.plan.get("schema", {"columns": []}))
        )
        given = _sent(posted, "columns", group)
        return see_other(f"/submissions/{_post(site, who, round_id, given, wanted=False)}")
    except SupersedeError as error:
        picked = {name: posted.getlist(name) for name in posted}
        with site.database.read() as db:
            return _columns(
                request,
                db,
                site,
                who,
                round_,
                picked=picked,
                **again(error, {"note": posted.get("note", "")}),
            )


@router.get("/rounds/{round_id}/model")
def file_form(request: Request, site: SiteOf, who: Hunter, round_id: int) -> Response:
    """The form for a submission by file."""
    with site.database.read() as db:
        round_ = rounds.round_of(db, round_id, who)
        return page(request, "web.bounties/model.html", who, round=round_)


@router.post("/rounds/{round_id}/model/file")
def submit_file(
    request: Request, site: SiteOf, who: Hunter, round_id: int, posted: Posted
) -> Response:
    """Take a model as a file."""
    file = posted.get("model")
    try:
        if isinstance(file, str) or file is None or not file.filename:
            msg = "choose a file with the model"
            raise InputError.of(msg, "model")
        columns = [c.strip() for c in str(posted.get("columns", "")).split(",") if c.strip()]
        content = file.file.read(site.settings.artefact_mb * 1_000_000 + 1)
        record, answer_hash = stored_model_file(site, content, columns, who.user_id)
        given = _sent(posted, "file", str(posted.get("group", "")))
        given |= {"answer": record, "answer_hash": answer_hash}
        wanted = posted.get("try") != "yes"
        return see_other(f"/submissions/{_post(site, who, round_id, given, wanted=wanted)}")
    except SupersedeError as error:
        typed = {n: str(posted.get(n, "")) for n in ("group", "columns", "note")}
        with site.database.read() as db:
            round_ = rounds.round_of(db, round_id, who)
            return page(
                request,
                "web.bounties/model.html",
                who,
                round=round_,
                **again(error, typed),
            )


def _sent(posted: FormData, source: str, group: str) -> dict[str, Any]:
    return {
        "form": str(posted.get("form", "")),
        "source": source,
        "group": group,
        "answer": None,
        "answer_hash": None,
        "base": None,
        "note": str(posted.get("note", "")),
    }


def _post(site: Site, who: Visitor, round_id: int, given: dict[str, Any], *, wanted: bool) -> int:
    with site.database.write() as db:
        round_ = rounds.round_of(db, round_id, who, lock=True)
        return submissions.post(db, round_, who, given, site.now(), wanted=wanted).id


@router.get("/submissions/{submission_id}")
def submission(request: Request, site: SiteOf, who: SignedIn, submission_id: int) -> Response:
    """A submission."""
    return _submission(request, site, who, submission_id, "submission.html")


@router.get("/submissions/{submission_id}/state")
def submission_state(request: Request, site: SiteOf, who: SignedIn, submission_id: int) -> Response:
    """What changes on the page of a submission."""
    return _submission(request, site, who, submission_id, "submission_state.html")


def _submission(
    request: Request, site: Site, who: Visitor, submission_id: int, template: str
) -> Response:
    with site.database.read() as db:
        found = submissions.own(db, who, submission_id)
        round_ = rounds.round_of(db, found.round_id, who)
        left = left_of(db, round_, found.team_id, site.now())
        shown = views.shown(db, found, round_, site.now())
        return page(
            request,
            f"web.bounties/{template}",
            who,
            found=shown,
            round=round_,
            left=left,
            own=found.team_id == who.team_id,
            open=views.public_state(round_, site.now()) == "open",
        )


@router.post("/submissions/{submission_id}/send")
def send(site: SiteOf, who: Hunter, submission_id: int) -> Response:
    """Have it judged."""
    with site.database.write() as db:
        found = submissions.own(db, who, submission_id)
        round_ = rounds.round_of(db, found.round_id, who, lock=True)
        submissions.send(db, round_, who, submission_id, site.now())
    return see_other(f"/submissions/{submission_id}")


@router.post("/submissions/{submission_id}/withdraw")
def withdraw(site: SiteOf, who: Hunter, submission_id: int) -> Response:
    """Withdraw it."""
    with site.database.write() as db:
        submissions.withdraw(db, who, submission_id, site.now())
    return see_other(f"/submissions/{submission_id}")


@router.get("/submissions/{submission_id}/receipt.json")
def receipt(site: SiteOf, who: SignedIn, submission_id: int) -> Response:
    """The signed receipt."""
    with site.database.read() as db:
        found = submissions.own(db, who, submission_id)
        round_ = rounds.round_of(db, found.round_id, who)
        told = views.shown(db, found, round_, site.now()).receipt
    if told is None:
        msg = "there is no receipt yet"
        raise NotFoundError(msg)
    headers = {"content-disposition": f'attachment; filename="receipt-{submission_id}.json"'}
    return Response(json.dumps(told, indent=1), media_type="application/json", headers=headers)
