"""Tables of labelling: tasks, items, assignments, labels, looks at the estimates."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from supersede.web.database.columns import Id, Table

__all__ = ["Assignment", "Label", "LabelItem", "LabelTask", "Look"]


class LabelTask(Table):
    """Items of a plan that people label: ``open``, ``paused``, ``decided`` or ``closed``."""

    __tablename__ = "label_tasks"

    id: Mapped[Id]
    title: Mapped[str]
    question: Mapped[str]
    state: Mapped[str]
    table_hash: Mapped[str]
    # the plan's file, as `evaluate` writes it: large, and read only where the plan is needed
    design: Mapped[str] = mapped_column(deferred=True)
    design_hash: Mapped[str]
    options: Mapped[list[Any]] = mapped_column(JSON)  # the classes, with their keys
    shown: Mapped[dict[str, Any]] = mapped_column(JSON)  # columns shown, and how each is rendered
    aims: Mapped[dict[str, Any]] = mapped_column(JSON)  # estimands, limits, confidence
    per_item: Mapped[int]  # annotators per item
    review_id: Mapped[int | None] = mapped_column(ForeignKey("reviews.id"))
    made_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    created: Mapped[datetime]
    decided: Mapped[datetime | None]


class LabelItem(Table):
    """An item of a task, in the order of its permanent random number."""

    __tablename__ = "label_items"
    __table_args__ = (
        UniqueConstraint("task_id", "item"),
        UniqueConstraint("task_id", "position"),
        Index("ix_label_items_next", "task_id", "state", "position"),
    )

    id: Mapped[Id]
    task_id: Mapped[int] = mapped_column(ForeignKey("label_tasks.id"))
    item: Mapped[str]
    position: Mapped[int]
    pattern: Mapped[str]  # what the models say of it; never shown to annotators
    content: Mapped[dict[str, Any]] = mapped_column(JSON)
    state: Mapped[str]  # ``waiting``, ``labelled``, ``skipped`` or ``spare``


class Assignment(Table):
    """An item that one annotator has in front of them, until they answer or it lapses."""

    __tablename__ = "assignments"
    __table_args__ = (
        UniqueConstraint("item_id", "user_id"),
        Index("ix_assignments_user_state", "user_id", "state"),
    )

    id: Mapped[Id]
    item_id: Mapped[int] = mapped_column(ForeignKey("label_items.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    state: Mapped[str]  # ``held``, ``labelled``, ``skipped`` or ``released``
    given: Mapped[datetime]
    expires: Mapped[datetime]


class Label(Table):
    """One label by one person; undoing marks it, and nothing is deleted."""

    __tablename__ = "labels"
    __table_args__ = (
        UniqueConstraint("user_id", "form"),
        Index("ix_labels_item_undone", "item_id", "undone"),
    )

    id: Mapped[Id]
    item_id: Mapped[int] = mapped_column(ForeignKey("label_items.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    form: Mapped[str]
    value: Mapped[str | None]  # None where the item was skipped
    given: Mapped[datetime]
    undone: Mapped[datetime | None]


class Look(Table):
    """The estimates after a number of labels."""

    __tablename__ = "looks"
    __table_args__ = (UniqueConstraint("task_id", "labels"),)

    id: Mapped[Id]
    task_id: Mapped[int] = mapped_column(ForeignKey("label_tasks.id"))
    labels: Mapped[int]
    estimates: Mapped[dict[str, Any]] = mapped_column(JSON)
    decided: Mapped[bool]
    at: Mapped[datetime]
