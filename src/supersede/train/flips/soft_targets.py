"""Train any classifier that accepts sample weights on soft targets.

The cross-entropy to a soft target is a weighted sum of cross-entropies to the classes, so a row is
repeated once for each class that has mass, with that mass as its weight. Classes with less than a
hundredth of a row's mass are left out: with many classes the rows would otherwise not fit in
memory, and hardly any of them would matter.

Whatever an estimator learns from its rows besides their weights would be distorted by repetition, and
is therefore fixed here, in the one place that repeats: preprocessing is fitted on the rows as they
are; class weights come from the labels as they are, and weigh a row by its label, whatever class a copy
teaches; smallest leaves, counted in rows, grow with the number of rows; and rows for early stopping are
set aside before any is repeated. As the penalty goes to zero, no row is repeated any more, and training
is that of the estimator alone.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.model_selection import train_test_split
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing as rows_of
from sklearn.utils import check_random_state
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.validation import has_fit_parameter

from supersede.errors import ArgumentError

__all__ = ["fit_soft", "fit_weighted", "per_row", "sets_rows_aside", "taken"]

Floats = npt.NDArray[np.float64]
Params = Mapping[str, Any]
_LEAST = 0.01  # of a row's mass; classes with less are left out
_SAME = 1e-6  # weights this close to one are none
_ROWS_COUNTED = {  # parameters that count rows, and the largest value of each that means no limit
    "min_child_samples": 1,
    "min_samples_leaf": 1,
    "min_data_in_leaf": 1,
    "min_samples_split": 2,
    "max_samples": 0,
}
_MOST_ROWS = 10_000  # up to this many, histogram boosting does not stop early by itself


def per_row(name: str, value: Any, n: int) -> bool:
    """Whether an argument of `fit` has one entry per training row; evaluation sets have not."""
    plain = name.rpartition("__")[2]
    if plain.startswith("eval_") or plain.endswith(("_val", "_eval_set")):
        return False
    if isinstance(value, str | Mapping) or not hasattr(value, "__len__"):
        return False
    return len(value) == n


def taken(params: Params, rows: npt.NDArray[np.intp], n: int) -> dict[str, Any]:
    """Arguments of `fit` for some of the n rows."""
    return {k: rows_of(v, rows) if per_row(k, v, n) else v for k, v in params.items()}


def fit_weighted(
    model: Any, X: Any, y: Any, sample_weight: Floats | None, params: Params | None = None
) -> Any:
    """Fit with sample weights; in a pipeline they are passed to its last step.

    Raises:
        ArgumentError: The estimator does not accept sample weights.
    """
    given = dict(params or {})
    # some estimators treat weights of one differently from no weights, such as in binning
    if sample_weight is None or np.abs(sample_weight - 1).max(initial=0) < _SAME:
        return model.fit(X, y, **given)
    argument = _weights_argument(model)
    if argument is None:
        msg = (
            f"{type(_last_step(model)).__name__} does not accept sample_weight, which the treatment needs;"
            " use another estimator, or mode='blend'"
        )
        raise ArgumentError(msg)
    if isinstance(model, Pipeline) and any(hasattr(s, "fit_resample") for _, s in model.steps):
        msg = "a step of the pipeline resamples rows, so weights no longer belong to them; use mode='blend'"
        raise ArgumentError(msg)
    return model.fit(X, y, **{argument: sample_weight}, **given)


def _last_step(model: Any) -> Any:
    while isinstance(model, Pipeline):
        model = model.steps[-1][1]
    return model


def _weights_argument(model: Any) -> str | None:
    """The argument of `fit` that takes sample weights; None if there is none."""
    if isinstance(model, Pipeline):
        name, last = model.steps[-1]
        inner = _weights_argument(last)
        return None if inner is None else f"{name}__{inner}"
    if has_fit_parameter(model, "sample_weight"):
        return "sample_weight"
    if isinstance(model, VotingClassifier | StackingClassifier):  # they pass weights on
        inside = [part for _, part in model.estimators if not isinstance(part, str)]
        fine = all(_weights_argument(part) == "sample_weight" for part in inside)
        return "sample_weight" if fine else None
    if isinstance(model, BaseSearchCV):  # passes arguments on
        return _weights_argument(model.estimator)
    return None


def sets_rows_aside(estimator: Any) -> str | None:
    """Why an estimator cannot be trained on repeated rows; None if it can.

    One that sets rows aside, to stop early or to choose or calibrate within itself, would find copies
    of a row on both sides. Histogram boosting can be given the rows, so it is no such estimator. One
    that counts its rows' classes anew within itself would count copies.
    """
    last = _last_step(estimator)
    inside = [part for part in last.get_params().values() if hasattr(part, "get_params")]
    for part in (last, *inside):
        params, kind = part.get_params(deep=False), type(part).__name__
        fault = _aside(part, params, takes_rows=part is last)
        if fault is not None:
            return f"{fault} of {kind} sets training rows aside"
        weights = params.get("class_weight")
        if weights == "balanced_subsample" or (part is not last and weights is not None):
            return f"class_weight={weights!r} of {kind} is applied to rows drawn within {type(last).__name__}"
    return None


def _aside(part: Any, params: Params, *, takes_rows: bool) -> str | None:
    if "cv" in params:
        return "cv"
    if params.get("probability") is True:
        return "probability"
    given = takes_rows and has_fit_parameter(part, "X_val")
    if given or "validation_fraction" not in params:
        return "eval_fraction" if params.get("eval_fraction") else None
    if params.get("early_stopping") is True:
        return "early_stopping"
    stops = params.get("n_iter_no_change") and "early_stopping" not in params
    return "n_iter_no_change" if stops else None


def fit_soft(
    model: Any,
    X: Any,
    y: npt.NDArray[Any],
    mass: Floats,
    classes: npt.NDArray[Any],
    *,
    sample_weight: Floats | None = None,
    params: Params | None = None,
) -> Any:
    """Fit to soft targets.

    Args:
        model: An unfitted classifier.
        X: Rows, n of them.
        y: Labels as they are, ``(n,)``.
        mass: Weight of each class of each row, ``(n, C)``; not normalised.
        classes: The classes, sorted.
        sample_weight: Weights of the rows without any penalty, ``(n,)``.
        params: Further arguments of the model's `fit`; those with one entry per row are repeated
            with their rows.

    Returns:
        The fitted classifier.

    Raises:
        ArgumentError: The estimator sets rows aside to stop early, or takes no sample weights.
    """
    fault = sets_rows_aside(model)
    if fault is not None:
        msg = (
            f"{fault}, and soft targets repeat rows: copies of one row would lie on both sides, or be"
            " counted as several; turn it off, or use mode='weights'"
        )
        raise ArgumentError(msg)
    given = dict(params or {})
    if not isinstance(model, Pipeline):
        return _repeated(model, X, y, mass, classes, sample_weight, given)
    name, last = model.steps[-1]
    prefix = f"{name}__"
    for_last = {k.removeprefix(prefix): v for k, v in given.items() if k.startswith(prefix)}
    for_head = {k: v for k, v in given.items() if not k.startswith(prefix)}
    if len(model.steps) > 1:
        head = model[:-1]
        X = head.fit_transform(X, y, **for_head)
        model.steps[:-1] = head.steps
    fitted = fit_soft(last, X, y, mass, classes, sample_weight=sample_weight, params=for_last)
    model.steps[-1] = (name, fitted)
    return model


def _repeated(
    model: Any,
    X: Any,
    y: npt.NDArray[Any],
    mass: Floats,
    classes: npt.NDArray[Any],
    sample_weight: Floats | None,
    given: dict[str, Any],
) -> Any:
    usual = model.get_params(deep=False)
    aside, extra, changed = _set_aside(model, X, y, sample_weight, given)
    keep = np.setdiff1d(np.arange(len(y)), aside, assume_unique=True)
    total = mass[keep].sum(axis=1, keepdims=True)
    labels = y[keep, None] == classes
    # a row without any weight stays, as its label, so that the estimator treats it as it would
    taught = (mass[keep] > _LEAST * total) | ((total == 0) & labels)
    rows, columns = np.nonzero(taught)
    if not np.array_equal(taught, labels):
        weights, counted = _class_weights(usual, y, classes)
        # A row counts by the weight of its label, and all of its copies alike: the estimator weighs
        # each copy by the copy's class, which is undone.
        weight_of_row = labels[rows] @ weights
        ratio = np.divide(
            weight_of_row, weights[columns], where=weights[columns] > 0, out=weight_of_row
        )
        mass = mass[keep][rows, columns] * ratio
        growth = len(rows) / len(keep)
        changed |= counted | {
            name: round(usual[name] * growth)
            for name, least in _ROWS_COUNTED.items()
            if type(usual.get(name)) is int and usual[name] > least
        }
    else:
        mass = mass[keep][rows, columns]
    rows = keep[rows]
    model.set_params(**changed)
    given = taken(given, rows, len(y)) | extra
    fitted = fit_weighted(model, rows_of(X, rows), classes[columns], mass, given)
    if changed and not type(model).__module__.startswith(
        "catboost"
    ):  # it forbids changes after fit
        fitted.set_params(**{name: usual.get(name) for name in changed})
    return fitted


def _class_weights(
    usual: Params, y: npt.NDArray[Any], classes: npt.NDArray[Any]
) -> tuple[Floats, dict[str, Any]]:
    """The weight of each class, and parameters that give it without counting repeated rows."""
    weights = np.ones(len(classes))
    fixed: dict[str, Any] = {}
    counts = np.array([(y == c).sum() for c in classes], float)
    given = usual.get("class_weight")
    if given is not None and not isinstance(given, list):
        weights = weights * compute_class_weight(given, classes=classes, y=y)
        if given == "balanced":
            fixed["class_weight"] = dict(zip(classes.tolist(), weights.tolist(), strict=True))
    factor = usual.get("scale_pos_weight") or 1.0
    if len(classes) == 2 and usual.get("is_unbalance"):
        factor *= counts[0] / counts[1]
        fixed |= {"is_unbalance": False, "scale_pos_weight": factor}
    if len(classes) == 2:
        weights = weights * [1.0, factor]
    automatic, named = usual.get("auto_class_weights"), usual.get("class_weights")
    if automatic in ("Balanced", "SqrtBalanced"):
        named = counts.max() / counts
        named = np.sqrt(named) if automatic == "SqrtBalanced" else named
        fixed |= {"auto_class_weights": "None", "class_weights": named.tolist()}
    if named is not None:
        each = [named[c] for c in classes.tolist()] if isinstance(named, Mapping) else named
        weights = weights * np.asarray(each, float)
    return weights, fixed


def _set_aside(
    model: Any, X: Any, y: npt.NDArray[Any], sample_weight: Floats | None, given: Params
) -> tuple[npt.NDArray[np.intp], dict[str, Any], dict[str, Any]]:
    """Rows on which histogram boosting stops early: those that it would set aside itself."""
    none = np.array([], np.intp)
    usual = model.get_params(deep=False)
    stopping = usual.get("early_stopping")
    if not has_fit_parameter(model, "X_val") or stopping is False:
        return none, {}, {}
    if stopping == "auto" and len(y) <= _MOST_ROWS:
        return none, {}, {"early_stopping": False}
    if usual["validation_fraction"] is None or "X_val" in given:
        return none, {}, {"early_stopping": True}
    seed = check_random_state(usual["random_state"]).randint(np.iinfo(np.uint32).max, dtype="u8")
    _, aside = train_test_split(
        np.arange(len(y)), test_size=usual["validation_fraction"], stratify=y, random_state=seed
    )
    extra = {"X_val": rows_of(X, aside), "y_val": y[aside]}
    if sample_weight is not None:
        extra["sample_weight_val"] = sample_weight[aside]
    return aside, extra, {"early_stopping": True}
