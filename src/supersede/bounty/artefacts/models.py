"""Models as plain data: a constant, a tree, a linear model. Evaluated here, in numpy alone.

They are small and their cost is bounded on construction, so they need no separate process. The
answer to a row depends on that row alone, and is reproducible.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

import numpy as np

from supersede.bounty.artefacts.answers import Answers, Numbers
from supersede.bounty.artefacts.columns import Columns, columns_of, rows_of
from supersede.bounty.artefacts.features import MAX_FEATURES, Feature, design
from supersede.errors import ModelFormError

__all__ = [
    "MAX_DEPTH",
    "MAX_NODES",
    "MAX_WEIGHTS",
    "MAX_WIDTH",
    "Constant",
    "Linear",
    "Model",
    "Tree",
]

MAX_NODES = 8191  # of a tree
MAX_DEPTH = 64  # of a tree
MAX_WIDTH = 100  # numbers per answer
MAX_WEIGHTS = 20_000  # of a linear model
BLOCK = 2**20  # numbers of the design held at a time: 8 MB

Link = Literal["number", "logistic", "softmax", "sign", "largest"]


class Model(Protocol):
    """A model that predicts rows."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it reads."""
        ...

    @property
    def bits(self) -> int:
        """Its description length: eight bits per byte of its stored form and of its terminator."""
        ...

    def predict(self, columns: Columns, answers: Answers) -> np.ndarray:
        """Predict every row.

        Args:
            columns: Columns by name, shape (n,) each.
            answers: The allowed answers.

        Returns:
            Shape (n,), or (n, count) for probabilities.

        Raises:
            ArtefactError: The model cannot be run, exceeds a limit, or gives an answer that is not
                allowed.
            MissingColumnError: A column is missing.
        """
        ...

    def to_dict(self) -> dict[str, Any]:
        """The model as plain data; `model_from_dict` reads it."""
        ...


@dataclass(frozen=True)
class Constant:
    """The same answer for every row.

    Attributes:
        values: The answer: one number, or a probability for each class.
    """

    values: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(_array(self.values, "values", 1).tolist()))
        _within(len(self.values), MAX_WIDTH, "numbers in an answer")

    @property
    def columns(self) -> tuple[str, ...]:
        """None."""
        return ()

    @property
    def bits(self) -> int:
        """Eight bits per byte of its JSON and of its terminator."""
        return _bits(self.to_dict())

    def predict(self, columns: Columns, answers: Answers) -> np.ndarray:
        """Shape (n,) or (n, width), checked; see `Model`."""
        n = rows_of(columns)
        return answers.check(np.tile(np.array(self.values), (n, 1)), n)

    def to_dict(self) -> dict[str, Any]:
        """The model as plain data."""
        return {"form": "constant", "values": list(self.values)}


@dataclass(frozen=True, eq=False)
class Tree:
    """A decision tree in flat arrays, one entry per node; the root is node 0, children come later.

    A row goes left where its feature is at most the threshold. Features and thresholds are double
    precision: `from_sklearn` and the documentation describe the consequences for trees that were
    fitted in single precision.

    Attributes:
        features: k features.
        feature: Shape (m,): index of a node's feature; -1 at a leaf.
        threshold: Shape (m,): the threshold of that feature; 0 at a leaf.
        left: Shape (m,): the node to go to when at most the threshold; -1 at a leaf.
        right: Shape (m,): the other one.
        missing_left: Shape (m,), bool: whether missing numbers go left.
        values: Shape (m, width): the answer of a leaf; any number at inner nodes.

    Raises:
        ModelFormError: The arrays do not form a tree, or are larger than allowed.

    Example:
        >>> from supersede.bounty.artefacts import Codes, Feature, Tree
        >>> stump = Tree(
        ...     (Feature("age"),), feature=[0, -1, -1], threshold=[30, 0, 0], left=[1, -1, -1],
        ...     right=[2, -1, -1], missing_left=[True, True, True], values=[[0], [0], [1]],
        ... )
        >>> stump.predict({"age": [29, 31, None]}, Codes(2))
        array([0, 1, 0])
    """

    features: tuple[Feature, ...]
    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    missing_left: np.ndarray
    values: np.ndarray

    def __post_init__(self) -> None:
        for name in ("feature", "left", "right"):
            object.__setattr__(self, name, _integers(getattr(self, name), name))
        object.__setattr__(self, "threshold", _array(self.threshold, "threshold", 1))
        object.__setattr__(self, "missing_left", _booleans(self.missing_left, "missing_left"))
        object.__setattr__(self, "values", _array(self.values, "values", 2))
        object.__setattr__(self, "features", _features(self.features))
        m = len(self.feature)
        _within(m, MAX_NODES, "nodes")
        _within(self.values.shape[1], MAX_WIDTH, "numbers in an answer")
        for name in ("threshold", "left", "right", "missing_left", "values"):
            if len(getattr(self, name)) != m:
                msg = f"{name} has {len(getattr(self, name))} entries, but there are {m} nodes"
                raise ModelFormError(msg)
        _within(_depth(self), MAX_DEPTH, "levels")

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of its features."""
        return tuple(dict.fromkeys(feature.column for feature in self.features))

    @property
    def bits(self) -> int:
        """Eight bits per byte of its JSON and of its terminator."""
        return _bits(self.to_dict())

    def predict(self, columns: Columns, answers: Answers) -> np.ndarray:
        """Shape (n,) or (n, width), checked; see `Model`."""
        return _in_blocks(self.features, columns, self.answer, answers)

    def answer(self, x: np.ndarray) -> np.ndarray:
        """Shape (n, width): answers, not yet checked, to a design of shape (n, k)."""
        node = np.zeros(len(x), dtype=np.int64)
        open_rows = np.arange(len(x)) if self.feature[0] >= 0 else np.arange(0)
        while len(open_rows):
            at = node[open_rows]
            value = x[open_rows, self.feature[at]]
            goes_left = np.where(
                np.isnan(value), self.missing_left[at], value <= self.threshold[at]
            )
            node[open_rows] = np.where(goes_left, self.left[at], self.right[at])
            open_rows = open_rows[self.feature[node[open_rows]] >= 0]
        found: np.ndarray = self.values[node]
        return found

    def to_dict(self) -> dict[str, Any]:
        """The model as plain data."""
        arrays = ("feature", "threshold", "left", "right", "missing_left", "values")
        return {
            "form": "tree",
            "features": [asdict(feature) for feature in self.features],
            **{name: getattr(self, name).tolist() for name in arrays},
        }


@dataclass(frozen=True, eq=False)
class Linear:
    """A linear model: ``scores = design @ weights.T + intercept``, and a link from scores to answers.

    Links: ``number`` returns the score, clipped to the allowed range; ``logistic`` (one score) the
    probabilities of two classes; ``softmax`` one probability per class; ``sign`` (one score) class
    1 if it is above 0, otherwise 0; ``largest`` the class with the largest score, the first of
    ties. Every row gets an answer: a score that overflows becomes the largest float, NaN becomes 0.

    Attributes:
        features: k features; each must have a replacement for missing numbers.
        weights: Shape (width, k).
        intercept: Shape (width,).
        link: Function from scores to answers.

    Raises:
        ModelFormError: The shapes of the arrays do not match, or are larger than allowed.
    """

    features: tuple[Feature, ...]
    weights: np.ndarray
    intercept: np.ndarray
    link: Link

    def __post_init__(self) -> None:
        object.__setattr__(self, "features", _features(self.features))
        object.__setattr__(self, "weights", _array(self.weights, "weights", 2))
        object.__setattr__(self, "intercept", _array(self.intercept, "intercept", 1))
        shape = (len(self.intercept), len(self.features))
        if self.weights.shape != shape:
            msg = (
                f"weights have the shape {self.weights.shape}; intercept and features require"
                f" {shape}"
            )
            raise ModelFormError(msg)
        _within(self.weights.size, MAX_WEIGHTS, "weights")
        _within(shape[0], MAX_WIDTH, "scores")
        if self.link not in LINKS:
            msg = f"there is no link {self.link!r}; use one of {', '.join(LINKS)}"
            raise ModelFormError(msg)
        if (self.link in {"sign", "logistic"}) != (shape[0] == 1) and self.link != "number":
            msg = f"the link {self.link!r} does not work with {shape[0]} scores"
            raise ModelFormError(msg)
        for feature in self.features:
            if feature.category is None and feature.missing is None:
                msg = (
                    f"give a replacement for a missing {feature.column!r}: a weight needs a number"
                )
                raise ModelFormError(msg)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of its features."""
        return tuple(dict.fromkeys(feature.column for feature in self.features))

    @property
    def bits(self) -> int:
        """Eight bits per byte of its JSON and of its terminator."""
        return _bits(self.to_dict())

    def predict(self, columns: Columns, answers: Answers) -> np.ndarray:
        """Shape (n,) or (n, width), checked; see `Model`."""

        def answer(x: np.ndarray) -> np.ndarray:
            found = self.answer(x)
            if self.link == "number" and isinstance(answers, Numbers):
                found = np.clip(found, answers.low, answers.high)
            return found

        return _in_blocks(self.features, columns, answer, answers)

    def answer(self, x: np.ndarray) -> np.ndarray:
        """Shape (n, width): answers, not yet checked, to a design of shape (n, k)."""
        with np.errstate(over="ignore", invalid="ignore"):
            # not BLAS, whose sums depend on the number of rows
            scores = np.einsum("nk,wk->nw", x, self.weights, optimize=False) + self.intercept
            return LINKS[self.link](np.nan_to_num(scores))

    def to_dict(self) -> dict[str, Any]:
        """The model as plain data."""
        return {
            "form": "linear",
            "features": [asdict(feature) for feature in self.features],
            "weights": self.weights.tolist(),
            "intercept": self.intercept.tolist(),
            "link": self.link,
        }


def _softmax(scores: np.ndarray) -> np.ndarray:
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    found: np.ndarray = shares / shares.sum(axis=1, keepdims=True)
    return found


LINKS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "number": lambda scores: scores,
    "logistic": lambda scores: _softmax(np.hstack([np.zeros_like(scores), scores])),
    "softmax": _softmax,
    "sign": lambda scores: (scores > 0).astype(float),
    "largest": lambda scores: scores.argmax(axis=1).astype(float)[:, None],
}


def _in_blocks(
    features: Sequence[Feature],
    columns: Columns,
    answer: Callable[[np.ndarray], np.ndarray],
    answers: Answers,
) -> np.ndarray:
    """Predict in blocks of rows, so that the design matrix stays small."""
    asked = columns_of(columns, dict.fromkeys(feature.column for feature in features))
    n = len(next(iter(asked.values())))
    step = max(1, BLOCK // len(features))
    blocks = [
        answer(design(features, {name: c.take(slice(at, at + step)) for name, c in asked.items()}))
        for at in range(0, max(n, 1), step)
    ]
    return answers.check(np.concatenate(blocks), n)


def _depth(tree: Tree) -> int:
    """Number of levels of a tree; checks each of its links."""
    m = len(tree.feature)
    inner = np.flatnonzero(tree.feature >= 0)
    if m == 0 or tree.feature.max() >= len(tree.features) or tree.feature.min() < -1:
        msg = (
            f"feature must be -1 at leaves, otherwise 0 to {len(tree.features) - 1}, and there must"
            " be a node"
        )
        raise ModelFormError(msg)
    for name, child in (("left", tree.left), ("right", tree.right)):
        wrong = inner[(child[inner] <= inner) | (child[inner] >= m)]
        if len(wrong):
            msg = (
                f"{name} of node {wrong[0]} is {child[wrong[0]]}; a child must come later and be"
                f" below {m}"
            )
            raise ModelFormError(msg)
    depth = [1] * m  # children come later, so one pass suffices
    for node in inner.tolist():
        for child in (tree.left[node], tree.right[node]):
            depth[child] = max(depth[child], depth[node] + 1)
    return max(depth)


def _features(features: Sequence[Feature]) -> tuple[Feature, ...]:
    _within(len(features), MAX_FEATURES, "features")
    if not features:
        msg = "a tree or a linear model needs at least one feature; send a constant instead"
        raise ModelFormError(msg)
    return tuple(features)


def _array(values: Any, name: str, dimensions: int) -> np.ndarray:
    try:
        found = np.asarray(values)
        if found.dtype.kind not in "iuf" or found.ndim != dimensions or not found.size:
            raise ValueError
        found = (
            found.astype(float) + 0.0
        )  # -0.0 becomes 0.0, so that equal models have equal stored forms
    except (ValueError, OverflowError):
        found = np.array([np.nan])
    if not np.isfinite(found).all():
        msg = f"{name} is not an array of finite numbers with {dimensions} dimension{'s' * (dimensions > 1)}"
        raise ModelFormError(msg)
    return found


def _integers(values: Any, name: str) -> np.ndarray:
    found = _array(values, name, 1)
    if (found != np.floor(found)).any() or (np.abs(found) > MAX_NODES).any():
        msg = f"{name} is not an array of integers up to {MAX_NODES}"
        raise ModelFormError(msg)
    return found.astype(np.int64)


def _booleans(values: Any, name: str) -> np.ndarray:
    try:
        found = np.asarray(values)
    except ValueError:  # ragged
        found = np.zeros((0, 0))
    if found.dtype != bool or found.ndim != 1:
        msg = f"{name} is not an array of true and false"
        raise ModelFormError(msg)
    return found


def _within(found: int, most: int, what: str) -> None:
    if found > most:
        msg = f"{found} {what}, more than {most}; send a smaller model"
        raise ModelFormError(msg)


def _bits(data: dict[str, Any]) -> int:
    return 8 * (len(json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode()) + 1)
