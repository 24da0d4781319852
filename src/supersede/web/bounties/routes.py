"""Pages of bounties."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, Request, UploadFile
from fastapi.responses import Response
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from supersede.errors import ConflictError, InputError, NotFoundError, SupersedeError
from supersede.web.bounties import api, findings, rounds, submissions, views
from supersede.web.bounties.reading import (
    chosen_columns,
    day,
    moment,
    number,
    stored_model_file,
    whole,
)
from supersede.web.bounties.tables import keep_table, path_on_server, read_kept
from supersede.web.database import Round, RoundTeam, Submission, Team
from supersede.web.files import register
from supersede.web.pages import page, part, see_other
from supersede.web.security import SignedIn, SiteOf, Visitor, needs
from supersede.web.security.forms import once
from supersede.web.site import Site

__all__ = ["router"]

router = APIRouter(include_in_schema=False)
Judge = Annotated[Visitor, Depends(needs("judge"))]
Hunter = Annotated[Visitor, Depends(needs("hunter"))]
Text = Annotated[str, Form()]


async def _posted(request: Request) -> AsyncIterator[FormData]:
    async with request.form() as form:  # closes the files in it
        yield form


Posted = Annotated[FormData, Depends(_posted)]


@router.get("/rounds")
def all_rounds(request: Request, site: SiteOf, who: SignedIn) -> Response:
    """All rounds."""
    with site.database.read() as db:
        query = select(Round).order_by(Round.id.desc()).limit(200)
        hidden = set() if who.may("judge") else {"draft", "preparing"}
        shown = [
            (r, views.public_state(r, site.now()))
            for r in db.execute(query).scalars()
            if r.state not in hidden
        ]
        return page(request, "web.bounties/rounds.html", who, shown=shown)


@router.get("/rounds/new")
def new_round(request: Request, site: SiteOf, who: Judge) -> Response:
    """The form for a new round: its table."""
    return page(request, "web.bounties/new.html", who, paths=site.settings.tables)


@router.post("/rounds/upload")
def upload(
    request: Request,
    site: SiteOf,
    who: Judge,
    title: Text = "",
    path: Text = "",
    form: Text = "",
    table: Annotated[UploadFile | None, File()] = None,
) -> Response:
    """Take a table, and lead to the settings."""
    try:
        kept = _kept_table(site, table, path)
        columns = read_kept(site.files, kept.hash).column_names
        with site.database.write() as db:

            def act() -> str:
                register(db, kept, "table.parquet", who.user_id, site.now())
                made = rounds.draft(db, who, title, kept.hash, columns, site.now())
                return f"/rounds/{made.id}/settings"

            return see_other(once(db, who.user_id, form, site.now(), act))
    except SupersedeError as error:
        return page(
            request, "web.bounties/new.html", who, status=422, problem=str(error),
            wrong=getattr(error, "field", ""), typed={"title": title, "path": path},
            paths=site.settings.tables,
        )  # fmt: skip


def _kept_table(site: Site, table: UploadFile | None, path: str) -> Any:
    most = site.settings.upload_mb * 1_000_000
    if table is not None and table.filename:
        return keep_table(
            site.files, table.filename, iter(lambda: table.file.read(1 << 20), b""), most
        )
    if path.strip():
        found = path_on_server(site.settings, path.strip())
        with found.open("rb") as file:
            return keep_table(
                site.files, found.name, iter(lambda: file.read(1 << 20), b""), most * 100
            )
    msg = "choose a table"
    raise InputError.of(msg, "table")


@router.get("/rounds/{round_id}/settings")
def settings_form(request: Request, site: SiteOf, who: Judge, round_id: int) -> Response:
    """The settings of a draft."""
    with site.database.read() as db:
        return _settings(request, site, who, rounds.round_of(db, round_id, who))


def _settings(request: Request, site: Site, who: Visitor, round_: Round, **values: Any) -> Response:
    values = {"problem": round_.problem, **values}
    return page(
        request, "web.bounties/settings.html", who, round=round_,
        columns=round_.plan["columns"], closes=site.now() + timedelta(days=14), **values,
    )  # fmt: skip


@router.post("/rounds/{round_id}/settings/file")
def set_up(request: Request, site: SiteOf, who: Judge, round_id: int, posted: Posted) -> Response:
    """Take the settings, and have the round opened."""
    with site.database.read() as db:
        round_ = rounds.round_of(db, round_id, who)
    try:
        given = _given(site, who, round_, posted)
        with site.database.write() as db:
            round_ = rounds.round_of(db, round_id, who, lock=True)
            rounds.set_up(db, round_, given, site.now())
    except SupersedeError as error:
        typed = {name: value for name, value in posted.items() if isinstance(value, str)}
        typed["features"] = posted.getlist("features")  # type: ignore[assignment]
        return _settings(
            request, site, who, round_, status=422, problem=str(error),
            wrong=getattr(error, "field", ""), typed=typed,
        )  # fmt: skip
    return see_other(f"/rounds/{round_id}")


def _given(site: Site, who: Visitor, round_: Round, posted: FormData) -> dict[str, Any]:
    """The attributes of a round from the form."""
    now = site.now()
    model_hash = round_.model_hash
    model_columns: tuple[str, ...] = ()
    file = posted.get("base")
    if not isinstance(file, str) and file is not None and file.filename:
        columns = [c.strip() for c in str(posted.get("base_columns", "")).split(",") if c.strip()]
        content = file.file.read(site.settings.artefact_mb * 1_000_000 + 1)
        stored_model_file(site, content, columns, who.user_id)  # refuses what is not a model
        kept = site.files.keep([content], most=site.settings.artefact_mb * 1_000_000)
        with site.database.write() as db:
            register(db, kept, "model", who.user_id, site.now())
        model_hash, model_columns = kept.hash, tuple(columns)
    model = str(posted.get("model", ""))
    if not model and model_hash is None:
        msg = "name the column of the base model's classes, or upload the model"
        raise InputError.of(msg, "model")
    features = [str(name) for name in posted.getlist("features")]
    if not features:
        msg = "choose at least one feature"
        raise InputError.of(msg, "features")
    plan = {
        "label": str(posted.get("label", "")), "model": model, "model_columns": model_columns,
        "features": features,
        "watch": [w.strip() for w in str(posted.get("watch", "")).splitlines() if w.strip()],
        "public": (number(posted, "public", 40) or 0) / 100,
        "fresh": (number(posted, "fresh", 30) or 0) / 100,
        "slices": whole(posted, "slices", 1), "seed": whole(posted, "seed", 0),
        "policy": "betting" if posted.get("policy") == "betting" else "certified",
        "delta": number(posted, "delta", 0.05),
    }  # fmt: skip
    return {
        "plan": plan, "model_hash": model_hash, "about": str(posted.get("about", "")),
        "registration": "open" if posted.get("registration") == "open" else "invitation",
        "opens": moment(posted, "opens", now),
        "closes": moment(posted, "closes", now + timedelta(days=14)),
        "disclose_on": day(posted, "disclose_on"), "per_team": whole(posted, "per_team", 20),
        "per_day": whole(posted, "per_day", 5), "capacity": whole(posted, "capacity", 100),
        "answer_every": float(number(posted, "answer_every", site.settings.answer_every) or 0),
    }  # fmt: skip


@router.get("/rounds/{round_id}")
def one_round(
    request: Request, site: SiteOf, who: SignedIn, round_id: int, before: int = 0
) -> Response:
    """A round."""
    with site.database.read() as db:
        round_ = rounds.round_of(db, round_id, who)
        values = _standing(db, site, who, round_, before)
        columns, teams = views.team_features(round_)
        outsiders = []
        if who.may("judge"):
            inside = select(RoundTeam.team_id).where(RoundTeam.round_id == round_id)
            query = select(Team).where(Team.id.not_in(inside)).order_by(Team.name).limit(500)
            outsiders = list(db.execute(query).scalars())
        count = db.execute(
            select(func.count()).where(
                Submission.round_id == round_id, Submission.state == "failed"
            )
        ).scalar_one()
        return page(
            request, "web.bounties/round.html", who, columns=columns, teams=teams,
            outsiders=outsiders, failed=count,
            disclosed=rounds.disclosed(round_, site.now().date()), **values,
        )  # fmt: skip


@router.get("/rounds/{round_id}/standing")
def standing(request: Request, site: SiteOf, who: SignedIn, round_id: int) -> Response:
    """What changes on the page of a round while one looks at it."""
    with site.database.read() as db:
        round_ = rounds.round_of(db, round_id, who)
        return part(
            request, "web.bounties/standing.html", who, **_standing(db, site, who, round_, 0)
        )


def _standing(db: Session, site: Site, who: Visitor, round_: Round, before: int) -> dict[str, Any]:
    own: list[views.Shown] = []
    left = None
    inside = views.of_team(db, round_, who)
    if inside:
        own, left = views.mine(db, round_, who.team_id or 0, site.now(), before)
    return {
        "round": round_, "state": views.public_state(round_, site.now()), "own": own, "left": left,
        "inside": inside, "places": views.leaderboard(db, round_, site.now()),
    }  # fmt: skip


_STEPS = {
    "pause": rounds.pause, "resume": rounds.resume, "close": rounds.close, "publish": rounds.publish,
}  # fmt: skip


@router.post("/rounds/{round_id}/step")
def step(site: SiteOf, who: Judge, round_id: int, to: Text = "") -> Response:
    """Pause, resume, close or publish a round."""
    if to not in _STEPS:
        msg = f"expected one of {', '.join(_STEPS)}"
        raise InputError.of(msg, "to")
    with site.database.write() as db:
        _STEPS[to](db, rounds.round_of(db, round_id, who, lock=True), who, site.now())
    return see_other(f"/rounds/{round_id}")


@router.post("/rounds/{round_id}/join")
def join(site: SiteOf, who: Hunter, round_id: int) -> Response:
    """Take part with the own team."""
    with site.database.write() as db:
        rounds.join(db, rounds.round_of(db, round_id, who), who, site.now())
    return see_other(f"/rounds/{round_id}")


@router.post("/rounds/{round_id}/team")
def add_team(site: SiteOf, who: Judge, round_id: int, team: Annotated[int, Form()]) -> Response:
    """Invite a team."""
    with site.database.write() as db:
        rounds.round_of(db, round_id, who)
        if db.get(Team, team) is None:
            msg = f"there is no team {team}"
            raise NotFoundError(msg)
        if db.get(RoundTeam, (round_id, team)) is None:
            db.add(RoundTeam(round_id=round_id, team_id=team, joined=site.now()))
    return see_other(f"/rounds/{round_id}")


@router.post("/rounds/{round_id}/again")
def again(site: SiteOf, who: Judge, round_id: int) -> Response:
    """Run what the server failed to do again; it costs the teams nothing."""
    with site.database.write() as db:
        round_ = rounds.round_of(db, round_id, who, lock=True)
        submissions.run_again(db, round_, site.now())
    return see_other(f"/rounds/{round_id}")


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
    _, left = views.mine(db, round_, who.team_id or 0, site.now())
    values = {"picked": {}, **values}
    return page(
        request, "web.bounties/columns.html", who, round=round_, schema=round_.plan["schema"],
        left=left, **values,
    )  # fmt: skip


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
                request, db, site, who, round_, status=422, problem=str(error),
                wrong=getattr(error, "field", ""), picked=picked,
                typed={"note": posted.get("note", "")},
            )  # fmt: skip


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
                request, "web.bounties/model.html", who, status=422, problem=str(error),
                wrong=getattr(error, "field", ""), typed=typed, round=round_,
            )  # fmt: skip


def _sent(posted: FormData, source: str, group: str) -> dict[str, Any]:
    return {
        "form": str(posted.get("form", "")), "source": source, "group": group, "answer": None,
        "answer_hash": None, "base": None, "note": str(posted.get("note", "")),
    }  # fmt: skip


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
        _, left = views.mine(db, round_, found.team_id, site.now())
        shown = views.shown(db, found, round_, site.now())
        return page(
            request, f"web.bounties/{template}", who, found=shown, round=round_, left=left,
            own=found.team_id == who.team_id, open=views.public_state(round_, site.now()) == "open",
        )  # fmt: skip


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


@router.get("/rounds/{round_id}/public.csv")
def public_rows(site: SiteOf, who: SignedIn, round_id: int) -> Response:
    """The public rows."""
    return api.public_rows(site, who, round_id)


@router.get("/rounds/{round_id}/report")
def report(request: Request, site: SiteOf, who: SignedIn, round_id: int) -> Response:
    """The audit's report, in a frame of its own."""
    with site.database.read() as db:
        round_ = rounds.round_of(db, round_id, who)
        _published(round_, who, round_.report_hash)
        return page(request, "web.bounties/report.html", who, round=round_)


_REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox"
)


@router.get("/rounds/{round_id}/report.html")
def report_file(site: SiteOf, who: SignedIn, round_id: int) -> Response:
    """The report itself: no script runs in it, whatever it contains."""
    with site.database.read() as db:
        round_ = rounds.round_of(db, round_id, who)
        hash_ = _published(round_, who, round_.report_hash)
    headers = {"content-security-policy": _REPORT_POLICY}
    return Response(site.files.read(hash_), media_type="text/html", headers=headers)


@router.get("/rounds/{round_id}/model.zip")
def model_file(site: SiteOf, who: SignedIn, round_id: int) -> Response:
    """The patched model."""
    with site.database.read() as db:
        round_ = rounds.round_of(db, round_id, who)
        hash_ = _published(round_, who, round_.patched_hash)
    headers = {"content-disposition": f'attachment; filename="round-{round_id}-model.zip"'}
    return Response(site.files.read(hash_), media_type="application/zip", headers=headers)


def _published(round_: Round, who: Visitor, hash: str | None) -> str:
    if hash is None or (round_.state != "published" and not who.may("judge")):
        msg = "this is published when the round is"
        raise NotFoundError(msg)
    return hash


@router.get("/rounds/{round_id}/findings")
def findings_page(request: Request, site: SiteOf, who: SignedIn, round_id: int) -> Response:
    """Findings without a model."""
    return _findings(request, site, who, round_id)


def _findings(request: Request, site: Site, who: Visitor, round_id: int, **values: Any) -> Response:
    with site.database.read() as db:
        round_ = rounds.round_of(db, round_id, who)
        shown = views.findings_of(db, round_, who, site.now())
        return page(
            request, "web.bounties/findings.html", who, round=round_, shown=shown,
            next_states=findings.NEXT, **values,
        )  # fmt: skip


@router.post("/rounds/{round_id}/findings")
def report_finding(
    request: Request, site: SiteOf, who: Hunter, round_id: int, title: Text = "", text: Text = "",
    group: Text = "", form: Text = "",
) -> Response:  # fmt: skip
    """Report a finding."""
    try:
        with site.database.write() as db:
            round_ = rounds.round_of(db, round_id, who)
            findings.report(db, round_, who, form, title, text, group, site.now())
    except SupersedeError as error:
        typed = {"title": title, "text": text, "group": group}
        return _findings(
            request, site, who, round_id, status=422, problem=str(error),
            wrong=getattr(error, "field", ""), typed=typed,
        )  # fmt: skip
    return see_other(f"/rounds/{round_id}/findings")


@router.post("/findings/{finding_id}/triage")
def triage(
    site: SiteOf, who: Judge, finding_id: int, state: Text = "", answer: Text = "", on: Text = ""
) -> Response:
    """Decide on a finding, or set the date of its disclosure."""
    with site.database.write() as db:
        if on:
            date = day({"on": on}, "on")
            assert date is not None  # noqa: S101  # the text is not empty
            found = findings.disclose(db, finding_id, who, date, site.now())
        else:
            found = findings.triage(db, finding_id, who, state, answer, site.now())
        return see_other(f"/rounds/{found.round_id}/findings")
