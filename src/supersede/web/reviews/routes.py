"""Pages of reviews."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from supersede.web.pages import page
from supersede.web.security import SignedIn

__all__ = ["router"]

router = APIRouter(include_in_schema=False)


@router.get("/reviews")
def reviews(request: Request, who: SignedIn) -> Response:
    """All of them."""
    return page(request, "web.reviews/reviews.html", who)
