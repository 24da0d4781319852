"""Tables of bounties: rounds, members, submissions, trials, findings."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Float, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from supersede.web.database.columns import Id, Table

__all__ = ["Finding", "Round", "RoundTeam", "Submission"]


class Round(Table):
    """A bounty round.

    States: ``draft``, ``preparing``, ``open``, ``paused``, ``closing``, ``closed``, ``published``.
    """

    __tablename__ = "rounds"

    id: Mapped[Id]
    title: Mapped[str]
    state: Mapped[str]
    about: Mapped[str]  # what hunters read first
    table_hash: Mapped[str]  # as Parquet
    public_hash: Mapped[str | None]  # the public rows, with the labels
    model_hash: Mapped[str | None]  # an uploaded model; None where the table holds its answers
    plan: Mapped[dict[str, Any]] = mapped_column(JSON)  # columns, split, loss, policy, watch groups
    registration: Mapped[str]  # ``open`` or ``invitation``
    opens: Mapped[datetime]
    closes: Mapped[datetime]
    disclose_on: Mapped[date | None]
    per_team: Mapped[int]  # submissions that a team may have judged in the whole round
    per_day: Mapped[int]  # per team and day in UTC
    capacity: Mapped[int]  # per slice of the holdout
    answer_every: Mapped[float] = mapped_column(Float)  # seconds
    opened_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    created: Mapped[datetime]
    closed: Mapped[datetime | None]
    problem: Mapped[str]  # why it could not be opened or closed
    audit: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    report_hash: Mapped[str | None]
    patched_hash: Mapped[str | None]  # the patched model, once published


class RoundTeam(Table):
    """A team that takes part in a round."""

    __tablename__ = "round_teams"

    round_id: Mapped[int] = mapped_column(ForeignKey("rounds.id"), primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"), primary_key=True, index=True)
    joined: Mapped[datetime]


class Submission(Table):
    """A group and a model for it.

    States that count: ``checking`` (on public rows), ``queued``, ``accepted``, ``rejected`` and
    ``retracted`` (accepted, and withdrawn since). States that do not: ``trying`` and ``tried`` (on
    public rows only), ``refused`` (before the holdout), ``withdrawn`` (before it was judged) and
    ``failed`` (by the server). Quotas are counted from these rows, never stored.
    """

    __tablename__ = "submissions"
    __table_args__ = (
        UniqueConstraint("team_id", "form"),
        UniqueConstraint("round_id", "number"),
        Index("ix_submissions_round_state", "round_id", "state"),
        Index("ix_submissions_team_round", "team_id", "round_id", "state"),
        # the leaderboard, the queue and the quotas count in it, without the rows
        Index("ix_submissions_counted", "round_id", "team_id", "state", "answered", "sent"),
    )

    id: Mapped[Id]
    round_id: Mapped[int] = mapped_column(ForeignKey("rounds.id"))
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    form: Mapped[str]  # the form or idempotency key: posted twice, it is one submission
    source: Mapped[str]  # ``columns``, ``file`` or ``api``
    group: Mapped[str]
    answer: Mapped[dict[str, Any] | None] = mapped_column(JSON)  # None until it is trained
    answer_hash: Mapped[str | None]  # of an ONNX file
    base: Mapped[str | None]
    note: Mapped[str]
    state: Mapped[str]
    public: Mapped[dict[str, Any] | None] = mapped_column(JSON)  # figures on public rows
    problem: Mapped[str]
    created: Mapped[datetime]
    sent: Mapped[datetime | None]  # to be judged; None while it is only tried
    judged: Mapped[datetime | None]
    answered: Mapped[datetime | None]  # from when its team may know
    number: Mapped[int | None]  # in the order of judging
    entry: Mapped[int | None]  # in the ledger
    receipt: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    job_id: Mapped[int | None] = mapped_column(ForeignKey("jobs.id"))


class Finding(Table):
    """A report that the model fails a group, without a model for it."""

    __tablename__ = "findings"
    __table_args__ = (UniqueConstraint("team_id", "form"),)

    id: Mapped[Id]
    round_id: Mapped[int] = mapped_column(ForeignKey("rounds.id"), index=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"), index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    form: Mapped[str]
    title: Mapped[str]
    text: Mapped[str]
    group: Mapped[str]
    state: Mapped[str]  # ``new``, ``confirmed``, ``duplicate``, ``declined`` or ``fixed``
    answer: Mapped[str]
    disclose_on: Mapped[date | None]
    created: Mapped[datetime]
    entry: Mapped[int | None]
