"""Pages of bounties: the rounds, one round, and what is published of it."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from supersede.errors import InputError, NotFoundError
from supersede.web.bounties import api, rounds, submissions, views
from supersede.web.bounties.parameters import Hunter, Judge, Text
from supersede.web.database import Round, RoundTeam, Submission, Team
from supersede.web.pages import page, part_text, see_other
from supersede.web.security import SignedIn, SiteOf, Visitor
from supersede.web.shared import Shared
from supersede.web.site import Site

__all__ = ["router"]

router = APIRouter(include_in_schema=False)


@router.get("/rounds")
def all_rounds(request: Request, site: SiteOf, who: SignedIn) -> Response:
    """All rounds."""
    with site.database.read() as db:
        query = select(Round).order_by(Round.id.desc()).limit(200)
        hidden = frozenset() if who.may("judge") else rounds.HIDDEN
        shown = [
            (r, views.public_state(r, site.now()))
            for r in db.execute(query).scalars()
            if r.state not in hidden
        ]
        return page(request, "web.bounties/rounds.html", who, shown=shown)


@router.get("/rounds/{round_id}")
def one_round(
    request: Request, site: SiteOf, who: SignedIn, round_id: int, before: int = 0
) -> Response:
    """A round."""
    with site.database.read() as db:
        round_ = rounds.round_of(db, round_id, who)
        places = views.leaderboard(db, round_, site.now())
        values = _standing(db, site, who, round_, before, places)
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
            request,
            "web.bounties/round.html",
            who,
            columns=columns,
            teams=teams,
            outsiders=outsiders,
            failed=count,
            disclosed=rounds.disclosed(round_, site.now().date()),
            **values,
        )


@router.get("/rounds/{round_id}/standing")
def standing(request: Request, site: SiteOf, who: SignedIn, round_id: int) -> Response:
    """What changes on the page of a round while one looks at it: the same for a whole team."""
    shared: Shared = request.app.state.standings

    def draw() -> tuple[str, bool]:
        with site.database.read() as db:
            round_ = rounds.round_of(db, round_id, who)
            public = round_.state not in rounds.HIDDEN
            places = shared.get(
                (round_id, "places"), lambda: (views.leaderboard(db, round_, site.now()), public)
            )
            values = _standing(db, site, who, round_, 0, places)
        return part_text(request, "web.bounties/standing.html", who, **values), public

    return HTMLResponse(shared.get((round_id, who.team_id), draw))


def _standing(
    db: Session, site: Site, who: Visitor, round_: Round, before: int, places: list[views.Place]
) -> dict[str, Any]:
    own: list[views.Shown] = []
    left = None
    inside = views.of_team(db, round_, who)
    if inside:
        own, left = views.mine(db, round_, who.team_id or 0, site.now(), before)
    return {
        "round": round_,
        "state": views.public_state(round_, site.now()),
        "own": own,
        "left": left,
        "inside": inside,
        "places": places,
    }


_STEPS = {
    "pause": rounds.pause,
    "resume": rounds.resume,
    "close": rounds.close,
    "publish": rounds.publish,
}


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
