"""Averages over classes: macro precision, recall (balanced accuracy) and F1 of two models.

The engine counts items by label and both models' answers; everything follows from these cells. The
average runs over the classes that occur among the labels, each counting the same; a class that a
model never names has precision and F1 of 0, as in scikit-learn.

Rare classes are where plain intervals fail: a recall of 1 on three items has no variance. So each
class gets the interval of a rate of its own (Agresti and Coull's for a level, Bonett and Price's for
a change), and the distances from the estimates to these limits, at least half of the interval's width,
are added up as standard errors are, with the correlations that the items show (MOVER).

References:
    Zou, Huang & Zhang (2009), Stat. Med. 28, 1263-1279 (doi:10.1002/sim.3539): linear functions.
    Zou & Donner (2008), Stat. Med. 27, 1693-1702, eq. 5: dependent parts.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from supersede.metrics.agresti_coull import agresti_coull
from supersede.metrics.cells import Ask, Counting, N
from supersede.metrics.comparison import Floats, Interval, Sample, numbered, paired_share, student
from supersede.metrics.intervals import z
from supersede.metrics.moments import ratio

if TYPE_CHECKING:
    import ibis.expr.types as ir
    from scipy import sparse

__all__ = ["Averaged", "ClassAverages", "compare_class_averages"]

Averaged = Literal["precision", "recall", "f1"]
Places = npt.NDArray[np.intp]
_DUST = 1e-12


@dataclass(frozen=True)
class _Parts:
    """A rate of each of ``C`` classes, under the old and the new model.

    Attributes:
        old: The old model's rates, shape ``(C,)``; 0 where nothing is divided by.
        new: The new model's.
        size_old: Kish's effective sizes of the denominators, shape ``(C,)``.
        size_new: The same under the new model.
        level: Covariances of the new model's rates, shape ``(C, C)``.
        change: Covariances of the differences, shape ``(C, C)``.
        plain: Whether every item weighs one and is a unit.
    """

    old: Floats
    new: Floats
    size_old: Floats
    size_new: Floats
    level: Floats
    change: Floats
    plain: bool

    def quantile(self, size: Floats, confidence: float) -> Floats:
        """The normal quantile for counts; Student's where the variance is estimated."""
        return np.full(len(size), z(confidence)) if self.plain else student(size, confidence)

    def level_interval(self, confidence: float) -> tuple[float, float]:
        """Of the average of the new model's rates."""
        variance, alike = self.level.diagonal(), self.new * (1 - self.new)
        known = (alike > _DUST) & (variance > _DUST * alike)
        n = np.divide(alike, variance, out=self.size_new.copy(), where=known)
        low, high = agresti_coull(self.new, n, self.quantile(self.size_new, confidence))
        empty = self.size_new <= 0
        return _combined(
            self.new, np.where(empty, 0, low), np.where(empty, 1, high), self.level, (0.0, 1.0)
        )

    def change_interval(self, confidence: float) -> tuple[float, float]:
        """Of the difference of the averages."""
        size = np.minimum(self.size_old, self.size_new)
        difference = self.new - self.old
        low, high = paired_share(
            difference, self.change.diagonal(), size, self.quantile(size, confidence)
        )
        return _combined(difference, low, high, self.change, (-1.0, 1.0))


def _combined(
    value: Floats, low: Floats, high: Floats, covariance: Floats, bounds: tuple[float, float]
) -> tuple[float, float]:
    """Limits of the mean of correlated parts from each part's own limits."""
    deviation = np.sqrt(np.maximum(covariance.diagonal(), 0))
    scale = np.outer(deviation, deviation)
    correlation = np.divide(covariance, scale, out=np.zeros_like(scale), where=scale > 0)
    np.fill_diagonal(correlation, 1.0)
    # a part at its bound has no room on one side; in a sum, it needs some: half its width
    half = (high - low) / 2
    below, above = np.maximum(value - low, half), np.maximum(high - value, half)
    down, up = (
        np.sqrt(max(float(side @ correlation @ side), 0.0)) / len(value) for side in (below, above)
    )
    mean = float(value.mean())
    return max(mean - down, bounds[0]), min(mean + up, bounds[1])


@dataclass(frozen=True)
class ClassAverages:
    """An average over classes under the old and the new model, by slice.

    Attributes:
        keys: One row per slice.
        n: Items.
        parts: The rates of the classes that occur in each slice.

    Assumes: independent units; classes that do not occur among the labels are not averaged over.
    """

    keys: pa.Table
    n: Floats
    parts: tuple[_Parts, ...]

    @property
    def old(self) -> Floats:
        """The old model's average."""
        return np.array([part.old.mean() for part in self.parts])

    @property
    def new(self) -> Floats:
        """The new model's average."""
        return np.array([part.new.mean() for part in self.parts])

    def level(self, confidence: float) -> Interval:
        """MOVER over the classes' own intervals."""
        return _ends(part.level_interval(confidence) for part in self.parts)

    def change(self, confidence: float) -> Interval:
        """MOVER over the classes' own paired intervals."""
        return _ends(part.change_interval(confidence) for part in self.parts)


def _ends(intervals: Iterable[tuple[float, float]]) -> Interval:
    low, high = np.array(list(intervals), float).reshape(-1, 2).T
    return low, high


def compare_class_averages(
    sample: Sample, metric: Averaged, truth: "ir.Value", before: "ir.Value", after: "ir.Value"
) -> Counting:
    """Count items by label and answers, and average over classes.

    Args:
        sample: The items.
        metric: Which rate of each class.
        truth: The label, a class.
        before: The old model's answer, of the label's type; null counts as wrong.
        after: The new model's answer.

    Returns:
        One comparison per margin.
    """
    w = sample.weight
    keys = sample.keys | {"t": truth, "a": before, "b": after}
    margins = [
        (*sample.key_names(margin), "t", "a", "b", *sample.units) for margin in sample.margins
    ]
    (counts,) = yield [Ask({"sw": w, "sw2": w * w}, keys, margins, truth.notnull())]
    found = []
    for cells, margin in zip(counts, sample.margins, strict=True):
        split = sample.key_names(margin)
        number, kept = numbered([cells[key] for key in split], len(cells))
        parts = tuple(
            _parts(cells.filter(pa.array(number == at)), metric, plain=not sample.weighted)
            for at in range(len(kept))
        )
        n = np.bincount(number, cells[N].to_numpy(), len(kept)).astype(float)
        named = cells.take(kept).select(split).rename_columns(list(margin))
        found.append(ClassAverages(named, n, parts))
    return found


def _parts(cells: pa.Table, metric: Averaged, *, plain: bool) -> _Parts:
    classes = {value: at for at, value in enumerate(dict.fromkeys(cells["t"].to_pylist()))}
    truth, before, after = (
        np.array([classes.get(value, -1) for value in cells[name].to_pylist()], np.intp)
        for name in "tab"
    )
    w, w2 = (cells[name].to_numpy().astype(float) for name in ("sw", "sw2"))
    cluster = None
    if "g" in cells.column_names:
        cluster = numbered([cells["g"]], len(cells))[0]
    old, size_old, moves_old = _rates(metric, truth, before, w, w2, len(classes), cluster)
    new, size_new, moves_new = _rates(metric, truth, after, w, w2, len(classes), cluster)
    units = len(w) if cluster is None else int(cluster.max()) + 1
    few = 1.0 if cluster is None or units < 2 else units / (units - 1)
    level, change = (
        few * _covariance(moves, w, w2, cluster) for moves in (moves_new, moves_new - moves_old)
    )
    return _Parts(old, new, size_old, size_new, level, change, plain and cluster is None)


def _rates(
    metric: Averaged,
    truth: Places,
    answer: Places,
    w: Floats,
    w2: Floats,
    classes: int,
    cluster: Places | None,
) -> tuple[Floats, Floats, "sparse.csr_matrix"]:
    """Each class's rate, its effective size, and how an item of a cell moves it, ``(C, cells)``."""
    from scipy import sparse  # slow to import, and few reviews need it

    cell = np.arange(len(truth))
    hit = (truth == answer).astype(float)
    named = answer >= 0
    match metric:
        case "recall":
            of, at, e, d = truth, cell, hit, np.ones(len(cell))
        case "precision":
            of, at, e = answer[named], cell[named], hit[named]
            d = np.ones(len(of))
        case "f1":  # 2 tp over 2 tp + fp + fn
            wrong = named & (truth != answer)
            of = np.concatenate([truth, answer[wrong]])
            at = np.concatenate([cell, cell[wrong]])
            e = np.concatenate([2 * hit, np.zeros(int(wrong.sum()))])
            d = np.concatenate([1 + hit, np.ones(int(wrong.sum()))])
    total = np.bincount(of, d * w[at], classes).astype(float)
    value = np.nan_to_num(ratio(np.bincount(of, e * w[at], classes).astype(float), total))
    if cluster is None:
        squares = np.bincount(of, d**2 * w2[at], classes).astype(float)
    else:
        parts = sparse.csr_matrix((d * w[at], (of, cluster[at])), (classes, int(cluster.max()) + 1))
        squares = np.asarray(parts.multiply(parts).sum(axis=1)).ravel()
    size = np.nan_to_num(ratio(total**2, squares))
    moved = np.divide(e - value[of] * d, total[of], out=np.zeros(len(of)), where=total[of] > 0)
    return value, size, sparse.csr_matrix((moved, (of, at)), (classes, len(truth)))


def _covariance(
    moves: "sparse.csr_matrix", w: Floats, w2: Floats, cluster: Places | None
) -> Floats:
    """Covariances of the classes' rates, ``(C, C)``: sums over units of products of their pulls."""
    if cluster is None:
        weighed = moves.multiply(w2[None, :]).tocsr()
        return np.asarray((weighed @ moves.T).todense())
    from scipy import sparse

    gather = sparse.csr_matrix((w, (np.arange(len(w)), cluster)))
    pulls = (moves @ gather).tocsr()
    return np.asarray((pulls @ pulls.T).todense())
