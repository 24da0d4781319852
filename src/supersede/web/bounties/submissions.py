"""What teams do: try, submit, withdraw; and in which order submissions are judged."""

import math
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from supersede.bounty.artefacts import parse
from supersede.errors import ConflictError, InputError, NotFoundError, RateError
from supersede.web.bounties.quotas import check_quota
from supersede.web.bounties.rounds import check_running, join
from supersede.web.database import Round, Submission
from supersede.web.database.columns import UtcTime
from supersede.web.jobs.queue import enqueue
from supersede.web.names import check_text
from supersede.web.security import Visitor

__all__ = [
    "Queue",
    "Sent",
    "answer_time",
    "group_of",
    "next_to_judge",
    "own",
    "post",
    "queue_of",
    "run_again",
    "send",
    "visible_state",
    "withdraw",
]

_TRYING = 3  # of one team at a time
_NOTE = 2000  # characters

Sent = Mapping[str, Any]


def post(
    db: Session,
    round_: Round,
    who: Visitor,
    given: Sent,
    at: datetime,
    *,
    wanted: bool,
) -> Submission:
    """Add a submission, to be tried on public rows or to be judged.

    Args:
        db: A session of `Database.write`.
        round_: The round, locked.
        who: The hunter.
        given: ``form``, ``source``, ``group``, ``answer`` (plain data, or None to train one),
            ``answer_hash``, ``base`` and ``note``.
        at: The time.
        wanted: Whether it is to be judged once it gains on the public rows.

    Returns:
        The submission; the earlier one if the same form was posted before.

    Raises:
        ConflictError: The round is not open.
        ExpressionError: The group cannot be read.
        InputError: The form has no number, or a text is too long.
        RateError: A quota is used up, or the team tries too many at a time.
    """
    team_id = join(db, round_, who, at)
    form = given["form"]
    if not 8 <= len(form) <= 200 or not form.isprintable():
        msg = "a submission needs a number of its own (8 to 200 characters), so that it counts once"
        raise InputError.of(msg, "form")
    query = select(Submission).where(Submission.team_id == team_id, Submission.form == form)
    earlier = db.execute(query).scalar_one_or_none()
    if earlier is not None:
        if earlier.round_id != round_.id:
            msg = "this number was used in another round"
            raise InputError.of(msg, "form")
        return earlier
    check_running(round_, at)
    if wanted:
        check_quota(db, round_, team_id, at)
    else:
        busy = select(func.count()).where(
            Submission.team_id == team_id,
            Submission.round_id == round_.id,
            Submission.state == "trying",
        )
        if db.execute(busy).scalar_one() >= _TRYING:
            msg = f"{_TRYING} tries of your team are under way; wait for one of them"
            raise RateError.wait(msg, 5)
    submission = Submission(
        round_id=round_.id,
        team_id=team_id,
        user_id=who.user_id,
        form=form,
        source=given["source"],
        group=str(parse(given["group"])),
        answer=given["answer"],
        answer_hash=given["answer_hash"],
        base=given["base"] or None,
        note=check_text("note", given["note"], _NOTE),
        state="checking" if wanted else "trying",
        public=None,
        problem="",
        created=at,
        sent=at if wanted else None,
        judged=None,
        answered=None,
        number=None,
        entry=None,
        receipt=None,
        job_id=None,
    )
    db.add(submission)
    db.flush()
    _have_checked(db, submission, at)
    return submission


def _have_checked(db: Session, submission: Submission, at: datetime) -> None:
    about = f"submission/{submission.id}"
    job = enqueue(db, "check submission", about, {"submission": submission.id}, at)
    submission.job_id = job.id


def send(db: Session, round_: Round, who: Visitor, submission_id: int, at: datetime) -> Submission:
    """Have a submission judged that was tried; sent twice, it counts once.

    Raises:
        ConflictError: It did not gain on the public rows, or the round is not open, or it is
            another team's.
        RateError: A quota is used up.
    """
    found = own(db, who, submission_id, lock=True)
    if found.round_id != round_.id:
        raise _missing(submission_id)
    if found.team_id != who.team_id:
        msg = "only its own team sends a submission"
        raise ConflictError(msg)
    if found.sent is not None:
        return found
    if found.state != "tried":
        msg = "it is still being tried" if found.state == "trying" else f"it was {found.state}"
        raise ConflictError(f"{msg}; only what gains on the public rows can be sent")  # noqa: EM102
    check_running(round_, at)
    check_quota(db, round_, found.team_id, at)
    found.sent, found.state = at, "queued"
    enqueue(db, "judge", f"round/{round_.id}", {"round": round_.id}, at)
    return found


def own(db: Session, who: Visitor, submission_id: int, *, lock: bool = False) -> Submission:
    """A submission of the visitor's team; of any team for judges.

    Raises:
        NotFoundError: There is none, or it is another team's.
    """
    query = select(Submission).where(Submission.id == submission_id)
    if lock:
        query = query.with_for_update()
    found = db.execute(query).scalar_one_or_none()
    if found is None or (found.team_id != who.team_id and not who.may("judge")):
        raise _missing(submission_id)
    return found


def withdraw(db: Session, who: Visitor, submission_id: int, at: datetime) -> Submission:
    """Withdraw a submission: freely before it is judged; once accepted, its patch is taken out.

    Raises:
        ConflictError: There is nothing to withdraw.
    """
    found = own(db, who, submission_id, lock=True)
    if found.team_id != who.team_id:
        msg = "only its own team withdraws a submission"
        raise ConflictError(msg)
    known = found.answered is not None and found.answered <= at
    if found.judged is None and found.state in {"trying", "tried", "checking", "queued"}:
        found.state = "withdrawn"
    elif found.state == "accepted" and known:
        payload = {"round": found.round_id, "submission": found.id}
        enqueue(db, "take out", f"round/{found.round_id}", payload, at)
    else:
        msg = (
            f"a submission that was {found.state} cannot be withdrawn"
            if known
            else "it is being judged; wait for the answer"
        )
        raise ConflictError(msg)
    return found


def run_again(db: Session, round_: Round, at: datetime) -> int:
    """Queue again what the server failed to do; it counts as the one submission that it is."""
    query = select(Submission).where(Submission.round_id == round_.id, Submission.state == "failed")
    found = list(db.execute(query.with_for_update()).scalars())
    for one in found:
        one.state, one.problem = ("trying" if one.sent is None else "checking"), ""
        _have_checked(db, one, at)
    return len(found)


def visible_state(found: Submission, now: datetime) -> str:
    """The state as its team may know it: nothing of the judgement shows before its time."""
    if found.judged is not None and (found.answered is None or now < found.answered):
        return "queued"
    return found.state


def answer_time(sent: datetime, judged: datetime, every: float) -> datetime:
    """When a submission is answered: at a multiple of `every` seconds since 1970.

    It depends on when it was sent, not on how long judging took: the first such time that is at
    least `every` seconds after it was sent. Only if judging takes longer than that, it is the first
    one after judging.

    Example:
        >>> noon = datetime(2026, 11, 26, 12, tzinfo=UTC)
        >>> answer_time(noon + timedelta(seconds=10), noon + timedelta(seconds=12), 60).minute
        2
    """
    least = max((sent + timedelta(seconds=every)).timestamp(), judged.timestamp())
    return datetime.fromtimestamp(math.ceil(round(least / every, 6)) * every, UTC)


def next_to_judge(db: Session, round_id: int) -> Submission | None:
    """The next submission, in a fair order: of the team that was served longest ago, its oldest."""
    served = (
        select(Submission.team_id, func.max(Submission.number).label("last"))
        .where(Submission.round_id == round_id)
        .group_by(Submission.team_id)
        .subquery()
    )
    query = (
        select(Submission)
        .join(served, served.c.team_id == Submission.team_id)
        .where(Submission.round_id == round_id, Submission.state == "queued")
        .order_by(func.coalesce(served.c.last, 0), Submission.sent, Submission.id)
        .limit(1)
    )
    return db.execute(query).scalar_one_or_none()


@dataclass(frozen=True)
class Queue:
    """What waits in a round, with teams taking turns.

    Submissions whose answer is not due yet count as waiting, so that a place tells nothing of them.

    Attributes:
        own: Submissions of the team that asks, by number, in order.
        others: How many of each other team.
    """

    own: tuple[int, ...]
    others: tuple[int, ...]

    def before(self, submission_id: int) -> int:
        """How many submissions come before one of the team.

        Example:
            >>> Queue(own=(3, 8), others=(1, 5)).before(8)
            4
        """
        turn = bisect_left(self.own, submission_id)
        return turn + sum(min(number, turn + 1) for number in self.others)


# built once: everybody who waits asks them every few seconds
_WAITING = (Submission.round_id == bindparam("round")) & (
    (Submission.state == "queued") | (Submission.answered > bindparam("now", type_=UtcTime))
)
_OWN = Submission.team_id == bindparam("team")
_OWN_WAITING = select(Submission.id).where(_WAITING, _OWN).order_by(Submission.id)
_OTHERS_WAITING = select(func.count()).where(_WAITING, ~_OWN).group_by(Submission.team_id)


def queue_of(db: Session, round_id: int, team_id: int, now: datetime) -> Queue:
    """What waits in a round, for a team to find its submissions in."""
    given = {"round": round_id, "team": team_id, "now": now}
    own, others = (
        tuple(db.connection().execute(query, given).scalars())
        for query in (_OWN_WAITING, _OTHERS_WAITING)
    )
    return Queue(own, others)


def group_of(chosen: Mapping[str, Mapping[str, Any]]) -> str:
    """The expression of picked columns: values, ranges, missing values.

    Args:
        chosen: By column: ``values`` (texts or numbers), ``least``, ``most`` (numbers or None),
            ``missing`` (whether missing values belong to the group too).

    Raises:
        InputError: Nothing was picked.

    Example:
        >>> group_of({"age": {"least": 65, "most": None}, "sex": {"values": ["f"]}})
        "age >= 65 and sex == 'f'"
    """
    from supersede.bounty.artefacts.nodes import write_literal, write_name

    tests = []
    for column, picked in chosen.items():
        name, either = write_name(column), []
        values = picked.get("values") or []
        if len(values) == 1:
            either.append(f"{name} == {write_literal(values[0])}")
        elif values:
            either.append(f"{name} in [{', '.join(write_literal(v) for v in values)}]")
        ends = []
        if picked.get("least") is not None:
            ends.append(f"{name} >= {write_literal(picked['least'])}")
        if picked.get("most") is not None:
            ends.append(f"{name} <= {write_literal(picked['most'])}")
        if ends:
            either.append(" and ".join(ends))
        if picked.get("missing"):
            either.append(f"{name} is missing")
        if len(either) > 1:
            tests.append("(" + " or ".join(f"({e})" for e in either) + ")")
        elif either:
            tests.append(either[0])
    if not tests:
        msg = "pick at least one value or range, so that there is a group"
        raise InputError.of(msg, "group")
    return " and ".join(tests)


def _missing(submission_id: int) -> NotFoundError:
    return NotFoundError(f"there is no submission {submission_id} of your team")
