"""The mean of one value over all rows, counted in the engine."""

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from supersede.metrics.flip_sums import clustered, powers, valued
from supersede.metrics.moments import Moments
from supersede.table.internal import internal
from supersede.table.source import collect
from supersede.table.table import Table

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["count_mean"]


def count_mean(table: Table, value: "ir.Value", *, binary: bool) -> Moments:
    """A value's weighted mean over the table's rows, with what its variance needs.

    Args:
        table: The predictions; their weights and clusters count.
        value: A number per row; rows where it is null do not count.
        binary: Whether all values are 0 or 1.

    Returns:
        Moments of one entry.
    """
    name, scale = internal("value"), internal("weight")
    rows = table.rows.mutate(**{name: value, scale: table.weighing()})
    rows = rows.filter(rows[name].notnull())
    if binary and table.weight is None and table.cluster is None:
        counts = rows.aggregate(n=rows.count(), x=rows[name].sum())
        found = collect(counts).to_pylist()[0]
        n, x = (np.array([float(found[key] or 0)]) for key in ("n", "x"))
        return Moments(n, n, n, x, x, x)
    sums = powers("value", rows[name], rows[scale])
    if table.cluster is None:
        return valued(collect(rows.aggregate(**sums)), "value")
    cells: pa.Table = collect(rows.group_by(table.cluster).aggregate(**sums))
    moments = {"value": valued(cells, "value")}
    return clustered(moments, np.zeros(len(cells), np.intp), 1)["value"]
