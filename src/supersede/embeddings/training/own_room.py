"""Extra dimensions beside the old space: the new model gains without leaving the old one.

A compatible embedding z lies in the old space; the new model's own embedding x says more. `OwnRoom`
joins them to (√(1−w) z, √w x′), where x′ is the part of x that z cannot predict linearly (orthogonal to
the old space over the training items), so that nothing is said twice. New queries search an old index
with their first d_old coordinates, at the same ranking as z; new against new they use all.

Reference: Ricci et al. (2024), Backward-compatible aligned representations via an orthogonal
transformation layer (OCA), arXiv 2408.08793: extra dimensions and an orthogonal layer.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from supersede.embeddings.bridges.linear_fits import fit_ridge
from supersede.embeddings.bridges.maps import LinearMap
from supersede.embeddings.vectors import Floats, checked, unit
from supersede.errors import ArgumentError, VectorError

__all__ = ["OwnRoom", "fit_own_room"]


@dataclass(frozen=True, eq=False)
class OwnRoom:
    """A compatible embedding with room of its own.

    Attributes:
        compatible: Map of new vectors into the old space.
        predicted: Map from the old space to the new model's own space.
        weight: Share w of a score that comes from the own room, in [0, 1).
        residual: Whether what the old space predicts is taken off the own vectors.
    """

    compatible: LinearMap
    predicted: LinearMap
    weight: float
    residual: bool = True

    @property
    def old_dimensions(self) -> int:
        """How many leading coordinates lie in the old space."""
        return int(self.compatible.matrix.shape[0])

    def apply(self, vectors: Any) -> Floats:
        """New vectors with their own room, of length one, shape ``(n, d_old + d_new)``."""
        old = self.compatible.apply(vectors)
        own = unit(vectors)
        if self.residual:
            guess = old @ self.predicted.matrix.T
            rest = own - guess
            length = np.linalg.norm(rest, axis=1, keepdims=True)
            own = rest / np.maximum(length, 1e-12)
        return np.hstack([(1 - self.weight) ** 0.5 * old, self.weight**0.5 * own])

    def for_old_index(self, vectors: Any) -> Floats:
        """What searches an old index: the leading coordinates, of length one."""
        return self.compatible.apply(vectors)


def fit_own_room(
    compatible: LinearMap,
    new_vectors: Any,
    *,
    weight: float = 0.9,
    residual: bool = False,
) -> OwnRoom:
    """Give a compatible embedding room of its own.

    Args:
        compatible: Map of new vectors into the old space, such as a head trained on pairs.
        new_vectors: The new model's vectors of training items, shape ``(n, d_new)``.
        weight: Share of a score that comes from the own room, in [0, 1); choose it on held-out
            pairs.
        residual: Keep only what the old space does not predict.

    Raises:
        ArgumentError: The weight is outside its range.
        VectorError: Vectors are broken or do not fit the map.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(50, 4))
        >>> made = fit_own_room(LinearMap(np.eye(2, 4, dtype=np.float32)), x)
        >>> made.apply(x).shape, made.for_old_index(x).shape
        ((50, 6), (50, 2))
    """
    if not 0 <= weight < 1:
        msg = f"weight={weight!r}; it must be in [0, 1)"
        raise ArgumentError(msg)
    vectors = checked(new_vectors, "new_vectors")
    if vectors.shape[1] != compatible.matrix.shape[1]:
        msg = f"the map takes {compatible.matrix.shape[1]} dimensions; new_vectors have {vectors.shape[1]}"
        raise VectorError(msg)
    return OwnRoom(compatible, fit_ridge(compatible.apply(vectors), vectors), weight, residual)
