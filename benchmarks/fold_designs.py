"""The error of a mean of fold scores, for eight designs, against its spread over new data sets.

``python -m benchmarks.fold_designs`` prints the table of docs/benchmarks/fold_designs.md. For each of
many data sets of 120 rows, a model is fitted and scored in each split of a design. The truth is the
standard deviation of the mean score over data sets; the estimate is the root mean square of the error
that `FoldDesign` gives for each, and "untold" is the same if the scores are taken as one k-fold split.
All data sets are fitted at once, so the table takes seconds.
"""

import warnings
from collections.abc import Callable

import numpy as np
from sklearn.model_selection import GroupKFold, KFold, RepeatedKFold, ShuffleSplit

from benchmarks.measure import write
from supersede.search.stopping import FoldDesign, corrected_error

ROWS, FEATURES, SETS = 120, 6, 500
Array = np.ndarray


class Bootstrap:
    """Forty samples with replacement, each scored on the rows that it left out."""

    def split(self, X, y=None, groups=None):
        rng = np.random.default_rng(0)
        for _ in range(40):
            drawn = rng.integers(len(X), size=len(X))
            yield drawn, np.setdiff1d(np.arange(len(X)), drawn)


GROUPS = np.repeat(np.arange(5), [48, 32, 20, 12, 8])
DESIGNS = {
    "10 folds": KFold(10),
    "5 folds": KFold(5),
    "5 × 2 folds": RepeatedKFold(n_splits=2, n_repeats=5, random_state=0),
    "3 × 10 folds": RepeatedKFold(n_splits=10, n_repeats=3, random_state=0),
    "30 shuffles of 10 %": ShuffleSplit(30, test_size=0.1, random_state=0),
    "20 shuffles of 30 %": ShuffleSplit(20, test_size=0.3, random_state=0),
    "40 bootstrap samples": Bootstrap(),
    "5 unequal groups": GroupKFold(5),
}


def least_squares(X: Array, y: Array, test: Array) -> Array:
    """Predictions of ridge regression for all data sets, shape ``(sets, tests)``."""
    A = np.concatenate([np.ones((*X.shape[:2], 1)), X], axis=2)
    B = np.concatenate([np.ones((*test.shape[:2], 1)), test], axis=2)
    gram = A.transpose(0, 2, 1) @ A + 1e-3 * np.eye(A.shape[2])
    weights = np.linalg.solve(gram, (A.transpose(0, 2, 1) @ y[..., None]))
    return (B @ weights)[..., 0]


def nearest(X: Array, y: Array, test: Array) -> Array:
    """Labels of the nearest training row."""
    apart = ((test**2).sum(2)[:, :, None] + (X**2).sum(2)[:, None]) - 2 * test @ X.transpose(
        0, 2, 1
    )
    return np.take_along_axis(y, apart.argmin(2), axis=1)


LEARNERS: dict[str, tuple[Callable, Callable]] = {
    "regression, squared error": (least_squares, lambda y, p: (y - p) ** 2),
    "linear classifier, error": (
        lambda X, y, t: least_squares(X, np.sign(y), t), lambda y, p: np.sign(y) != np.sign(p)),
    "nearest neighbour, error": (
        lambda X, y, t: nearest(X, np.sign(y), t), lambda y, p: np.sign(y) != p),
}  # fmt: skip


def measured() -> list[tuple[str, ...]]:
    """One row per learner and design."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(SETS, ROWS, FEATURES))
    y = (
        X @ np.array([1.0, 0.7, 0.4, 0.2, 0, 0])
        + np.sin(2 * X[..., 0])
        + rng.normal(size=(SETS, ROWS))
    )
    found = []
    for learner, (predict, loss) in LEARNERS.items():
        for name, cv in DESIGNS.items():
            groups = GROUPS if "groups" in name else None
            splits = list(cv.split(X[0], None, groups))
            scores = np.stack(
                [
                    loss(y[:, test], predict(X[:, train], y[:, train], X[:, test])).mean(1)
                    for train, test in splits
                ],
                axis=1,
            )
            design = FoldDesign.of(splits)
            truth = scores.mean(1).std(ddof=1)
            told, untold = (
                np.sqrt(np.mean([error(row) ** 2 for row in scores])) / truth
                for error in (design.error, corrected_error)
            )
            fine = "reached" if 1 / 1.5 <= told <= 1.5 else "**missed**"
            found.append((learner, name, f"{truth:.4f}", f"{told:.2f}", f"{untold:.2f}", fine))
    return found


def main() -> None:
    """Write the page."""
    warnings.simplefilter("ignore")
    head = ("learner", "design", "true error", "estimate / truth", "untold / truth", "within 1.5 ×")
    write(
        "fold_designs",
        "Errors of fold scores",
        "python -m benchmarks.fold_designs",
        [head, *measured()],
        f"{SETS:,} data sets of {ROWS} rows. The estimate uses the sizes that `FoldDesign.of` reads off the"
        " splitter (Nadeau & Bengio, 2003); *untold* takes the scores as one k-fold split.",
    )


if __name__ == "__main__":
    main()
