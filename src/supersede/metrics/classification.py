"""Precision, recall and their kin from confusion counts, overall, per class and per group."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from supersede.errors import ArgumentError
from supersede.metrics.cells import count_cells
from supersede.metrics.intervals import wilson
from supersede.metrics.moments import ratio
from supersede.table.table import Table

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["METRICS", "Confusion", "Share", "by_class", "by_group"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Share:
    """A metric with its interval, one entry a slice.

    Attributes:
        value: The metric in [0, 1]; NaN where nothing was counted.
        low: Lower ends of the intervals.
        high: Upper ends.
        n: Effective number of items behind each value (those in the denominator).
    """

    value: Floats
    low: Floats
    high: Floats
    n: Floats


@dataclass(frozen=True)
class Confusion:
    """Right and wrong decisions about one class, by slice, as sums that merge.

    Attributes are weighted counts of shape ``(k,)``.

    Attributes:
        keys: One row a slice: what it is.
        n: Number of items.
        tp: True positives.
        fp: False positives.
        fn: False negatives.
        tn: True negatives.
        square: Sum of squared weights over sum of weights: what an item weighs, 1 without weights.
    """

    keys: pa.Table
    n: Floats
    tp: Floats
    fp: Floats
    fn: Floats
    tn: Floats
    square: Floats

    def metric(self, name: str, confidence: float = 0.95) -> Share:
        """A metric with Wilson intervals.

        Args:
            name: A name from `METRICS`.
            confidence: Two-sided nominal coverage.

        Raises:
            ArgumentError: There is no such metric.

        Assumes: independent items, also where the table names clusters (`supersede.audit` counts
        these rates with clusters); weights that do not depend on the outcome (Kish).
        """
        if name not in METRICS:
            msg = f"no metric {name!r}; there are {', '.join(METRICS)}"
            raise ArgumentError(msg)
        part, whole = METRICS[name](self)
        value = ratio(part, whole)
        n = whole / np.where(self.square > 0, self.square, 1.0)
        low, high = wilson(value, n, confidence)
        if name == "f1":  # counted as tp / (tp + fp + fn), of which F1 is an increasing function
            value, low, high = (2 * v / (1 + v) for v in (value, low, high))
        return Share(value, low, high, n)

    def to_dict(self, confidence: float = 0.95) -> dict[str, list[object]]:
        """Columns by name: the keys and n, then each metric with its interval."""
        columns: dict[str, list[object]] = {**self.keys.to_pydict(), "n": self.n.tolist()}
        for name in METRICS:
            share = self.metric(name, confidence)
            columns[name] = share.value.tolist()
            columns[f"{name}_low"] = share.low.tolist()
            columns[f"{name}_high"] = share.high.tolist()
        return columns


METRICS: Mapping[str, Callable[[Any], tuple[Any, Any]]] = {
    "accuracy": lambda c: (c.tp + c.tn, c.tp + c.fp + c.fn + c.tn),
    "precision": lambda c: (c.tp, c.tp + c.fp),
    "recall": lambda c: (c.tp, c.tp + c.fn),
    "f1": lambda c: (c.tp, c.tp + c.fp + c.fn),
    "false_positive_rate": lambda c: (c.fp, c.fp + c.tn),
    "false_negative_rate": lambda c: (c.fn, c.tp + c.fn),
    "selection_rate": lambda c: (c.tp + c.fp, c.tp + c.fp + c.fn + c.tn),
}
"""Numerator and denominator of each metric; add one here and it is in every table.

They read ``tp``, ``fp``, ``fn`` and ``tn`` of a `Confusion`, or of one item, as the audit does.
"""


def by_group(
    table: Table,
    model: str,
    margins: Sequence[Sequence[str]],
    *,
    positive: object = 1,
) -> list[Confusion]:
    """How a model does for each group, for intersections of groups, or overall.

    Args:
        table: Predictions with class labels.
        model: Which model.
        margins: For each result, the columns it is split by; ``()`` is the whole and two columns
            are their intersections.
        positive: The class that counts as positive.

    Returns:
        One `Confusion` a margin, with a row for every group, null (unknown) among them.

    Raises:
        ArgumentError: The model predicts no classes, or the positive class is in no label.

    Example:
        >>> import supersede
        >>> table = supersede.read(
        ...     {"y": [1, 1, 0, 0], "new": [1, 0, 0, 1], "sex": ["f", "f", "m", "m"]},
        ...     models=["new"],
        ... )
        >>> (groups,) = by_group(table, "new", [["sex"]])
        >>> dict(zip(groups.keys["sex"].to_pylist(), groups.metric("accuracy").value.tolist()))
        {'f': 0.5, 'm': 0.5}
    """
    truth, answer = _classes(table, model)
    rows = table.rows.mutate(
        __truth=truth == positive, __answer=answer == positive, __weight=table.weighing()
    )
    rows = rows.filter(truth.notnull(), answer.notnull())
    keys = {name: rows[name] for margin in margins for name in margin}
    counted = count_cells(rows, keys, _confusion_sums(rows, table), margins)
    return [_confusion(cells, margin) for cells, margin in zip(counted, margins, strict=True)]


def by_class(table: Table, model: str) -> Confusion:
    """How a model does on each class, against all others.

    Args:
        table: Predictions with class labels.
        model: Which model.

    Returns:
        One row a class that is a label or that the model predicts; its key is ``class``.

    Raises:
        ArgumentError: The model predicts no classes.
    """
    truth, answer = _classes(table, model)
    rows = table.rows.mutate(__truth=truth, __answer=answer, __weight=table.weighing())
    rows = rows.filter(rows["__truth"].notnull(), rows["__answer"].notnull())
    weight = rows["__weight"]
    sums = {"n": rows.count(), "w": weight.sum(), "w2": (weight * weight).sum()}
    (cells,) = count_cells(
        rows, {"truth": rows["__truth"], "answer": rows["__answer"]}, sums, [("truth", "answer")]
    )
    truths, answers = (cells[name].to_pylist() for name in ("truth", "answer"))
    classes = sorted({*truths, *answers}, key=lambda c: (str(type(c)), c))
    place = {c: i for i, c in enumerate(classes)}
    t = np.array([place[c] for c in truths], np.intp)
    a = np.array([place[c] for c in answers], np.intp)
    n, w, w2 = (cells[name].to_numpy().astype(float) for name in ("n", "w", "w2"))

    def total(place: npt.NDArray[np.intp], values: Floats) -> Floats:
        return np.bincount(place, values, len(classes)).astype(float)

    hit, labelled, predicted = total(t, w * (t == a)), total(t, w), total(a, w)
    return Confusion(
        keys=pa.table({"class": classes}),
        n=total(t, n),
        tp=hit,
        fp=predicted - hit,
        fn=labelled - hit,
        tn=w.sum() - labelled - predicted + hit,
        square=np.full(len(classes), w2.sum() / w.sum() if w.sum() else 1.0),
    )


def _classes(table: Table, model: str) -> "tuple[ir.Value, ir.Value]":
    truth, answer = table.class_label(), table.answer(model)
    if truth is None or answer is None:
        msg = f"model {model!r} predicts no classes, so it has no precision, recall or the like"
        raise ArgumentError(msg)
    return truth, answer


def _confusion_sums(rows: "ir.Table", table: Table) -> dict[str, "ir.Value"]:
    truth, answer = rows["__truth"], rows["__answer"]
    decisions = {
        "tp": truth & answer,
        "fp": ~truth & answer,
        "fn": truth & ~answer,
        "tn": ~truth & ~answer,
    }
    if table.weight is None:
        return {name: decided.sum() for name, decided in decisions.items()}
    weight = rows["__weight"]
    sums = {name: (weight * decided.cast("int32")).sum() for name, decided in decisions.items()}
    return {**sums, "n": rows.count(), "w2": (weight * weight).sum()}


def _confusion(cells: pa.Table, keys: Sequence[str]) -> Confusion:
    names = [name for name in cells.column_names if name not in keys]
    column = {name: np.nan_to_num(cells[name].to_numpy().astype(float)) for name in names}
    tp, fp, fn, tn = (column[name] for name in ("tp", "fp", "fn", "tn"))
    total = tp + fp + fn + tn
    squares = column.get("w2", total)
    square = np.nan_to_num(ratio(squares, total), nan=1.0)
    return Confusion(cells.select(list(keys)), column.get("n", total), tp, fp, fn, tn, square)
