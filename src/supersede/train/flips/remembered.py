"""Old models' outputs on the training rows of a new model, in the new model's classes.

An old model is nearly always right on its own training rows. If old and new share rows, its answers
there are not representative of its answers in use; `out_of_sample` replaces them.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import clone
from sklearn.model_selection import StratifiedKFold
from sklearn.utils import _safe_indexing as rows_of

from supersede.errors import ArgumentError
from supersede.train.flips.answers import decided
from supersede.train.flips.deployed import Deployed, deployed, its_columns
from supersede.train.flips.output_form import form_of

__all__ = [
    "Remembered",
    "aligned",
    "from_output",
    "out_of_sample",
    "remember_on",
]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Remembered:
    """One old model on n items, in the C classes of the new model.

    Attributes:
        probabilities: Shape ``(n, C)``; each row sums to one, or to zero where the old model cannot
            help: the label is not one of its classes.
        right: Whether its answer is the label, shape ``(n,)``; 0 where it is not known.
        known: Whether its answer is known, shape ``(n,)``.
    """

    probabilities: Floats
    right: Floats
    known: npt.NDArray[np.bool_]

    def take(self, rows: npt.NDArray[np.intp]) -> "Remembered":
        """Some of the items."""
        return Remembered(self.probabilities[rows], self.right[rows], self.known[rows])

    def without(self, rows: npt.NDArray[np.bool_]) -> "Remembered":
        """A copy in which the outputs on some items are unknown."""
        return Remembered(
            np.where(rows[:, None], 0.0, self.probabilities),
            np.where(rows, 0.0, self.right),
            self.known & ~rows,
        )


def aligned(
    output: npt.ArrayLike,
    old_classes: npt.ArrayLike | None,
    classes: npt.NDArray[Any],
    threshold: float | None = None,
) -> tuple[Floats, npt.NDArray[Any]]:
    """Map an old model's output to the new model's classes, matched by name.

    Args:
        output: Probabilities ``(n, C_old)``, or predicted classes ``(n,)``.
        old_classes: Names of the columns of `output`; those of the new model, if None.
        classes: The new model's classes, sorted.
        threshold: See `decided`; of the old model's own two classes.

    Returns:
        Probabilities ``(n, C)``, whose rows sum to one, or to zero where the old model predicts
        only removed classes; and its answers ``(n,)``.

    Raises:
        ArgumentError: The output is neither classes nor probabilities, or its classes are not named.

    Example:
        >>> aligned([[0.5, 0.1, 0.4]], ["a", "b", "c"], np.array(["a", "c", "d"]))[0].round(2)
        array([[0.56, 0.44, 0.  ]])
    """
    values = np.asarray(output)
    form = form_of(values)
    old_classes = _named(output, classes) if old_classes is None else _distinct(old_classes)
    if form == "logits":
        sums = values.sum(axis=1)
        msg = (
            f"the rows of the old output are not probabilities: they sum to {sums.min():.3g} to"
            f" {sums.max():.3g}, with values from {values.min():.3g} to {values.max():.3g}; if they are"
            " logits, pass scipy.special.softmax(output, axis=1)"
        )
        raise ArgumentError(msg)
    if form == "classes":
        _refuse_unnamed(values, old_classes, classes)
        return (values[:, None] == classes).astype(float), values
    values, names = _probabilities(values, old_classes, classes)
    if np.array_equal(names, classes):
        return values, decided(values, names, threshold)
    if len(names) == len(classes) == 2 and len(set(names.tolist()) & set(classes.tolist())) == 1:
        _refuse_unnamed(names, None, classes)  # two classes of which one has another name
    at = {name: i for i, name in enumerate(names.tolist())}
    here = [i for i, name in enumerate(classes.tolist()) if name in at]
    there = [at[classes.tolist()[i]] for i in here]
    moved = np.zeros((len(values), len(classes)))
    moved[:, here] = values[:, there]
    mass = moved.sum(axis=1, keepdims=True)
    moved = np.divide(moved, mass, out=np.zeros_like(moved), where=mass > 0)
    return moved, decided(values, names, threshold)


def from_output(
    output: npt.ArrayLike,
    old_classes: npt.ArrayLike | None,
    y: npt.NDArray[Any],
    classes: npt.NDArray[Any],
    threshold: float | None = None,
    said: npt.NDArray[Any] | None = None,
) -> Remembered:
    """An old model's output on labelled rows.

    Args:
        output: As for `aligned`.
        old_classes: As for `aligned`.
        y: Labels, ``(n,)``.
        classes: As for `aligned`.
        threshold: As for `aligned`.
        said: Its answers, ``(n,)``, where they need not be the most probable classes; ignored if
            there is a threshold.

    Returns:
        The old model on these rows.

    Raises:
        ArgumentError: The number of rows differs, the output is not finite, its classes are not
            named, or none of them is a class of y.
    """
    if len(np.asarray(output)) != len(y):
        msg = (
            f"the old output has {len(np.asarray(output))} rows and y has {len(y)}; expected one"
            " row per item, in the same order"
        )
        raise ArgumentError(msg)
    moved, likely = aligned(output, old_classes, classes, threshold)
    said = likely if said is None or threshold is not None else said
    if len(said) and not np.isin(said, classes).any():
        msg = (
            f"none of the old answers, such as {np.asarray(said).tolist()[0]!r} ({np.asarray(said).dtype}), is one of the"
            f" classes of y, {', '.join(map(repr, classes[:5].tolist()))} ({classes.dtype}); give both"
            " the same names and type"
        )
        raise ArgumentError(msg)
    if np.asarray(output).ndim == 2:
        taught = _named(output, classes) if old_classes is None else np.asarray(old_classes)
        taught = classes if taught is None else taught
        moved = np.where(np.isin(y, taught)[:, None], moved, 0.0)
    return Remembered(moved, (said == y).astype(float), np.ones(len(y), bool))


def _named(output: Any, classes: npt.NDArray[Any]) -> npt.NDArray[Any] | None:
    """The names of a frame's columns, where they are the new model's classes in any order."""
    columns = None if hasattr(output, "column_names") else getattr(output, "columns", None)
    if columns is None or len(columns) != len(classes):
        return None
    names = np.asarray(list(columns))
    if names.dtype.kind == "U" and classes.dtype.kind not in "UO":  # as CSV files name columns
        as_text = {str(c): c for c in classes.tolist()}
        names = np.asarray([as_text.get(str(n), n) for n in names.tolist()])
    return names if np.isin(names, classes).all() and len(np.unique(names)) == len(names) else None


def _distinct(old_classes: npt.ArrayLike) -> npt.NDArray[Any]:
    names = np.asarray(old_classes)
    if names.dtype.kind == "U":  # numpy turns numbers beside texts into texts
        names = np.asarray(old_classes, object)
    if names.ndim != 1 or len(set(names.tolist())) < len(names):
        msg = f"old_classes={names.tolist()!r}; expected each class of the old model once"
        raise ArgumentError(msg)
    return names


def _refuse_unnamed(
    said: npt.NDArray[Any], old_classes: npt.NDArray[Any] | None, classes: npt.NDArray[Any]
) -> None:
    """Refuse answers that are not classes of y, unless they are named as classes of the old model."""
    new = set(classes.tolist())
    known = new if old_classes is None else new | set(old_classes.tolist())
    given = set(said.tolist())
    strange = given - known
    if strange and given & new:
        msg = (
            f"the old answer {min(strange, key=str)!r} is not a class of y, {', '.join(map(repr, classes[:5].tolist()))};"
            " give both the same names, or, if the class was removed, name all classes of the old model with"
            " old_classes=…"
        )
        raise ArgumentError(msg)


def _probabilities(
    values: npt.NDArray[Any], old_classes: npt.ArrayLike | None, classes: npt.NDArray[Any]
) -> tuple[Floats, npt.NDArray[Any]]:
    names = classes if old_classes is None else np.asarray(old_classes)
    if values.ndim != 2 or values.shape[1] != len(names):
        msg = (
            f"the old output has shape {values.shape}, for {len(names)} classes; pass (n, classes),"
            " and old_classes=… if the old model's classes are not those of y"
        )
        raise ArgumentError(msg)
    numbers = np.asarray(values, float)
    return numbers, names


def out_of_sample(
    remembered: Remembered,
    old: Any,
    X: Any,
    y: npt.NDArray[Any],
    classes: npt.NDArray[Any],
    seen: npt.NDArray[np.bool_],
    *,
    refit: bool,
    folds: int = 5,
    seed: int = 0,
    threshold: float | None = None,
) -> Remembered:
    """Replace an old model's answers on its own training rows.

    With `refit`, each fold of these rows is predicted by a copy of the old model trained on the
    others: not the deployed model, but one of its kind that has not seen the row. Otherwise the
    answers there are treated as unknown, and the rows count as in ordinary training.

    Args:
        remembered: The old model on all rows.
        old: The old model, a scikit-learn classifier; only needed for `refit`.
        X: All rows.
        y: Labels, ``(n,)``.
        classes: The new model's classes.
        seen: Mask of the old model's training rows, ``(n,)``.
        refit: Whether to predict by refitted copies.
        folds: Number of folds.
        seed: Seed of the folds.
        threshold: See `decided`.

    Returns:
        The old model, out of sample.

    Raises:
        ArgumentError: There are too few rows of a class for copies.
    """
    hidden = remembered.without(seen)
    if not refit:
        return hidden
    rows = np.flatnonzero(seen)
    labels = y[rows]
    names, counts = np.unique(labels, return_counts=True)
    if len(names) < 2 or counts.min() < folds:
        msg = (
            f"class {names[counts.argmin()]!r} has {counts.min()} of the {len(rows)} training rows"
            f" of the old model, too few to refit copies on {folds} folds; pass shared='skip'"
        )
        raise ArgumentError(msg)
    known = hidden.known.copy()
    probabilities, right = hidden.probabilities.copy(), hidden.right.copy()
    parts = StratifiedKFold(folds, shuffle=True, random_state=seed).split(labels, labels)
    X = its_columns(X, getattr(old, "feature_names_in_", None))
    for train, test in parts:
        copy = deployed(clone(old).fit(rows_of(X, rows[train]), labels[train]))
        held = rows[test]
        again = remember_on(copy, rows_of(X, held), y[held], classes, threshold)
        known[held] = True
        probabilities[held], right[held] = again.probabilities, again.right
    return replace(hidden, probabilities=probabilities, right=right, known=known)


def remember_on(
    old: Deployed,
    X: Any,
    y: npt.NDArray[Any],
    classes: npt.NDArray[Any],
    threshold: float | None = None,
) -> Remembered:
    """A deployed model on labelled rows; other arguments as for `from_output`."""
    output, names = old.answers(X)
    said = None if old.said is None or threshold is not None else old.said(X)
    return from_output(output, names, y, classes, threshold, said)
