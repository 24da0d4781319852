"""Who asks: by a session's cookie in a browser, or by a token of the API."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from fastapi import Depends, Request
from sqlalchemy import bindparam, select
from starlette.requests import HTTPConnection

from supersede.errors import AccessError
from supersede.web.database import Role, RoleGrant, SignIn, TeamMember, Token, User
from supersede.web.security.passwords import hash_of
from supersede.web.site import Site

__all__ = [
    "NOBODY",
    "Owner",
    "SignInNeeded",
    "SignedIn",
    "SiteOf",
    "Visitor",
    "Who",
    "cookie_name",
    "is_known",
    "needs",
    "network_address",
    "visitor_of",
]

_SEEN_EVERY = timedelta(minutes=5)  # how exactly the last use of a session is recorded


class SignInNeeded(AccessError):
    """Nobody is signed in; pages lead to the form for that."""


@dataclass(frozen=True)
class Visitor:
    """Who asks.

    Attributes:
        user_id: The user; 0 for nobody.
        name: Their name.
        roles: Their roles; an owner has every role.
        team_id: Their team, if they are in one.
        by_token: Whether an API token named them, rather than a cookie.
    """

    user_id: int
    name: str
    roles: frozenset[str]
    team_id: int | None = None
    by_token: bool = False

    def may(self, *roles: Role) -> bool:
        """Whether they have one of these roles."""
        return "owner" in self.roles or bool(self.roles & set(roles))

    def check(self, *roles: Role) -> None:
        """Refuse whoever has none of these roles.

        Raises:
            AccessError: They have none.
        """
        if not self.user_id:
            msg = "sign in first"
            raise SignInNeeded(msg)
        if not self.may(*roles):
            msg = f"this needs the role {' or '.join(roles)}; ask the owner for it"
            raise AccessError(msg)


NOBODY = Visitor(0, "", frozenset())


def cookie_name(site: Site) -> str:
    """The cookie's name; with HTTPS browsers hold that it comes from this host alone."""
    return "__Host-supersede" if site.settings.secure else "supersede"


def network_address(request: Request) -> str:
    """Where a request comes from."""
    site: Site = request.app.state.site
    if site.settings.trust_proxy and (forwarded := request.headers.get("x-forwarded-for")):
        return forwarded.rpartition(",")[2].strip()  # what our proxy added, not what was sent to it
    return request.client.host if request.client else "unknown"


async def _site(request: Request) -> Site:  # not a thread of its own for what takes no time
    return _site_of(request)


def _site_of(request: Request) -> Site:
    found: Site = request.app.state.site
    return found


def visitor_of(site: Site, request: HTTPConnection) -> Visitor:
    """Who sends a request.

    Raises:
        SignInNeeded: Its token is unknown or was revoked.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme:
        return _by_token(site, token if scheme.lower() == "bearer" else "")
    cookie = request.cookies.get(cookie_name(site))
    return _by_cookie(site, cookie) if cookie else NOBODY


def is_known(site: Site, request: HTTPConnection) -> bool:
    """Whether a request comes from somebody with an account."""
    try:
        return bool(visitor_of(site, request).user_id)
    except SignInNeeded:
        return False


def _visitor(request: Request) -> Visitor:
    """Who asks; counts the request."""
    found = visitor_of(_site_of(request), request)
    request.state.visitor = found  # for the page of an error
    key = f"user {found.user_id}" if found.user_id else f"at {network_address(request)}"
    limits = request.app.state.limits
    limits.requests.take(key)
    if request.method not in {"GET", "HEAD"}:
        limits.posts.take(key)
    return found


# built once: every request asks one of them
_DESCRIBED = (
    select(User.id, User.name, RoleGrant.role, TeamMember.team_id)
    .outerjoin(RoleGrant, RoleGrant.user_id == User.id)
    .outerjoin(TeamMember, TeamMember.user_id == User.id)
    .where(User.removed.is_(None))
)
_BY_TOKEN = _DESCRIBED.join(Token, Token.user_id == User.id).where(
    Token.hash == bindparam("hash"), Token.revoked.is_(None)
)
_BY_COOKIE = (
    _DESCRIBED.join(SignIn, SignIn.user_id == User.id)
    .add_columns(SignIn.seen)
    .where(SignIn.hash == bindparam("hash"))
)


def _by_token(site: Site, token: str) -> Visitor:
    with site.database.read() as db:
        rows = db.connection().execute(_BY_TOKEN, {"hash": hash_of(token)}).all()
    if not rows:
        msg = "this token is unknown or was revoked; make a new one on the account page"
        raise SignInNeeded(msg)
    return _described(rows, by_token=True)


def _by_cookie(site: Site, cookie: str) -> Visitor:
    now, hashed = site.now(), hash_of(cookie)
    with site.database.read() as db:
        rows = db.connection().execute(_BY_COOKIE, {"hash": hashed}).all()
    if not rows or now - rows[0].seen > timedelta(hours=site.settings.session_hours):
        return NOBODY
    if now - rows[0].seen > _SEEN_EVERY:
        with site.database.write() as db:
            session = db.get(SignIn, hashed)
            if session is not None:
                session.seen = now
    return _described(rows, by_token=False)


def _described(rows: Sequence[Any], *, by_token: bool) -> Visitor:
    """A visitor from one row per role."""
    roles = frozenset(row.role for row in rows if row.role is not None)
    return Visitor(rows[0].id, rows[0].name, roles, rows[0].team_id, by_token)


SiteOf = Annotated[Site, Depends(_site)]
Who = Annotated[Visitor, Depends(_visitor)]


def needs(*roles: Role) -> Callable[[Visitor], Awaitable[Visitor]]:
    """A dependency: a visitor with one of these roles, or an error."""

    async def checked(who: Who) -> Visitor:
        who.check(*roles)
        return who

    return checked


async def _signed_in(who: Who) -> Visitor:
    if not who.user_id:
        msg = "sign in first"
        raise SignInNeeded(msg)
    return who


SignedIn = Annotated[Visitor, Depends(_signed_in)]
Owner = Annotated[Visitor, Depends(needs("owner"))]
