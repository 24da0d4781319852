"""Entering the demonstration with one click; these routes exist in it alone."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from sqlalchemy import select

from supersede.errors import NotFoundError
from supersede.web.accounts.routes import enter
from supersede.web.database import User
from supersede.web.demonstration.people import PEOPLE
from supersede.web.pages import page
from supersede.web.security import SiteOf, Who

__all__ = ["router"]

router = APIRouter(include_in_schema=False)


@router.get("/")
def people(request: Request, who: Who) -> Response:
    """The people to enter as."""
    return page(request, "web.demonstration/people.html", who, people=PEOPLE)


@router.post("/enter")
def enter_as(request: Request, site: SiteOf, name: Annotated[str, Form()]) -> Response:
    """Enter as one of them."""
    person = next((one for one in PEOPLE if one.name == name), None)
    if person is None:
        msg = f"nobody in the demonstration is called {name!r}"
        raise NotFoundError(msg)
    with site.database.read() as db:
        user_id = db.execute(select(User.id).where(User.name == person.name)).scalar_one()
    return enter(request, site, user_id, person.starts)
