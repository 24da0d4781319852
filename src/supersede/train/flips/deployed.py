"""The model in service, in whatever form it is at hand: as one object that answers.

A fitted classifier, an `OldModel`, a function from rows to probabilities or classes, a booster of
LightGBM or XGBoost, or the file of one. Of a frame, a model that knows its columns by name reads those,
in its own order, so that new columns do not disturb it. Files are read by their packages' own formats;
pickles run code when they are read, so load them yourself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from supersede.errors import ArgumentError, MissingExtraError, SourceError

__all__ = ["Deployed", "deployed", "its_columns"]

Array = npt.NDArray[Any]
_NUMBERED = ("Column_", "f", "x", "")  # names that models give to columns without names


@dataclass(frozen=True)
class Deployed:
    """A model in service.

    Attributes:
        answers: From rows to its output, probabilities ``(n, C)`` or classes ``(n,)``, and to the
            names of its classes; None where they are those of the new model.
        estimator: The scikit-learn classifier, of which copies can be trained; None for others.
        said: From rows to its answers, ``(n,)``, where these need not be the most probable classes, as
            with a tuned threshold; None if they are.
    """

    answers: Callable[[Any], tuple[Array, Array | None]]
    estimator: Any = None
    said: Callable[[Any], Array] | None = None


def deployed(old: Any) -> Deployed:
    """The model in service as one that answers.

    Args:
        old: A fitted classifier, an `OldModel`, a function, a booster, or the path of a booster's
            or an ONNX file. A function returns probabilities in the order of the new model's
            classes, or classes.

    Returns:
        The model.

    Raises:
        ArgumentError: It is not fitted, or of no known kind.
        SourceError: The file cannot be read.
        MissingExtraError: The package that reads the file is not installed.
    """
    if isinstance(old, str | Path):
        return deployed(_read(Path(old)))
    kind = f"{type(old).__module__.split('.')[0]}.{type(old).__name__}"
    if kind == "lightgbm.Booster":
        return Deployed(lambda X: (_of_lightgbm(old, X), None))
    if kind == "xgboost.Booster":
        return Deployed(lambda X: (_of_xgboost(old, X), None))
    if hasattr(old, "predict") and hasattr(old, "kind"):
        return _of_old_model(old)
    if hasattr(old, "predict"):
        return _of_estimator(old)
    if callable(old):
        return Deployed(lambda X: (np.asarray(old(X)), None))
    msg = (
        f"old is {type(old).__name__}; expected a fitted classifier, an OldModel, a function from rows"
        " to probabilities or classes, a booster, or the path of a booster's or an ONNX file"
    )
    raise ArgumentError(msg)


def _of_estimator(old: Any) -> Deployed:
    try:
        check_is_fitted(old)
    except NotFittedError as problem:
        msg = f"the old model, {type(old).__name__}, is not fitted; pass the fitted model that is in service"
        raise ArgumentError(msg) from problem
    except (TypeError, AttributeError):
        pass  # without scikit-learn's tags: its own error shows whether it can predict
    if not hasattr(old, "classes_"):
        msg = (
            f"{type(old).__name__} has no classes_, so it is not a classifier; pass a function that"
            " returns classes or probabilities, such as lambda X: (old.predict(X) > 0.5).astype(int)"
        )
        raise ArgumentError(msg)

    def said(X: Any) -> Array:
        X = its_columns(X, getattr(old, "feature_names_in_", None))
        return np.asarray(old.predict(X)).reshape(-1)

    def answers(X: Any) -> tuple[Array, Array | None]:
        classes = np.asarray(old.classes_)
        if not hasattr(old, "predict_proba"):
            return said(X), classes
        X = its_columns(X, getattr(old, "feature_names_in_", None))
        return np.asarray(old.predict_proba(X), float), classes

    return Deployed(answers, old, said)


def _of_old_model(old: Any) -> Deployed:
    names = None if old.classes is None else np.asarray(old.classes)

    def answers(X: Any) -> tuple[Array, Array | None]:
        output = np.asarray(old.predict(X))
        if output.ndim == 1:
            return output, names
        if old.kind == "logits":
            odds = np.exp(output - output.max(axis=1, keepdims=True))
            output = odds / odds.sum(axis=1, keepdims=True)
        return output, names

    return Deployed(answers)


def _of_lightgbm(booster: Any, X: Any) -> Array:
    objective = str(booster.dump_model(num_iteration=1).get("objective", "custom")).split()[0]
    _expect_probabilities("LightGBM", objective, ("binary", "multiclass", "cross_entropy"))
    X = its_columns(X, booster.feature_name())
    _expect_columns(X, booster.num_feature())
    return _both(np.asarray(booster.predict(X), float))


def _of_xgboost(booster: Any, X: Any) -> Array:
    import json

    import xgboost

    objective = json.loads(booster.save_config())["learner"]["objective"]["name"]
    _expect_probabilities("XGBoost", objective, ("binary:logistic", "multi:softprob"))
    named = booster.feature_names
    if isinstance(X, xgboost.DMatrix):
        return _both(np.asarray(booster.predict(X), float))
    X = its_columns(X, named)
    _expect_columns(X, booster.num_features())
    rows = xgboost.DMatrix(X, feature_names=named, enable_categorical=hasattr(X, "columns"))
    return _both(np.asarray(booster.predict(rows), float))


def _expect_probabilities(tool: str, objective: str, known: tuple[str, ...]) -> None:
    if objective not in known:
        msg = (
            f"the {tool} model has the objective {objective!r}, whose answers are not probabilities; pass a"
            " function that returns probabilities or classes"
        )
        raise ArgumentError(msg)


def _expect_columns(X: Any, count: int) -> None:
    got = np.shape(X)[1]
    if got != count:
        msg = (
            f"the old model reads {count} columns, the rows have {got}; pass a function that takes the old"
            " model's columns out of these rows, or a frame with its column names"
        )
        raise ArgumentError(msg)


def its_columns(X: Any, names: Any) -> Any:
    """The columns of a frame that a model was trained on, in its order; other rows as they are."""
    if names is None or not hasattr(X, "columns") or hasattr(X, "column_names"):
        return X
    wanted, there = [str(name) for name in names], [str(name) for name in X.columns]
    numbered = [[f"{prefix}{i}" for i in range(len(wanted))] for prefix in _NUMBERED]
    if wanted == there or (wanted in numbered and not set(wanted) & set(there)):
        return X
    missing = [name for name in wanted if name not in there]
    if missing:
        msg = (
            f"the old model reads the columns {', '.join(missing[:5])}, which the rows lack; they have"
            f" {', '.join(there[:8])}"
        )
        raise ArgumentError(msg)
    by_name = dict(zip(there, X.columns, strict=True))
    return X[[by_name[name] for name in wanted]]


def _both(output: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Probabilities of both classes from that of the second."""
    if output.ndim == 2:
        return output
    if not ((output >= 0) & (output <= 1)).all():
        msg = (
            "the booster's answers lie outside [0, 1], so they are not probabilities; pass a function"
            " that returns probabilities or classes"
        )
        raise ArgumentError(msg)
    return np.column_stack([1 - output, output])


def _read(path: Path) -> Any:
    if not path.is_file():
        msg = f"there is no file {path}; expected a LightGBM, XGBoost, CatBoost or ONNX model"
        raise SourceError(msg)
    with path.open("rb") as file:
        begin = file.read(64)
    ending = path.suffix.lower()
    try:
        if begin.startswith(b"tree"):
            import lightgbm

            return lightgbm.Booster(model_file=str(path))
        if begin[:4] == b"CBM1":
            import catboost

            return catboost.CatBoostClassifier().load_model(str(path))
        if ending in {".json", ".ubj", ".model", ".xgb"}:
            import xgboost

            booster = xgboost.Booster()
            booster.load_model(str(path))
            return booster
    except ImportError as problem:
        msg = f"the old model in {path} needs {problem.name}: pip install {problem.name}"
        raise MissingExtraError(msg) from problem
    except Exception as problem:  # the packages' own errors have no public root
        msg = f"cannot read the model {path}: {str(problem).splitlines()[0]}"
        raise SourceError(msg) from problem
    if ending == ".onnx":
        from supersede.train.flips.old_models import old_onnx

        return old_onnx(path)
    pickled = " (a pickle runs code when it is read, so load it yourself and pass the model)"
    msg = (
        f"{path} is not a model file of LightGBM, XGBoost, CatBoost or ONNX"
        f"{pickled if ending in {'.pkl', '.pickle', '.joblib', '.skops'} else ''}"
    )
    raise SourceError(msg)
