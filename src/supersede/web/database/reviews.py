"""Tables of reviews: models, reviews and audits, approvals."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from supersede.web.database.columns import Id, Table

__all__ = ["Approval", "Candidate", "Review"]


class Candidate(Table):
    """A model that can be reviewed, by name: uploaded, or patched in a bounty."""

    __tablename__ = "candidates"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(unique=True)
    folded: Mapped[str] = mapped_column(unique=True)
    round_id: Mapped[int | None] = mapped_column(ForeignKey("rounds.id"))
    file_hash: Mapped[str | None]
    made_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    created: Mapped[datetime]


class Review(Table):
    """A review or an audit of a candidate: ``queued``, ``running``, a verdict, or ``failed``."""

    __tablename__ = "reviews"

    id: Mapped[Id]
    candidate_id: Mapped[int] = mapped_column(ForeignKey("candidates.id"), index=True)
    kind: Mapped[str]  # ``review`` or ``audit``
    title: Mapped[str]
    state: Mapped[str]
    source: Mapped[dict[str, Any]] = mapped_column(JSON)  # files by hash, or a path on the server
    settings: Mapped[dict[str, Any]] = mapped_column(JSON)  # columns, checks and limits
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    report_hash: Mapped[str | None]
    problem: Mapped[str]
    labels: Mapped[int | None]  # labels that it rests on
    continues: Mapped[int | None] = mapped_column(ForeignKey("reviews.id"))  # the undecided one
    job_id: Mapped[int | None] = mapped_column(ForeignKey("jobs.id"))
    made_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    created: Mapped[datetime]
    finished: Mapped[datetime | None]


class Approval(Table):
    """A decision on a review, with name and reason; also an entry in the ledger."""

    __tablename__ = "approvals"

    id: Mapped[Id]
    review_id: Mapped[int] = mapped_column(ForeignKey("reviews.id"), index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    decision: Mapped[str]  # ``approved`` or ``declined``
    reason: Mapped[str]
    entry: Mapped[int]
    at: Mapped[datetime]
