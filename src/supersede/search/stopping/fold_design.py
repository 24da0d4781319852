"""How the data were split into folds, which decides what the spread of the scores means.

Ten scores of one 10-fold cross-validation, of five repetitions of 2 folds, and of ten random
splits have different errors even if they have the same spread, because their training sets overlap
differently (Nadeau & Bengio, 2003, as in `nadeau_bengio`). This module reads the sizes of the parts
off a splitter.
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from supersede.errors import ArgumentError
from supersede.search.stopping.nadeau_bengio import blocked

__all__ = ["FoldDesign", "Splitter"]


class Splitter(Protocol):
    """A scikit-learn splitter, or anything else that yields pairs of row positions."""

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterable[tuple[Any, Any]]:
        """Positions of the training and of the test rows, split by split."""
        ...


@dataclass(frozen=True)
class FoldDesign:
    """Sizes of the training and test parts of k splits, in any common unit.

    Args:
        train_sizes: Different rows in each training part, shape ``(k,)``; rows that a bootstrap
            draws twice count once.
        test_sizes: Rows of each test part, shape ``(k,)``.
        in_time: Whether the test parts follow one another in time, each after its training part.

    Raises:
        ArgumentError: Sizes are not as many positive numbers of each kind, at least two.

    Example:
        >>> round(FoldDesign.of(10).factor, 4)  # 1/10 + 1/9
        0.2111
        >>> FoldDesign((90,) * 30, (10,) * 30).factor < FoldDesign.of(10).factor
        True
    """

    train_sizes: tuple[float, ...]
    test_sizes: tuple[float, ...]
    in_time: bool = False

    def __post_init__(self) -> None:
        for name in ("train_sizes", "test_sizes"):
            sizes = tuple(float(size) for size in getattr(self, name))
            object.__setattr__(self, name, sizes)
            if len(sizes) < 2 or not all(math.isfinite(size) and size > 0 for size in sizes):
                msg = f"{name}: got {sizes!r}; expected at least two positive numbers"
                raise ArgumentError(msg)
        if len(self.train_sizes) != len(self.test_sizes):
            msg = (
                f"got {len(self.train_sizes)} training sizes and {len(self.test_sizes)} test sizes;"
                " expected one of each per split"
            )
            raise ArgumentError(msg)

    @classmethod
    def of(
        cls,
        cv: "int | Splitter | Iterable[tuple[Any, Any]]",
        X: Any = None,
        y: Any = None,
        groups: Any = None,
    ) -> "FoldDesign":
        """The design of a splitter.

        Args:
            cv: A number of equal folds, a splitter, or its pairs of training and test rows
                (positions or masks).
            X: The rows that the splitter splits; needed for a splitter.
            y: Their labels, if the splitter needs them.
            groups: Their groups, if the splitter needs them.

        Returns:
            The design.

        Raises:
            ArgumentError: There are fewer than two splits, no rows for a splitter, or it is none of
                these.

        Example:
            >>> import numpy as np
            >>> first, second = np.arange(6) < 3, np.arange(6) >= 3
            >>> FoldDesign.of([(first, second), (second, first)]).train_sizes
            (3.0, 3.0)
        """
        if isinstance(cv, int):
            if cv < 2:
                msg = f"cv={cv}: expected at least 2 folds"
                raise ArgumentError(msg)
            return cls((cv - 1,) * cv, (1,) * cv)
        if hasattr(cv, "split") and not isinstance(cv, str):
            if X is None:
                msg = "a splitter needs the rows that it splits: pass X, and y and groups if it uses them"
                raise ArgumentError(msg)
            cv = cv.split(X, y, groups)
        parts = _pairs(cv)
        return cls(
            tuple(len(np.unique(train)) for train, _ in parts),
            tuple(len(test) for _, test in parts),
            in_time=_in_time(parts),
        )

    @property
    def factor(self) -> float:
        """From the variance of one score to that of their mean: ``1/k + n_test / n_train``."""
        return 1 / len(self.test_sizes) + sum(self.test_sizes) / sum(self.train_sizes)

    def error(self, scores: Sequence[float] | NDArray[np.float64]) -> float:
        """Standard error of the mean of the scores, one per split, shape ``(k,)``.

        Scores that are not finite are left out with their splits; NaN with fewer than two others.
        """
        found = np.asarray(scores, dtype=np.float64)
        kept = np.flatnonzero(np.isfinite(found))
        if self.in_time:
            return blocked(found)
        if len(kept) < 2:
            return math.nan
        test, train = (np.array(sizes)[kept] for sizes in (self.test_sizes, self.train_sizes))
        # The variance of a score is inversely proportional to its test rows. The variance per row,
        # from all scores, is put back at the mean of 1 / rows; for equal parts this is s^2.
        found = found[kept]
        unit = float(np.abs(found).max()) or 1.0
        off = found / unit - np.average(found / unit, weights=test)
        per_row = float((test * off**2).sum()) / (len(kept) - 1)
        factor = 1 / len(kept) + test.mean() / train.mean()
        return math.sqrt(factor * per_row * float((1 / test).mean())) * unit

    def __str__(self) -> str:
        kind = "periods in time" if self.in_time else "splits"
        share = np.mean(np.array(self.test_sizes) / np.array(self.train_sizes))
        return f"{len(self.test_sizes)} {kind}, {share:.3g} test rows per training row"


def _pairs(cv: Any) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    try:
        return [(_positions(train), _positions(test)) for train, test in cv]
    except (TypeError, ValueError) as problem:
        msg = (
            f"got {type(cv).__name__} as a design ({problem}); expected a number of folds, a splitter with"
            " its rows, or pairs of training and test rows"
        )
        raise ArgumentError(msg) from problem


def _positions(rows: Any) -> NDArray[np.int64]:
    found = np.asarray(rows)
    return np.flatnonzero(found) if found.dtype == bool else found.astype(np.int64)


def _in_time(parts: list[tuple[NDArray[np.int64], NDArray[np.int64]]]) -> bool:
    """Whether each test part lies after its training part, and after the test part before it."""
    if not all(len(train) and len(test) for train, test in parts):
        return False
    forward = all(train.max() < test.min() for train, test in parts)
    return forward and all(
        before.max() < after.min() for (_, before), (_, after) in itertools.pairwise(parts)
    )
