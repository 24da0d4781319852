"""Everything that is counted to judge one candidate, before any check looks at it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from supersede.metrics.calibration import Calibration, calibration
from supersede.metrics.classification import Confusion, by_class
from supersede.metrics.flips import Flips, count_flips
from supersede.metrics.means import count_mean
from supersede.metrics.moments import Moments
from supersede.table.internal import internal
from supersede.table.source import collect
from supersede.table.table import Table

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = [
    "ClassSpace",
    "Evidence",
    "Margin",
    "changed",
    "collect_evidence",
    "graded",
    "slice_name",
]

CLASS = internal("true class")
"""The key of slices by the label; no group column can have its name."""


@dataclass(frozen=True)
class Margin:
    """One way of splitting the items, and the flips in each slice.

    Attributes:
        columns: What the items are split by; ``(CLASS,)`` is the label.
        flips: The flips, a row a slice.
    """

    columns: tuple[str, ...]
    flips: Flips

    @property
    def words(self) -> tuple[str, ...]:
        """The columns as they are written."""
        return tuple("true class" if column == CLASS else column for column in self.columns)

    @property
    def names(self) -> list[str]:
        """Each slice in words."""
        return [self.name(i) for i in range(len(self.flips))]

    def name(self, place: int) -> str:
        """One slice in words."""
        return slice_name(self.values(place))

    def values(self, place: int) -> dict[str, Any]:
        """One slice as columns and values."""
        keys = self.flips.keys
        return {
            word: keys[column][place].as_py()
            for word, column in zip(self.words, self.columns, strict=True)
        }


def slice_name(values: Mapping[str, Any]) -> str:
    """A slice in words; a null is missing, and nothing that a column can say.

    Example:
        >>> slice_name({"sex": "f", "race": None})
        'sex = f × race is missing'
    """
    return " × ".join(
        f"{column} is missing" if value is None else f"{column} = {value}"
        for column, value in values.items()
    )


@dataclass(frozen=True)
class ClassSpace:
    """Which classes the labels and the models know.

    Attributes:
        only_old: Classes that only the old model predicts.
        only_new: Classes that only the new model predicts.
        never_predicted: Labels that neither model ever predicts.
        inside: Flips on the items whose label the old model knows; None where it knows them all.
    """

    only_old: tuple[object, ...]
    only_new: tuple[object, ...]
    never_predicted: tuple[object, ...]
    inside: Flips | None


@dataclass(frozen=True)
class Evidence:
    """What is known of one candidate.

    Attributes:
        table: The predictions.
        old: The model in service.
        new: The candidate.
        confidence: Two-sided confidence of every interval.
        whole: Flips over all labelled items.
        margins: Flips by slice.
        changed: How many items get another answer, labelled or not.
        classes: Which classes are known to whom; None where there are no classes.
        by_class: Decisions of the old and the new model by class; None likewise, and where items
            were labelled with unequal probabilities.
        calibration: Of the old and the new model; None without scores in [0, 1], and likewise.
        sampled: Whether the labelled items stand for all: all are labelled, or the user has said
            how they were chosen.
        inclusion: Column with the probability of each labelled item to have been chosen.
        planned: Whether a plan chose them.
    """

    table: Table
    old: str
    new: str
    confidence: float
    whole: Flips
    margins: tuple[Margin, ...]
    changed: Moments
    classes: ClassSpace | None
    by_class: tuple[Confusion, Confusion] | None
    calibration: tuple[Calibration, Calibration] | None
    sampled: bool
    inclusion: str | None = None
    planned: bool = False

    @property
    def labelled(self) -> int:
        """The number of labelled items."""
        return int(self.whole.n[0])


def graded(table: Table, old: str, new: str) -> "ir.Table":
    """The labelled rows, with ``internal("old")`` and ``("new")``: how right each model was."""
    before, after = internal("old"), internal("new")
    rows = table.rows.mutate(**dict(zip((before, after), table.compared(old, new), strict=True)))
    return rows.filter(rows[before].notnull(), rows[after].notnull())


def collect_evidence(
    table: Table,
    old: str,
    new: str,
    *,
    slices: Sequence[tuple[str, ...]],
    inclusion: str | None,
    planned: bool,
    labels_declared: bool,
    confidence: float,
) -> Evidence:
    """Count everything in the engine; only sums come here."""
    truth = None if planned else table.class_label()  # classes are known of labelled items only
    keys = {} if truth is None else {CLASS: truth}
    margins = [(), *([(CLASS,)] if keys else []), *slices]
    counted = count_flips(
        table, old, new, margins, keys=keys, inclusion=inclusion, agreement_known=planned
    )
    whole, *split = counted
    found = tuple(Margin(m, _sorted(f)) for m, f in zip(margins[1:], split, strict=True))
    classes = None if truth is None else _class_space(table, old, new, found[0].flips)
    sampled = labels_declared or int(whole.n[0]) == table.size
    return Evidence(
        table=table,
        old=old,
        new=new,
        confidence=confidence,
        whole=whole,
        margins=found,
        changed=changed(table, old, new),
        classes=classes,
        by_class=None
        if classes is None or inclusion
        else (by_class(table, old), by_class(table, new)),
        calibration=None if inclusion else _calibration(table, old, new),
        sampled=sampled,
        inclusion=inclusion,
        planned=planned,
    )


def changed(table: Table, old: str, new: str) -> Moments:
    """How many items get another answer; another grade where the models give no classes."""
    before, after = table.answer(old), table.answer(new)
    if before is None or after is None:
        before, after = table.compared(old, new)
    return count_mean(table, (before != after).cast("int32"), binary=True)


def _calibration(table: Table, old: str, new: str) -> tuple[Calibration, Calibration] | None:
    scores, truth = [table.score(model) for model in (old, new)], table.class_label()
    if truth is None or not truth.type().is_numeric() or any(score is None for score in scores):
        return None
    values = {"truth": truth, "old": scores[0], "new": scores[1]}
    outside = {name: ((v < 0) | (v > 1)).sum() for name, v in values.items()}
    if any(collect(table.rows.aggregate(**outside)).to_pylist()[0].values()):
        return None
    return calibration(table, old), calibration(table, new)


def _sorted(flips: Flips) -> Flips:
    """Slices in the order of their names, so that a review reads the same each time."""
    names = flips.keys.column_names
    order = np.array(
        sorted(
            range(len(flips)),
            key=lambda i: [(v is None, str(v)) for v in (flips.keys[c][i].as_py() for c in names)],
        ),
        dtype=np.intp,
    )
    return flips.take(order)


def _class_space(table: Table, old: str, new: str, by_class: Flips) -> ClassSpace | None:
    answers = [table.answer(old), table.answer(new)]
    if any(answer is None for answer in answers):
        return None
    knows = [
        set(collect(table.rows.select(c=answer).distinct())["c"].to_pylist()) - {None}
        for answer in answers
    ]
    labels = by_class.keys[CLASS].to_pylist()
    known = np.array([label in knows[0] for label in labels])
    inside = None if known.all() else by_class.take(np.flatnonzero(known)).total()
    return ClassSpace(
        only_old=_in_order(knows[0] - knows[1]),
        only_new=_in_order(knows[1] - knows[0]),
        never_predicted=_in_order(set(labels) - knows[0] - knows[1]),
        inside=inside,
    )


def _in_order(classes: set[object]) -> tuple[object, ...]:
    return tuple(sorted(classes, key=str))
