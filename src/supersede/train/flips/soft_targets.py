"""Train any classifier that takes sample weights on soft targets.

The cross-entropy to a soft target is a weighted sum of cross-entropies to the classes, so a row may
be repeated once for each class that has mass, with that mass as its weight. Classes with less than
a hundredth of a row's mass are left out: with many classes the rows would else not fit in memory,
and hardly any of them would count. Gradient boosting of
LightGBM and XGBoost takes the gradient itself (``p − q`` times the row's mass, and its diagonal
curvature ``p (1 − p)``): the rows stay as many as they are.
"""

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing as rows_of
from sklearn.utils.validation import has_fit_parameter

from supersede.errors import ArgumentError

__all__ = ["SoftBoosting", "fit_soft", "fit_weighted"]

Floats = npt.NDArray[np.float64]
_LEAST = 0.01  # of a row's mass; less for a class is left out where rows are repeated


def fit_weighted(model: Any, X: Any, y: Any, sample_weight: Floats | None) -> Any:
    """Fit with sample weights, through a pipeline to its last step where there is one.

    Raises:
        ArgumentError: The estimator takes no sample weights.
    """
    if sample_weight is None:
        return model.fit(X, y)
    last = model.steps[-1] if isinstance(model, Pipeline) else ("", model)
    if not has_fit_parameter(last[1], "sample_weight"):
        msg = (
            f"{type(last[1]).__name__} takes no sample_weight, which the treatment needs; use another"
            " estimator, or mode='blend'"
        )
        raise ArgumentError(msg)
    name = f"{last[0]}__sample_weight" if last[0] else "sample_weight"
    return model.fit(X, y, **{name: sample_weight})


def fit_soft(model: Any, X: Any, mass: Floats, classes: npt.NDArray[Any]) -> Any:
    """Fit to soft targets.

    Args:
        model: An unfitted classifier.
        X: Rows, n of them.
        mass: What each class of each row counts for, ``(n, C)``; not normalised.
        classes: The classes, sorted.

    Returns:
        A fitted classifier.
    """
    if _is(model, "lightgbm", "LGBMClassifier") and not callable(model.get_params()["objective"]):
        return _lightgbm(model, X, mass, classes)
    if _is(model, "xgboost", "XGBClassifier") and not callable(model.get_params()["objective"]):
        return _xgboost(model, X, mass, classes)
    rows, columns = np.nonzero(mass > _LEAST * mass.sum(axis=1, keepdims=True))
    return fit_weighted(model, rows_of(X, rows), classes[columns], mass[rows, columns])


def _is(model: Any, package: str, name: str) -> bool:
    """Whether a model is of a class whose package may not be installed."""
    return package in sys.modules and isinstance(model, getattr(sys.modules[package], name))


@dataclass(frozen=True)
class SoftBoosting:
    """Gradient boosting trained on soft targets.

    Attributes:
        booster: What LightGBM or XGBoost trained.
        margin: The name of the argument of its `predict` that asks for margins.
        start: Margins that boosting started from, ``(C,)``, or ``(1,)`` for two classes.
        classes_: The classes, sorted.
    """

    booster: Any
    margin: str
    start: Floats
    classes_: npt.NDArray[Any]

    def predict_proba(self, X: Any) -> Floats:
        """Probabilities of the classes, ``(n, C)``."""
        margin = np.asarray(self.booster.predict(X, **{self.margin: True}), float)
        return _softmax(margin.reshape(-1, len(self.start)) + self.start)

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """The most probable classes, ``(n,)``."""
        answer: npt.NDArray[Any] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return answer


def _softmax(margin: Floats) -> Floats:
    """Probabilities from margins; one margin is that of the second of two classes."""
    full = np.hstack([np.zeros_like(margin), margin]) if margin.shape[1] == 1 else margin
    odds = np.exp(full - full.max(axis=1, keepdims=True))
    answer: Floats = odds / odds.sum(axis=1, keepdims=True)
    return answer


def _gradient(margin: Floats, mass: Floats) -> tuple[Floats, Floats]:
    """Gradient and diagonal curvature of the cross-entropy to soft targets, in the margins."""
    total = mass.sum(axis=1, keepdims=True)
    p = _softmax(margin)
    if margin.shape[1] == 1:
        p, mass = p[:, 1:], mass[:, 1:]
    # the factor C / (C − 1) on the curvature is what both packages use for several classes
    factor = 1.0 if margin.shape[1] == 1 else margin.shape[1] / (margin.shape[1] - 1)
    return total * p - mass, np.maximum(factor * total * p * (1 - p), 1e-16)


def _start(mass: Floats) -> Floats:
    prior: Floats = np.log(np.maximum(mass.sum(axis=0), 1e-12) / mass.sum())
    start: Floats = prior[1:] - prior[:1] if len(prior) == 2 else prior
    return start


def _standing(mass: Floats) -> npt.NDArray[np.intp]:
    """Hard labels that stand in for the targets, so that the package counts the classes right."""
    labels: npt.NDArray[np.intp] = mass.argmax(axis=1)
    lacking = np.setdiff1d(np.arange(mass.shape[1]), labels)
    spare = np.bincount(labels, minlength=mass.shape[1])
    for name in lacking:  # in a row whose class has others
        row = int(np.flatnonzero(spare[labels] > 1)[0])
        spare[labels[row]] -= 1
        spare[name] += 1
        labels[row] = name
    return labels


def _lightgbm(model: Any, X: Any, mass: Floats, classes: npt.NDArray[Any]) -> SoftBoosting:
    start = _start(mass)

    def objective(_: Any, margin: Floats) -> tuple[Floats, Floats]:
        gradient, curvature = _gradient(margin.reshape(len(mass), -1), mass)
        return (gradient.ravel(), curvature.ravel()) if margin.ndim == 1 else (gradient, curvature)

    model.set_params(objective=objective)
    begin = np.tile(start, (len(mass), 1))
    model.fit(X, _standing(mass), init_score=begin.ravel() if len(start) == 1 else begin)
    # the booster, not the classifier: that one holds the objective, which holds the rows
    return SoftBoosting(model.booster_, "raw_score", start, classes)


def _xgboost(model: Any, X: Any, mass: Floats, classes: npt.NDArray[Any]) -> SoftBoosting:
    start = _start(mass)

    def objective(_: Any, margin: Floats) -> tuple[Floats, Floats]:
        return _gradient(np.asarray(margin, float).reshape(len(mass), -1), mass)

    # a base score of one half is a margin of 0 for two classes, and cancels for more
    model.set_params(objective=objective, base_score=0.5)
    begin = np.tile(start, (len(mass), 1))
    model.fit(X, _standing(mass), base_margin=begin.ravel() if len(start) == 1 else begin)
    model.set_params(objective=None)  # it holds the rows
    return SoftBoosting(model, "output_margin", start, classes)
