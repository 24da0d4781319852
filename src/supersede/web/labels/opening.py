"""A task from a table: which items to label for a question, and what annotators see of them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from supersede.errors import InputError
from supersede.evaluate import Estimand, accuracy, plan, precision, recall
from supersede.table.read import read
from supersede.table.table import Table
from supersede.web.bounties.tables import kept_table
from supersede.web.database import LabelTask
from supersede.web.labels.actions import MOST_ITEMS, MOST_PER_ITEM, Draft, draft, open_task
from supersede.web.site import Site

__all__ = ["MOST_LABELS", "Wanted", "drafted", "open_drafted", "opened"]

MOST_LABELS = 2000  # of a task whose question is decided long before, as a rule
_MEASURES = {"accuracy": accuracy, "precision": precision, "recall": recall}


@dataclass(frozen=True)
class Wanted:
    """What a task is to find out.

    Attributes:
        title: Its name.
        question: The question to annotators.
        estimand: What is estimated.
        models: The models that it is about.
        item: Column of item ids.
        shown: Columns that annotators see.
        margin: Half-width of the interval that is narrow enough.
        limit: The value that decides, instead; None for none.
        budget: Most labels; None for as many as the margin needs.
        per_item: Annotators per item.
    """

    title: str
    question: str
    estimand: Estimand
    models: tuple[str, ...]
    item: str
    shown: tuple[str, ...]
    margin: float
    limit: float | None
    budget: int | None
    per_item: int

    @classmethod
    def of(cls, typed: Mapping[str, Any]) -> "Wanted":
        """From the fields of a form.

        Raises:
            InputError: A field is missing, or is not a number.
        """
        for field in ("model", "item"):
            if not typed[field]:
                msg = f"choose the column of the {field}"
                raise InputError.of(msg, field)
        if not typed["shown"]:
            msg = "choose at least one column that annotators see"
            raise InputError.of(msg, "shown")
        model, old = typed["model"], typed["old"]
        models: tuple[str, ...] = (model,)
        if typed["measure"] == "gain":
            if not old or old == model:
                msg = "choose the model in service, with which the new one is compared"
                raise InputError.of(msg, "old")
            estimand, models = accuracy(model) - accuracy(old), (old, model)
        elif typed["measure"] in _MEASURES:
            estimand = _MEASURES[typed["measure"]](model)
        else:
            msg = "choose what to estimate"
            raise InputError.of(msg, "measure")
        margin, limit = (_number(typed[f], f) for f in ("margin", "limit"))
        budget = _whole(typed["budget"], "budget", MOST_ITEMS)
        per_item = _whole(typed["per_item"], "per_item", MOST_PER_ITEM)
        if margin is None or not 0 < margin < 1:
            msg = "the margin must lie between 0 and 1, such as 0.05"
            raise InputError.of(msg, "margin")
        if limit is not None and not -1 < limit < 1:
            msg = "the limit is a share, or a difference of shares, such as 0.9 or -0.01"
            raise InputError.of(msg, "limit")
        return cls(
            typed["title"], typed["question"] or "Which one is right?", estimand, models,
            typed["item"], tuple(typed["shown"]), margin, limit,
            budget, per_item or 1,
        )  # fmt: skip


def opened(site: Site, table: str, models: tuple[str, ...], item: str) -> Table:
    """A kept table, read for a plan."""
    return read(kept_table(site.files, table), models=list(models), item=item, labelled=False)


def drafted(site: Site, table: str, wanted: Wanted) -> Draft:
    """Plan which items to label, and read them.

    Raises:
        SupersedeError: The table does not fit the question.
    """
    found = opened(site, table, wanted.models, wanted.item)
    made = plan(
        found, wanted.estimand, margin=wanted.margin, budget=wanted.budget, method="coordinated"
    )
    return draft(site, made, found, wanted.shown)


def open_drafted(site: Site, db: Session, made: Draft, wanted: Wanted, made_by: int) -> LabelTask:
    """Open the task.

    Raises:
        InputError: A text is refused.
    """
    name = made.plan.estimands[0].name
    return open_task(
        site, db, made, title=wanted.title, question=wanted.question,
        limits={} if wanted.limit is None else {name: wanted.limit},
        made_by=made_by, per_item=wanted.per_item,
    )  # fmt: skip


def _number(text: str, field: str) -> float | None:
    if not text.strip():
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        msg = f"{field.replace('_', ' ')}: expected a number, got {text[:20]!r}"
        raise InputError.of(msg, field)
    return value


def _whole(text: str, field: str, most: int) -> int | None:
    value = _number(text, field)
    if value is not None and not (value.is_integer() and 1 <= value <= most):
        msg = f"{field.replace('_', ' ')}: expected a whole number from 1 to {most:,}, got {text[:20]!r}"
        raise InputError.of(msg, field)
    return None if value is None else int(value)
