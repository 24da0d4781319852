"""A patched model as a scikit-learn classifier, and as a column of a table."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from supersede.bounty.artefacts.answers import Codes, Probabilities
from supersede.bounty.decision_list import DecisionList
from supersede.bounty.sample import as_columns
from supersede.errors import ArgumentError, ItemError, MissingExtraError
from supersede.table import Table
from supersede.table.source import collect

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
except ImportError as missing:  # pragma: no cover
    _absent = MissingExtraError.of(
        package="scikit-learn", extra="bounty", purpose="a patched model as an estimator"
    )
    raise _absent from missing

__all__ = ["PatchedClassifier", "predict_table"]

Array = npt.NDArray[Any]


class PatchedClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A decision list as a fitted scikit-learn classifier.

    Args:
        model: The list.
        classes: The class of each code.
        features: Column names for matrices passed to `predict`; frames have their own.

    Attributes:
        classes_: The classes, shape ``(classes,)``.

    Example:
        >>> from supersede.bounty import DecisionList
        >>> from supersede.bounty.artefacts import Constant, parse
        >>> model = DecisionList(Constant((0,))).patched(parse("age >= 60"), Constant((1,)))
        >>> patched = PatchedClassifier(model, classes=["no", "yes"], features=["age"])
        >>> patched.predict(np.array([[30], [70]])).tolist()
        ['no', 'yes']
        >>> patched.score({"age": [30, 70]}, ["no", "no"])
        0.5
    """

    def __init__(
        self,
        model: DecisionList,
        classes: Sequence[Any] = (0, 1),
        features: Sequence[str] | None = None,
    ) -> None:
        self.model = model
        self.classes = classes
        self.features = features

    @property
    def classes_(self) -> Array:
        """The classes."""
        return np.asarray(self.classes)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def fit(self, X: Any, y: Any = None) -> "PatchedClassifier":
        """Does nothing: patches come from a bounty."""
        return self

    def predict(self, X: Any) -> Array:
        """The class of each row of a frame, or of a matrix with named features; shape ``(n,)``.

        Raises:
            ArgumentError: The answers of the list are numbers, or codes beyond the classes.
        """
        answered = self.model.answers
        if not isinstance(answered, Codes | Probabilities) or answered.count > len(self.classes):
            msg = (
                f"the answers of this list are {answered}; expected codes of {len(self.classes)}"
                " classes"
            )
            raise ArgumentError(msg)
        answers = self.model.predict(self._columns(X))
        codes = answers.argmax(axis=1) if answers.ndim == 2 else answers
        return np.asarray(self.classes_[codes])

    def predict_proba(self, X: Any) -> Array:
        """Probabilities of the classes, shape ``(n, classes)``.

        Raises:
            ArgumentError: The answers of the list are classes.
        """
        if not isinstance(self.model.answers, Probabilities):
            msg = "the answers of this list are classes, not probabilities"
            raise ArgumentError(msg)
        return self.model.predict(self._columns(X))

    def _columns(self, X: Any) -> Any:
        if self.features is None or hasattr(X, "columns") or not hasattr(X, "shape"):
            return as_columns(X)
        matrix = np.asarray(X)
        if matrix.ndim != 2 or matrix.shape[1] != len(self.features):
            msg = f"X has shape {matrix.shape}; expected {len(self.features)} columns: {list(self.features)}"
            raise ArgumentError(msg)
        return dict(zip(self.features, matrix.T, strict=True))


def predict_table(
    model: DecisionList,
    table: Table,
    *,
    classes: Sequence[Any] | None = None,
    name: str = "patched_prediction",
) -> pa.Table:
    """A patched model's answers on the items of a table, for a review against other models.

    Args:
        model: The list.
        table: The items, with ids.
        classes: The class of each code; None keeps codes and numbers.
        name: Name of the column of answers.

    Returns:
        The item ids and the answers, to be joined with the table by id.

    Raises:
        ItemError: The table has no item ids, by which the answers could be joined.
        MissingColumnError: The table lacks a column that the list reads.

    Example:
        >>> import supersede
        >>> from supersede.bounty.artefacts import Constant, parse
        >>> model = DecisionList(Constant((0,))).patched(parse("age >= 60"), Constant((1,)))
        >>> rows = {"id": [7, 8], "age": [30, 70], "y": [0, 1], "a": [0, 0]}
        >>> predict_table(model, supersede.read(rows, models=["a"])).to_pylist()
        [{'id': 7, 'patched_prediction': 0}, {'id': 8, 'patched_prediction': 1}]
    """
    if table.item is None:
        msg = "the table has no item ids to join answers by; read it with item='<column>'"
        raise ItemError(msg)
    present = [column for column in model.columns if column in table.rows.columns]
    rows = collect(table.rows.select(table.item, *(c for c in present if c != table.item)))
    answers = model.predict(rows)
    if classes is not None:
        answers = np.asarray(classes)[answers]
    return pa.table({table.item: rows[table.item], name: answers})
