"""In which order the gallery is embedded again, so that searches gain early.

Isolated items first. An old model finds items without near neighbours least often, so the new one has
most to set right there, while items in a crowd, embedded early, stand in the results of searches whose
answer still waits in the old index. Replays on text embedders say so
(docs/benchmarks/embeddings_migration.md); `backfill_curve` replays any order on your own queries. With
classes, items far from their class's mean first (as the uncertainty order of Jaeckle et al. 2023,
FastFill, and the class-mean distance of Ricci et al. 2025, arXiv 2509.16664).
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from supersede.embeddings.report.dependants import class_means
from supersede.embeddings.report.ranking import nearest
from supersede.embeddings.vectors import checked, unit

__all__ = ["area_under_curve", "far_from_class_first", "isolated_first"]

Rows = npt.NDArray[np.intp]


def isolated_first(
    vectors: Any, *, neighbours: int = 10, reference: int = 20_000, seed: int = 0
) -> Rows:
    """Rows by mean similarity to their nearest neighbours, least similar first.

    Args:
        vectors: Old gallery vectors, shape ``(g, d)``.
        neighbours: How many neighbours count.
        reference: Neighbours are looked for among so many vectors, drawn at random.
        seed: Of the draw.

    Example:
        >>> isolated_first(np.array([[1.0, 0], [0, 1], [0, 1.01]]), neighbours=1).tolist()[0]
        0
    """
    array = checked(vectors, "vectors")
    rng = np.random.default_rng(seed)
    among = np.sort(rng.permutation(len(array))[:reference])
    _, score = nearest(array, np.asarray(array[among]), neighbours + 1)
    # a vector's nearest neighbour is itself where it was drawn
    own = np.isin(np.arange(len(array)), among)
    crowd = np.where(own, score[:, 1:].mean(1) if score.shape[1] > 1 else 0, score[:, :-1].mean(1))
    return np.argsort(crowd, kind="stable")


def far_from_class_first(vectors: Any, labels: Any) -> Rows:
    """Rows by similarity to the mean of their class, least similar first.

    Example:
        >>> v = np.array([[1.0, 0], [1, 0.1], [0, 1], [0.9, 0]])
        >>> far_from_class_first(v, ["a", "a", "a", "a"]).tolist()[0]
        2
    """
    array, names = checked(vectors, "vectors"), np.asarray(labels)
    means, classes = class_means(array, names)
    own = means[np.searchsorted(classes, names)]
    return np.argsort((unit(array) * own).sum(1), kind="stable")


def area_under_curve(shares: Any, values: Any) -> float:
    """Mean value over the course of a backfill: the area under its curve, shares from 0 to 1.

    Example:
        >>> area_under_curve([0, 0.5, 1], [0.6, 0.8, 0.8])
        0.75
    """
    return float(np.trapezoid(np.asarray(values, float), np.asarray(shares, float)))
