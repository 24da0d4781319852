"""Trees grown by scikit-learn; answers and groups are extracted as plain data."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from supersede.bounty.artefacts import Expression, from_sklearn, parse
from supersede.bounty.artefacts.answers import Codes, Probabilities
from supersede.bounty.artefacts.features import Feature
from supersede.bounty.artefacts.models import Model, Tree
from supersede.bounty.artefacts.nodes import MAX_NODES, write_literal, write_name
from supersede.bounty.hunters.ground import Ground
from supersede.bounty.losses import BoundedLogLoss, SquaredError, ZeroOne
from supersede.bounty.routing import Bools
from supersede.errors import ArgumentError, MissingExtraError

__all__ = ["fit_answer", "gaining_leaves", "regression_tree"]

Floats = npt.NDArray[np.float64]


_DEPTH = 8  # of trees that answer
_LEAST = 20  # rows in a leaf
_MOST = 10_000  # rows for growing a tree; its splits hardly change with more


def fit_answer(ground: Ground, mask: Bools, *, seed: int = 0) -> Model:
    """A tree for a group, grown on its rows alone.

    Args:
        ground: The public rows.
        mask: The group's rows.
        seed: Breaks ties between splits.

    Returns:
        The tree.

    Raises:
        ArgumentError: Trees cannot be grown for this loss.
    """
    trees = _sklearn()
    loss, answers = ground.loss, ground.answers
    count = answers.count if isinstance(answers, Codes | Probabilities) else None
    settings = {"max_depth": _DEPTH, "min_samples_leaf": _LEAST, "random_state": seed}
    if count is not None and isinstance(loss, ZeroOne | BoundedLogLoss):
        grown = trees.DecisionTreeClassifier(**settings)
    elif count is None and isinstance(loss, SquaredError | BoundedLogLoss):
        # for labels of 0 and 1, means of leaves are probabilities
        grown = trees.DecisionTreeRegressor(**settings)
    else:
        msg = f"no tree can be grown for the {loss.name} and {answers}; submit your own models"
        raise ArgumentError(msg)
    rows = _some(np.flatnonzero(mask), seed)
    grown.fit(ground.matrix[rows], ground.sample.labels[rows], sample_weight=ground.weight[rows])
    whole = from_sklearn(
        grown,
        ground.features,
        classes=None if count is None else range(count),
        probabilities=isinstance(answers, Probabilities),
    )
    assert isinstance(whole, Tree)  # noqa: S101  # it was grown as one
    return _lean(whole)


def _lean(tree: Tree) -> Tree:
    """The same tree with only the features that it uses: it reads fewer columns, and is faster."""
    used = np.unique(tree.feature[tree.feature >= 0])
    if not len(used):
        used = np.array([0])
    place = np.searchsorted(used, tree.feature)
    return replace(
        tree,
        features=tuple(tree.features[i] for i in used),
        feature=np.where(tree.feature < 0, -1, place),
    )


def regression_tree(ground: Ground, targets: Floats, *, depth: int, seed: int, share: float) -> Any:
    """A regression tree of one or several targets, grown on all rows.

    Args:
        ground: The public rows.
        targets: Shape ``(n,)`` or ``(n, targets)``.
        depth: The tree's depth.
        seed: Seed of the features that are tried.
        share: Share of the features that are tried at each split.

    Returns:
        The fitted tree.
    """
    grown = _sklearn().DecisionTreeRegressor(
        max_depth=depth, min_samples_leaf=_LEAST, random_state=seed, max_features=share
    )
    rows = _some(np.arange(len(ground.sample)), seed)
    return grown.fit(ground.matrix[rows], targets[rows], sample_weight=ground.weight[rows])


def _some(rows: npt.NDArray[np.intp], seed: int) -> npt.NDArray[np.intp]:
    if len(rows) <= _MOST:
        return rows
    return np.random.default_rng(seed).choice(rows, _MOST, replace=False)


def gaining_leaves(ground: Ground, grown: Any, gains: Floats) -> tuple[Expression, Bools] | None:
    """The leaves with a gain, as one group.

    Args:
        ground: The public rows.
        grown: A fitted tree.
        gains: Each row's gain, shape ``(n,)``.

    Returns:
        The group and its rows; None if no leaf gains. Leaves with the largest gain are added first,
        up to the allowed number of tests.
    """
    tree = grown.tree_
    total = np.bincount(grown.apply(ground.matrix), weights=gains, minlength=tree.node_count)
    paths = _paths(tree, ground)
    gaining = {int(leaf) for leaf in np.flatnonzero(total > 0)}
    for node in range(tree.node_count - 1, 0, -1):  # children come after their parents
        children = {int(tree.children_left[node]), int(tree.children_right[node])}
        if children <= gaining:  # both sides gain, so the split is redundant
            gaining = (gaining - children) | {node}
            total[node] = sum(total[child] for child in children)
    chosen: list[str] = []
    nodes = 1
    for node in sorted(gaining, key=lambda node: (-total[node], node)):
        conditions = paths[node]
        nodes += 2 * len(conditions) + 1  # at most: each test may be negated, one "and" joins them
        if nodes > MAX_NODES:
            break
        chosen.append(" and ".join(conditions) or "everyone")
    if not chosen:
        return None
    group = parse(" or ".join(f"({path})" for path in chosen))
    # not the leaves' rows: missing values fail tests that they pass in a tree
    return group, group.mask(ground.sample.columns)


def _paths(tree: Any, ground: Ground) -> dict[int, list[str]]:
    """The conditions that lead to each node; for each feature only the tightest."""
    found: dict[int, list[str]] = {}
    waiting: list[tuple[int, dict[int, tuple[float, float]]]] = [(0, {})]
    while waiting:
        node, bounds = waiting.pop()
        found[node] = _conditions(ground, bounds)
        if tree.children_left[node] < 0:
            continue
        i, cut = int(tree.feature[node]), float(tree.threshold[node])
        low, high = bounds.get(i, (-np.inf, np.inf))
        sides = (low, min(high, cut)), (max(low, cut), high)
        for child, ends in zip((tree.children_left, tree.children_right), sides, strict=True):
            waiting.append((int(child[node]), {**bounds, i: ends}))
    return found


def _conditions(ground: Ground, bounds: dict[int, tuple[float, float]]) -> list[str]:
    features = ground.features
    named = {
        features[i].column for i, (low, _) in bounds.items() if features[i].category and low > 0
    }
    return [
        test
        for i, ends in bounds.items()
        # if a column has a value, the condition that it does not have another is redundant
        if not features[i].category or ends[0] > 0 or features[i].column not in named
        for test in _tests(features[i], ends, ground.sample.columns[features[i].column].kind)
    ]


def _tests(feature: Feature, ends: tuple[float, float], kind: str) -> list[str]:
    name, (low, high) = write_name(feature.column), ends
    if kind == "boolean":
        return [f"{name} == {write_literal(low > 0)}"]
    if feature.category is not None:
        test = f"{name} == {write_literal(feature.category)}"
        return [test] if low > 0 else [f"not {test}"]
    said = [f"{name} > {write_literal(low)}"] if np.isfinite(low) else []
    return said + ([f"{name} <= {write_literal(high)}"] if np.isfinite(high) else [])


def _sklearn() -> Any:
    try:
        import sklearn.tree
    except ImportError as error:
        raise MissingExtraError.of(
            package="scikit-learn", extra="bounty", purpose="a hunter"
        ) from error
    return sklearn.tree
