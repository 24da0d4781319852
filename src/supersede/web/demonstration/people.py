"""The people of the demonstration; nobody can sign in as them with a password."""

from dataclasses import dataclass

from supersede.web.accounts import actions
from supersede.web.database import Role, User
from supersede.web.security import Visitor
from supersede.web.site import Site

__all__ = ["PEOPLE", "Person", "add_people"]


@dataclass(frozen=True)
class Person:
    """One of them.

    Attributes:
        name: Their name.
        roles: Their roles.
        team: Their team; empty for none.
        does: What a visitor can do as them.
        starts: The page on which they start.
    """

    name: str
    roles: tuple[Role, ...]
    team: str
    does: str
    starts: str


PEOPLE = (
    Person(
        "Ada", ("hunter",), "Lovelace", "Hunt: find a group for which the model fails", "/rounds/1"
    ),
    Person("Anna", ("annotator",), "", "Label: answer one question after the other", "/labels"),
    Person("Alan", ("approver", "viewer"), "", "Approve: read a review and sign it", "/reviews"),
    Person("Grace", ("owner",), "", "Own it: open rounds, invite people, see all", "/rounds"),
    Person("Charles", ("hunter",), "Difference Engines", "Hunt for another team", "/rounds/1"),
)


def add_people(site: Site) -> dict[str, Visitor]:
    """Add them; returns them as visitors, by name."""
    found = {}
    with site.database.write() as db:
        for person in PEOPLE:
            user = User(
                name=person.name,
                folded=person.name.casefold(),
                password="-",  # noqa: S106  # matches nothing
                created=site.now(),
                removed=None,
            )
            db.add(user)
            db.flush()
            for role in person.roles:
                actions.grant(db, user.id, role, site.now(), by=user.id)
            team_id = None
            if person.team:
                team_id = actions.team_named(db, person.team, site.now()).id
                actions.put_in_team(db, user.id, team_id)
            found[person.name] = Visitor(user.id, user.name, frozenset(person.roles), team_id)
    return found
