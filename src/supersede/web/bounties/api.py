"""Bounties for programs, under ``/api/v1``; described in ``/api/v1/openapi.json``."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select

from supersede.errors import NotFoundError
from supersede.web.bounties import rounds, submissions, views
from supersede.web.bounties.quotas import left_of
from supersede.web.bounties.reading import stored_model
from supersede.web.database import Round
from supersede.web.security import SignedIn, SiteOf
from supersede.web.security.visitor import Visitor
from supersede.web.site import Site

__all__ = ["router"]

_REFUSED: dict[int | str, dict[str, Any]] = {
    code: {"description": why, "content": {"application/json": {"example": {"error": "…"}}}}
    for code, why in (
        (400, "The request cannot be read."),
        (401, "No token, or one that was revoked."),
        (403, "Not with your roles."),
        (404, "There is no such thing."),
        (409, "Not in this state."),
        (413, "Too large."),
        (422, "Something is invalid."),
        (429, "A quota is used up, or too many requests."),
    )
}
router = APIRouter(prefix="/api/v1", tags=["bounties"], responses=_REFUSED)
Number = Annotated[int, Path(ge=1, le=2**53)]


class RoundOut(BaseModel):
    """A round."""

    id: int
    title: str
    state: str
    opens: datetime
    closes: datetime
    per_team: int
    per_day: int
    answer_every: float
    about: str


class LeftOut(BaseModel):
    """What the team has left."""

    now: int
    today: int
    team: int
    everybody: int
    resets: datetime


class SubmissionIn(BaseModel):
    """A submission."""

    model_config = ConfigDict(extra="forbid")

    key: str = Field(min_length=8, max_length=200, description="Yours; sent twice, it counts once.")
    group: str = Field(max_length=4096, description="An expression, such as age >= 65.")
    model: dict[str, Any] | None = Field(None, description="A model; None has one trained.")
    try_only: bool = Field(False, description="Compare on public rows only; costs nothing.")
    base: str | None = Field(None, max_length=64, description="Hash of the model it was made for.")
    note: str = Field("", max_length=2000)


class SubmissionOut(BaseModel):
    """A submission, as its team may see it."""

    id: int
    state: str
    group: str
    public: dict[str, Any] | None
    problem: str
    ahead: int | None
    due: datetime | None
    receipt: dict[str, Any] | None


class PlaceOut(BaseModel):
    """A place on the leaderboard."""

    rank: int
    team: str
    accepted: int
    judged: int
    gain: float | None


@router.get("/rounds")
def list_rounds(site: SiteOf, who: SignedIn) -> list[RoundOut]:
    """All rounds."""
    with site.database.read() as db:
        query = select(Round).order_by(Round.id.desc()).limit(200)
        hidden = frozenset() if who.may("judge") else rounds.HIDDEN
        found = [r for r in db.execute(query).scalars() if r.state not in hidden]
        return [_round(r, site) for r in found]


@router.get("/rounds/{round_id}")
def one_round(site: SiteOf, who: SignedIn, round_id: Number) -> RoundOut:
    """One round."""
    with site.database.read() as db:
        return _round(rounds.round_of(db, round_id, who), site)


@router.get("/rounds/{round_id}/schema")
def schema(site: SiteOf, who: SignedIn, round_id: Number) -> dict[str, Any]:
    """The columns that groups and models are allowed to read, and the classes by their codes."""
    with site.database.read() as db:
        return _schema(rounds.round_of(db, round_id, who))


@router.get("/rounds/{round_id}/public.csv", response_class=Response)
def public_rows(site: SiteOf, who: SignedIn, round_id: Number) -> Response:
    """The public rows: features, labels and the base model's answers, as codes of classes."""
    with site.database.read() as db:
        hash_ = rounds.round_of(db, round_id, who).public_hash
    if hash_ is None:
        msg = "this round has no public rows yet"
        raise NotFoundError(msg)
    headers = {"content-disposition": f'attachment; filename="round-{round_id}-public.csv"'}
    return Response(site.files.read(hash_), media_type="text/csv", headers=headers)


@router.get("/rounds/{round_id}/left")
def left(site: SiteOf, who: SignedIn, round_id: Number) -> LeftOut:
    """What the own team has left."""
    with site.database.read() as db:
        round_ = rounds.round_of(db, round_id, who)
        found = left_of(db, round_, who.team_id or 0, site.now())
    return LeftOut(
        now=found.now,
        today=found.today,
        team=found.team,
        everybody=found.everybody,
        resets=found.resets,
    )


@router.get("/rounds/{round_id}/leaderboard")
def leaderboard(site: SiteOf, who: SignedIn, round_id: Number) -> list[PlaceOut]:
    """Teams by accepted submissions; after publication by gain on fresh rows."""
    with site.database.read() as db:
        round_ = rounds.round_of(db, round_id, who)
        return [PlaceOut(**vars(p)) for p in views.leaderboard(db, round_, site.now())]


@router.get("/rounds/{round_id}/submissions")
def own_submissions(
    site: SiteOf, who: SignedIn, round_id: Number, before: Annotated[int, Query(ge=0, le=2**53)] = 0
) -> list[SubmissionOut]:
    """The own team's latest submissions."""
    with site.database.read() as db:
        round_ = rounds.round_of(db, round_id, who)
        found, _ = views.mine(db, round_, who.team_id or 0, site.now(), before)
        return [_out(one) for one in found]


@router.post("/rounds/{round_id}/submissions", status_code=202)
def submit(site: SiteOf, who: SignedIn, round_id: Number, sent: SubmissionIn) -> SubmissionOut:
    """Send a submission, to be judged or tried; poll it until its state stays."""
    who.check("hunter")
    record, answer_hash = (None, None)
    if sent.model is not None:
        record, answer_hash = stored_model(site, sent.model, who.user_id)
    given = {
        "form": sent.key,
        "source": "api",
        "group": sent.group,
        "answer": record,
        "answer_hash": answer_hash,
        "base": sent.base,
        "note": sent.note,
    }
    with site.database.write() as db:
        round_ = rounds.round_of(db, round_id, who, lock=True)
        found = submissions.post(db, round_, who, given, site.now(), wanted=not sent.try_only)
        return _out(views.shown(db, found, round_, site.now()))


@router.get("/submissions/{submission_id}")
def one_submission(site: SiteOf, who: SignedIn, submission_id: Number) -> SubmissionOut:
    """One submission of the own team."""
    return _one(site, who, submission_id)


@router.post("/submissions/{submission_id}/send", status_code=202)
def send(site: SiteOf, who: SignedIn, submission_id: Number) -> SubmissionOut:
    """Have a submission judged that was tried."""
    who.check("hunter")
    with site.database.write() as db:
        found = submissions.own(db, who, submission_id)
        round_ = rounds.round_of(db, found.round_id, who, lock=True)
        submissions.send(db, round_, who, submission_id, site.now())
    return _one(site, who, submission_id)


@router.post("/submissions/{submission_id}/withdraw", status_code=202)
def withdraw(site: SiteOf, who: SignedIn, submission_id: Number) -> SubmissionOut:
    """Withdraw a submission: free before it is judged; once accepted, its patch is taken out."""
    who.check("hunter")
    with site.database.write() as db:
        submissions.withdraw(db, who, submission_id, site.now())
    return _one(site, who, submission_id)


def _one(site: Site, who: Visitor, submission_id: int) -> SubmissionOut:
    with site.database.read() as db:
        found = submissions.own(db, who, submission_id)
        round_ = rounds.round_of(db, found.round_id, who)
        return _out(views.shown(db, found, round_, site.now()))


def _round(found: Round, site: Site) -> RoundOut:
    return RoundOut(
        id=found.id,
        title=found.title,
        state=views.public_state(found, site.now()),
        opens=found.opens,
        closes=found.closes,
        per_team=found.per_team,
        per_day=found.per_day,
        answer_every=found.answer_every,
        about=found.about,
    )


def _schema(found: Round) -> dict[str, Any]:
    if "schema" not in found.plan:
        msg = "this round has no public rows yet"
        raise NotFoundError(msg)
    described: dict[str, Any] = found.plan["schema"]
    return described


def _out(found: views.Shown) -> SubmissionOut:
    return SubmissionOut(
        id=found.id,
        state=found.state,
        group=found.group,
        public=found.public,
        problem=found.problem,
        ahead=found.ahead,
        due=found.due,
        receipt=found.receipt,
    )
