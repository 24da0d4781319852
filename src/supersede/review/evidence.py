"""Everything that is counted to judge one candidate, before any check looks at it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from supersede.metrics.calibration import Calibration, calibration_counted
from supersede.metrics.cells import Ask, Counting, N, condensed, counted
from supersede.metrics.classification import Confusion, classes_counted
from supersede.metrics.flips import Flips, flips_counted
from supersede.metrics.means import mean_counted
from supersede.metrics.moments import Moments
from supersede.table.internal import internal
from supersede.table.outcomes import plain
from supersede.table.table import Table

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

__all__ = [
    "ClassSpace",
    "Evidence",
    "Margin",
    "collect_evidence",
    "graded",
    "slice_name",
    "slice_sizes",
    "unlabelled",
]

_COST = internal("cost")
CLASS = internal("true class")
"""The key of slices by the label; no group column can have its name."""
TRUE_CLASS = "true class"
"""How that key is written; a group column of this name is another key."""


@dataclass(frozen=True)
class Margin:
    """One way of splitting the items, and the flips in each slice.

    Attributes:
        columns: What the items are split by; ``(CLASS,)`` is the label.
        flips: The flips, a row a slice.
        items: How many items each slice has, labelled or not; of classes, which only labels tell, as
            many as the labelled ones stand for.
        unlabelled: Slices of which no item is labelled, with how many items they have.
    """

    columns: tuple[str, ...]
    flips: Flips
    items: npt.NDArray[np.float64]
    unlabelled: tuple[tuple[dict[str, Any], int], ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """The columns as they are written."""
        return tuple(TRUE_CLASS if column == CLASS else column for column in self.columns)

    @property
    def names(self) -> list[str]:
        """Each slice in words."""
        return [self.name(i) for i in range(len(self.flips))]

    def name(self, place: int) -> str:
        """One slice in words."""
        if TRUE_CLASS not in self.columns:
            return slice_name(self.values(place))
        twin = {TRUE_CLASS: f"{TRUE_CLASS} (column)"}
        return slice_name({twin.get(c, c): v for c, v in self.values(place).items()})

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
        counting: The same for `counted`, with rows that are alike taken together.
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
        highest_cost: The largest cost of an item; None without costs.
        inclusion: Column with the probability of each labelled item to have been chosen.
        planned: Whether a plan chose them.
    """

    table: Table
    counting: Table
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
    highest_cost: float | None = None
    inclusion: str | None = None
    planned: bool = False

    @property
    def weighted(self) -> bool:
        """Whether items count differently."""
        return self.table.weight is not None or self.inclusion is not None

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
    columns: Sequence[str] | None,
    inclusion: str | None,
    planned: bool,
    labels_declared: bool,
    confidence: float,
) -> Evidence:
    """Count what every review needs, in one round; only sums come here.

    Args:
        table: The predictions.
        old: The model in service.
        new: The candidate.
        slices: The columns of each margin.
        columns: Columns that checks will ask about besides; None where these may be any.
        inclusion: Column with the probability of each labelled item to have been chosen.
        planned: Whether a plan chose them.
        labels_declared: Whether it is said how labelled items were chosen.
        confidence: Two-sided confidence of every interval.
    """
    truth = None if planned else table.class_label()  # classes are known of labelled items only
    keys = {} if truth is None else {CLASS: truth}
    margins = [(), *([(CLASS,)] if keys else []), *slices]
    rows = table
    if columns is not None:
        used = [*columns, *(column for margin in slices for column in margin)]
        rows = condensed(table, used if inclusion is None else [*used, inclusion])
    answers = [rows.answer(model) for model in (old, new)]
    classes = truth is not None and all(answer is not None for answer in answers)
    models = [old, new] if classes and not inclusion else []
    scored = [old, new] if not inclusion and _has_scores(table, truth, (old, new)) else []
    whole_and_split, churn, said, cost, *others = counted(
        rows,
        flips_counted(
            rows, old, new, margins,
            keys={} if truth is None else {CLASS: rows.class_label()},
            inclusion=inclusion, agreement_known=planned,
        ),
        mean_counted(rows, _another(rows, old, new), binary=True),
        _distinct([a for a in answers if a is not None] if classes else []),
        _highest(rows),
        *(classes_counted(rows, model) for model in models),
        *(calibration_counted(rows, model) for model in scored),
    )  # fmt: skip
    whole, *split = whole_and_split
    found = _margins(rows, margins[1:], [_sorted(flips) for flips in split], int(whole.n[0]))
    by_class, fits = others[: len(models)], others[len(models) :]
    return Evidence(
        table=table,
        counting=rows,
        old=old,
        new=new,
        confidence=confidence,
        whole=whole,
        margins=found,
        changed=churn,
        classes=_class_space(said, found[0].flips) if classes else None,
        by_class=tuple(by_class) if by_class else None,
        calibration=tuple(fits) if fits and None not in fits else None,
        sampled=labels_declared or int(whole.n[0]) == table.size,
        highest_cost=cost,
        inclusion=inclusion,
        planned=planned,
    )


def _margins(
    table: Table, columns: Sequence[tuple[str, ...]], split: Sequence[Flips], labelled: int
) -> tuple[Margin, ...]:
    """Each margin, with the items of its slices: few labels do not make a slice small."""
    if labelled == table.size:
        return tuple(Margin(c, f, f.n) for c, f in zip(columns, split, strict=True))
    named = [c for c in columns if c != (CLASS,)]
    (sizes,) = counted(table, slice_sizes(table, named)) if named else ([],)
    every = dict(zip(named, sizes, strict=True))
    found = []
    for own, flips in zip(columns, split, strict=True):
        if own == (CLASS,):
            found.append(Margin(own, flips, flips.n * (table.size / max(labelled, 1))))
        else:
            keys = _values(flips.keys, own)
            items = np.array([every[own][key] for key in keys], float)
            found.append(Margin(own, flips, items, unlabelled(own, every[own], keys)))
    return tuple(found)


def slice_sizes(table: Table, margins: Sequence[tuple[str, ...]]) -> Counting:
    """How many items each slice has, labelled or not: for each margin, by the values of its columns."""
    keys = {column: table.rows[column] for margin in margins for column in margin}
    (found,) = yield [Ask(keys=keys, margins=margins)]
    return [
        dict(zip(_values(cells, margin), map(int, cells[N].to_pylist()), strict=True))
        for margin, cells in zip(margins, found, strict=True)
    ]


def unlabelled(
    columns: Sequence[str], sizes: Mapping[tuple[object, ...], int], known: Iterable[object]
) -> tuple[tuple[dict[str, Any], int], ...]:
    """The slices that are not among the known ones, and their items; the largest first."""
    rest = sorted(set(sizes).difference(known), key=lambda key: (-sizes[key], str(key)))
    return tuple((dict(zip(columns, key, strict=True)), sizes[key]) for key in rest)


def _values(cells: "pa.Table", columns: Sequence[str]) -> list[tuple[object, ...]]:
    """The values of some columns, a tuple a row; a NaN is equal to itself here."""
    found = zip(*(cells[column].to_pylist() for column in columns), strict=True)
    return [tuple("NaN" if value != value else value for value in row) for row in found]


def _another(table: Table, old: str, new: str) -> "ir.Value":
    """1 if an item gets another answer; another grade where the models give no classes."""
    before, after = table.answer(old), table.answer(new)
    if before is None or after is None:
        before, after = table.compared(old, new)
    return (before != after).cast("int32")


def _distinct(values: "Sequence[ir.Value]") -> Counting:
    """What occurs in each of some columns, without nulls."""
    found = yield [Ask(keys={"c": value}, margins=[("c",)]) for value in values]
    return [set(cells["c"].to_pylist()) - {None} for (cells,) in found]


def _highest(table: Table) -> Counting:
    """The largest cost of an item; None without costs."""
    if table.cost is None:
        return None
    ((cells,),) = yield [Ask(ends={_COST: plain(table.rows[table.cost])})]
    return float(cells[f"{_COST} high"][0].as_py() or 0)


def _has_scores(table: Table, truth: "ir.Value | None", models: Sequence[str]) -> bool:
    if truth is None or not truth.type().is_numeric():
        return False
    return all(table.score(model) is not None for model in models)


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


def _class_space(knows: Sequence[set[object]], by_class: Flips) -> ClassSpace:
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
