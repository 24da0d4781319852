"""Health, metrics, the start page and static files."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel
from sqlalchemy import func, select

from supersede.errors import NotFoundError
from supersede.web.database import Job, Worker
from supersede.web.ledger import head
from supersede.web.pages import asset, asset_content, page
from supersede.web.security import SiteOf, Who, needs
from supersede.web.security.visitor import Visitor

__all__ = ["router"]

router = APIRouter(tags=["operations"])


class Health(BaseModel):
    """Whether the server works."""

    status: str
    version: str
    entries: int


@router.get("/", include_in_schema=False)
def home(request: Request, who: Who) -> Response:
    """The start page."""
    return page(request, "web/home.html", who)


@router.get("/static/{version}/{name}", include_in_schema=False)
def static(version: str, name: str) -> Response:
    """A static file; its path names its content, so browsers keep it for good."""
    try:
        content, kind = asset_content(name)
    except KeyError as error:
        msg = f"there is no file {name!r}"
        raise NotFoundError(msg) from error
    kept = asset(name) == f"/static/{version}/{name}"
    age = "public, max-age=31536000, immutable" if kept else "no-store"
    return Response(content, media_type=kind, headers={"cache-control": age})


@router.get("/api/v1/health")
def health(request: Request, site: SiteOf) -> Health:
    """Whether the server reaches its database; needs no account."""
    with site.database.read() as db:
        return Health(status="ok", version=request.app.version, entries=head(db).number)


@router.get("/metrics", include_in_schema=False)
def metrics(
    request: Request, site: SiteOf, who: Annotated[Visitor, Depends(needs("viewer"))]
) -> Response:
    """Counters for Prometheus; needs a token of a user with the role viewer."""
    with site.database.read() as db:
        query = select(Job.state, func.count()).group_by(Job.state)
        jobs = {state: number for state, number in db.execute(query)}  # noqa: C416  # for mypy
        workers = db.execute(select(func.count()).select_from(Worker)).scalar_one()
        text = request.app.state.measures.text(jobs, head(db).number, workers)
    return Response(text, media_type="text/plain; version=0.0.4")
