"""For whom does a model fail? Losses by group, intersection and condition, with intervals."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from supersede.audit.attributes import Attribute, label_of, refuse_inferred, spelling_notes
from supersede.audit.counting import Counting, GroupLabel
from supersede.audit.estimate import group_rows
from supersede.audit.groups import Group
from supersede.audit.losses import Amount, Loss, ZeroOne
from supersede.audit.result import Audit, GroupRow
from supersede.errors import ArgumentError, MissingColumnError
from supersede.look.numbers import count
from supersede.metrics.ratio_intervals import Unit
from supersede.metrics.ratio_sums import sum_ratios
from supersede.metrics.ratios import Part, Ratios
from supersede.table.coerce import Columns as TableColumns
from supersede.table.coerce import as_table
from supersede.table.table import Table

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["audit_groups", "audit_losses"]

Columns = Sequence[str | Attribute]


def audit_groups(
    table: object,
    model: str,
    *,
    old: str | None = None,
    loss: Loss | None = None,
    groups: Sequence[str | Attribute | Group] | str | Attribute | Group = (),
    conditions: Columns | str | Attribute = (),
    cross: Sequence[Sequence[str]] = (),
    synthetic: str | None = None,
    labels: str | None = None,
    allow_inferred: bool = False,
    min_items: int = 30,
    confidence: float = 0.95,
    progress: Callable[[str], None] | None = None,
    **columns: Unpack[TableColumns],
) -> Audit:
    """Audit a model's losses group by group.

    Args:
        table: The predictions: a `Table`, or anything that `supersede.read` reads; weights and
            clusters are used.
        model: The model to audit.
        old: A model to compare it with, on the same items.
        loss: The loss of an item; by default 1 where the answer is wrong.
        groups: Who: columns (or `Attribute`), each of which splits the items, and `Group` objects,
            which are declared by conditions and may overlap. Null is a group of its own,
            "unknown". The table's own groups are used if no column is named.
        conditions: Under which circumstances: columns that split the items in the same way.
        cross: Combinations of columns, as ``[("sex", "race")]``.
        synthetic: A column that is true for synthetic items; they are reported separately.
        labels: How the labelled items were chosen, if not all are labelled: ``"random"``, or the
            column with each item's probability of having been chosen.
        allow_inferred: Accept protected attributes that are marked as inferred.
        min_items: Groups with fewer graded items are shown, but not compared.
        confidence: Two-sided confidence of every interval, in (0, 1).
        progress: Function that is called with a line of text before each step.
        **columns: Arguments of `supersede.read` for a source that is not yet a `Table`.

    Returns:
        The audit, one row per group.

    Raises:
        ArgumentError: An argument is out of range or not one of the allowed values.
        InferredAttributeError: A protected attribute is marked as inferred.
        MissingColumnError: A column is missing.

    Example:
        >>> import supersede
        >>> from supersede.audit import audit_groups
        >>> table = supersede.read(
        ...     {"y": [1, 1, 0, 0], "new": [1, 0, 0, 1], "sex": ["f", "m", "m", None]},
        ...     models=["new"],
        ... )
        >>> for row in audit_groups(table, "new", groups=["sex"]).rows:
        ...     print(row.group, row.n, row.value)
        sex = f 1 0.0
        sex = m 2 0.5
        sex = unknown 1 1.0

    Assumes: labelled items are independent draws (or come in the table's clusters) from what the
    model meets, and labels are as accurate for one group as for another.
    """
    loss = ZeroOne() if loss is None else loss
    every = (groups,) if isinstance(groups, str | Attribute | Group) else tuple(groups)
    given = [group for group in every if isinstance(group, Group)]
    split_by = [column for column in every if not isinstance(column, Group)]
    conditions = _listed(conditions)
    table = as_table(table, [model] if old is None else [model, old], **columns)
    splits = splits_of(split_by or table.groups, conditions, cross)
    guessed = [a.column for (a, *_) in splits if a.inferred and a.protected]
    guessed += [group.name for group in given if group.inferred]
    unsafe = {a.column for (a, *_) in splits if a.inferred}
    declared = [
        replace(group, inferred=group.inferred or any(c.column in unsafe for c in group.where))
        for group in given
    ]
    refuse_inferred(guessed, allowed=allow_inferred)
    _check(bool(splits or declared), confidence, min_items)
    if synthetic is not None:
        flag = _flag(table, synthetic)
        real, made = (
            audit_groups(
                replace(table, rows=table.rows.filter(kept)), model, old=old, loss=loss,
                groups=[*(split_by or table.groups), *declared], conditions=conditions,
                cross=cross, labels=labels, allow_inferred=allow_inferred, min_items=min_items,
                confidence=confidence, progress=progress,
            )
            for kept in (~flag, flag)
        )  # fmt: skip
        return replace(real, synthetic=made if made.overall.items else None)
    if progress:
        progress(f"counting the {loss.name} of {model} by group")
    counting = Counting.of(table, loss, [model] if old is None else [model, old], labels)
    whole, *found = counting.margins([(), *splits])
    marks = [_labels(split, counts) for split, counts in zip(splits, found, strict=True)]
    notes = [*_label_notes(whole, labels), *_spellings(splits, found)]
    for counts, mark in counting.declared(declared):
        found.append(counts)
        marks.append(mark)
    audit = _audit(model, old, loss, whole, found, marks, confidence, min_items, notes)
    return replace(
        audit,
        reading=table.reading,
        fingerprint=table.fingerprint,
        conditions=tuple(Attribute(c).name if isinstance(c, str) else c.name for c in conditions),
    )


def _listed(names: Columns | str | Attribute) -> Columns:
    """A single name is a list of one, and not its letters."""
    return (names,) if isinstance(names, str | Attribute) else names


def audit_losses(
    losses: npt.ArrayLike,
    groups: Mapping[str, Any],
    *,
    old: npt.ArrayLike | None = None,
    out_of: npt.ArrayLike | None = None,
    weight: npt.ArrayLike | None = None,
    cluster: Any = None,
    cross: Sequence[Sequence[str]] = (),
    inferred: Sequence[str] = (),
    allow_inferred: bool = False,
    name: str = "loss",
    unit: Unit | None = None,
    min_items: int = 30,
    confidence: float = 0.95,
) -> Audit:
    """Audit losses given as arrays.

    Args:
        losses: The model's loss on each item, shape ``(n,)``; NaN where it is not graded.
        groups: For each attribute the group of each item, shape ``(n,)``; None and NaN are unknown.
        old: An old model's loss on each item, shape ``(n,)``.
        out_of: Denominator of each item, such as words: the sum of losses is divided by its sum; by
            default every item counts one.
        weight: Non-negative weights, shape ``(n,)``.
        cluster: The cluster of each item, where items are not independent.
        cross: Combinations of attributes.
        inferred: Attributes whose values were guessed.
        allow_inferred: Accept them.
        name: Name of the loss.
        unit: ``"share"`` or ``"amount"``; by default a share where all losses lie in [0, 1] and
            every item counts one.
        min_items: Groups with fewer graded items are shown, but not compared.
        confidence: Two-sided confidence of every interval, in (0, 1).

    Returns:
        The audit, one row per group.

    Raises:
        ArgumentError: Lengths differ, or losses or weights are negative.
        InferredAttributeError: An attribute is marked as inferred.

    Example:
        >>> audit = audit_losses([0, 1, 1, 1], {"accent": ["a", "a", "b", None]})
        >>> for row in audit.rows:
        ...     print(row.group, row.value)
        accent = a 0.5
        accent = b 1.0
        accent = unknown 1.0

    Assumes: as for `audit_groups`.
    """
    attributes = {column: Attribute(column, inferred=column in inferred) for column in groups}
    splits: list[tuple[Attribute, ...]] = [(a,) for a in attributes.values()]
    _check_crossed(cross)
    splits += [tuple(_known_attribute(c, attributes) for c in columns) for columns in cross]
    refuse_inferred((c for c in groups if c in inferred), allowed=allow_inferred)
    _check(bool(splits), confidence, min_items)
    arrays = [_numbers(losses, "losses"), *([] if old is None else [_numbers(old, "old")])]
    below, weights = _optional(out_of, "out_of"), _optional(weight, "weight")
    keys = {column: _as_key(values) for column, values in groups.items()}
    clusters = None if cluster is None else _as_key(cluster)
    _same_length([*arrays, below, weights, clusters, *keys.values()])
    bounded = below is None and all(bool(np.all(~(array > 1))) for array in arrays)
    binary = bounded and all(_is_binary(array) for array in arrays)
    parts = [Part(array, below, binary) for array in arrays]
    margins = [(), *(tuple(a.column for a in split) for split in splits)]
    whole, *found = sum_ratios(parts, keys, margins, weight=weights, cluster=clusters)
    marks = [_labels(split, counts) for split, counts in zip(splits, found, strict=True)]
    unit = unit or ("share" if bounded else "amount")
    most = 1.0 if below is None else below
    if unit == "share" and any(bool(np.any(array > most)) for array in arrays):
        msg = "unit='share', but some losses exceed what they are divided by; pass unit='amount'"
        raise ArgumentError(msg)
    loss = Amount(name=name, unit=unit)
    old_name = None if old is None else "old"
    notes = _spellings(splits, found)
    return _audit("new", old_name, loss, whole, found, marks, confidence, min_items, notes)


def _check_crossed(cross: Sequence[Sequence[str]]) -> None:
    for columns in cross:
        if isinstance(columns, str) or not all(isinstance(c, str) for c in columns):
            msg = f"cross={columns!r} must be names of columns, as in cross=[('sex', 'race')]"
            raise ArgumentError(msg)
        if not len(columns) or len(set(columns)) < len(columns):
            problem = "names a column twice; name different ones" if len(columns) else "is empty"
            msg = f"cross={tuple(columns)!r} {problem}"
            raise ArgumentError(msg)


def splits_of(
    groups: Columns, conditions: Columns, cross: Sequence[Sequence[str]]
) -> list[tuple[Attribute, ...]]:
    """All splits of the items; crossed columns keep the settings of their attributes."""
    single = [Attribute(c) if isinstance(c, str) else c for c in groups]
    single += [Attribute(c, protected=False) if isinstance(c, str) else c for c in conditions]
    said = {attribute.column: attribute for attribute in single}
    _check_crossed(cross)
    crossed = [tuple(said.get(c, Attribute(c)) for c in columns) for columns in cross]
    return list(dict.fromkeys([*((a,) for a in single), *crossed]))


def _audit(
    model: str,
    old: str | None,
    loss: Loss,
    whole: Ratios,
    found: Sequence[Ratios],
    marks: Sequence[Sequence[GroupLabel]],
    confidence: float,
    min_items: int,
    notes: Sequence[str],
) -> Audit:
    if bool(np.any(whole.sums < 0)):
        msg = (
            f"the {loss.name} sums to less than 0; losses, weights and denominators must be at"
            " least 0"
        )
        raise ArgumentError(msg)
    judged = (loss.unit, loss.worse, confidence)
    (overall,) = group_rows([GroupLabel("all", "all items")], whole, whole, *judged)
    labels = [label for mark in marks for label in mark]
    rows = group_rows(labels, Ratios.stacked(found), whole, *judged)
    place = {split: i for i, split in enumerate(dict.fromkeys(label.split for label in labels))}
    rows.sort(key=lambda row: (place[row.split], not row.known, *_natural(row)))
    return Audit(
        model, old, loss.name, loss.unit, loss.worse, overall, tuple(rows), confidence, min_items,
        tuple(notes),
    )  # fmt: skip


def _natural(row: GroupRow) -> tuple[object, ...]:
    """Numbers in numeric, text in alphabetical order, unknown last; declared groups as given."""
    return tuple(
        (value is None, isinstance(value, str), value if isinstance(value, int | float) else 0, str(value))
        for value in row.values
    )  # fmt: skip


def _labels(split: Sequence[Attribute], counts: Ratios) -> list[GroupLabel]:
    names = [attribute.name for attribute in split]
    columns = [counts.keys[attribute.column].to_pylist() for attribute in split]
    title, inferred = " × ".join(names), any(attribute.inferred for attribute in split)
    return [
        GroupLabel(title, label_of(names, values), None not in values, inferred, values)
        for values in zip(*columns, strict=True)
    ]


def _label_notes(whole: Ratios, labels: str | None) -> list[str]:
    items, n = int(whole.items[0]), int(whole.n[0])
    if n == items or labels is not None:
        return []
    return [
        f"{count(n)} of {count(items)} items count here; if the others merely lack a label, this"
        " describes the labelled items alone, unless labels= states how they were chosen."
    ]


def _spellings(splits: Sequence[Sequence[Attribute]], found: Sequence[Ratios]) -> list[str]:
    values = {
        split[0].column: counts.keys[split[0].column].to_pylist()
        for split, counts in zip(splits, found, strict=True)
        if len(split) == 1
    }
    alone = [f"{c} has one value only, so it does not split the items." for c, v in values.items() if len(v) == 1]  # fmt: skip
    return [*spelling_notes(values), *alone]


def _check(any_groups: bool, confidence: float, min_items: int) -> None:
    if not any_groups:
        msg = "no groups: name columns, groups=['sex'], or declare some, groups=[Group(…)]"
        raise ArgumentError(msg)
    if not 0 < confidence < 1:
        msg = f"confidence={confidence} must lie between 0 and 1, for example 0.95"
        raise ArgumentError(msg)
    if min_items < 1:
        msg = f"min_items={min_items} must be a number of items, at least 1"
        raise ArgumentError(msg)


def _flag(table: Table, column: str) -> "ir.Value":
    if column not in table.rows.columns:
        raise MissingColumnError.of(column, table.rows.columns, "the mark of synthetic items")
    return table.rows[column].cast("boolean").fill_null(False)


def _known_attribute(column: str, attributes: Mapping[str, Attribute]) -> Attribute:
    if column not in attributes:
        raise MissingColumnError.of(column, attributes, "a combination of groups")
    return attributes[column]


def _numbers(values: npt.ArrayLike, name: str) -> npt.NDArray[np.float64]:
    array = np.asarray(values, float)
    if array.ndim != 1 or bool(np.any(array < 0)) or bool(np.any(np.isinf(array))):
        msg = f"{name} must have shape (n,) and be finite and at least 0; got shape {array.shape}"
        raise ArgumentError(msg)
    return array


def _optional(values: npt.ArrayLike | None, name: str) -> npt.NDArray[np.float64] | None:
    return None if values is None else _numbers(values, name)


def _is_binary(array: npt.NDArray[np.float64]) -> bool:
    return bool(np.all((array == 0) | (array == 1) | np.isnan(array)))


def _as_key(values: Any) -> pa.Array:
    """Group values as Arrow, NaN as null."""
    key = pa.array(values, from_pandas=True)
    key = key.combine_chunks() if isinstance(key, pa.ChunkedArray) else key
    return key.dictionary_decode() if pa.types.is_dictionary(key.type) else key


def _same_length(columns: Sequence[Any]) -> None:
    lengths = {len(column) for column in columns if column is not None}
    if len(lengths) > 1 or 0 in lengths:
        msg = (
            "all columns need one entry per item, and at least one item; got lengths"
            f" {sorted(lengths)}"
        )
        raise ArgumentError(msg)
