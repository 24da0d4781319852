"""Audits with few labels: groups as estimands, so that one plan of labels serves them all.

An audit needs a label for every item it counts. Where labels are expensive, name the estimands of
the audit (each group's accuracy, its gap to the whole) and let `supersede.evaluate` choose the
items.
"""

from collections.abc import Sequence

from supersede.audit.attributes import Attribute, refuse_inferred
from supersede.evaluate.estimands import Estimand, accuracy, difference, for_each_group
from supersede.table.table import Table

__all__ = ["group_estimands"]


def group_estimands(
    table: Table,
    model: str,
    groups: Sequence[str | Attribute],
    *,
    metric: Estimand | None = None,
    gaps: bool = True,
    allow_inferred: bool = False,
) -> list[Estimand]:
    """The numbers of an audit by groups, as estimands to be estimated from few labels.

    Args:
        table: The predictions; no labels are needed yet.
        model: The model.
        groups: Columns that split the items. Unknown values form no estimand; they stay in the
            whole.
        metric: The metric; by default the model's accuracy, which is one minus its error rate, so a
            gap in one is minus the gap in the other.
        gaps: Whether to add the difference of each group from all items.
        allow_inferred: Accept protected attributes that are marked as inferred.

    Returns:
        The whole first, then every group, each followed by its gap.

    Raises:
        InferredAttributeError: A protected attribute is marked as inferred.
        MissingColumnError: A column is missing.

    Example:
        >>> import supersede
        >>> table = supersede.read(
        ...     {"id": [1, 2, 3], "m": [0, 1, 1], "sex": ["f", "f", "m"]},
        ...     models=["m"], labelled=False,
        ... )
        >>> for estimand in group_estimands(table, "m", ["sex"], gaps=False):
        ...     print(estimand.name)
        accuracy(m)
        accuracy(m) | sex=f
        accuracy(m) | sex=m
    """
    attributes = [Attribute(group) if isinstance(group, str) else group for group in groups]
    refuse_inferred(
        (a.column for a in attributes if a.inferred and a.protected), allowed=allow_inferred
    )
    whole = accuracy(model) if metric is None else metric
    asked = [whole]
    for attribute in attributes:
        for estimand in for_each_group(whole, table, attribute.column):
            asked.append(estimand)
            if gaps:
                asked.append(difference(estimand, whole))
    return asked
