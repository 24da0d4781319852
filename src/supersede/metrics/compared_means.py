"""Means of amounts of two models: log loss, Brier score, a judge's score, a loss, a cost.

Amounts are skewed, and what makes them large is rare: a model that is confidently wrong on one item
in a thousand may show none of these among 300. So every interval is widened by **one more item at
each end of what was seen**, as Bonett and Price's is for shares, and where one item alone makes up
more than half of the variance there is no interval at all. Amounts of at least 0 get it for the
logarithm of the mean. The quantile is Student's with as many degrees of freedom as the variance rests
on units in effect, ``(Σ r²)² / Σ r⁴`` over the units' residuals (see `moments`): few, where amounts are
skewed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from supersede.metrics.agresti_coull import agresti_coull
from supersede.metrics.cells import Ask, Counting, N
from supersede.metrics.comparison import Floats, Interval, Sample, numbered, paired_share, student
from supersede.metrics.moments import ratio

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["ComparedMeans", "Spread", "compare_means"]

Columns = dict[str, Floats]
Places = npt.NDArray[np.intp]

_VALUES = ("a", "b", "d")  # the old model's, the new model's, the difference
_SUMS = ("x", "w2x", "w2xx", "low", "high")
_DUST = 1e-12
_ALONE = 0.5  # of the variance, made up by one unit: too heavy a tail to say anything


@dataclass(frozen=True)
class Spread:
    """A mean, its variance, and how far the outermost units pull it; arrays of shape ``(k,)``.

    Attributes:
        mean: The weighted mean.
        variance: The variance of the mean.
        up: How far one more unit like the largest would move the mean.
        down: The same of the smallest.
        freedom: Degrees of freedom of the variance.
        lowest: The smallest value of an item.
        highest: The largest.
    """

    mean: Floats
    variance: Floats
    freedom: Floats
    up: Floats
    down: Floats
    lowest: Floats
    highest: Floats

    @property
    def heavy(self) -> npt.NDArray[np.bool_]:
        """Where one unit alone makes up more than half of the variance."""
        return np.maximum(self.up, self.down) ** 2 > _ALONE * self.variance


@dataclass(frozen=True)
class ComparedMeans:
    """An amount under the old and the new model, by slice.

    Attributes:
        keys: One row per slice.
        n: Items.
        kish: Effective numbers of units.
        before: The old model's amounts.
        after: The new model's.
        difference: What the new model's are more, item by item.

    Assumes: independent units. A tail of which nothing was seen is in no interval.
    """

    keys: pa.Table
    n: Floats
    kish: Floats
    before: Spread
    after: Spread
    difference: Spread

    @property
    def old(self) -> Floats:
        """The old model's mean."""
        return self.before.mean

    @property
    def new(self) -> Floats:
        """The new model's mean."""
        return self.after.mean

    def level(self, confidence: float) -> Interval:
        """Student's interval, for the logarithm where all amounts are at least 0."""
        own = self.after
        q = student(own.freedom + 1, confidence)
        low = own.mean - q * np.sqrt(own.variance + own.down**2)
        high = own.mean + q * np.sqrt(own.variance + own.up**2)
        positive = (own.lowest >= 0) & (own.mean > 0)
        m = np.where(positive, own.mean, 1.0)
        grow = np.exp(np.minimum(q * np.sqrt(own.variance + own.up**2) / m, 700.0))
        shrink = np.exp(np.minimum(q * np.sqrt(own.variance + own.down**2) / m, 700.0))
        low, high = np.where(positive, m / shrink, low), np.where(positive, m * grow, high)
        return self._where_known(own, (low, high), self._as_share(confidence))

    def change(self, confidence: float) -> Interval:
        """Student's interval of the mean difference."""
        own = self.difference
        q = student(own.freedom + 1, confidence)
        low = own.mean - q * np.sqrt(own.variance + own.down**2)
        high = own.mean + q * np.sqrt(own.variance + own.up**2)
        within = paired_share(own.mean, own.variance, self.kish, student(self.kish, confidence))
        return self._where_known(own, (low, high), within)

    def _as_share(self, confidence: float) -> Interval:
        q = student(self.kish, confidence)
        return agresti_coull(np.clip(self.after.mean, 0, 1), self.kish, q)

    def _where_known(self, own: Spread, found: Interval, within: Interval) -> Interval:
        """The interval; that of a share where the tail hides it and all values lie in [0, 1]."""
        hidden = own.heavy | ~(own.variance > _DUST * self._scale**2)
        low, high = self.before.lowest, self.before.highest
        bounded = (np.minimum(low, self.after.lowest) >= 0) & (
            np.maximum(high, self.after.highest) <= 1
        )
        unknown = np.full(len(self.n), np.nan)
        return tuple(  # type: ignore[return-value]
            np.where(hidden, np.where(bounded, share, unknown), end)
            for end, share in zip(found, within, strict=True)
        )

    @property
    def _scale(self) -> Floats:
        ends = (self.before.lowest, self.before.highest, self.after.lowest, self.after.highest)
        return np.asarray(np.max(np.abs(ends), axis=0))


def compare_means(
    sample: Sample, before: "ir.Value", after: "ir.Value", *, centred: bool = False
) -> Counting:
    """Add up an amount of both models.

    Args:
        sample: The items.
        before: The old model's amount on each item.
        after: The new model's.
        centred: Whether the amounts lie about 0, compared with how much they vary.

    Returns:
        One comparison per margin.
    """
    before, after = before.cast("float64"), after.cast("float64")
    known = before.notnull() & after.notnull()
    middle = 0.0
    if not centred:
        ((whole,),) = yield [Ask({"a": before}, where=known)]
        middle = float(np.nan_to_num(ratio(_column(whole, "a"), _column(whole, N)))[0])
    # sums of squares lose their digits where the mean is large; those around a middle keep them
    values = dict(zip(_VALUES, (before - middle, after - middle, after - before), strict=True))
    w = sample.weight
    sums, ends = {"w": w, "w2": w * w, "f0": w**4}, {"w": w}
    for name, x in values.items():
        sums |= {f"{name}x": w * x, f"{name}w2x": w * w * x, f"{name}w2xx": w * w * x * x}
        sums |= {f"{name}f{power}": w**4 * x**power for power in (1, 2, 3, 4)}
        ends |= {name: x, f"{name} pull": w * x}
    margins = [(*sample.key_names(margin), *sample.units) for margin in sample.margins]
    (found,) = yield [Ask(sums, sample.keys, margins, known, ends)]
    return [
        _compared(sample, cells, margin, middle)
        for cells, margin in zip(found, sample.margins, strict=True)
    ]


def _column(cells: pa.Table, name: str) -> Floats:
    return np.asarray(np.nan_to_num(cells[name].to_numpy().astype(float)))


def _compared(
    sample: Sample, cells: pa.Table, margin: Sequence[str], middle: float
) -> ComparedMeans:
    keys = sample.key_names(margin)
    slices, first = numbered([cells[key] for key in keys], len(cells))
    columns = {"n": _column(cells, N), "most": _column(cells, "w high")}
    columns |= {name: _column(cells, name) for name in ("w", "w2", "f0")}
    for name in _VALUES:
        parts = ("x", "w2x", "w2xx", "f1", "f2", "f3", "f4")
        columns |= {name + part: _column(cells, name + part) for part in parts}
        columns |= {name + end: _column(cells, f"{name} {end}") for end in ("low", "high")}
        columns[f"{name}down"] = -_column(cells, f"{name} pull low")
        columns[f"{name}up"] = _column(cells, f"{name} pull high")
    added = {
        name: np.bincount(slices, column, len(first)).astype(float)
        for name, column in columns.items()
    }
    spread = _of_clusters if sample.units else _of_items
    units = np.bincount(slices, columns["w"] ** 2).astype(float) if sample.units else added["w2"]
    before, after, difference = (
        spread(columns, added, name, slices, 0.0 if name == "d" else middle) for name in _VALUES
    )
    return ComparedMeans(
        cells.take(first).select(keys).rename_columns(list(margin)),
        added["n"], np.nan_to_num(ratio(added["w"] ** 2, units)), before, after, difference,
    )  # fmt: skip


def _of_items(columns: Columns, added: Columns, name: str, slices: Places, middle: float) -> Spread:
    """Every item is a unit, so that a slice has one row."""
    x, w2x, w2xx, low, high = (columns[name + sum_] for sum_ in _SUMS)
    mean = ratio(x, columns["w"])
    up, down = (
        # of w (x - mean) at most; the mean of shifted values is close to 0
        ratio(columns[f"{name}{end}"] + columns["most"] * np.abs(mean), columns["w"])
        for end in ("up", "down")
    )
    if (columns["w2"] == columns["n"]).all():  # every item weighs one
        up, down = ratio(high - mean, columns["n"]), ratio(mean - low, columns["n"])
    size = np.nan_to_num(ratio(columns["w"] ** 2, columns["w2"]))
    squares = np.maximum(w2xx - 2 * mean * w2x + mean**2 * columns["w2"], 0)
    powers = [columns["f0"], *(columns[f"{name}f{power}"] for power in (1, 2, 3, 4))]
    m = np.nan_to_num(mean)
    fourth = sum(c * (-m) ** (4 - k) * p for k, (c, p) in enumerate(zip((1, 4, 6, 4, 1), powers, strict=True)))  # fmt: skip
    return Spread(
        mean + middle, ratio(squares, columns["w"] ** 2) * _few(size),
        _freedom(squares, np.asarray(fourth), size),
        np.maximum(up, 0), np.maximum(down, 0), low + middle, high + middle,
    )  # fmt: skip


def _of_clusters(
    columns: Columns, added: Columns, name: str, slices: Places, middle: float
) -> Spread:
    """Every row is what a cluster has in a slice."""
    k = len(added["n"])
    mean = ratio(added[f"{name}x"], added["w"])
    residual = columns[f"{name}x"] - np.nan_to_num(mean)[slices] * columns["w"]
    units = np.bincount(slices, minlength=k).astype(float)
    squares, fourth = (np.bincount(slices, residual**power, k).astype(float) for power in (2, 4))
    ends = np.zeros((2, k))
    np.maximum.at(ends[0], slices, residual)
    np.maximum.at(ends[1], slices, -residual)
    low, high = np.full(k, np.inf), np.full(k, -np.inf)
    np.minimum.at(low, slices, columns[f"{name}low"])
    np.maximum.at(high, slices, columns[f"{name}high"])
    up, down = ratio(ends[0], added["w"]), ratio(ends[1], added["w"])
    return Spread(
        mean + middle, ratio(squares * _few(units), added["w"] ** 2),
        _freedom(squares, fourth, units), up, down, low + middle, high + middle,
    )  # fmt: skip


def _freedom(squares: Floats, fourth: Floats, size: Floats) -> Floats:
    """On how many units a variance rests in effect, at most all less one."""
    seen = (squares > 0) & (fourth > 0)
    found = np.divide(squares**2, fourth, out=np.ones(len(squares)), where=seen)
    return np.asarray(np.clip(found, 1.0, np.maximum(size - 1, 1.0)))


def _few(size: Floats) -> Floats:
    """A variance around an estimated mean is too small by ``(n - 1) / n``."""
    factor: Floats = np.ones(len(size))
    np.divide(size, size - 1, out=factor, where=size > 1)
    return factor
