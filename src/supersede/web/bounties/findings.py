"""Findings: a report that the model fails a group, without a model for it."""

from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from supersede.bounty.artefacts import parse
from supersede.errors import ConflictError, InputError, NotFoundError
from supersede.web.bounties.rounds import check_running, join
from supersede.web.database import Finding, Round
from supersede.web.ledger import append
from supersede.web.names import check_name, check_text
from supersede.web.security import Visitor

__all__ = ["NEXT", "disclose", "report", "triage"]

NEXT = {
    "new": ("confirmed", "duplicate", "declined"),
    "confirmed": ("fixed", "declined"),
    "fixed": ("confirmed",),
    "declined": ("new",),
    "duplicate": ("new",),
}
_LONGEST = 20_000


def report(
    db: Session,
    round_: Round,
    who: Visitor,
    form: str,
    title: str,
    text: str,
    group: str,
    at: datetime,
) -> Finding:
    """Report a finding; the same form posted again is the same finding.

    Raises:
        ConflictError: The round is not open.
        ExpressionError: The group cannot be read.
        InputError: A text is missing or too long.
    """
    team_id = join(db, round_, who, at)
    query = select(Finding).where(Finding.team_id == team_id, Finding.form == form)
    earlier = db.execute(query).scalar_one_or_none()
    if earlier is not None:
        return earlier
    check_running(round_, at)
    if not 8 <= len(form) <= 200:
        msg = "the form has no number; load the page again"
        raise InputError.of(msg, "form")
    text = check_text("text", text, _LONGEST)
    if not text:
        msg = "describe what you found, so that it can be reproduced"
        raise InputError.of(msg, "text")
    finding = Finding(
        round_id=round_.id,
        team_id=team_id,
        user_id=who.user_id,
        form=form,
        title=check_name("title", title),
        text=text,
        group=str(parse(group)) if group.strip() else "",
        state="new",
        answer="",
        disclose_on=None,
        created=at,
        entry=None,
    )
    db.add(finding)
    db.flush()
    body = {
        "event": "reported",
        "finding": finding.id,
        "round": round_.id,
        "team": team_id,
        "title": finding.title,
        "text": finding.text,
        "group": finding.group,
    }
    finding.entry = append(db, f"findings/{round_.id}", body, at).number
    return finding


def _found(db: Session, finding_id: int) -> Finding:
    found = db.execute(
        select(Finding).where(Finding.id == finding_id).with_for_update()
    ).scalar_one_or_none()
    if found is None:
        msg = f"there is no finding {finding_id}"
        raise NotFoundError(msg)
    return found


def triage(
    db: Session, finding_id: int, who: Visitor, state: str, answer: str, at: datetime
) -> Finding:
    """Decide on a finding.

    Raises:
        ConflictError: It cannot go from its state to that one.
    """
    found = _found(db, finding_id)
    if state not in NEXT[found.state]:
        msg = f"a finding that is {found.state} becomes {' or '.join(NEXT[found.state])}, not {state!r}"
        raise ConflictError(msg)
    found.state, found.answer = state, check_text("answer", answer, 2000)
    body = {"event": state, "finding": found.id, "by": who.user_id, "answer": found.answer}
    append(db, f"findings/{found.round_id}", body, at)
    return found


def disclose(db: Session, finding_id: int, who: Visitor, on: date, at: datetime) -> Finding:
    """Set the date from which everybody sees a finding, whether it is fixed or not."""
    found = _found(db, finding_id)
    found.disclose_on = on
    body = {"event": "disclosed", "finding": found.id, "by": who.user_id, "on": on.isoformat()}
    append(db, f"findings/{found.round_id}", body, at)
    return found
