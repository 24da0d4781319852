"""Labels that came from a plan: each item's probability of having been asked for."""

from dataclasses import replace
from typing import TYPE_CHECKING

from supersede.errors import ArgumentError
from supersede.table.internal import internal
from supersede.table.table import Table

if TYPE_CHECKING:
    from supersede.evaluate.design import Plan

__all__ = ["INCLUSION", "planned_table"]

INCLUSION = internal("inclusion")


def planned_table(table: Table, plan: "Plan") -> Table:
    """The table with the plan's inclusion probabilities, and without labels from elsewhere.

    Args:
        table: Predictions, with the labels that came back in the label column.
        plan: The plan by which they were asked for.

    Raises:
        ArgumentError: The table has no item ids or no label column to hold them.
    """
    import ibis

    if table.item is None or table.label is None:
        msg = (
            "labels=<plan> needs item ids and a label column with the labels that came back:"
            " supersede.read(…, item='<column>', label='<column>')"
        )
        raise ArgumentError(msg)
    key = internal("item")
    chosen = plan.items.select(["item", "inclusion"]).rename_columns([key, INCLUSION])
    rows = table.rows.left_join(ibis.memtable(chosen), [(table.item, key)]).drop(key)
    label = ibis.cases((rows[INCLUSION].notnull(), rows[table.label]))
    return replace(table, rows=rows.mutate(**{table.label: label}))
