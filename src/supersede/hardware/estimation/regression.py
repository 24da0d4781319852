"""Regressions of latency by layer, learnt from rows of layers or from totals of networks.

Both learn the logarithm of what a layer costs beyond the roofline's guess. From rows, with extremely
randomised trees (Geurts, Ernst and Wehenkel 2006). From totals, by boosting: a total is the sum of
its layers, and the gradient of its squared logarithmic error reaches each layer by the layer's share
(Friedman 2001, with a loss that couples rows).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from supersede.hardware.estimation.features import COLUMNS
from supersede.hardware.estimation.roofline import Roofline, fit_rows, fit_totals

__all__ = ["Regression", "learn_rows", "learn_totals"]

Floats = NDArray[np.float64]
LOGGED = [
    COLUMNS.index(name)
    for name in ("macs", "parameters", "alive", "macs_8", "macs_16", "in_bytes", "out_bytes")
]
TREES = 100
ROUNDS, RATE, DEPTH, LEAF, SHARE = 200, 0.1, 3, 10, 0.7


@dataclass(frozen=True)
class Regression:
    """Latency of layers: a roofline, and trees that correct it."""

    roofline: Roofline
    trees: tuple[Any, ...]
    rate: float

    boosted: bool = False

    def judge(self, table: Floats) -> tuple[Floats, Floats]:
        """Latency of each row of a table of layers, and how far the trees are apart on it.

        The second is the standard deviation over trees of the logarithm of the latency; boosted trees
        build on each other and have none, which is zero here.
        """
        guess = self.roofline.seconds(table)
        seen = _seen(table, guess).astype(np.float32)  # as the trees would make it, but once
        said = np.array([tree.predict(seen, check_input=False) for tree in self.trees])
        if self.boosted:
            correction, spread = self.rate * said.sum(axis=0), np.zeros(len(table))
        else:
            correction, spread = said.mean(axis=0), said.std(axis=0)
        return np.asarray(guess * np.exp(correction)), spread

    def seconds(self, table: Floats) -> Floats:
        """Latency of each row of a table of layers."""
        return self.judge(table)[0]


def learn_rows(table: Floats, seconds: Floats, *, seed: int) -> Regression:
    """Learn from latencies of layers."""
    from sklearn.ensemble import ExtraTreesRegressor

    roofline = fit_rows(table, seconds)
    guess = roofline.seconds(table)
    # a layer that rides on another costs nothing; its logarithm must stay finite
    floor = 1e-4 * float(seconds.mean())
    trees = ExtraTreesRegressor(TREES, max_features=1.0, random_state=seed)
    trees.fit(_seen(table, guess), np.log(np.maximum(seconds, floor) / guess))
    return Regression(roofline, tuple(trees.estimators_), 1.0)


def learn_totals(
    table: Floats, owner: NDArray[np.intp], seconds: Floats, *, seed: int
) -> Regression:
    """Learn from latencies of whole networks; `owner` is the network of each row of the table."""
    from sklearn.tree import DecisionTreeRegressor

    roofline = fit_totals(table, owner, seconds)
    guess = roofline.seconds(table)
    seen = _seen(table, guess)
    rng = np.random.default_rng(seed)
    correction = np.zeros(len(table))
    trees = []
    for _ in range(ROUNDS):
        layers = guess * np.exp(correction)
        totals = np.bincount(owner, layers)
        share = layers / totals[owner]
        missing = np.log(seconds / totals)[owner]
        drawn = (rng.random(len(seconds)) < SHARE)[owner]
        if not drawn.any():
            continue
        # a leaf's best step is Σ missing·share / Σ share²: a mean of missing/share, weighted
        weight = share[drawn] ** 2 + 1e-4
        step = missing[drawn] * share[drawn] / weight
        tree = DecisionTreeRegressor(
            max_depth=DEPTH, min_samples_leaf=LEAF, max_features=0.5,
            random_state=int(rng.integers(2**31)),
        )  # fmt: skip
        tree.fit(seen[drawn], step, sample_weight=weight)
        correction += RATE * tree.predict(seen)
        trees.append(tree)
    return Regression(roofline, tuple(trees), RATE, boosted=True)


def _seen(table: Floats, guess: Floats) -> Floats:
    """What the trees see: sizes on a logarithmic scale, and the roofline's guess."""
    seen = table.copy()
    seen[:, LOGGED] = np.log1p(seen[:, LOGGED])
    return np.column_stack([seen, np.log(guess)])
