"""Variances of means when items come in clusters.

The clusters are drawn with replacement, all their items with them (Davison & Hinkley 1997,
section 3.8, the outer level only). Only sums by cluster are needed, so the draws cost a sparse
product and not a pass over the data.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import sparse

__all__ = ["cluster_variances"]

Floats = npt.NDArray[np.float64]

_AT_ONCE = 4_000_000  # multiplicities held in memory at a time


def cluster_variances(
    cluster: npt.NDArray[np.intp],
    slices: npt.NDArray[np.intp],
    weight: Floats,
    values: Sequence[Floats],
    *,
    draws: int = 1000,
    seed: int = 0,
) -> list[Floats]:
    """Bootstrap variances of the weighted mean of each value in each slice.

    Args:
        cluster: Cluster number of each (slice, cluster) cell, in 0..C-1, shape ``(m,)``.
        slices: Slice number of each cell, in 0..k-1, shape ``(m,)``.
        weight: Sum of weights of each cell, shape ``(m,)``.
        values: For each value, its weighted sum in each cell, shape ``(m,)``.
        draws: Number of bootstrap draws.
        seed: Seed of the draws.

    Returns:
        For each value, the variances of its mean by slice, shape ``(k,)``.

    Example:
        >>> import numpy as np
        >>> c = np.arange(50)
        >>> v = cluster_variances(c, np.zeros(50, int), np.full(50, 2.0), [(c % 2) * 2.0])
        >>> print(f"{v[0][0]:.3f}")  # 25 of 50 clusters: .25 / 50
        0.005

    Assumes: clusters are independent draws, at least some tens of them.
    """
    clusters, count = int(cluster.max()) + 1, int(slices.max()) + 1
    shape = (clusters, count)
    matrices = [sparse.csr_matrix((v, (cluster, slices)), shape) for v in (weight, *values)]
    sums = sparse.hstack(matrices, format="csr")
    rng = np.random.default_rng(seed)
    means = []
    step = max(1, _AT_ONCE // clusters)
    for start in range(0, draws, step):
        rows = min(step, draws - start)
        times = rng.multinomial(clusters, np.full(clusters, 1 / clusters), size=rows)
        drawn = np.asarray((sums.T @ times.T.astype(float)).T)
        total, *parts = np.split(drawn, len(matrices), axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            means.append(np.stack([part / total for part in parts]))
    drawn_means = np.concatenate(means, axis=1)  # (values, draws, slices)
    present = ~np.isnan(drawn_means)
    n = np.maximum(present.sum(axis=1), 1)
    centred = np.where(present, drawn_means - _mean(drawn_means, present, n)[:, None, :], 0.0)
    return list((centred**2).sum(axis=1) / np.maximum(n - 1, 1))


def _mean(values: Floats, present: npt.NDArray[np.bool_], n: npt.NDArray[np.intp]) -> Floats:
    return np.asarray(np.where(present, values, 0.0).sum(axis=1) / n)
