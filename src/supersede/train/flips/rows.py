"""Labelled rows together with the old models' outputs on them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils import _safe_indexing as rows_of

from supersede.train.flips.remembered import Remembered
from supersede.train.flips.soft_targets import taken

__all__ = ["Rows"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """The rows on which a model is trained or measured.

    Attributes:
        X: The features, in any form whose rows scikit-learn can index.
        y: Labels, ``(n,)``.
        remembered: Each old model on these rows, out of sample.
        sample_weight: Weight of each row, ``(n,)``.
        flip_cost: Cost of a negative flip on each row, ``(n,)``.
        groups: Group of each row, ``(n,)``, for splitters that keep groups together.
        params: Further arguments of the estimator's `fit`; some have one entry per row.
    """

    X: Any
    y: npt.NDArray[Any]
    remembered: tuple[Remembered, ...]
    sample_weight: Floats | None = None
    flip_cost: Floats | None = None
    groups: npt.NDArray[Any] | None = None
    params: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: npt.NDArray[np.intp]) -> "Rows":
        """Some of the rows."""
        return Rows(
            X=rows_of(self.X, rows),
            y=self.y[rows],
            remembered=tuple(old.take(rows) for old in self.remembered),
            sample_weight=None if self.sample_weight is None else self.sample_weight[rows],
            flip_cost=None if self.flip_cost is None else self.flip_cost[rows],
            groups=None if self.groups is None else self.groups[rows],
            params=taken(self.params, rows, len(self)),
        )

    def right(self) -> Floats:
        """Grade of each old model's answers, ``(n, k)``."""
        return np.column_stack([old.right for old in self.remembered])

    def known(self) -> npt.NDArray[np.bool_]:
        """Where the answers of all old models are known, ``(n,)``."""
        known: npt.NDArray[np.bool_] = np.all([old.known for old in self.remembered], axis=0)
        return known
