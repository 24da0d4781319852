"""The flips that a person should look at first."""

from typing import Any

from supersede.review.evidence import graded
from supersede.table.source import collect
from supersede.table.table import Table

__all__ = ["worst_flips"]


def worst_flips(table: Table, old: str, new: str, *, limit: int = 50) -> list[dict[str, Any]]:
    """Negative flips, the worst first: the costliest, else those whose score moved furthest.

    Args:
        table: The predictions.
        old: The model in service.
        new: The candidate.
        limit: The largest number of flips returned.

    Returns:
        One record a flip: item, label, both answers and scores, cost, groups; whatever there is.
    """
    import ibis

    rows = graded(table, old, new)
    lost = rows["__old"] - rows["__new"]
    rows = rows.filter(lost > 0)
    columns = {}
    for name, column in [("item", table.item), ("label", table.label)]:
        if column is not None:
            columns[name] = rows[column]
    for name, model in [("old", old), ("new", new)]:
        answer, score = table.answer(model), table.score(model)
        columns[name] = rows[f"__{name}"] if answer is None else answer
        if score is not None:
            columns[f"{name} score"] = score
    if table.cost is not None:
        columns["cost"] = rows[table.cost]
    columns |= {group: rows[group] for group in table.groups if group not in columns}
    if table.cost is not None:
        rank = rows[table.cost]
    elif {"old score", "new score"} <= columns.keys():
        rank = (columns["old score"] - columns["new score"]).abs()
    else:
        rank = lost
    shown = rows.select(**columns, __rank=rank)
    ties = [shown["item"]] if "item" in columns else []
    ordered = shown.order_by(ibis.desc("__rank"), *ties).limit(limit).drop("__rank")
    return [dict(row) for row in collect(ordered).to_pylist()]
