"""The ledger's page, and its head, export and key by the API."""

import json
from collections.abc import Iterator

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel
from sqlalchemy import select

from supersede.web.database import Entry
from supersede.web.ledger.ledger import entries, head
from supersede.web.pages import page
from supersede.web.security import SignedIn, SiteOf, Who
from supersede.web.site import Site

__all__ = ["exported", "router"]

router = APIRouter(tags=["ledger"])
_PAGE = 50


class SignedHead(BaseModel):
    """The end of the ledger, signed."""

    number: int
    hash: str
    signature: str
    key: str


@router.get("/ledger", include_in_schema=False)
def ledger(request: Request, site: SiteOf, who: SignedIn, before: int = 0) -> Response:
    """The last entries."""
    with site.database.read() as db:
        query = select(Entry).order_by(Entry.number.desc()).limit(_PAGE)
        if before:
            query = query.where(Entry.number < before)
        shown = [(entry, json.loads(entry.body)) for entry in db.execute(query).scalars()]
        return page(request, "web.ledger/ledger.html", who, shown=shown, head=head(db))


@router.get("/api/v1/ledger/head")
def ledger_head(site: SiteOf, who: Who) -> SignedHead:
    """The end of the ledger, to be kept elsewhere: it shows later whether anything was altered."""
    with site.database.read() as db:
        record = head(db).to_dict()
    return SignedHead(**record, signature=site.signer.sign(record), key=site.signer.public)


@router.get("/api/v1/ledger", response_class=StreamingResponse, responses={401: {}, 403: {}})
def export(site: SiteOf, who: Who, after: int = Query(0, ge=0, le=2**62)) -> Response:
    """The ledger as one JSON object per line; for judges and owners."""
    who.check("judge")
    return StreamingResponse(exported(site, after), media_type="application/jsonl")


def exported(site: Site, after: int = 0) -> Iterator[str]:
    """The entries as lines of JSON."""
    with site.database.read() as db:
        for entry in entries(db):
            if entry.number > after:
                yield json.dumps(entry.to_dict(), ensure_ascii=False) + "\n"
