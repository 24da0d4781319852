"""The mean of one value over all rows."""

from typing import TYPE_CHECKING

import numpy as np

from supersede.metrics.cells import Ask, Counting, N
from supersede.metrics.flip_sums import clustered, powers, valued
from supersede.metrics.moments import Moments
from supersede.table.internal import internal
from supersede.table.table import Table

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["mean_counted"]

_X, _CLUSTER = map(internal, ("x", "cluster"))


def mean_counted(table: Table, value: "ir.Value", *, binary: bool) -> Counting:
    """A value's weighted mean over the table's rows, with what its variance needs.

    Args:
        table: The predictions; their weights and clusters count.
        value: A number per row; rows where it is null do not count.
        binary: Whether all values are 0 or 1.

    Returns:
        Moments of one entry.
    """
    known = value.notnull()
    if binary and table.weight is None and table.cluster is None:
        ((cells,),) = yield [Ask({_X: value}, where=known)]
        n, x = (np.nan_to_num(cells[name].to_numpy().astype(float)) for name in (N, _X))
        return Moments(n, n, n, x, x, x)
    sums = powers("value", value, table.weighing())
    if table.cluster is None:
        ((cells,),) = yield [Ask(sums, where=known)]
        return valued(cells, "value")
    keys = {_CLUSTER: table.rows[table.cluster]}
    ((cells,),) = yield [Ask(sums, keys, [(_CLUSTER,)], known)]
    moments = {"value": valued(cells, "value")}
    return clustered(moments, np.zeros(len(cells), np.intp), 1)["value"]
