"""What a team may still have judged, counted from the submissions themselves."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from supersede.errors import RateError
from supersede.web.database import Round, Submission
from supersede.web.database.columns import UtcTime

__all__ = ["COUNTED", "Left", "check_quota", "left_of"]

COUNTED = ("checking", "queued", "accepted", "rejected", "retracted")


@dataclass(frozen=True)
class Left:
    """What is left.

    Attributes:
        today: Of the team's day in UTC.
        team: Of the team's round.
        everybody: Of the round, for all teams together.
        resets: When the day ends.
    """

    today: int
    team: int
    everybody: int
    resets: datetime

    @property
    def now(self) -> int:
        """How many can be submitted now."""
        return max(0, min(self.today, self.team, self.everybody))


_OWN = Submission.team_id == bindparam("team")
_COUNTS = select(
    func.count().filter(_OWN & (Submission.sent >= bindparam("midnight", type_=UtcTime))),
    func.count().filter(_OWN),
    func.count(),
).where(Submission.round_id == bindparam("round"), Submission.state.in_(COUNTED))


def left_of(db: Session, round_: Round, team_id: int, now: datetime) -> Left:
    """What a team has left.

    A submission counts from when it is sent until it turns out that the holdout was not needed.
    """
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    given = {"round": round_.id, "team": team_id, "midnight": midnight}
    today, team, everybody = db.connection().execute(_COUNTS, given).one()
    slices = int(round_.plan.get("slices", 1))
    return Left(
        round_.per_day - today,
        round_.per_team - team,
        round_.capacity * slices - everybody,
        midnight + timedelta(days=1),
    )


def check_quota(db: Session, round_: Round, team_id: int, now: datetime) -> None:
    """Refuse what would exceed a quota; in the transaction that adds the submission.

    Raises:
        RateError: Nothing is left.
    """
    left = left_of(db, round_, team_id, now)
    if left.everybody <= 0:
        msg = "all submissions of this round are used up; nothing more can be judged"
        raise RateError(msg)
    if left.team <= 0:
        msg = f"your team has used its {round_.per_team} submissions of this round"
        raise RateError(msg)
    if left.today <= 0:
        msg = (
            f"your team has used its {round_.per_day} submissions of today; the next day starts at"
            f" {left.resets:%H:%M} UTC"
        )
        raise RateError.wait(msg, (left.resets - now).total_seconds())
