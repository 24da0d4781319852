"""Train any classifier that accepts sample weights on soft targets.

The cross-entropy to a soft target is a weighted sum of cross-entropies to the classes, so a row is
repeated once for each class that has mass, with that mass as its weight. Classes with less than a
hundredth of a row's mass are left out: with many classes the rows would otherwise not fit in
memory, and hardly any of them would matter. LightGBM and XGBoost accept the gradient itself
(``p − q`` times the row's mass, and its diagonal curvature ``p (1 − p)``), so rows are not
repeated.
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
_LEAST = 0.01  # of a row's mass; classes with less are left out where rows are repeated


def fit_weighted(model: Any, X: Any, y: Any, sample_weight: Floats | None) -> Any:
    """Fit with sample weights; in a pipeline they are passed to its last step.

    Raises:
        ArgumentError: The estimator does not accept sample weights.
    """
    if sample_weight is None:
        return model.fit(X, y)
    last = model.steps[-1] if isinstance(model, Pipeline) else ("", model)
    if not has_fit_parameter(last[1], "sample_weight"):
        msg = (
            f"{type(last[1]).__name__} does not accept sample_weight, which the treatment needs;"
            " use another estimator, or mode='blend'"
        )
        raise ArgumentError(msg)
    name = f"{last[0]}__sample_weight" if last[0] else "sample_weight"
    return model.fit(X, y, **{name: sample_weight})


def fit_soft(model: Any, X: Any, mass: Floats, classes: npt.NDArray[Any]) -> Any:
    """Fit to soft targets.

    Args:
        model: An unfitted classifier.
        X: Rows, n of them.
        mass: Weight of each class of each row, ``(n, C)``; not normalised.
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
    """Whether a model is of a class from a package that need not be installed."""
    return package in sys.modules and isinstance(model, getattr(sys.modules[package], name))


@dataclass(frozen=True)
class SoftBoosting:
    """Gradient boosting trained on soft targets.

    Attributes:
        booster: The booster trained by LightGBM or XGBoost.
        margin: The name of its `predict` argument that selects margins.
        start: Initial margins of boosting, ``(C,)``, or ``(1,)`` for two classes.
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
    """Probabilities from margins; a single margin is that of the second of two classes."""
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
    # both packages use the factor C / (C − 1) on the curvature for several classes
    factor = 1.0 if margin.shape[1] == 1 else margin.shape[1] / (margin.shape[1] - 1)
    return total * p - mass, np.maximum(factor * total * p * (1 - p), 1e-16)


def _start(mass: Floats) -> Floats:
    prior: Floats = np.log(np.maximum(mass.sum(axis=0), 1e-12) / mass.sum())
    start: Floats = prior[1:] - prior[:1] if len(prior) == 2 else prior
    return start


def _standing(mass: Floats) -> npt.NDArray[np.intp]:
    """Hard labels in place of the targets, so that the package finds the right classes."""
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
    # the booster, not the classifier, which references the objective and thereby the rows
    return SoftBoosting(model.booster_, "raw_score", start, classes)


def _xgboost(model: Any, X: Any, mass: Floats, classes: npt.NDArray[Any]) -> SoftBoosting:
    start = _start(mass)

    def objective(_: Any, margin: Floats) -> tuple[Floats, Floats]:
        return _gradient(np.asarray(margin, float).reshape(len(mass), -1), mass)

    # a base score of one half is a margin of 0 for two classes, and cancels for more
    model.set_params(objective=objective, base_score=0.5)
    begin = np.tile(start, (len(mass), 1))
    model.fit(X, _standing(mass), base_margin=begin.ravel() if len(start) == 1 else begin)
    model.set_params(objective=None)  # it references the rows
    return SoftBoosting(model, "output_margin", start, classes)
