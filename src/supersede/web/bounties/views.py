"""What pages and the API show of rounds; nothing of a judgement shows before its time."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from supersede.web.bounties.quotas import Left, left_of
from supersede.web.bounties.submissions import Queue, answer_time, queue_of, visible_state
from supersede.web.database import Finding, Round, RoundTeam, Submission, Team
from supersede.web.database.columns import UtcTime
from supersede.web.security import Visitor

__all__ = [
    "Place",
    "Shown",
    "leaderboard",
    "mine",
    "of_team",
    "public_state",
    "shown",
    "team_features",
]

_PAGE = 50
TONES = {"accepted": "pass", "rejected": "fail", "refused": "undecided", "failed": "fail"}


@dataclass(frozen=True)
class Shown:
    """A submission, as its team may see it.

    Attributes:
        id: The submission.
        state: Its state.
        group: Its group.
        note: Its note.
        source: How it was sent.
        public: Figures on the public rows.
        problem: Why it was refused.
        ahead: Submissions before it in the queue; None if it does not wait.
        due: The earliest time of its answer; None if it does not wait.
        receipt: The signed receipt.
        sent: When it was sent.
        created: When it was made.
    """

    id: int
    state: str
    group: str
    note: str
    source: str
    public: dict[str, Any] | None
    problem: str
    ahead: int | None
    due: datetime | None
    receipt: dict[str, Any] | None
    sent: datetime | None
    created: datetime

    @property
    def tone(self) -> str:
        """The tone of its state."""
        return TONES.get(self.state, "quiet")

    @property
    def under_way(self) -> bool:
        """Whether its state will change by itself."""
        return self.state in {"trying", "checking", "queued"}


def shown(db: Session, found: Submission, round_: Round, now: datetime) -> Shown:
    """A submission, as its team may see it."""
    queue = queue_of(db, round_.id, found.team_id, now) if _waits(found, now) else None
    return _shown(found, round_, now, queue)


def _waits(found: Submission, now: datetime) -> bool:
    return visible_state(found, now) in {"checking", "queued"}


def _shown(found: Submission, round_: Round, now: datetime, queue: Queue | None) -> Shown:
    """A submission; the queue is needed if it waits."""
    state = visible_state(found, now)
    due = None
    if queue is not None and found.sent is not None:
        due = found.answered or answer_time(found.sent, now, round_.answer_every)
    known = state not in {"trying", "checking", "queued"}
    return Shown(
        found.id,
        state,
        found.group,
        found.note,
        found.source,
        found.public,
        found.problem if known else "",
        None if queue is None else queue.before(found.id),
        due,
        found.receipt if known else None,
        found.sent,
        found.created,
    )


@dataclass(frozen=True)
class Place:
    """A team's place on the leaderboard."""

    rank: int
    team: str
    accepted: int
    judged: int
    gain: float | None


# built once: everybody who looks at a round asks them every few seconds
_KNOWN = Submission.answered <= bindparam("now", type_=UtcTime)
_ACCEPTED = _KNOWN & (Submission.state == "accepted")
_COUNTED = (
    select(
        Submission.team_id,
        func.count().filter(_ACCEPTED).label("won"),
        func.count()
        .filter(_KNOWN & Submission.state.in_(("accepted", "rejected", "retracted")))
        .label("judged"),
        func.max(Submission.answered).filter(_ACCEPTED).label("last"),
    )
    .where(Submission.round_id == bindparam("round"))
    .group_by(Submission.team_id)
    .subquery()
)
_PLACES = (
    select(
        Team.name,
        func.coalesce(_COUNTED.c.won, 0),
        func.coalesce(_COUNTED.c.judged, 0),
        _COUNTED.c.last,
    )
    .join(RoundTeam, RoundTeam.team_id == Team.id)
    .outerjoin(_COUNTED, _COUNTED.c.team_id == Team.id)
    .where(RoundTeam.round_id == bindparam("round"))
)
_MINE = (
    select(Submission)
    .where(
        Submission.round_id == bindparam("round"),
        Submission.team_id == bindparam("team"),
        Submission.id < bindparam("before"),
    )
    .order_by(Submission.id.desc())
    .limit(_PAGE)
)


def leaderboard(db: Session, round_: Round, now: datetime) -> list[Place]:
    """Teams by accepted submissions, after the round by their gain on fresh rows.

    Ties go to the team whose last acceptance came first.
    """
    gains: dict[str, float] = {}
    if round_.state == "published" and round_.audit is not None:
        gains = round_.audit["by_team"]
    given = {"now": now, "round": round_.id}
    rows: list[Any] = list(db.connection().execute(_PLACES, given))
    rows.sort(key=lambda row: (-gains.get(row[0], 0.0), -row[1], row[3] or now, row[0]))
    return [
        Place(rank, name, won, judged, gains.get(name, 0.0) if gains else None)
        for rank, (name, won, judged, _) in enumerate(rows, start=1)
    ]


def mine(
    db: Session, round_: Round, team_id: int, now: datetime, before: int = 0
) -> tuple[list[Shown], Left]:
    """A team's latest submissions, and what it has left."""
    given = {"round": round_.id, "team": team_id, "before": before or 2**62}
    found = list(db.execute(_MINE, given).scalars())
    waiting = {one.id for one in found if _waits(one, now)}
    queue = queue_of(db, round_.id, team_id, now) if waiting else None
    told = [_shown(one, round_, now, queue if one.id in waiting else None) for one in found]
    return told, left_of(db, round_, team_id, now)


def of_team(db: Session, round_: Round, who: Visitor) -> bool:
    """Whether the visitor's team takes part."""
    return who.team_id is not None and db.get(RoundTeam, (round_.id, who.team_id)) is not None


def public_state(round_: Round, now: datetime) -> str:
    """The state of a round in a word: that of the clock counts too."""
    if round_.state == "open":
        if now < round_.opens:
            return "opens soon"
        return "open" if now < round_.closes else "ended"
    return round_.state


def team_features(round_: Round) -> tuple[list[str], list[tuple[str, list[tuple[int, int]]]]]:
    """Teams by features of accepted patches: names of the columns, and for each team the counts.

    Each count comes with its level from 0 to 10, for the shade.
    """
    used: dict[str, dict[str, int]] = (round_.audit or {}).get("features", {})
    total: Counter[str] = Counter()
    for own in used.values():
        total.update(own)
    columns = [name for name, _ in sorted(total.items(), key=lambda item: (-item[1], item[0]))][:24]
    most = max((n for own in used.values() for n in own.values()), default=1)
    rows = [
        (team, [(own.get(c, 0), round(10 * own.get(c, 0) / most)) for c in columns])
        for team, own in sorted(used.items())
    ]
    return columns, rows


def findings_of(db: Session, round_: Round, who: Visitor, now: datetime) -> list[Finding]:
    """Findings that a visitor may see: the own team's, for judges all, disclosed ones for everybody."""
    query = (
        select(Finding).where(Finding.round_id == round_.id).order_by(Finding.id.desc()).limit(200)
    )
    if not who.may("judge"):
        own = Finding.team_id == (who.team_id or 0)
        query = query.where(own | (Finding.disclose_on <= now.date()))
    return list(db.execute(query).scalars())
