"""The sums that flips need, and what becomes of them.

Every value (how often each model is right, flips, gain, cost) is summed with the weights to the first,
second and fourth power. Where items are right or wrong and weigh the same, four counts say it all;
where they are right or wrong and weighted, powers of the values are the values themselves.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from supersede.metrics.cells import N
from supersede.metrics.moments import Moments
from supersede.table.internal import internal
from supersede.table.outcomes import plain
from supersede.table.table import Table

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = [
    "VALUES",
    "clustered",
    "from_cells",
    "plain_sums",
    "powers",
    "sums_with_agreement",
    "valued",
]

Floats = npt.NDArray[np.float64]
VALUES = ("old", "new", "negative", "positive", "gain", "cost")
"""What is averaged over the items of a slice."""


def plain_sums(
    table: Table, old: "ir.Value", new: "ir.Value", inclusion: str | None
) -> dict[str, "ir.Value"]:
    """What each graded item adds, by the name of the sum.

    Args:
        table: The predictions.
        old: How right the old model was on each item.
        new: How right the new model was.
        inclusion: Column with the items' probabilities of having been labelled.
    """
    lost, gained = old * (1 - new), (1 - old) * new
    cost = None if table.cost is None else lost * plain(table.rows[table.cost])
    if old.type().is_integer() and new.type().is_integer():  # right or wrong
        fates = {"both": old * new, "negative": lost, "positive": gained}
        if table.weight is None and inclusion is None and cost is None:
            return _named(fates)
        weight = table.weighing(inclusion)
        sums: dict[str, ir.Value] = {}
        for power in _POWERS:
            scale = weight**power
            sums[f"w{power}"] = scale
            sums |= {f"{name}.w{power}": scale * value for name, value in fates.items()}
        return _named(sums if cost is None else sums | _powers("cost", cost, weight))
    values = {"old": old, "new": new, "negative": lost, "positive": gained, "gain": new - old}
    if cost is not None:
        values["cost"] = cost
    weight = table.weighing(inclusion)
    sums = {f"w{power}": weight**power for power in _POWERS}
    for name, value in values.items():
        sums |= _powers(name, value, weight)
    return _named(sums)


def sums_with_agreement(
    table: Table, old: "ir.Value", new: "ir.Value", same: "ir.Value", inclusion: str | None
) -> dict[str, "ir.Value"]:
    """Sums of flips over all known items, and of accuracies over labelled ones alone.

    Args:
        table: The predictions.
        old: How right the old model was on each item; null where it is not labelled.
        new: How right the new model was.
        same: Whether both give the same answer, so that no label is needed to know that none flips.
        inclusion: Column with the items' probabilities of having been labelled.
    """
    labelled = (old.notnull() & new.notnull()).ifelse(1, 0)
    agree = same.ifelse(1, 0)
    old, new = old.fill_null(0), new.fill_null(0)
    weight = table.weighing(inclusion)
    known = (agree == 1).ifelse(table.weighing(), weight)
    graded = (labelled == 1).ifelse(weight, 0)
    lost, gained = old * (1 - new) * labelled, (1 - old) * new * labelled
    values = {
        "old": (graded, old),
        "new": (graded, new),
        "negative": (known, lost),
        "positive": (known, gained),
        "gain": (known, gained - lost),
    }
    drawn = (labelled == 1).ifelse(weight, 0) * (1 - agree)
    sums = {
        "labelled": labelled, "agree": agree, "agree labelled": agree * labelled,
        "drawn.w1": drawn, "drawn.w2": drawn**2,
    }  # fmt: skip
    for name, (scale, value) in values.items():
        sums |= {f"{name}.w{power}": scale**power for power in _POWERS}
        sums |= _powers(name, value, scale)
    return _named(sums)


def from_cells(cells: pa.Table) -> dict[str, Moments]:
    """The moments of each value, one entry per cell, where every item is a unit."""
    column = _columns(cells)
    n = column["n"]
    if "agree" in column:
        column |= {"rows": n, "n": column["labelled"]}
    if "both" in column:  # right or wrong, all weigh the same: powers are the counts themselves
        fates = _fates({name: column[name] for name in ("both", "negative", "positive")})
        moments = {name: Moments(n, n, n, x, x, x) for name, (x, _) in fates.items()}
        gain, changed = fates["gain"]
        moments["gain"] = Moments(n, n, n, gain, gain, changed)
        return moments
    if "both.w1" in column:
        moments = _binary(column)
        if "cost.x1" in column:
            moments["cost"] = _moments(column, "cost")
        return moments
    moments = {name: _moments(column, name) for name in VALUES if f"{name}.x1" in column}
    if "agree" in column:  # accuracies say nothing where no item of agreement is labelled
        hidden = (column["agree"] > 0) & (column["agree labelled"] == 0)
        for name in ("old", "new"):
            x = np.where(hidden, np.nan, moments[name].x)
            moments[name] = replace(moments[name], x=x, units=moments[name].n, rows=None)
        for name in ("negative", "positive", "gain"):  # items of agreement add nothing to these
            moments[name] = replace(
                moments[name], drawn=np.stack([column["drawn.w1"], column["drawn.w2"]], axis=1),
                uncertain=column["rows"] - column["agree"],
            )  # fmt: skip
    return moments


def powers(name: str, value: "ir.Value", weight: "ir.Value") -> dict[str, "ir.Value"]:
    """The weights and a value with them, to be summed for `valued`."""
    return _named({f"w{p}": weight**p for p in _POWERS} | _powers(name, value, weight))


def valued(cells: pa.Table, name: str) -> Moments:
    """The moments of a value whose sums are those of `powers`, one entry per cell."""
    return _moments(_columns(cells), name)


def clustered(
    moments: Mapping[str, Moments], slices: npt.NDArray[np.intp], count: int
) -> dict[str, Moments]:
    """Moments by slice and cluster as moments by slice, whose units are the clusters.

    Args:
        moments: One entry per cell of slice and cluster.
        slices: The number of each cell's slice, in 0..count-1.
        count: The number of slices.
    """

    def total(values: Floats) -> Floats:
        return np.bincount(slices, values, count).astype(float)

    found = {}
    for name, cell in moments.items():
        w, x = cell.w, cell.x
        powers = (w**4, w**3 * x, w**2 * x**2, w * x**3, x**4)
        found[name] = Moments(
            n=total(cell.n),
            w=total(w),
            w2=total(w**2),
            x=total(x),
            w2x=total(w * x),
            w2xx=total(x**2),
            units=total((w > 0).astype(float)),
            fourth=np.stack([total(power) for power in powers], axis=1),
        )
    return found


_POWERS = (1, 2, 4)
_SUM = internal("sum of ")


def _powers(name: str, value: "ir.Value", weight: "ir.Value") -> dict[str, "ir.Value"]:
    """The terms ``w x``, ``w² x``, ``w² x²`` and ``w⁴ x … w⁴ x⁴``."""
    second, fourth = weight**2, weight**4
    terms = {"x1": weight * value, "x2": second * value, "xx": second * value**2}
    terms |= {f"f{power}": fourth * value**power for power in (1, 2, 3, 4)}
    return {f"{name}.{key}": term for key, term in terms.items()}


def _moments(column: Mapping[str, Floats], name: str) -> Moments:
    w, w2, w4 = (column[own if (own := f"{name}.w{p}") in column else f"w{p}"] for p in _POWERS)
    x, w2x, w2xx = (column[f"{name}.{key}"] for key in ("x1", "x2", "xx"))
    fourth = np.stack([w4, *(column[f"{name}.f{power}"] for power in (1, 2, 3, 4))], axis=1)
    n, rows = column["n"], column.get("rows")
    return Moments(n, w, w2, x, w2x, w2xx, n if rows is None else rows, fourth, rows)


def _binary(column: Mapping[str, Floats]) -> dict[str, Moments]:
    """Items that are right or wrong, with weights: a value's powers are itself, or its size."""
    n = column["n"]
    w, w2, w4 = (column[f"w{power}"] for power in _POWERS)
    first, second, fourth = (
        _fates({name: column[f"{name}.w{power}"] for name in ("both", "negative", "positive")})
        for power in _POWERS
    )
    moments = {}
    for name, (x, _) in first.items():
        signed, size = fourth[name]
        moments[name] = Moments(
            n, w, w2, x, *second[name], n, np.stack([w4, signed, size, signed, size], axis=1)
        )
    return moments


def _fates(sums: Mapping[str, Floats]) -> dict[str, tuple[Floats, Floats]]:
    """Each value's sum, and that of its absolute value."""
    both, lost, gained = sums["both"], sums["negative"], sums["positive"]
    return {
        "old": (both + lost, both + lost),
        "new": (both + gained, both + gained),
        "negative": (lost, lost),
        "positive": (gained, gained),
        "gain": (gained - lost, gained + lost),
    }


def _named(sums: Mapping[str, "ir.Value"]) -> dict[str, "ir.Value"]:
    return {_SUM + name: value for name, value in sums.items()}


def _columns(cells: pa.Table) -> dict[str, Floats]:
    sums = [name for name in cells.column_names if name == N or name.startswith(_SUM)]
    return {
        "n" if name == N else name.removeprefix(_SUM): np.nan_to_num(
            cells[name].to_numpy().astype(float)
        )
        for name in sums
    }
