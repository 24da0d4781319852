"""What happens to a round; each step is an entry in the ledger."""

import zipfile
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from supersede.bounty import Bounty, DecisionList, save_list
from supersede.errors import AccessError, ConflictError, InputError, NotFoundError
from supersede.web.bounties.log import stream_of
from supersede.web.database import Candidate, Round, RoundTeam, Submission
from supersede.web.jobs.queue import enqueue
from supersede.web.ledger import append
from supersede.web.names import check_name, check_text, folded
from supersede.web.security import Visitor

__all__ = [
    "HIDDEN",
    "add_candidate",
    "check_running",
    "close",
    "draft",
    "join",
    "pause",
    "publish",
    "resume",
    "round_of",
    "set_up",
    "zipped",
]

HIDDEN = frozenset({"draft", "preparing"})  # states in which only judges see a round
_ROUND = select(Round).where(Round.id == bindparam("round"))  # built once: every page asks it
_LOCKED = _ROUND.with_for_update()


def draft(
    db: Session, who: Visitor, title: str, table_hash: str, columns: list[str], at: datetime
) -> Round:
    """A round that is being prepared."""
    round_ = Round(
        title=check_name("title", title),
        state="draft",
        about="",
        table_hash=table_hash,
        public_hash=None,
        model_hash=None,
        plan={"columns": columns},
        registration="invitation",
        opens=at,
        closes=at + timedelta(days=14),
        disclose_on=None,
        per_team=20,
        per_day=5,
        capacity=100,
        answer_every=60.0,
        opened_by=who.user_id,
        created=at,
        closed=None,
        problem="",
        audit=None,
        report_hash=None,
        patched_hash=None,
    )
    db.add(round_)
    db.flush()
    return round_


def round_of(db: Session, round_id: int, who: Visitor, *, lock: bool = False) -> Round:
    """A round that a visitor is allowed to see.

    Raises:
        NotFoundError: There is none, or it is still being prepared by somebody else.
    """
    found = db.execute(_LOCKED if lock else _ROUND, {"round": round_id}).scalar_one_or_none()
    hidden = found is not None and found.state in HIDDEN and not who.may("judge")
    if found is None or hidden:
        msg = f"there is no round {round_id}"
        raise NotFoundError(msg)
    return found


def set_up(db: Session, round_: Round, given: Mapping[str, Any], at: datetime) -> None:
    """Take the settings of a draft, and have it opened by a worker, which checks them on the rows.

    Args:
        db: A session of `Database.write`.
        round_: The draft.
        given: The attributes of the round, and its ``plan``.
        at: The time.

    Raises:
        ConflictError: It is not a draft.
        InputError: A number or a date is out of range.
    """
    if round_.state != "draft":
        msg = "this round is open already; its settings stay as they are"
        raise ConflictError(msg)
    limits = {
        "per_team": (1, 10_000),
        "per_day": (1, 10_000),
        "capacity": (1, 10_000),
        "answer_every": (1, 86_400),
    }
    for name, (least, most) in limits.items():
        if not least <= given[name] <= most:
            msg = f"{name.replace('_', ' ')} must be from {least} to {most}"
            raise InputError.of(msg, name)
    if not given["opens"] < given["closes"]:
        msg = "a round must close after it opens"
        raise InputError.of(msg, "closes")
    plan = given["plan"]
    if not 1 <= plan["slices"] <= 50 or not 0 < plan["delta"] < 1:
        msg = "expected 1 to 50 slices, and a probability between 0 and 1"
        raise InputError.of(msg, "slices")
    if not (
        0 < plan["public"] < 1 and 0 < plan["fresh"] < 1 and plan["public"] + plan["fresh"] < 1
    ):
        msg = "the shares of public and fresh rows must leave some for the holdout"
        raise InputError.of(msg, "public")
    columns = round_.plan["columns"]
    for name, value in given.items():
        setattr(round_, name, value)
    round_.plan = {**plan, "columns": columns}
    round_.about = check_text("about", round_.about, 5000)
    round_.state, round_.problem = "preparing", ""
    enqueue(db, "open round", f"round/{round_.id}", {"round": round_.id}, at)


def check_running(round_: Round, now: datetime) -> None:
    """Refuse what needs a running round.

    Raises:
        ConflictError: It is not open now.
    """
    if round_.state == "paused":
        msg = "this round is paused; try again when it is open"
    elif round_.state != "open":
        msg = "this round is closed" if round_.closed else "this round is not open yet"
    elif now < round_.opens:
        msg = f"this round opens on {round_.opens:%d %b %Y at %H:%M} UTC"
    elif now >= round_.closes:
        msg = f"this round closed on {round_.closes:%d %b %Y at %H:%M} UTC"
    else:
        return
    raise ConflictError(msg)


def _step(
    db: Session, round_: Round, who: Visitor, at: datetime, now: str, allowed: set[str]
) -> None:
    if round_.state not in allowed:
        msg = f"this round is {round_.state}; this is possible when it is {' or '.join(sorted(allowed))}"
        raise ConflictError(msg)
    round_.state = now
    append(db, f"steps of {stream_of(round_.id)}", {"event": now, "by": who.user_id}, at)


def pause(db: Session, round_: Round, who: Visitor, at: datetime) -> None:
    """Take no submissions for now; those that wait are still judged."""
    _step(db, round_, who, at, "paused", {"open"})


def resume(db: Session, round_: Round, who: Visitor, at: datetime) -> None:
    """Take submissions again."""
    _step(db, round_, who, at, "open", {"paused"})


def close(db: Session, round_: Round, who: Visitor, at: datetime) -> None:
    """End a round: what waits is judged, then it is audited on fresh rows."""
    _step(db, round_, who, at, "closing", {"open", "paused"})
    enqueue(db, "close round", f"round/{round_.id}", {"round": round_.id}, at)


def publish(db: Session, round_: Round, who: Visitor, at: datetime) -> None:
    """Publish the patched model, the audit and the credit."""
    _step(db, round_, who, at, "published", {"closed"})


def join(db: Session, round_: Round, who: Visitor, at: datetime) -> int:
    """Take part; returns the team.

    Raises:
        AccessError: The visitor has no team, or the round is by invitation.
    """
    if who.team_id is None:
        msg = "only teams take part; ask the owner to put you into one"
        raise AccessError(msg)
    if db.get(RoundTeam, (round_.id, who.team_id)) is None:
        if round_.registration != "open":
            msg = "this round is by invitation; ask the owner to add your team"
            raise AccessError(msg)
        db.add(RoundTeam(round_id=round_.id, team_id=who.team_id, joined=at))
        db.flush()
    return who.team_id


def waiting(db: Session, round_id: int) -> int:
    """Submissions that are not judged yet."""
    query = select(Submission.id).where(
        Submission.round_id == round_id, Submission.state.in_(("checking", "queued"))
    )
    return len(db.execute(query).all())


def zipped(bounty: Bounty) -> bytes:
    """The patched model as `supersede.bounty.save_list` writes it, in one file."""
    return _zipped(bounty.model)


def _zipped(model: DecisionList) -> bytes:
    held = BytesIO()
    with TemporaryDirectory() as folder, zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as whole:
        save_list(model, folder)
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file():
                whole.write(path, path.relative_to(folder).as_posix())
    return held.getvalue()


def add_candidate(db: Session, round_: Round, table_hash: str, at: datetime) -> None:
    """Make the patched model a candidate for review, with both models' answers on fresh rows."""
    name = f"{round_.title}: patched ({round_.id})"
    db.add(
        Candidate(
            name=name,
            folded=folded(name),
            round_id=round_.id,
            file_hash=table_hash,
            made_by=round_.opened_by,
            created=at,
        )
    )


def disclosed(round_: Round, on: date) -> bool:
    """Whether groups and notes of the round's submissions are public."""
    return round_.disclose_on is not None and round_.disclose_on <= on
