"""Pages for signing in, registering, the own account, and, for owners, people."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from sqlalchemy import select

from supersede.errors import AccessError, WebError
from supersede.web.accounts import actions
from supersede.web.database import ROLES, RoleGrant, Team, TeamMember, Token, User
from supersede.web.names import folded
from supersede.web.pages import again, page, see_other
from supersede.web.security import Owner, SignedIn, SiteOf, Who
from supersede.web.security.visitor import cookie_name, network_address
from supersede.web.site import Site

__all__ = ["enter", "router"]

router = APIRouter(include_in_schema=False)
Text = Annotated[str, Form()]


@router.get("/sign-in")
def sign_in_form(request: Request, who: Who, next: str = "/") -> Response:
    """The form for signing in."""
    return page(request, "web.accounts/sign_in.html", who, next=_local(next))


@router.post("/sign-in")
def sign_in(
    request: Request,
    site: SiteOf,
    who: Who,
    name: Text = "",
    password: Text = "",
    next: Text = "/",
) -> Response:
    """Sign in."""
    limits = request.app.state.limits
    limits.sign_ins.take(f"name {folded(name)[:100]}")
    limits.sign_ins.take(f"at {network_address(request)}")
    try:
        with site.database.read() as db:
            user_id = actions.sign_in(db, name, password)
    except AccessError as error:
        return page(
            request,
            "web.accounts/sign_in.html",
            who,
            status=422,
            problem=str(error),
            typed={"name": name},
            next=_local(next),
        )
    return enter(request, site, user_id, _local(next))


@router.post("/sign-out")
def sign_out(request: Request, site: SiteOf) -> Response:
    """Sign out."""
    name = cookie_name(site)
    if cookie := request.cookies.get(name):
        with site.database.write() as db:
            actions.sign_out(db, cookie)
    answer = see_other("/")
    answer.delete_cookie(name, secure=site.settings.secure, httponly=True, samesite="lax")
    return answer


@router.get("/invitation/{secret}")
def invitation(request: Request, site: SiteOf, who: Who, secret: str) -> Response:
    """The form of an invitation."""
    with site.database.read() as db:
        found = actions.invitation_of(db, secret, site.now())
        return page(
            request, "web.accounts/register.html", who, owner="owner" in found.roles.split()
        )


@router.post("/invitation/{secret}")
def register(
    request: Request, site: SiteOf, who: Who, secret: str, name: Text = "", password: Text = ""
) -> Response:
    """Register."""
    request.app.state.limits.sign_ins.take(f"at {network_address(request)}")
    try:
        with site.database.write() as db:
            user_id = actions.register(db, secret, name, password, site.now()).id
    except WebError as error:
        with site.database.read() as db:
            found = actions.invitation_of(db, secret, site.now())
        return page(
            request,
            "web.accounts/register.html",
            who,
            owner="owner" in found.roles.split(),
            **again(error, {"name": name}),
        )
    return enter(request, site, user_id, "/")


def enter(request: Request, site: Site, user_id: int, path: str) -> Response:
    """Start a session, and end the one before; its secret is always new."""
    name = cookie_name(site)
    with site.database.write() as db:
        if cookie := request.cookies.get(name):
            actions.sign_out(db, cookie)
        secret = actions.start_session(db, user_id, site.now())
    answer = see_other(path)
    answer.set_cookie(
        name, secret, httponly=True, secure=site.settings.secure, samesite="lax", path="/"
    )
    return answer


@router.get("/account")
def account(request: Request, site: SiteOf, who: SignedIn) -> Response:
    """The own account."""
    return _account(request, site, who)


@router.post("/account/tokens")
def make_token(request: Request, site: SiteOf, who: SignedIn, label: Text = "") -> Response:
    """Make a token, and show it once."""
    try:
        with site.database.write() as db:
            token = actions.make_token(db, who.user_id, label, site.now())
    except WebError as error:
        return _account(request, site, who, status=422, problem=str(error), wrong="label")
    return _account(request, site, who, token=token)


@router.post("/account/tokens/{token_id}/revoke")
def revoke_token(site: SiteOf, who: SignedIn, token_id: int) -> Response:
    """End a token."""
    with site.database.write() as db:
        actions.revoke_token(db, who.user_id, token_id, site.now())
    return see_other("/account")


@router.post("/account/password")
def change_password(
    request: Request, site: SiteOf, who: SignedIn, old: Text = "", new: Text = ""
) -> Response:
    """Change the own password."""
    request.app.state.limits.sign_ins.take(f"name {who.user_id}")
    try:
        with site.database.write() as db:
            actions.change_password(db, who.user_id, old, new)
    except WebError as error:
        wrong = getattr(error, "field", "")
        return _account(request, site, who, status=422, problem=str(error), wrong=wrong)
    return enter(request, site, who.user_id, "/account")


def _account(request: Request, site: Site, who: SignedIn, **values: object) -> Response:
    with site.database.read() as db:
        query = select(Token).where(Token.user_id == who.user_id, Token.revoked.is_(None))
        tokens = db.execute(query.order_by(Token.id)).scalars().all()
        team = db.get(Team, who.team_id) if who.team_id else None
        values = {"token": "", "tokens": tokens, "team": team, **values}
        return page(request, "web.accounts/account.html", who, **values)  # type: ignore[arg-type]


@router.get("/people")
def people(request: Request, site: SiteOf, who: Owner) -> Response:
    """Everybody, and invitations."""
    return _people(request, site, who)


@router.post("/people/invite")
def invite(
    request: Request,
    site: SiteOf,
    who: Owner,
    roles: Annotated[list[str] | None, Form()] = None,
    team: Text = "",
) -> Response:
    """Make an invitation, and show its link once."""
    try:
        with site.database.write() as db:
            secret = actions.invite(db, roles or [], site.now(), by=who.user_id, team=team)
    except WebError as error:
        wrong = getattr(error, "field", "")
        return _people(request, site, who, status=422, problem=str(error), wrong=wrong)
    return _people(request, site, who, link=f"{site.settings.origin}/invitation/{secret}")


@router.post("/people/{user_id}/role")
def set_role(site: SiteOf, who: Owner, user_id: int, role: Text = "", give: Text = "") -> Response:
    """Give or take a role."""
    with site.database.write() as db:
        change = actions.grant if give == "yes" else actions.take_role
        change(db, user_id, role, site.now(), by=who.user_id)
    return see_other("/people")


@router.post("/people/{user_id}/remove")
def remove(site: SiteOf, who: Owner, user_id: int) -> Response:
    """End an account."""
    with site.database.write() as db:
        actions.remove_user(db, user_id, site.now(), by=who.user_id)
    return see_other("/people")


def _people(request: Request, site: Site, who: Owner, **values: object) -> Response:
    with site.database.read() as db:
        users = (
            db.execute(select(User).where(User.removed.is_(None)).order_by(User.id)).scalars().all()
        )
        granted: dict[int, set[str]] = {}
        for user_id, role in db.execute(select(RoleGrant.user_id, RoleGrant.role)):
            granted.setdefault(user_id, set()).add(role)
        query = select(TeamMember.user_id, Team.name).join(Team, TeamMember.team_id == Team.id)
        teams = {user_id: name for user_id, name in db.execute(query)}  # noqa: C416  # for mypy
    values = {"link": "", **values}
    return page(
        request,
        "web.accounts/people.html",
        who,
        users=users,
        granted=granted,
        teams=teams,
        all_roles=ROLES,
        **values,  # type: ignore[arg-type]
    )


def _local(path: str) -> str:
    """The path if it is one of ours, otherwise the start page."""
    own = path.startswith("/") and not path.startswith(("//", "/\\"))
    return path if own and path.isprintable() else "/"
