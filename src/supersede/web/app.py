"""The application: its routes, and how errors become answers."""

import errno
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from sqlalchemy.exc import DataError, IntegrityError, OperationalError
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

import supersede
from supersede.errors import (
    AccessError,
    BudgetSpentError,
    ConflictError,
    DatabaseError,
    InputError,
    MissingExtraError,
    NotFoundError,
    RateError,
    ReportError,
    SizeError,
    StaleVersionError,
    SupersedeError,
)
from supersede.web.accounts import routes as accounts
from supersede.web.bounties import api as bounties_api
from supersede.web.bounties import drafting, reporting, submitting
from supersede.web.bounties import routes as bounties
from supersede.web.demonstration import routes as demonstration
from supersede.web.labels import routes as labels
from supersede.web.ledger import routes as ledger
from supersede.web.operations import routes as operations
from supersede.web.operations.measures import Measures
from supersede.web.pages import page, see_other
from supersede.web.reviews import routes as reviews
from supersede.web.security.guard import Guard
from supersede.web.security.limits import Limiter
from supersede.web.security.visitor import NOBODY, SignInNeeded, is_known
from supersede.web.shared import Shared
from supersede.web.site import Site

__all__ = ["PARTS", "Limits", "create_app"]

_log = logging.getLogger("supersede.web")

PARTS = (
    accounts,
    drafting,
    bounties,
    submitting,
    reporting,
    bounties_api,
    labels,
    reviews,
    ledger,
    operations,
)  # /rounds/new comes before /rounds/{round_id}


@dataclass(frozen=True)
class Limits:
    """How often visitors may ask; see `Settings`."""

    requests: Limiter
    posts: Limiter
    sign_ins: Limiter


def create_app(site: Site, *, demo: bool = False) -> FastAPI:
    """The application of an installation.

    Args:
        site: The installation.
        demo: Whether visitors may enter without a password, as one of the people of the demonstration.
    """
    app = FastAPI(
        title="supersede",
        version=supersede.__version__,
        summary="Bounties, labels and reviews of models.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
    )
    app.state.site, app.state.demo = site, demo
    settings = site.settings
    app.state.limits = Limits(
        Limiter(settings.requests_per_minute),
        Limiter(settings.posts_per_minute),
        Limiter(settings.sign_ins_per_minute),
    )
    app.state.measures = Measures()
    app.state.standings = Shared()
    if demo:
        app.include_router(demonstration.router)  # before the start page of others
    for routes in PARTS:
        app.include_router(routes.router)
    app.add_exception_handler(SupersedeError, _refused)
    app.add_exception_handler(IntegrityError, _clashed)
    for too_large in (OverflowError, DataError):  # of SQLite's driver, and of PostgreSQL
        app.add_exception_handler(too_large, _out_of_range)
    app.add_exception_handler(OperationalError, _unavailable)
    app.add_exception_handler(OSError, _unwritable)
    app.add_exception_handler(HTTPException, _missing)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_middleware(
        _guard,
        settings=settings,
        measures=app.state.measures,
        known=lambda scope: is_known(site, HTTPConnection(scope)),
    )
    return app


def _guard(app: Any, /, **options: Any) -> Guard:
    return Guard(app, **options)


_STATUS: tuple[tuple[type[SupersedeError], int, str], ...] = (
    (SignInNeeded, 401, "Sign in first"),
    (AccessError, 403, "This is not for you"),
    (NotFoundError, 404, "There is nothing here"),
    (StaleVersionError, 409, "The model has changed"),
    (ConflictError, 409, "This cannot be done now"),
    (BudgetSpentError, 409, "No submissions are left"),
    (SizeError, 413, "That is too large"),
    (RateError, 429, "Not now"),
    (ReportError, 507, "The server could not store it"),
    (DatabaseError, 503, "The database is away"),
    (MissingExtraError, 501, "A part is not installed"),
    (InputError, 422, "Something is missing"),
    (SupersedeError, 422, "That was refused"),
)


def status_of(error: SupersedeError) -> tuple[int, str]:
    """The status of an error, and a heading for its page."""
    return next((status, word) for kind, status, word in _STATUS if isinstance(error, kind))


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, SupersedeError)  # noqa: S101  # it was registered for them
    status, heading = status_of(error)
    wait = getattr(error, "retry_after", None)
    headers = {} if wait is None else {"retry-after": str(max(1, round(wait)))}
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    return _answer(request, status, heading, str(error), headers)


def _clashed(request: Request, _: Exception) -> Response:
    message = "somebody did the same at the same time; load the page again and look"
    return _answer(request, 409, "This was done already", message)


def _out_of_range(request: Request, error: Exception) -> Response:
    """A number or a text that no column of the database could hold, so nothing there has it."""
    _log.warning("a value does not fit the database: %s", getattr(error, "orig", error))
    message = "a number or a text in the request is none that could be stored"
    return _answer(request, 404, "There is nothing here", message)


def _unavailable(request: Request, error: Exception) -> Response:
    """The database is full, busy for too long, or gone: nothing of the request was kept."""
    _log.error("the database refused: %s", getattr(error, "orig", error))
    if "full" in str(getattr(error, "orig", error)):
        return _full(request)
    message = "nothing was changed; try again in a moment"
    return _answer(request, 503, "The database is away", message, {"retry-after": "5"})


def _unwritable(request: Request, error: Exception) -> Response:
    assert isinstance(error, OSError)  # noqa: S101  # it was registered for them
    if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
        raise error
    _log.error("the data folder refused: %s", error)
    return _full(request)


def _full(request: Request) -> Response:
    message = "the server's disk is full, and nothing was changed. Its owner has to make room"
    return _answer(request, 507, "The server could not store it", message)


def _missing(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    heading = "There is nothing here" if error.status_code == 404 else "That does not work"
    message = "the address may be mistyped" if error.status_code == 404 else str(error.detail)
    return _answer(request, error.status_code, heading, message, dict(error.headers or {}))


def _malformed(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    found = "; ".join(
        f"{'.'.join(str(part) for part in one['loc'][1:]) or 'the request'}: {one['msg']}"
        for one in error.errors()
    )
    return _answer(request, 422, "Something is missing", found)


def _answer(
    request: Request, status: int, heading: str, message: str, headers: dict[str, str] | None = None
) -> Response:
    if request.url.path.startswith("/api/"):
        return JSONResponse({"error": message}, status, headers)
    if status == 401 and request.method == "GET":
        return see_other(f"/sign-in?next={quote(request.url.path)}")
    shown: Callable[..., Response] = page
    back = ("/sign-in", "Sign in") if status == 401 else ("/", "To the start page")
    return shown(
        request,
        "web/error.html",
        getattr(request.state, "visitor", NOBODY),
        status=status,
        headers=headers,
        heading=heading,
        message=message,
        back=back[0],
        back_word=back[1],
    )
