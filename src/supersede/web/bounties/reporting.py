"""Pages of findings without a model."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from supersede.errors import SupersedeError
from supersede.web.bounties import findings, rounds, views
from supersede.web.bounties.parameters import Hunter, Judge, Text
from supersede.web.bounties.reading import (
    day,
)
from supersede.web.pages import again, page, see_other
from supersede.web.security import SignedIn, SiteOf, Visitor
from supersede.web.site import Site

__all__ = ["router"]

router = APIRouter(include_in_schema=False)


@router.get("/rounds/{round_id}/findings")
def findings_page(request: Request, site: SiteOf, who: SignedIn, round_id: int) -> Response:
    """Findings without a model."""
    return _findings(request, site, who, round_id)


def _findings(request: Request, site: Site, who: Visitor, round_id: int, **values: Any) -> Response:
    with site.database.read() as db:
        round_ = rounds.round_of(db, round_id, who)
        shown = views.findings_of(db, round_, who, site.now())
        return page(
            request,
            "web.bounties/findings.html",
            who,
            round=round_,
            shown=shown,
            next_states=findings.NEXT,
            **values,
        )


@router.post("/rounds/{round_id}/findings")
def report_finding(
    request: Request,
    site: SiteOf,
    who: Hunter,
    round_id: int,
    title: Text = "",
    text: Text = "",
    group: Text = "",
    form: Text = "",
) -> Response:
    """Report a finding."""
    try:
        with site.database.write() as db:
            round_ = rounds.round_of(db, round_id, who)
            findings.report(db, round_, who, form, title, text, group, site.now())
    except SupersedeError as error:
        typed = {"title": title, "text": text, "group": group}
        return _findings(request, site, who, round_id, **again(error, typed))
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
