"""Fitted scikit-learn trees and linear models as plain data, which is safe to run."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from supersede.bounty.artefacts.features import Feature
from supersede.bounty.artefacts.models import Linear, Link, Tree
from supersede.errors import ModelFormError

__all__ = ["from_sklearn"]


def from_sklearn(
    estimator: Any,
    features: Sequence[Feature | str],
    *,
    classes: Sequence[Any] | None = None,
    probabilities: bool = False,
) -> Tree | Linear:
    """Convert a fitted tree or linear model; its answers equal those of ``estimator.predict``.

    Args:
        estimator: A decision tree, or anything with ``coef_`` and ``intercept_`` whose ``predict``
            is the score itself (regression) or its sign or largest entry (classification).
        features: The columns of its matrix, as given to `design`; a name alone means that column's
            number, with missing values replaced by 0.
        classes: The owner's list of classes; the model then answers with their codes. Not needed if
            the estimator was fitted on the codes themselves, 0, 1, ….
        probabilities: Answer with a probability per class, as ``predict_proba`` does.

    Raises:
        ModelFormError: The estimator is of another kind, not fitted, or has other classes.

    Example:
        >>> from sklearn.tree import DecisionTreeClassifier
        >>> from supersede.bounty.artefacts import Codes, design, features_of
        >>> columns = {"age": [20, 30, 40, 50], "sex": ["f", "m", "f", "m"]}
        >>> features = features_of(columns)
        >>> fitted = DecisionTreeClassifier().fit(design(features, columns), ["no", "no", "yes", "yes"])
        >>> from_sklearn(fitted, features, classes=["no", "yes"]).predict(columns, Codes(2))
        array([0, 0, 1, 1])
    """
    wanted = tuple(Feature(f, missing=0.0) if isinstance(f, str) else f for f in features)
    known = getattr(estimator, "n_features_in_", None)
    if known != len(wanted):
        msg = f"{type(estimator).__name__} was fitted on {known} features, but {len(wanted)} are named"
        raise ModelFormError(msg)
    codes = _codes(estimator, classes)
    if probabilities and codes is None:
        msg = f"{type(estimator).__name__} is not a classifier and has no probabilities"
        raise ModelFormError(msg)
    width = 0 if not probabilities or codes is None else len(classes) if classes else len(codes)
    model: Tree | Linear | None = None
    if hasattr(estimator, "tree_"):
        model = _tree(estimator.tree_, wanted, codes, width)
    elif hasattr(estimator, "coef_"):
        model = _linear(estimator, wanted, codes, width)
    if model is None or not _agree(model, estimator, codes, width):
        msg = (
            f"{type(estimator).__name__} is neither a tree nor a model whose answer is its linear"
            " score; convert it to ONNX (skl2onnx with zipmap=False) and send that"
        )
        raise ModelFormError(msg)
    return model


def _agree(model: Tree | Linear, estimator: Any, codes: np.ndarray | None, width: int) -> bool:
    """Whether both agree on random rows: some estimators apply a function to their scores."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, len(model.features))) * np.repeat([1e-2, 1.0, 1e2], 100)[:, None]
    found = model.answer(x)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # that x has no names
        if codes is None:
            expected = np.ravel(estimator.predict(x))[:, None]
        elif width:
            expected = np.zeros_like(found)
            expected[:, codes] = estimator.predict_proba(x)
        else:
            labels = estimator.classes_.tolist()
            known = dict(zip(labels, codes, strict=True))
            expected = np.array([[known[label]] for label in estimator.predict(x).tolist()])
    return np.allclose(found, expected, rtol=1e-6, atol=1e-6)


def _codes(estimator: Any, classes: Sequence[Any] | None) -> np.ndarray | None:
    """The code of each class of the estimator; None for a regression."""
    found = getattr(estimator, "classes_", None)
    if found is None:
        return None
    if not isinstance(found, np.ndarray):
        msg = f"{type(estimator).__name__} has more than one output; send one model per output"
        raise ModelFormError(msg)
    owner = list(range(len(found))) if classes is None else list(classes)
    labels = found.tolist()
    if not set(labels) <= set(owner):
        msg = (
            f"the model has the classes {labels}, the owner's list is {owner}; give classes= in the"
            " owner's order"
        )
        raise ModelFormError(msg)
    return np.array([owner.index(label) for label in labels])


def _tree(tree: Any, features: tuple[Feature, ...], codes: np.ndarray | None, width: int) -> Tree:
    if tree.value.shape[1] != 1:
        msg = "the tree has more than one output; send one model per output"
        raise ModelFormError(msg)
    value = tree.value[:, 0, :]
    if codes is not None and width:
        shares = np.zeros((len(value), width))
        shares[:, codes] = value / value.sum(axis=1, keepdims=True)
        value = shares
    elif codes is not None:
        value = codes[value.argmax(axis=1)][:, None]
    leaf = tree.children_left < 0
    missing_left = getattr(tree, "missing_go_to_left", np.zeros(len(leaf)))
    return Tree(
        features,
        feature=np.where(leaf, -1, tree.feature),
        threshold=np.where(leaf, 0.0, _in_double(tree.threshold)),
        left=np.where(leaf, -1, tree.children_left),
        right=np.where(leaf, -1, tree.children_right),
        missing_left=np.asarray(missing_left).astype(bool),
        values=value,
    )


def _in_double(threshold: np.ndarray) -> np.ndarray:
    """The largest double that, rounded to single precision, is at most the threshold.

    scikit-learn rounds the data to single precision before it compares them with a threshold.
    Double-precision data must be compared with the midpoint between two neighbouring
    single-precision numbers; the midpoint itself rounds to the even one.
    """
    below = np.where(np.isfinite(threshold), threshold, 0).astype(np.float32)
    below = np.where(below > threshold, np.nextafter(below, np.float32(-np.inf)), below)
    above = np.nextafter(below, np.float32(np.inf))
    middle = below.astype(float) / 2 + above.astype(float) / 2
    even = below.view(np.int32) % 2 == 0
    edge = np.where(even, middle, np.nextafter(middle, -np.inf))
    # an infinite threshold separates missing numbers from all others
    return np.where(np.isfinite(threshold), edge, np.finfo(float).max)


def _linear(
    estimator: Any, features: tuple[Feature, ...], codes: np.ndarray | None, width: int
) -> Linear:
    weights = np.atleast_2d(estimator.coef_)
    intercept = np.broadcast_to(np.ravel(estimator.intercept_), (len(weights),)).astype(float)
    if codes is None:
        if len(weights) > 1:
            msg = "the model has more than one output; send one model per output"
            raise ModelFormError(msg)
        return Linear(features, weights, intercept, "number")
    if width and not hasattr(estimator, "predict_proba"):
        msg = f"{type(estimator).__name__} has no probabilities"
        raise ModelFormError(msg)
    if len(weights) == 1 and codes.tolist() == [0, 1] and width in {0, 2}:
        return Linear(features, weights, intercept, "logistic" if width else "sign")
    if len(weights) == 1:  # two of several classes, or in another order
        zero = np.zeros_like(weights)
        weights, intercept = np.vstack([zero, weights]), np.array([0.0, *intercept])
    return _spread(features, weights, intercept, codes, width)


def _spread(
    features: tuple[Feature, ...],
    weights: np.ndarray,
    intercept: np.ndarray,
    codes: np.ndarray,
    width: int,
) -> Linear:
    """One score for each of the owner's classes; unseen ones get a score that never wins."""
    count = width or int(codes.max()) + 1
    spread = np.zeros((count, weights.shape[1]))
    never = np.full(count, NEVER)
    spread[codes], never[codes] = weights, intercept
    link: Link = "softmax" if width else "largest"
    return Linear(features, spread, never, link)


NEVER = -1e9  # a score so low that its class is never answered
