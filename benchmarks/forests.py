"""Real ensembles: the trees of random forests as models, their majority vote as the parent."""

from dataclasses import dataclass

import numpy as np

__all__ = ["Ensemble", "digits", "made"]


@dataclass(frozen=True)
class Ensemble:
    """Predictions of a parent and its children on items with known labels.

    Attributes:
        votes: 0 or 1, the parent in row 0, shape ``(1 + k, n)``.
        truth: 0 or 1, shape ``(n,)``.
    """

    votes: np.ndarray
    truth: np.ndarray

    @property
    def models(self) -> list[str]:
        return ["ensemble", *(f"tree{k:03d}" for k in range(1, len(self.votes)))]

    def columns(self) -> dict[str, np.ndarray]:
        named = dict(zip(self.models, self.votes, strict=True))
        return {"item": np.arange(len(self.truth)), **named}


def digits(trees: int, seed: int = 0) -> Ensemble:
    """Odd or even: 8x8 digits shifted by up to a pixel, 800 to train, 15 373 to test."""
    from sklearn.datasets import load_digits

    data = load_digits()
    images = data.images
    shifted = [np.roll(images, (r, c), axis=(1, 2)) for r in (-1, 0, 1) for c in (-1, 0, 1)]
    x = np.concatenate(shifted).reshape(-1, 64)
    y = np.tile(data.target % 2, 9)
    return _forest(x, y, 800, trees, seed)


def made(trees: int, seed: int = 0) -> Ensemble:
    """scikit-learn's make_classification, 3000 to train, 37 000 to test; a fifth is positive."""
    from sklearn.datasets import make_classification

    x, y = make_classification(
        40_000, 20, n_informative=8, weights=[0.8], flip_y=0.05, random_state=seed
    )
    return _forest(x, y, 3000, trees, seed)


def _forest(x: np.ndarray, y: np.ndarray, train: int, trees: int, seed: int) -> Ensemble:
    from sklearn.ensemble import RandomForestClassifier

    order = np.random.default_rng(seed).permutation(len(y))
    fit, test = order[:train], order[train:]
    forest = RandomForestClassifier(trees, random_state=seed).fit(x[fit], y[fit])
    children = np.stack([tree.predict(x[test]) for tree in forest.estimators_]).astype(np.int64)
    parent = (children.mean(axis=0) >= 0.5).astype(np.int64)
    return Ensemble(np.concatenate([parent[None], children]), y[test].astype(np.int64))
