"""Precision, recall and their kin from confusion counts, overall, per class and per group."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from supersede.errors import ArgumentError
from supersede.metrics.cells import Ask, Counting, N, beside, counted, merge, once
from supersede.metrics.intervals import wilson
from supersede.metrics.moments import ratio
from supersede.table.coerce import Columns, as_names, as_table
from supersede.table.internal import internal
from supersede.table.table import Table

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["METRICS", "Confusion", "Share", "by_class", "by_group", "classes_counted"]

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]

_CLUSTER, _W, _W2 = map(internal, ("cluster", "w", "w2"))
_ROUNDING = 1e-12  # of a variance; anything below is rounding, not variance


@dataclass(frozen=True)
class Share:
    """A metric with its interval, one entry per slice.

    Attributes:
        value: The metric in [0, 1]; NaN where nothing was counted.
        low: Lower ends of the intervals.
        high: Upper ends.
        n: Items behind each value (those in the denominator); with weights or clusters, as many
            independent ones as would vary as much.
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
        keys: One row per slice: what it is.
        n: Number of items.
        tp: True positives.
        fp: False positives.
        fn: False negatives.
        tn: True negatives.
        products: Sums over independent units (clusters, otherwise items) of the products of their
            weighted counts in the order above, shape ``(k, 4, 4)``.
    """

    keys: pa.Table
    n: Floats
    tp: Floats
    fp: Floats
    fn: Floats
    tn: Floats
    products: Floats

    def metric(self, name: str, confidence: float) -> Share:
        """A metric with Wilson intervals.

        Args:
            name: A name from `METRICS`.
            confidence: Two-sided nominal coverage.

        Raises:
            ArgumentError: There is no such metric.

        Assumes: independent clusters, or items where the table names none; the variance of a
        ratio is linearised (Särndal, Swensson & Wretman 1992, eq. 5.7.10 and section 8.7), and
        Kish's size stands in where a metric is 0 or 1. With few clusters intervals cover too
        little: nominal 95 % covers about 84 % at 5 clusters, 89 % at 10 and 93 % at 20.
        """
        if name not in METRICS:
            msg = f"no metric {name!r}; there are {', '.join(METRICS)}"
            raise ArgumentError(msg)
        part, whole = METRICS[name](self)
        above, below = METRICS[name](_DECISIONS)  # the same as coefficients of tp, fp, fn and tn
        value = ratio(part, whole)
        moves = above - np.nan_to_num(value)[:, None] * below
        spread = np.einsum("ki,kij,kj->k", moves, self.products, moves)
        kish = ratio(whole**2, np.einsum("i,kij,j->k", below, self.products, below))
        alike = np.nan_to_num(value * (1 - value)) * whole**2  # the spread of one unit that is all
        known = spread > _ROUNDING * alike
        n = np.where(known, ratio(alike, spread), np.nan_to_num(kish))
        low, high = wilson(value, n, confidence)
        if name == "f1":  # counted as tp / (tp + fp + fn), of which F1 is an increasing function
            value, low, high = (2 * v / (1 + v) for v in (value, low, high))
        return Share(value, low, high, n)

    def to_dict(self, confidence: float) -> dict[str, list[object]]:
        """Columns by name: the keys and n, then each metric with its interval."""
        columns: dict[str, list[object]] = {"n": self.n.tolist()}
        for name in METRICS:
            share = self.metric(name, confidence)
            columns[name] = share.value.tolist()
            columns[f"{name}_low"] = share.low.tolist()
            columns[f"{name}_high"] = share.high.tolist()
        return beside(self.keys, columns)


@dataclass(frozen=True)
class _Counts:
    """The four counts in order, anything that adds up."""

    tp: Any
    fp: Any
    fn: Any
    tn: Any


_DECISIONS = _Counts(*np.eye(4))

METRICS: Mapping[str, Callable[[Any], tuple[Any, Any]]] = {
    "accuracy": lambda c: (c.tp + c.tn, c.tp + c.fp + c.fn + c.tn),
    "precision": lambda c: (c.tp, c.tp + c.fp),
    "recall": lambda c: (c.tp, c.tp + c.fn),
    "f1": lambda c: (c.tp, c.tp + c.fp + c.fn),
    "false_positive_rate": lambda c: (c.fp, c.fp + c.tn),
    "specificity": lambda c: (c.tn, c.fp + c.tn),
    "false_negative_rate": lambda c: (c.fn, c.tp + c.fn),
    "selection_rate": lambda c: (c.tp + c.fp, c.tp + c.fp + c.fn + c.tn),
}
"""Numerator and denominator of each metric; add one here and it is in every table.

They read ``tp``, ``fp``, ``fn`` and ``tn`` of a `Confusion`, or of one item, as the audit does.
"""


def by_group(
    table: object,
    model: str,
    margins: Sequence[Sequence[str]],
    *,
    positive: object = 1,
    **columns: Unpack[Columns],
) -> list[Confusion]:
    """How a model does for each group, for intersections of groups, or overall.

    Args:
        table: Predictions with class labels: a `Table`, or anything that `supersede.read` reads.
        model: Which model.
        margins: For each result, the columns it is split by; ``()`` is the whole and two columns
            are their intersections.
        positive: The class that counts as positive.
        **columns: What `supersede.read` needs to know of a source that is not yet a `Table`.

    Returns:
        One `Confusion` per margin, with a row for every group, null (unknown) among them.

    Raises:
        ArgumentError: The model predicts no classes, or the positive class is in no label.

    Example:
        >>> import supersede
        >>> table = supersede.read(
        ...     {"y": [1, 1, 0, 0], "new": [1, 0, 0, 1], "sex": ["f", "f", "m", "m"]},
        ...     models=["new"],
        ... )
        >>> (groups,) = by_group(table, "new", [["sex"]])
        >>> dict(zip(groups.keys["sex"].to_pylist(), groups.metric("accuracy", 0.95).value.tolist()))
        {'f': 0.5, 'm': 0.5}
    """
    table = as_table(table, [model], **columns)
    margins = [as_names(margin, "margins") for margin in margins]
    truth, answer = _classes(table, model)
    rows = table.rows
    keys = {name: rows[name] for margin in margins for name in margin}
    units = () if table.cluster is None else (_CLUSTER,)
    if table.cluster is not None:
        keys[_CLUSTER] = rows[table.cluster]
    known = truth.notnull() & answer.notnull()
    sums = _confusion_sums(table, truth == positive, answer == positive)
    ask = Ask(sums, keys, [(*margin, *units) for margin in margins], known)
    return [
        _confusion(cells, margin, clustered=bool(units))
        for cells, margin in zip(counted(table, once(ask))[0], margins, strict=True)
    ]


def by_class(table: object, model: str, **columns: Unpack[Columns]) -> Confusion:
    """How a model does on each class, against all others.

    Args:
        table: Predictions with class labels: a `Table`, or anything that `supersede.read` reads.
        model: Which model.
        **columns: What `supersede.read` needs to know of a source that is not yet a `Table`.

    Returns:
        One row per class that is a label or that the model predicts; its key is ``class``.

    Raises:
        ArgumentError: The model predicts no classes.
    """
    table = as_table(table, [model], **columns)
    return counted(table, classes_counted(table, model))[0]  # type: ignore[no-any-return]


def classes_counted(table: Table, model: str) -> Counting:
    """The work of `by_class`, whose arguments these are."""
    truth, answer = _classes(table, model)
    weight = table.weighing()
    keys = {"truth": truth, "answer": answer}
    if table.cluster is not None:
        keys[_CLUSTER] = table.rows[table.cluster]
    known = truth.notnull() & answer.notnull()
    ((cells,),) = yield [Ask({_W: weight, _W2: weight * weight}, keys, [tuple(keys)], known)]
    truths, answers = (cells[name].to_pylist() for name in ("truth", "answer"))
    classes = sorted({*truths, *answers}, key=lambda c: (str(type(c)), c))
    place = {c: i for i, c in enumerate(classes)}
    t = np.array([place[c] for c in truths], np.intp)
    a = np.array([place[c] for c in answers], np.intp)
    n, w, w2 = (cells[name].to_numpy().astype(float) for name in (N, _W, _W2))
    counts = _one_against_rest(t, a, w, len(classes))
    if table.cluster is None:
        products = _diagonal(_one_against_rest(t, a, w2, len(classes)))
    else:
        products = _class_products(t, a, w, _codes(cells[_CLUSTER]), len(classes))
    n = np.bincount(t, n, len(classes)).astype(float)
    return _decided(pa.table({"class": classes}), n, counts, products)


def _one_against_rest(truth: Places, answer: Places, weight: Floats, classes: int) -> Floats:
    """Decisions about each class against all others: tp, fp, fn, tn, shape ``(classes, 4)``."""
    hit = np.bincount(truth, weight * (truth == answer), classes)
    fp = np.bincount(answer, weight, classes) - hit
    fn = np.bincount(truth, weight, classes) - hit
    return np.stack([hit, fp, fn, weight.sum() - hit - fp - fn], axis=1)


def _class_products(
    truth: Places, answer: Places, weight: Floats, cluster: Places, classes: int
) -> Floats:
    """Products of each cluster's decisions about each class; most classes miss most clusters."""
    total = np.bincount(cluster, weight)
    wrong = truth != answer
    # one row per class that a cell concerns: it is hit (0), named in error (1) or missed (2)
    of = np.concatenate([truth[~wrong], answer[wrong], truth[wrong]])
    at = np.concatenate([cluster[~wrong], cluster[wrong], cluster[wrong]])
    what = np.repeat([0, 1, 2], [(~wrong).sum(), wrong.sum(), wrong.sum()])
    each = np.concatenate([weight[~wrong], weight[wrong], weight[wrong]])
    met, row = np.unique(of * len(total) + at, return_inverse=True)
    parts = np.zeros((len(met), 4))
    np.add.at(parts, (row, what), each)
    parts[:, 3] = total[met % len(total)] - parts.sum(axis=1)
    products = _products(parts, met // len(total), classes)
    seen = np.bincount(met // len(total), total[met % len(total)] ** 2, classes)
    products[:, 3, 3] += (total**2).sum() - seen  # clusters that the class misses
    return products


def _classes(table: Table, model: str) -> "tuple[ir.Value, ir.Value]":
    truth, answer = table.class_label(), table.answer(model)
    if truth is None or answer is None:
        msg = f"model {model!r} predicts no classes, so it has no precision, recall or the like"
        raise ArgumentError(msg)
    return truth, answer


def _confusion_sums(
    table: Table, truth: "ir.BooleanValue", answer: "ir.BooleanValue"
) -> dict[str, "ir.Value"]:
    decisions = {
        "tp": truth & answer,
        "fp": ~truth & answer,
        "fn": truth & ~answer,
        "tn": ~truth & ~answer,
    }
    inside = {name: decided.cast("int32") for name, decided in decisions.items()}
    if table.weight is None:  # four sums do
        return {internal(name): value for name, value in inside.items()}
    weight = table.weighing()
    sums = {internal(name): weight * value for name, value in inside.items()}
    return sums | {internal(f"{name}2"): weight * weight * v for name, v in inside.items()}


def _confusion(cells: pa.Table, keys: Sequence[str], *, clustered: bool) -> Confusion:
    def columns(names: list[str]) -> Floats:
        found = [cells[internal(name)].to_numpy().astype(float) for name in names]
        return np.stack([np.nan_to_num(column) for column in found], axis=1)

    counts = columns(["tp", "fp", "fn", "tn"])
    weighted = internal("tp2") in cells.column_names
    n = columns(["n"])[:, 0]
    if not clustered:
        squares = columns(["tp2", "fp2", "fn2", "tn2"]) if weighted else counts
        return _decided(cells.select(list(keys)), n, counts, _diagonal(squares))
    groups = merge([cells], keys, [internal("tp")])
    place = {row: k for k, row in enumerate(_rows(groups, keys))}
    of = np.array([place[row] for row in _rows(cells, keys)], np.intp)
    whole = np.zeros((len(place), 4))
    np.add.at(whole, of, counts)
    n = np.bincount(of, n, len(place)).astype(float)
    return _decided(groups.select(list(keys)), n, whole, _products(counts, of, len(place)))


def _decided(keys: pa.Table, n: Floats, counts: Floats, products: Floats) -> Confusion:
    tp, fp, fn, tn = counts.T
    return Confusion(keys, n, tp, fp, fn, tn, products)


def _rows(cells: pa.Table, keys: Sequence[str]) -> list[tuple[object, ...]]:
    if not keys:
        return [()] * len(cells)
    columns = (["NaN" if v != v else v for v in cells[key].to_pylist()] for key in keys)
    return list(zip(*columns, strict=True))


def _diagonal(squares: Floats) -> Floats:
    """Products where every item is a unit: it is one of the four, so only squares are not 0."""
    return np.asarray(squares[:, :, None] * np.eye(4))


def _products(parts: Floats, of: Places, count: int) -> Floats:
    """Sums of the units' products by group, shape ``(count, 4, 4)``."""
    found: Floats = np.zeros((count, 4, 4))
    np.add.at(found, of, parts[:, :, None] * parts[:, None, :])
    return found


def _codes(column: pa.ChunkedArray) -> Places:
    """Values numbered, null among them."""
    return np.asarray(column.combine_chunks().dictionary_encode("encode").indices, np.intp)
