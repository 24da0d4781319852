"""Labels as received: several annotators, skips, contradictions, other plans' labels."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from supersede.errors import ArgumentError, LabelError
from supersede.evaluate.design import Plan
from supersede.evaluate.label_words import (
    blank,
    class_of,
    grade_of,
    refuse_marked,
    refuse_words,
    skips,
)
from supersede.evaluate.patterns import Patterns
from supersede.table.same import Same, same_words
from supersede.table.source import collect, open_source

__all__ = ["Annotation", "Disagreement", "Labels", "Settled", "read_labels", "settle"]

Ints = npt.NDArray[np.int64]

Disagreement = Literal["refuse", "majority"]
Words = Mapping[str, Sequence[str]] | Sequence[str] | str | Same | None
"""Which words are the same, as `supersede.table.same.same_words` takes them."""
_SHOWN = 5
_UNSET = -2


@dataclass(frozen=True)
class Annotation:
    """One annotator's answer for one item.

    Attributes:
        item: The item's id.
        label: The label; None where the annotator skipped the item; NaN or a text of spaces where it
            is still to come. For graded outcomes, a mapping of models to right (1) or wrong (0).
        annotator: Name of the annotator; None if unknown.
        order: The item's place in the task list on which the label was written; None if unknown.
    """

    item: Any
    label: Any
    annotator: Any = None
    order: Any = None


@dataclass(frozen=True)
class Labels:
    """Annotations, and the design for which they were made.

    Attributes:
        annotations: The annotations, in order of arrival.
        design: The hash of the plan they were made for; None where the file does not name it.
        also: Further plans that some of them were made for, such as the pilot's.
    """

    annotations: tuple[Annotation, ...]
    design: str | None = None
    also: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.annotations)

    def __add__(self, other: "Labels") -> "Labels":
        """Labels of both, for the plans of both."""
        designs = dict.fromkeys((*other.designs, *self.designs))
        return Labels(self.annotations + other.annotations, *_first(designs))

    @property
    def designs(self) -> tuple[str, ...]:
        """All plans that they were made for."""
        return (*(() if self.design is None else (self.design,)), *self.also)


@dataclass(frozen=True)
class Settled:
    """One state per item of a plan.

    Attributes:
        state: State of each row of `Plan.items`; -1 where it was skipped and -2 where there is no
            answer.
        unasked: Ids outside the plan; they are not used.
        disputed: Items on which annotators disagreed.
        agreement: Share of items with several annotators on which all agreed; None without such.
    """

    state: Ints
    unasked: tuple[Any, ...]
    disputed: tuple[Any, ...]
    agreement: float | None

    @property
    def labelled(self) -> npt.NDArray[np.bool_]:
        """Rows that have a label."""
        return np.asarray(self.state >= 0)

    @property
    def skipped(self) -> npt.NDArray[np.bool_]:
        """Rows that annotators could not label."""
        return np.asarray(self.state == -1)


def read_labels(
    source: object,
    *,
    item: str = "item",
    label: str = "label",
    annotator: str = "annotator",
    models: Sequence[str] = (),
) -> Labels:
    """Read labels from CSV, JSONL or Parquet, a frame, or a mapping of ids to labels.

    Args:
        source: A file, a frame, an Arrow table, a mapping of columns or of ids to labels, or `Labels`
            themselves.
        item: The column of item ids.
        label: The column of labels; an empty one (or NaN) is an item that nobody labelled yet. A column
            ``skipped``, if there is one, marks items that an annotator gave up on.
        annotator: The column of annotators' names, if there is one.
        models: For graded outcomes, the columns of whether each model was right.

    Returns:
        The labels, in the file's order.

    Raises:
        LabelError: A column is missing, a label has no id, ``skipped`` says neither yes nor no, or a
            column of an annotation tool says that some labels are drafts, rejected or a machine's.

    Example:
        >>> len(read_labels({"item": [3, 5], "label": [1, 0]}))
        2
    """
    if isinstance(source, Labels):
        return source
    if isinstance(source, Mapping) and source and not any(map(_is_column, source.values())):
        return Labels(tuple(Annotation(i, y) for i, y in source.items() if not blank(y)))
    opened = open_source(source)
    rows = collect(opened.rows(opened.columns, opened.columns)).to_pydict()
    needed = [item, *(models or [label])]
    for column in needed:
        if column not in rows:
            have = ", ".join(map(repr, rows))
            msg = f"labels need a column {column!r}; there are {have}"
            raise LabelError(msg)
    designs = dict.fromkeys(str(d) for d in rows.get("design", []) if not blank(d))
    who = rows.get(annotator, [None] * len(rows[item]))
    gone = rows.get("skipped", [False] * len(rows[item]))
    refuse_marked(rows)
    # the task list says where each item stands in the plan's order
    place = rows.get("order", []) if len(designs) == 1 else []
    place = place or [None] * len(rows[item])
    found = []
    for at, name in enumerate(rows[item]):
        said: Any = {m: rows[m][at] for m in models} if models else rows[label][at]
        skipped = skips(gone[at])
        if not skipped and any(map(blank, said.values() if models else [said])):
            continue  # not labelled yet
        if blank(name):
            msg = f"row {at + 1} has a label but no id in column {item!r}; give its item, or remove it"
            raise LabelError(msg)
        found.append(Annotation(name, None if skipped else said, who[at], place[at]))
    return Labels(tuple(found), *_first(designs))


def _is_column(values: object) -> bool:
    """Whether a mapping's value is a column; otherwise it is one label (or the grades of one item)."""
    return not isinstance(values, str | bytes | Mapping) and hasattr(values, "__iter__")


def _first(designs: Iterable[str]) -> tuple[str | None, tuple[str, ...]]:
    first, *others = (*designs,) or (None,)
    return first, tuple(d for d in others if d is not None)


def settle(
    plan: Plan,
    labels: Labels,
    disagreement: Disagreement = "refuse",
    *,
    classes: Sequence[Any] = (),
    same: Words = None,
) -> Settled:
    """Reduce annotations to one state per item.

    Args:
        plan: The plan for which they were made.
        labels: The annotations.
        disagreement: Items on which annotators disagree are refused, or decided by ``"majority"``,
            where a tie counts as skipped.
        classes: Classes that labels may have although no model predicts them.
        same: Which words count as equal, as in `supersede.read`.

    Returns:
        The states, and the labels that were left out.

    Raises:
        LabelError: The labels are for another design, match no state, or disagree.
        ArgumentError: `disagreement` is neither of its values.
    """
    if disagreement not in {"refuse", "majority"}:
        msg = f"disagreement={disagreement!r} must be 'refuse' or 'majority'"
        raise ArgumentError(msg)
    foreign = [d for d in labels.designs if d not in {plan.design, *plan.earlier}]
    if foreign:
        msg = (
            f"these labels are for design {foreign[0]}, this plan is {plan.design}: their items"
            " were chosen differently, so they are not a random sample here; estimate with their"
            " own"
            " plan, or make this one with plan(…, after=<their plan>) to reuse them"
        )
        raise LabelError(msg)
    row = _rows(plan)
    _refuse_moved(plan, labels, row)
    votes: dict[int, list[int]] = {}
    unasked, wrong = [], []
    read = _Reading(plan.patterns, (*plan.patterns.classes, *classes), same_words(same))
    for note in labels.annotations:
        at = row.get(_id(note.item))
        if note.label is not None and blank(note.label):
            continue  # not labelled yet
        if at is None:
            unasked.append(note.item)
            continue
        state = -1 if note.label is None else read.state(note.label)
        if state is None:
            wrong.append(note.label)
        else:
            votes.setdefault(at, []).append(state)
    open_ended = plan.patterns.open_ended
    refuse_words(wrong, len(labels), read.classes, more=open_ended)
    states = np.full(len(plan.items), _UNSET, np.int64)
    ids = plan.items["item"].to_pylist()
    disputed = []
    several = agreed = 0
    for at, said in votes.items():
        real = [s for s in said if s >= 0]
        several += len(real) > 1
        agreed += len(real) > 1 and len(set(real)) == 1
        if len(set(real)) > 1:
            disputed.append(ids[at])
        states[at] = _majority(real)
    if disputed and disagreement == "refuse":
        shown = ", ".join(map(repr, disputed[:_SHOWN]))
        msg = (
            f"{len(disputed)} of {len(votes)} items have labels that contradict each other, such as"
            f" {shown}; settle them, or pass disagreement='majority' (ties then count as skipped)"
        )
        raise LabelError(msg)
    agreement = agreed / several if several else None
    return Settled(states, tuple(unasked), tuple(disputed), agreement)


def _rows(plan: Plan) -> dict[Any, int]:
    """Row number by id, also by its text, since files may turn numbers into text and back."""
    return {_id(i): r for r, i in enumerate(plan.items["item"].to_pylist())}


def _refuse_moved(plan: Plan, labels: Labels, row: Mapping[Any, int]) -> None:
    """Refuse a task list whose ids no longer stand beside their own places.

    Raises:
        LabelError: They do not, as after sorting one column alone.
    """
    if labels.designs != (plan.design,):
        return
    order = plan.items["order"].to_pylist()
    moved = [
        (note, order[at])
        for note in labels.annotations
        if (at := row.get(_id(note.item))) is not None
        and not blank(note.order)
        and _id(note.order) != str(order[at])
    ]
    if moved:
        note, place = moved[0]
        msg = (
            f"{len(moved):,} items do not stand where the task list had them (item {note.item!r} has order"
            f" {note.order}, and {place} in the plan), so ids and labels were moved apart; sort all columns"
            " together, or leave out the column 'order' if its numbers are your own"
        )
        raise LabelError(msg)


def _id(item: Any) -> str:
    return str(int(item)) if isinstance(item, float) and item.is_integer() else str(item)


@dataclass(frozen=True)
class _Reading:
    """How the labels of a plan are read."""

    patterns: Patterns
    classes: tuple[Any, ...]
    same: Same
    known: dict[tuple[type, str], int | None] = field(default_factory=dict)

    def state(self, label: Any) -> int | None:
        """The number of a label's state; None if it is not a class of the plan."""
        if self.patterns.graded:
            return self.patterns.state(self._grades(label))
        key = (type(label), repr(label))  # there are far fewer words than labels
        if key not in self.known:
            found = class_of(label, self.classes, self.same)
            self.known[key] = None if found is None else self.patterns.state(found)
        return self.known[key]

    def _grades(self, label: Any) -> tuple[int, ...]:
        models = self.patterns.graded
        if isinstance(label, Mapping) and all(m in label for m in models):
            grades = [grade_of(label[model]) for model in models]
            known = tuple(g for g in grades if g is not None)
            if len(known) == len(models):
                return known
        msg = (
            "these models are graded one by one, so a label must state for each of"
            f" {', '.join(models)} whether it was right (1) or wrong (0); got {label!r}. Leave the"
            " cells of an item empty that is not graded yet"
        )
        raise LabelError(msg)


def _majority(states: list[int]) -> int:
    """The most frequent state; -1 (skipped) for a tie or where all skipped."""
    if not states:
        return -1
    counts = {s: states.count(s) for s in states}
    top = max(counts.values())
    first = [s for s, n in counts.items() if n == top]
    return first[0] if len(first) == 1 else -1
