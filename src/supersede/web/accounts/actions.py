"""What happens to accounts; each change of what people may do is an entry in the ledger."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from supersede.errors import AccessError, ConflictError, InputError, NotFoundError
from supersede.web.database import (
    ROLES,
    Invitation,
    RoleGrant,
    SignIn,
    Team,
    TeamMember,
    Token,
    User,
)
from supersede.web.ledger import alone, append
from supersede.web.names import check_name, folded
from supersede.web.security.passwords import (
    check_password,
    hash_of,
    hash_password,
    new_secret,
    password_matches,
)

__all__ = [
    "add_user",
    "change_password",
    "grant",
    "invitation_of",
    "invite",
    "make_token",
    "put_in_team",
    "register",
    "remove_user",
    "revoke_token",
    "sign_in",
    "sign_out",
    "start_session",
    "team_named",
    "without_owner",
]

_INVITATION = timedelta(days=14)


def without_owner(db: Session) -> bool:
    """Whether nobody owns the installation yet."""
    owners = select(func.count()).select_from(RoleGrant).where(RoleGrant.role == "owner")
    return db.execute(owners).scalar_one() == 0


def invite(
    db: Session,
    roles: Iterable[str],
    at: datetime,
    *,
    by: int | None = None,
    team: str = "",
    lasts: timedelta = _INVITATION,
) -> str:
    """Make an invitation.

    Returns:
        The secret in its link, which is not stored and cannot be shown again.

    Raises:
        InputError: A role does not exist, or the team's name is refused.
    """
    roles = sorted(set(roles))
    unknown = set(roles) - set(ROLES)
    if unknown or not roles:
        msg = f"got roles {sorted(unknown) or 'none'}; expected some of {', '.join(ROLES)}"
        raise InputError.of(msg, "roles")
    team_id = team_named(db, team, at).id if team.strip() else None
    secret = new_secret()
    db.add(
        Invitation(
            hash=hash_of(secret),
            roles=" ".join(roles),
            team_id=team_id,
            made_by=by,
            created=at,
            expires=at + lasts,
            used_by=None,
        )
    )
    db.flush()
    return secret


def invitation_of(db: Session, secret: str, at: datetime) -> Invitation:
    """The invitation of a link.

    Raises:
        NotFoundError: It does not exist, was used, or has expired, or whoever made it does not own the
            installation any more.
    """
    query = select(Invitation).where(Invitation.hash == hash_of(secret)).with_for_update()
    found = db.execute(query).scalar_one_or_none()
    holds = found is not None and found.used_by is None and at <= found.expires
    if found is None or not holds or not _from_an_owner(db, found):
        msg = "this invitation was used, has expired or was withdrawn; ask for a new one"
        raise NotFoundError(msg)
    return found


def _from_an_owner(db: Session, invitation: Invitation) -> bool:
    """Whether it came from whoever owns the installation now; the first one came from nobody."""
    if invitation.made_by is None:
        return without_owner(db)
    return db.get(RoleGrant, (invitation.made_by, "owner")) is not None


def register(db: Session, secret: str, name: str, password: str, at: datetime) -> User:
    """Make the account that an invitation is for.

    Raises:
        NotFoundError: The invitation does not hold.
        InputError: The name or the password is refused.
    """
    invitation = invitation_of(db, secret, at)
    user = add_user(db, name, password, invitation.roles.split(), at)
    if invitation.team_id is not None:
        put_in_team(db, user.id, invitation.team_id)
    invitation.used_by = user.id
    return user


def add_user(db: Session, name: str, password: str, roles: Iterable[str], at: datetime) -> User:
    """Add a user.

    Raises:
        InputError: The name is refused or taken, or the password is too short.
    """
    name, key = check_name("name", name), folded(name)
    check_password(password)
    if db.execute(select(User.id).where(User.folded == key)).first():
        msg = f"somebody is called {name!r} already; choose another name"
        raise InputError.of(msg, "name")
    user = User(name=name, folded=key, password=hash_password(password), created=at, removed=None)
    db.add(user)
    db.flush()
    for role in sorted(set(roles)):
        grant(db, user.id, role, at, by=user.id)
    return user


def grant(db: Session, user_id: int, role: str, at: datetime, *, by: int) -> None:
    """Give a role.

    Raises:
        InputError: There is no such role.
        NotFoundError: There is no such user, or the account has ended.
    """
    if role not in ROLES:
        msg = f"got role {role!r}; expected one of {', '.join(ROLES)}"
        raise InputError.of(msg, "role")
    _account(db, user_id)
    if db.get(RoleGrant, (user_id, role)) is None:
        db.add(RoleGrant(user_id=user_id, role=role))
        append(db, "accounts", {"event": "granted", "user": user_id, "role": role, "by": by}, at)


def take_role(db: Session, user_id: int, role: str, at: datetime, *, by: int) -> None:
    """Take a role away.

    Raises:
        ConflictError: Nobody would own the installation.
    """
    alone(db)
    found = db.get(RoleGrant, (user_id, role))
    if found is None:
        return
    db.delete(found)
    db.flush()
    if without_owner(db):
        msg = "somebody must own the installation; give that role to another user first"
        raise ConflictError(msg)
    append(db, "accounts", {"event": "taken", "user": user_id, "role": role, "by": by}, at)


def remove_user(db: Session, user_id: int, at: datetime, *, by: int) -> None:
    """End an account: sessions and tokens end, what the person did stays.

    Raises:
        NotFoundError: There is no such user.
        ConflictError: It is the only owner.
    """
    alone(db)
    user = _account(db, user_id)
    for role in db.execute(select(RoleGrant.role).where(RoleGrant.user_id == user_id)).scalars():
        take_role(db, user_id, role, at, by=by)
    user.removed = at
    db.execute(delete(SignIn).where(SignIn.user_id == user_id))
    _revoke(db, Token.user_id == user_id, at)
    append(db, "accounts", {"event": "removed", "user": user_id, "by": by}, at)


def _account(db: Session, user_id: int) -> User:
    user = db.get(User, user_id)
    if user is None or user.removed is not None:
        msg = f"there is no user {user_id}"
        raise NotFoundError(msg)
    return user


def team_named(db: Session, name: str, at: datetime) -> Team:
    """The team of a name; made if there is none.

    Raises:
        InputError: The name is refused.
    """
    name, key = check_name("team", name), folded(name)
    found = db.execute(select(Team).where(Team.folded == key)).scalar_one_or_none()
    if found is None:
        found = Team(name=name, folded=key, created=at)
        db.add(found)
        db.flush()
    return found


def put_in_team(db: Session, user_id: int, team_id: int) -> None:
    """Put a user into a team; nobody is in two.

    Raises:
        ConflictError: The user is in another one: submissions stay with their team.
    """
    stands = db.get(TeamMember, user_id)
    if stands is None:
        db.add(TeamMember(user_id=user_id, team_id=team_id))
        db.flush()
    elif stands.team_id != team_id:
        msg = "you are in a team already, and stay in it"
        raise ConflictError(msg)


def sign_in(db: Session, name: str, password: str) -> int:
    """The user of a name and a password.

    Raises:
        AccessError: They do not belong together; it does not say which of them is wrong.
    """
    query = select(User).where(User.folded == folded(name), User.removed.is_(None))
    user = db.execute(query).scalar_one_or_none()
    if not password_matches(user.password if user else None, password) or user is None:
        msg = "name and password do not belong together"
        raise AccessError(msg)
    return user.id


def start_session(db: Session, user_id: int, at: datetime) -> str:
    """A new session; always with a new secret, so that none can be planted beforehand."""
    secret = new_secret()
    db.add(SignIn(hash=hash_of(secret), user_id=user_id, created=at, seen=at))
    return secret


def sign_out(db: Session, secret: str) -> None:
    """End a session."""
    db.execute(delete(SignIn).where(SignIn.hash == hash_of(secret)))


def change_password(db: Session, user_id: int, old: str, new: str) -> None:
    """Change a password; all sessions of the user end.

    Raises:
        InputError: The old one is wrong, or the new one too short.
    """
    user = db.get_one(User, user_id)
    if not password_matches(user.password, old):
        msg = "this is not your present password"
        raise InputError.of(msg, "old")
    user.password = hash_password(check_password(new))
    db.execute(delete(SignIn).where(SignIn.user_id == user_id))


def make_token(db: Session, user_id: int, label: str, at: datetime) -> str:
    """A new token for the API; it is not stored and cannot be shown again.

    Raises:
        InputError: The label is refused.
    """
    secret = f"sup_{new_secret()}"
    label = check_name("label", label)
    db.add(Token(hash=hash_of(secret), user_id=user_id, label=label, created=at, revoked=None))
    return secret


def revoke_token(db: Session, user_id: int, token_id: int, at: datetime) -> None:
    """End a token.

    Raises:
        NotFoundError: The user has no such token.
    """
    if not _revoke(db, (Token.id == token_id) & (Token.user_id == user_id), at):
        msg = "you have no such token"
        raise NotFoundError(msg)


def _revoke(db: Session, which: object, at: datetime) -> int:
    query = update(Token).where(which, Token.revoked.is_(None)).values(revoked=at)  # type: ignore[arg-type]
    return int(db.execute(query).rowcount)  # type: ignore[attr-defined]
