"""Item weights: what items count for in the population that the figures are about.

Weights are known before labelling, so a bin of the weight distinguishes patterns, and heavy items are
chosen with higher probability. Within a pattern, weights may differ: a total of predictions needs only
the pattern's sum of weights, the variance of a label's contribution the mean of their squares, and a
labelled item its own weight. Nothing is approximated by the bins.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from supersede.table.outcomes import plain
from supersede.table.source import collect

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from supersede.table.table import Table

__all__ = [
    "WEIGHT",
    "Weights",
    "weight_bin",
    "weight_edges",
    "weight_of",
    "weight_sums",
    "weights_counted",
]

Floats = npt.NDArray[np.float64]

WEIGHT = "weight"
_BINS = 12  # of weights; different weights have one each where they are not more
TOP = "__weight_ends"
_SUM, _SQUARES = "__weight", "__weight_squared"


@dataclass(frozen=True)
class Weights:
    """The weights of each pattern's items, in units of their mean over all items.

    Attributes:
        mean: Their mean, shape ``(h,)``.
        square: The mean of their squares, shape ``(h,)``.
        top: The largest, shape ``(h,)``.
        unit: Mean weight of all items in the table's own unit.
    """

    mean: Floats
    square: Floats
    top: Floats
    unit: float

    @property
    def vary(self) -> npt.NDArray[np.bool_]:
        """Whether a pattern's items have different weights, shape ``(h,)``."""
        return np.asarray(self.top > self.mean * (1 + 1e-9))

    def merged(self, count: npt.NDArray[np.int64], into: npt.NDArray[np.int64]) -> "Weights":
        """The weights of fewer patterns, of which these are parts.

        Args:
            count: Number of items of each part, shape ``(h,)``.
            into: The pattern of each part, shape ``(h,)``.
        """
        items = np.bincount(into, count)
        top = np.zeros(len(items))
        np.maximum.at(top, into, self.top)
        mean, square = (np.bincount(into, count * v) / items for v in (self.mean, self.square))
        return Weights(mean, square, top, self.unit)


def weight_of(table: "Table") -> "ir.Value":
    """Each row's weight, as a floating-point expression."""
    return plain(table.rows[table.weight]).cast("float64")


def weight_edges(table: "Table") -> tuple[float, ...]:
    """The lower limits of all bins of weights but the first.

    Different weights have a bin each where there are few; otherwise limits are powers of two, which
    every engine compares alike, and weights of 0 have a bin of their own.
    """
    rows = table.rows.select(w=weight_of(table))
    values = sorted(collect(rows.distinct().limit(_BINS + 1))["w"].to_pylist())
    if len(values) <= _BINS:
        return tuple(values[1:])
    positive = rows.w > 0
    query = rows.aggregate(
        low=rows.w.min(where=positive), high=rows.w.max(), none=(~positive).sum()
    )
    found = collect(query).to_pylist()[0]
    low, high = (math.floor(math.log2(found[end])) for end in ("low", "high"))
    powers = [2.0**p for p in range(max(low + 1, high - _BINS + 3), high + 1)]
    return (found["low"], *powers) if found["none"] else tuple(powers)


def weight_bin(table: "Table", edges: tuple[float, ...]) -> "ir.Value":
    """The number of each row's bin."""
    import ibis

    if not edges:
        return ibis.literal(0)
    weight = weight_of(table)
    code = (weight >= edges[0]).ifelse(1, 0)
    for edge in edges[1:]:
        code += (weight >= edge).ifelse(1, 0)
    return code


def weights_counted(cells: pa.Table, count: npt.NDArray[np.int64]) -> Weights:
    """The weights of counted patterns.

    Args:
        cells: One row per pattern, with the sums that `weight_sums` of the engine gives.
        count: Number of items of each pattern, shape ``(h,)``.
    """
    names = (_SUM, _SQUARES, f"{TOP} high")
    total, squares, top = (cells[name].to_numpy().astype(float) for name in names)
    unit = float(total.sum() / count.sum())
    return Weights(total / count / unit, squares / count / unit**2, top / unit, unit)


def weight_sums(weight: "ir.Value") -> dict[str, Any]:
    """What each item adds to the sums of its pattern."""
    return {_SUM: weight, _SQUARES: weight * weight}
