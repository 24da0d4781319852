"""Which candidates no other one beats, and how much of the plane they cover."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from supersede.errors import ArgumentError

__all__ = ["hypervolume", "nondominated", "ranks"]

Floats = NDArray[np.float64]


def nondominated(points: Sequence[Sequence[float]] | Floats) -> list[int]:
    """Positions of the points that no other one beats; of equal points the first.

    Args:
        points: Shape (n, k), all to be minimised; a point with NaN or infinity is never on the front.

    Example:
        >>> nondominated([(1, 3), (2, 2), (2, 3), (3, 1), (2, 2)])
        [0, 1, 3]
    """
    values = np.asarray(points, dtype=np.float64)
    if not len(values):
        return []
    found: list[int] = []
    order = np.lexsort((np.arange(len(values)), *values.T[::-1]))
    for i in order.tolist():
        point = values[i]
        if np.isfinite(point).all() and not any((values[j] <= point).all() for j in found):
            found.append(i)
    return sorted(found)


def ranks(points: Sequence[Sequence[float]] | Floats) -> NDArray[np.int64]:
    """Layer of each point: 0 on the front, 1 on the front of the rest, and so on.

    Example:
        >>> ranks([(1, 3), (2, 2), (2, 3)]).tolist()
        [0, 0, 1]
    """
    values = np.asarray(points, dtype=np.float64)
    found = np.full(len(values), len(values), dtype=np.int64)
    left = np.flatnonzero(np.isfinite(values).all(axis=1))
    layer = 0
    while len(left):
        better = (values[left][None] <= values[left][:, None]).all(axis=2)
        strictly = (values[left][None] < values[left][:, None]).any(axis=2)
        front = ~np.any(better & strictly, axis=1)
        found[left[front]] = layer
        left = left[~front]
        layer += 1
    return found


def hypervolume(points: Sequence[Sequence[float]] | Floats, reference: Sequence[float]) -> float:
    """Area between two-dimensional points and a reference point, both axes minimised.

    Args:
        points: Shape (n, 2); those beyond the reference point count for nothing.
        reference: The worst corner.

    Raises:
        ArgumentError: There are not two objectives.

    Example:
        >>> hypervolume([(1, 2), (2, 1)], (3, 3))
        3.0
    """
    values = np.asarray(points, dtype=np.float64).reshape(-1, len(reference))
    if len(reference) != 2:
        msg = f"the area is of two objectives, got {len(reference)}"
        raise ArgumentError(msg)
    values = values[(values < np.asarray(reference)).all(axis=1)]
    values = values[np.lexsort((values[:, 1], values[:, 0]))]
    area, height = 0.0, float(reference[1])
    for x, y in values:
        if y < height:
            area += (float(reference[0]) - float(x)) * (height - float(y))
            height = float(y)
    return area
