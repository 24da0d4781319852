"""The flips that a person should look at first."""

from typing import Any

from supersede.review.evidence import graded
from supersede.table.internal import internal
from supersede.table.source import collect
from supersede.table.table import Table

__all__ = ["worst_flips"]


def worst_flips(table: Table, old: str, new: str, *, limit: int = 50) -> list[dict[str, Any]]:
    """Negative flips, the worst first: the costliest, otherwise those whose score moved furthest.

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
    lost = rows[internal("old")] - rows[internal("new")]
    rows = rows.filter(lost > 0)
    columns = {}
    for name, column in [("item", table.item), ("label", table.label)]:
        if column is not None:
            columns[name] = rows[column]
    for name, model in [("old", old), ("new", new)]:
        answer, score = table.answer(model), table.score(model)
        columns[name] = rows[internal(name)] if answer is None else answer
        if score is not None:
            columns[f"{name} score"] = score
    if table.cost is not None:
        columns["cost"] = rows[table.cost]
    for group in table.groups:  # a group may be called "old", or be the label
        if group not in columns:
            columns[group] = rows[group]
        elif group not in {table.item, table.label, table.cost}:
            columns[f"{group} (group)"] = rows[group]
    if table.cost is not None:
        rank = rows[table.cost]
    elif {"old score", "new score"} <= columns.keys():
        rank = (columns["old score"] - columns["new score"]).abs()
    else:
        rank = None if lost.type().is_integer() else lost  # of flips as such, none is worse
    # engines that ignore case would take a group "Old" for the old model's answer
    names = {internal(str(i)): name for i, name in enumerate(columns)}
    values = dict(zip(names, columns.values(), strict=True))
    place = internal("rank")
    order: list[Any] = [key for key, name in names.items() if name == "item"]
    if rank is not None:
        values, order = {**values, place: rank}, [ibis.desc(place), *order]
    shown = rows.select(**values)
    first = (shown.order_by(*order) if order else shown).limit(limit).select(*names)
    return [{names[key]: value for key, value in row.items()} for row in collect(first).to_pylist()]
