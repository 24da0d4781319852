"""Pages of labels."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from supersede.web.pages import page
from supersede.web.security import SignedIn

__all__ = ["router"]

router = APIRouter(include_in_schema=False)


@router.get("/labels")
def labels(request: Request, who: SignedIn) -> Response:
    """All of them."""
    return page(request, "web.labels/labels.html", who)
