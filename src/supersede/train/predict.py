"""A trained model's answers as a column of the table."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from supersede.errors import ItemError, MissingColumnError
from supersede.table import Table
from supersede.table.source import collect

__all__ = ["predict"]


def predict(
    model: Any, table: Table, *, features: Sequence[str], name: str = "new_prediction"
) -> pa.Table:
    """A classifier's answers for the items of a table.

    Args:
        model: Anything whose ``predict`` takes an array ``(n, features)`` of numbers.
        table: The items, with ids.
        features: The table's columns that are the model's inputs, numeric, in its order.
        name: Name of the column of answers.

    Returns:
        The item ids and the answers, to be joined with the table by id.

    Raises:
        ItemError: The table has no item ids, by which the answers could be joined.
        MissingColumnError: A feature is not in the table.

    Example:
        >>> import supersede
        >>> class Positive:
        ...     def predict(self, X):
        ...         return (X[:, 0] > 0).astype(int)
        >>> rows = {"id": [7, 8], "x": [0.5, -2.0], "y": [1, 0], "a": [1, 1]}
        >>> predict(Positive(), supersede.read(rows, models=["a"]), features=["x"]).to_pylist()
        [{'id': 7, 'new_prediction': 1}, {'id': 8, 'new_prediction': 0}]
    """
    if table.item is None:
        msg = "the table has no item ids to join answers by; read it with item='<column>'"
        raise ItemError(msg)
    for feature in features:
        if feature not in table.rows.columns:
            raise MissingColumnError.of(feature, table.rows.columns, "a feature")
    rows = collect(table.rows.select(table.item, *(f for f in features if f != table.item)))
    numbers = np.column_stack([rows[feature].to_numpy().astype(float) for feature in features])
    return pa.table({table.item: rows[table.item], name: np.asarray(model.predict(numbers))})
