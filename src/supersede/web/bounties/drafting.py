"""Pages of a round's draft: its table, then its settings."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, File, Request, UploadFile
from fastapi.responses import Response
from starlette.datastructures import FormData

from supersede.errors import InputError, SupersedeError
from supersede.web.bounties import rounds
from supersede.web.bounties.parameters import Judge, Posted, Text
from supersede.web.bounties.reading import (
    day,
    moment,
    number,
    stored_model_file,
    whole,
)
from supersede.web.bounties.tables import kept_columns
from supersede.web.database import Round
from supersede.web.files import register
from supersede.web.pages import again, page, see_other
from supersede.web.security import SiteOf, Visitor
from supersede.web.security.forms import once
from supersede.web.site import Site
from supersede.web.uploads import kept_upload

__all__ = ["router"]

router = APIRouter(include_in_schema=False)


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
        kept = kept_upload(site, table, path)
        columns = kept_columns(site.files, kept.hash)
        with site.database.write() as db:

            def act() -> str:
                register(db, kept, "table.parquet", who.user_id, site.now())
                made = rounds.draft(db, who, title, kept.hash, columns, site.now())
                return f"/rounds/{made.id}/settings"

            return see_other(once(db, who.user_id, form, site.now(), act))
    except SupersedeError as error:
        return page(
            request,
            "web.bounties/new.html",
            who,
            paths=site.settings.tables,
            **again(error, {"title": title, "path": path}),
        )


@router.get("/rounds/{round_id}/settings")
def settings_form(request: Request, site: SiteOf, who: Judge, round_id: int) -> Response:
    """The settings of a draft."""
    with site.database.read() as db:
        return _settings(request, site, who, rounds.round_of(db, round_id, who))


def _settings(request: Request, site: Site, who: Visitor, round_: Round, **values: Any) -> Response:
    values = {"problem": round_.problem, **values}
    return page(
        request,
        "web.bounties/settings.html",
        who,
        round=round_,
        columns=round_.plan["columns"],
        closes=site.now() + timedelta(days=14),
        **values,
    )


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
        features = posted.getlist("features")
        return _settings(
            request, site, who, round_, **again(error, {**typed, "features": features})
        )
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
        "label": str(posted.get("label", "")),
        "model": model,
        "model_columns": model_columns,
        "features": features,
        "watch": [w.strip() for w in str(posted.get("watch", "")).splitlines() if w.strip()],
        "public": (number(posted, "public", 40) or 0) / 100,
        "fresh": (number(posted, "fresh", 30) or 0) / 100,
        "slices": whole(posted, "slices", 1),
        "seed": whole(posted, "seed", 0),
        "policy": "betting" if posted.get("policy") == "betting" else "certified",
        "delta": number(posted, "delta", 0.05),
    }
    return {
        "plan": plan,
        "model_hash": model_hash,
        "about": str(posted.get("about", "")),
        "registration": "open" if posted.get("registration") == "open" else "invitation",
        "opens": moment(posted, "opens", now),
        "closes": moment(posted, "closes", now + timedelta(days=14)),
        "disclose_on": day(posted, "disclose_on"),
        "per_team": whole(posted, "per_team", 20),
        "per_day": whole(posted, "per_day", 5),
        "capacity": whole(posted, "capacity", 100),
        "answer_every": float(number(posted, "answer_every", site.settings.answer_every) or 0),
    }
