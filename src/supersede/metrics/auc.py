"""Area under the ROC curve of two models on the same items, with weights and clusters.

With V(x) the weighted share of negatives that a positive's score exceeds (ties count half), and V(y)
the share of positives that exceed a negative's, ``AUC = mean V(x) = mean V(y)``, and the items'
pulls on it are ``w (V - AUC) / W`` within each class. Sums of the pulls' squares give DeLong's
variance, with one weight equal for all; sums within clusters first, Obuchowski's.

Near 1 that variance is far too small, so a level gets Newcombe's interval, which takes the variance
at the limit instead: ``θ (1 - θ) [1 + N (1 - θ) / (2 - θ) + N θ / (1 + θ)] / (m n)``, with
``N = (m + n) / 2 - 1``, scaled by what DeLong's is of it, though never below .7. A change gets
one item more at either end, as a paired share does. Scores are read here, two per labelled item.

References:
    DeLong, DeLong & Clarke-Pearson (1988), Biometrics 44, 837-845.
    Obuchowski (1997), Biometrics 53, 567-578: clusters.
    Newcombe (2006), Stat. Med. 25, 559-573, method 5 (doi:10.1002/sim.2324).
"""

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from supersede.metrics.cells import Ask, Counting, N
from supersede.metrics.comparison import Floats, Interval, Sample, numbered, student

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["ComparedAuc", "compare_auc"]

Places = npt.NDArray[np.intp]
_FLOOR = 0.7  # of Newcombe's variance; below, DeLong's has seen too few items out of order
_STEPS = 60  # of bisection: more than a double has digits


@dataclass(frozen=True)
class ComparedAuc:
    """Areas of the old and the new model, by slice; arrays of shape ``(k,)``.

    Attributes:
        keys: One row per slice.
        n: Items.
        positives: Effective numbers of positive items.
        negatives: Effective numbers of negative items.
        old: The old model's areas; NaN where a class has no item.
        new: The new model's.
        variance: Of the new model's area.
        change_variance: Of the difference.

    Assumes: independent units; ties count half.
    """

    keys: pa.Table
    n: Floats
    positives: Floats
    negatives: Floats
    old: Floats
    new: Floats
    variance: Floats
    change_variance: Floats

    def level(self, confidence: float) -> Interval:
        """Newcombe's interval, at the variance that was seen."""
        m, n, area = self.positives, self.negatives, self.new
        inside = (area > 0) & (area < 1)
        expected = _newcombe(np.where(inside, area, 0.5), m, n)
        scale = np.where(inside, np.maximum(self.variance / expected, _FLOOR), 1.0)
        reach = self._quantile(confidence) ** 2 * scale
        low, high = (_end(area, m, n, reach, outermost) for outermost in (0.0, 1.0))
        return low, high

    def change(self, confidence: float) -> Interval:
        """DeLong's interval, with one more item of each class at either end."""
        m, n = self.positives, self.negatives
        more = 0.5 / (m + 2) ** 2 + 0.5 / (n + 2) ** 2
        half = self._quantile(confidence) * np.sqrt(self.change_variance + more)
        difference = self.new - self.old
        return np.maximum(difference - half, -1), np.minimum(difference + half, 1)

    def _quantile(self, confidence: float) -> Floats:
        return student(np.minimum(self.positives, self.negatives), confidence)


def _newcombe(area: Floats, m: Floats, n: Floats) -> Floats:
    more = (m + n) / 2 - 1
    bracket = 1 + more * (1 - area) / (2 - area) + more * area / (1 + area)
    return area * (1 - area) * bracket / np.maximum(m * n, 1e-300)


def _end(area: Floats, m: Floats, n: Floats, reach: Floats, outermost: float) -> Floats:
    """The area between the estimate and 0 or 1 at which the estimate is just not too far off."""
    inner, outer = area.copy(), np.where(np.isnan(area), np.nan, outermost)
    for _ in range(_STEPS):
        middle = (inner + outer) / 2
        near = (area - middle) ** 2 <= reach * _newcombe(middle, m, n)
        inner, outer = np.where(near, middle, inner), np.where(near, outer, middle)
    return np.where(area == outermost, outermost, outer)


def compare_auc(
    sample: Sample, positive: "ir.Value", before: "ir.Value", after: "ir.Value"
) -> Counting:
    """Rank the labelled items by both models' scores.

    Args:
        sample: The items.
        positive: Whether the label is the positive class, 0 or 1.
        before: The old model's score, larger for the positive class.
        after: The new model's score.

    Returns:
        One comparison per margin.
    """
    keys = sample.keys | {"y": positive, "a": before, "b": after, "w": sample.weight}
    known = positive.notnull() & before.notnull() & after.notnull()
    ((alike,),) = yield [Ask(keys=keys, margins=[tuple(keys)], where=known)]
    rows = alike.take(np.repeat(np.arange(len(alike)), alike[N].to_numpy().astype(int)))
    y = rows["y"].to_numpy().astype(bool)
    a, b, w = (rows[name].to_numpy().astype(float) for name in "abw")
    cluster = numbered([rows["g"]], len(rows))[0] if sample.units else None
    found = []
    for margin in sample.margins:
        split = sample.key_names(margin)
        number, first = numbered([rows[key] for key in split], len(rows))
        order = np.argsort(number, kind="stable")
        ends = np.searchsorted(number[order], np.arange(len(first) + 1))
        slices = [order[start:stop] for start, stop in itertools.pairwise(ends)]
        each = [
            _slice(y[at], a[at], b[at], w[at], None if cluster is None else cluster[at])
            for at in slices
        ]
        columns = np.array(each, float).reshape(-1, 6).T
        named = rows.take(first).select(split).rename_columns(list(margin))
        n = np.array([len(at) for at in slices], float)
        found.append(ComparedAuc(named, n, *columns))
    return found


def _slice(
    y: npt.NDArray[np.bool_], a: Floats, b: Floats, w: Floats, cluster: Places | None
) -> tuple[float, ...]:
    """Effective sizes of both classes, both areas, and the variances of level and change."""
    if not (w[y].sum() > 0 and w[~y].sum() > 0):
        return 0.0, 0.0, *[np.nan] * 4
    old, pull_old = _pulls(y, a, w)
    new, pull_new = _pulls(y, b, w)
    sizes = [_kish(w, kind, cluster) for kind in (y, ~y)]
    variances = [_variance(pull, y, cluster) for pull in (pull_new, pull_new - pull_old)]
    return *sizes, old, new, *variances


def _pulls(y: npt.NDArray[np.bool_], score: Floats, w: Floats) -> tuple[float, Floats]:
    """The area, and how far each item pulls it."""
    pull = np.empty(len(y))
    for kind in (True, False):
        own, other = y == kind, y != kind
        value = _below(score[own], score[other], w[other])
        value = value if kind else 1 - value
        area = float(np.average(value, weights=w[own]))
        pull[own] = w[own] * (value - area) / w[own].sum()
    return area, pull


def _below(some: Floats, others: Floats, weight: Floats) -> Floats:
    """For each of some, the share of the others' weight that it exceeds; equals count half."""
    order = np.argsort(others)
    reached = np.concatenate([[0.0], np.cumsum(weight[order])])
    ranked = others[order]
    lower, upper = (np.searchsorted(ranked, some, side) for side in ("left", "right"))
    return np.asarray((reached[lower] + reached[upper]) / (2 * reached[-1]))


def _kish(w: Floats, kind: npt.NDArray[np.bool_], cluster: Places | None) -> float:
    units = w[kind] if cluster is None else np.bincount(cluster[kind], w[kind])
    return float(units.sum() ** 2 / (units**2).sum())


def _variance(pull: Floats, y: npt.NDArray[np.bool_], cluster: Places | None) -> float:
    if cluster is not None:
        units = len(np.unique(cluster))
        squares = float((np.bincount(cluster, pull) ** 2).sum())
        return squares * units / max(units - 1, 1)
    parts = [(pull[kind], int(kind.sum())) for kind in (y, ~y)]
    return float(sum((p**2).sum() * size / max(size - 1, 1) for p, size in parts))
