"""Labels that came from a plan: each item's inclusion probability.

A review looks at items on which the two models differ, and a plan may have been made for another
question: the precision of one model asks for no label where that model says no. So the plan must have
had a chance of asking for every item on which they differ, and all that it asked for must have come
back; a label that is still missing, or a reserve that nobody needed, changes the chance of the others.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from supersede.errors import ArgumentError, ItemError
from supersede.look.numbers import count
from supersede.table.internal import internal
from supersede.table.outcomes import plain
from supersede.table.source import collect
from supersede.table.table import Table

if TYPE_CHECKING:
    from supersede.evaluate.design import Plan

__all__ = ["INCLUSION", "planned_table", "with_returned"]

Bools = npt.NDArray[np.bool_]
INCLUSION = internal("inclusion")
RETURNED = "label that came back"  # its name shows in notes


def with_returned(table: Table, plan: "Plan", returned: object) -> Table:
    """The table with the labels that came back for a plan.

    Args:
        table: Predictions, with item ids.
        plan: The plan by which they were requested.
        returned: The labels, as `supersede.evaluate.estimate` takes them.

    Raises:
        ArgumentError: The table has no item ids or has labels, or the models have no classes.
        LabelError: The labels are for another plan, are not classes, or contradict each other.
    """
    import ibis

    from supersede.evaluate.labels import read_labels, settle

    if table.item is None:
        msg = "labels that came back are joined by item id: name its column, item='<column>'"
        raise ArgumentError(msg)
    if plan.patterns.graded:
        msg = (
            f"{', '.join(plan.patterns.graded)} are graded one by one; join the grades that came back"
            " to the table, a column a model"
        )
        raise ArgumentError(msg)
    _refuse_two_labels(table)
    settled = settle(plan, read_labels(returned), same=table.same)
    classes, at = plan.patterns.classes, np.flatnonzero(settled.labelled)
    key = internal("item")
    labels = pa.table(
        {
            key: plan.items["item"].take(pa.array(at)),
            RETURNED: pa.array([classes[state] for state in settled.state[at]]),
        }
    )
    rows = table.rows.left_join(ibis.memtable(labels), [(table.item, key)]).drop(key)
    return replace(table, rows=rows, label=RETURNED)


def _refuse_two_labels(table: Table) -> None:
    """Refuse labels in the table beside those that came back: nothing says which are right."""
    if table.label is None:
        return
    held = collect(table.rows.aggregate(labels=plain(table.rows[table.label]).count()))
    if number := held["labels"][0].as_py():
        msg = (
            f"labels are in two places: column {table.label!r} holds {count(number)}, and the plan's"
            " file is filled, too. To use the file, leave the column out; to use the column, pass the"
            " plan as it was written, without labels"
        )
        raise ArgumentError(msg)


def planned_table(table: Table, plan: "Plan", old: str, candidates: Sequence[str]) -> Table:
    """The table with the plan's inclusion probabilities, and without labels from elsewhere.

    Args:
        table: Predictions, with the labels that came back in the label column.
        plan: The plan that chose them.
        old: The model in service.
        candidates: The new models.

    Raises:
        ArgumentError: The table has no item ids or no label column to hold them, the plan is for
            other questions or another table, or labels that it asked for are missing.
        ItemError: The plan asked for items that the table does not have.
    """
    import ibis

    if table.item is None or table.label is None:
        msg = (
            "labels=<plan> needs item ids and a label column with the labels that came back:"
            " supersede.read(…, item='<column>', label='<column>')"
        )
        raise ArgumentError(msg)
    if plan.patterns.size != table.size:
        msg = (
            f"the plan is of {count(plan.patterns.size)} items, and this table has"
            f" {count(table.size)}; review the table that it was made for, with all of its rows"
        )
        raise ArgumentError(msg)
    items, reached = plan.items, _reached(plan) | (plan.patterns.count == 0)
    if not reached.all():
        agree = np.all([_agree(plan, old, new, reached) for new in candidates], axis=0)
        if not reached[
            agree
        ].all():  # labels of some items of agreement would pass for those of all
            items = items.filter(pa.array(~agree[items["pattern"].to_numpy()]))
    items = items.append_column("labelled", _labelled(table, items))
    key = internal("item")
    chosen = pa.table({key: items["item"], INCLUSION: _realised(plan, items)})
    rows = table.rows.left_join(ibis.memtable(chosen), [(table.item, key)]).drop(key)
    label = ibis.cases((rows[INCLUSION].notnull(), rows[table.label]))
    return replace(table, rows=rows.mutate(**{table.label: label}))


def _agree(plan: "Plan", old: str, new: str, reached: Bools) -> Bools:
    """In which patterns two models give the same answer.

    Raises:
        ArgumentError: The plan could not have asked for all items on which they differ.
    """
    patterns = plan.patterns
    before, after = (patterns.find("answer", model) for model in (old, new))
    remedy = f"plan negative_flips({old!r}, {new!r}), or label a random sample: labels='random'"
    for model, codes in ((old, before), (new, after)):
        if codes is None:
            msg = f"the plan asks nothing about {model!r}, so it shows no flips; {remedy}"
            raise ArgumentError(msg)
    assert before is not None and after is not None  # noqa: S101, PT018  # refused above
    same = np.asarray(before == after)
    merged = patterns.positive is not None and len(patterns.classes) > 2
    missed = int(patterns.count[~same & ~reached].sum())
    if missed or merged:
        where = (
            f"which of the classes other than {patterns.positive!r} they predict"
            if merged
            else f"{count(missed)} items on which {old} and {new} differ"
        )
        msg = f"the plan is for another question and leaves out {where}; {remedy}"
        raise ArgumentError(msg)
    return same


def _reached(plan: "Plan") -> Bools:
    """Of which patterns an item had a chance of being asked for."""
    from supersede.evaluate.linear import linearise

    if plan.method == "allocated":
        return np.asarray(plan.stratum >= 0)
    reached = np.zeros(len(plan.patterns), bool)
    for estimand in plan.estimands:
        reached |= linearise(estimand, plan.patterns, plan.belief).domain
    return reached


def _labelled(table: Table, items: pa.Table) -> pa.Array:
    """Which of the plan's items have a label.

    Raises:
        ItemError: Some are not in the table.
    """
    import ibis

    truth = table.truth()
    assert truth is not None and table.item is not None  # noqa: S101, PT018  # checked before
    place, key, known = (internal(name) for name in ("place", "item", "known"))
    asked = pa.table({key: items["item"], place: np.arange(len(items))})
    rows = table.rows.select(**{internal("id"): table.rows[table.item], known: truth.notnull()})
    found = collect(
        rows.inner_join(ibis.memtable(asked), [(internal("id"), key)]).select(place, known)
    )
    at = found[place].to_numpy()
    if len(at) < len(items):
        gone = items["item"].to_pylist()[int(np.setdiff1d(np.arange(len(items)), at)[0])]
        msg = (
            f"{count(len(items) - len(at))} items of the plan are not in column {table.item!r} of this"
            f" table, such as {gone!r}; review the table that the plan was made for"
        )
        raise ItemError(msg)
    labelled = np.zeros(len(items), bool)
    labelled[at] = found[known].to_numpy(zero_copy_only=False)
    return pa.array(labelled)


def _realised(plan: "Plan", items: pa.Table) -> pa.Array:
    """The probability of having a label: planned, times what came back of what was planned.

    Items of a stratum (or, without strata, of equal probability) are alike to the plan, so that
    those with a label are a random part of them.

    Raises:
        ArgumentError: Fewer labels came back than were planned.
    """
    planned = items["inclusion"].to_numpy()
    alike = items["stratum"].to_numpy() if plan.method == "allocated" else planned
    _, kind = np.unique(np.round(alike, 12), return_inverse=True)
    labelled, reserve = (
        items[name].to_numpy(zero_copy_only=False).astype(bool) for name in ("labelled", "reserve")
    )
    wanted, found = np.bincount(kind, ~reserve), np.bincount(kind, labelled)
    missing = int(np.maximum(wanted - found, 0).sum())
    if missing:
        waiting = items["item"].to_pylist()[int(np.flatnonzero(~labelled & ~reserve)[0])]
        msg = (
            f"{count(missing)} labels that the plan asked for are missing, first that of item"
            f" {waiting!r}; label these items or, for those that cannot be labelled, the reserves of"
            " the plan's list in their place (numbers from labels so far: supersede estimate)"
        )
        raise ArgumentError(msg)
    scale = np.divide(found, wanted, out=np.zeros(len(found)), where=wanted > 0)
    chance = np.minimum(planned * scale[kind], 1.0)
    return pa.array(np.where(labelled & (chance > 0), chance, np.nan), from_pandas=True)
