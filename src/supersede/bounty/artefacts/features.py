"""Inputs of declarative models: a numeric column, or an indicator of one category."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from supersede.bounty.artefacts.columns import Columns, columns_of, is_text
from supersede.errors import ColumnTypeError, ModelFormError

__all__ = ["MAX_FEATURES", "Feature", "design", "features_of"]

MAX_FEATURES = 1000


@dataclass(frozen=True)
class Feature:
    """One number per row.

    Attributes:
        column: The column.
        category: None: the column's number (a boolean is 0 or 1). A text: 1 where the column has
            that value, 0 elsewhere, including missing values and unseen categories.
        missing: Replacement of a missing number; None keeps it missing, for trees.
    """

    column: str
    category: str | None = None
    missing: float | None = None

    def __post_init__(self) -> None:
        number = isinstance(self.missing, int | float) and abs(self.missing) < np.inf
        ok = self.missing is None or (number and abs(self.missing) <= float(np.finfo(float).max))
        ok = ok and (self.category is None or is_text(self.category))
        if not is_text(self.column) or not ok:
            msg = (
                f"{self} is not a feature: expected a column, a category or null, and a finite"
                " number or null"
            )
            raise ModelFormError(msg)


def design(features: Sequence[Feature], columns: Columns) -> np.ndarray:
    """The design matrix of these features, on which a model can be fitted.

    Args:
        features: k features.
        columns: Columns by name, shape (n,) each.

    Returns:
        Shape (n, k), float; NaN where a number is missing and has no replacement.

    Raises:
        MissingColumnError: A column is not there.
        ColumnTypeError: A feature with a category reads numbers, or one without reads texts.

    Example:
        >>> columns = {"age": [30, None], "sex": ["f", "m"]}
        >>> design([Feature("age", missing=40), Feature("sex", "f")], columns)
        array([[30.,  1.],
               [40.,  0.]])
    """
    asked = columns_of(columns, dict.fromkeys(feature.column for feature in features))
    n = len(next(iter(asked.values()))) if asked else 0
    found = np.empty((n, len(features)))
    for at, feature in enumerate(features):
        column = asked[feature.column]
        if column.kind != "unknown" and (feature.category is None) == (column.kind == "text"):
            msg = (
                f"the column {feature.column!r} is of type {column.kind}; a feature with a category"
                " needs texts, one without needs numbers or booleans"
            )
            raise ColumnTypeError(msg)
        if feature.category is None:
            found[:, at] = column.numbers()
            if feature.missing is not None:
                found[np.isnan(found[:, at]), at] = feature.missing
        elif feature.category in column.categories:
            found[:, at] = column.values == column.categories.index(feature.category)
        else:
            found[:, at] = 0
    return found


def features_of(columns: Columns, *, most_categories: int = 20) -> tuple[Feature, ...]:
    """Features of all columns: numbers as they are, texts as one feature per category.

    Missing numbers are replaced by the median. A column without any value is left out.

    Args:
        columns: Columns by name; leave out those that the model must not see, such as the label.
        most_categories: Largest number of categories per column; the most frequent are used.

    Example:
        >>> for feature in features_of({"age": [30, 40], "sex": ["f", "m"]}):
        ...     print(feature)
        Feature(column='age', category=None, missing=35.0)
        Feature(column='sex', category='f', missing=None)
        Feature(column='sex', category='m', missing=None)
    """
    found = []
    for name, column in columns_of(columns).items():
        if column.kind == "text":
            count = np.bincount(column.values[column.values >= 0], minlength=len(column.categories))
            often = np.argsort(-count, kind="stable")[:most_categories]
            found += [Feature(name, column.categories[code]) for code in sorted(often)]
        elif column.kind != "unknown":
            there = column.numbers()
            there = there[np.isfinite(there)]
            found.append(Feature(name, missing=float(np.median(there)) if len(there) else 0.0))
    return tuple(found)
