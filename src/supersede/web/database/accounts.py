"""Tables of accounts: users, roles, teams, sessions, tokens, invitations, used forms."""

from datetime import datetime
from typing import Literal

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from supersede.web.database.columns import Id, Table

__all__ = [
    "ROLES",
    "Invitation",
    "Role",
    "RoleGrant",
    "SignIn",
    "Team",
    "TeamMember",
    "Token",
    "UsedForm",
    "User",
]

Role = Literal["owner", "judge", "hunter", "annotator", "approver", "viewer"]
ROLES: tuple[Role, ...] = ("owner", "judge", "hunter", "annotator", "approver", "viewer")


class User(Table):
    """A person who can sign in."""

    __tablename__ = "users"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(unique=True)  # as displayed
    folded: Mapped[str] = mapped_column(unique=True)  # by which people sign in; see `names`
    password: Mapped[str]  # argon2
    created: Mapped[datetime]
    removed: Mapped[datetime | None]  # cannot sign in any more; what they did stays


class RoleGrant(Table):
    """One role of one user."""

    __tablename__ = "role_grants"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    role: Mapped[str] = mapped_column(primary_key=True)


class Team(Table):
    """A team of hunters."""

    __tablename__ = "teams"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(unique=True)
    folded: Mapped[str] = mapped_column(unique=True)
    created: Mapped[datetime]


class TeamMember(Table):
    """A user in a team; everyone is in at most one."""

    __tablename__ = "team_members"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"), index=True)


class SignIn(Table):
    """A session in a browser; only the hash of its secret is stored."""

    __tablename__ = "sign_ins"

    hash: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    created: Mapped[datetime]
    seen: Mapped[datetime]


class Token(Table):
    """A token for the API; only its hash is stored."""

    __tablename__ = "tokens"

    id: Mapped[Id]
    hash: Mapped[str] = mapped_column(unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    label: Mapped[str]
    created: Mapped[datetime]
    revoked: Mapped[datetime | None]


class Invitation(Table):
    """A link by which one person can register; the first one creates the owner."""

    __tablename__ = "invitations"

    id: Mapped[Id]
    hash: Mapped[str] = mapped_column(unique=True)
    roles: Mapped[str]  # with spaces between
    team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"))
    made_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    created: Mapped[datetime]
    expires: Mapped[datetime]
    used_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class UsedForm(Table):
    """A form that was posted: the same form posted again leads to the same result."""

    __tablename__ = "used_forms"
    __table_args__ = (UniqueConstraint("user_id", "form"), Index("ix_used_forms_at", "at"))

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    form: Mapped[str]
    result: Mapped[str]  # where it led
    at: Mapped[datetime]
