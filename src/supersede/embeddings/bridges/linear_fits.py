"""Linear maps between two spaces, fitted to pairs: rotations, ridge regression, one map per cluster.

All work on unit vectors, through sums of products that are taken block by block, so that pairs may
lie in memory-mapped files.

References:
    Schönemann (1966), Psychometrika 31, 1-10: the orthogonal Procrustes problem.
    Hoerl & Kennard (1970), Technometrics 12, 55-67: ridge regression.
    Vejendla (2025), Drift-Adapter, arXiv 2509.23471: Procrustes and low-rank maps of queries.
"""

import warnings
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import linalg
from scipy.cluster import vq

from supersede.embeddings.bridges.maps import ClusterMap, LinearMap
from supersede.embeddings.vectors import BLOCK, Array, Floats, checked, unit
from supersede.errors import ArgumentError, TooFewLabelsError, VectorError

__all__ = ["fit_clusters", "fit_procrustes", "fit_ridge", "ridge_path"]

Wide = npt.NDArray[np.float64]
PENALTIES = (1e-3, 1e-2, 1e-1, 1.0)  # times the mean diagonal of the sums of squares


def fit_procrustes(source: Array, target: Array) -> LinearMap:
    """The rotation (semi-orthogonal where dimensions differ) that brings source nearest to target.

    Args:
        source: Vectors to map, shape ``(n, d_in)``.
        target: The same items in the other space, shape ``(n, d_out)``.

    Raises:
        VectorError: Counts differ, or vectors are zero or not finite.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=(200, 4)); turn = np.linalg.qr(rng.normal(size=(4, 4)))[0]
        >>> bool(np.allclose(fit_procrustes(x, x @ turn.T).matrix, turn, atol=1e-5))
        True
    """
    _, cross = _sums(source, target, squares=False)
    u, _, v = linalg.svd(cross, full_matrices=False)
    return LinearMap(np.asarray(u @ v, np.float32), kind="procrustes")


def fit_ridge(source: Array, target: Array, penalty: float = 1e-2) -> LinearMap:
    """Ridge regression of target on source.

    Args:
        source: Vectors to map, shape ``(n, d_in)``.
        target: The same items in the other space, shape ``(n, d_out)``.
        penalty: Times the mean diagonal of the sums of squares, above 0.

    Raises:
        VectorError: As for `fit_procrustes`.
        ArgumentError: The penalty is not above 0.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=(200, 4)); a = rng.normal(size=(3, 4))
        >>> made = fit_ridge(x, x @ a.T, penalty=1e-9).apply(x)
        >>> bool(np.allclose((made * (x @ a.T)).sum(1), np.linalg.norm(x @ a.T, axis=1), rtol=.05))
        True
    """
    return ridge_path(source, target, (penalty,))[0]


def ridge_path(
    source: Array, target: Array, penalties: Sequence[float] = PENALTIES
) -> list[LinearMap]:
    """One ridge map per penalty, from one decomposition."""
    for penalty in penalties:
        if not (np.isfinite(penalty) and penalty > 0):
            msg = f"penalty={penalty!r}; it must be above 0, such as 0.01"
            raise ArgumentError(msg)
    squares, cross = _sums(source, target)
    values, vectors = linalg.eigh(squares)
    level = float(np.trace(squares)) / len(squares)
    turned = cross @ vectors
    return [
        LinearMap(
            np.asarray(
                (turned / (np.maximum(values, 0) + penalty * level)) @ vectors.T, np.float32
            ),
            kind=f"ridge {penalty:g}",
        )
        for penalty in penalties
    ]


def fit_clusters(
    source: Array, target: Array, clusters: int = 4, *, penalty: float = 1e-2, seed: int = 0
) -> ClusterMap:
    """One ridge map per cluster of the source, shrunk towards the map of all pairs.

    Args:
        source: Vectors to map, shape ``(n, d_in)``.
        target: The same items in the other space.
        clusters: Number of clusters, at least 2; k-means finds them.
        penalty: Of the departure from the map of all pairs, times the mean diagonal.
        seed: Of k-means.

    Raises:
        TooFewLabelsError: There are fewer than ten pairs per cluster.
        VectorError: As for `fit_procrustes`.
    """
    if clusters < 2 or len(source) < 10 * clusters:
        msg = f"{clusters} clusters need at least 2 of them and {10 * max(clusters, 2)} pairs; there are {len(source)}"
        raise TooFewLabelsError(msg)
    seen, aim = unit(source), unit(target)
    with warnings.catch_warnings():  # a cluster without pairs keeps the map of all: no harm
        warnings.simplefilter("ignore")
        centres, near = vq.kmeans2(seen, clusters, minit="++", seed=seed)
    shared = fit_ridge(seen, aim, penalty).matrix
    squares_all, _ = _sums(seen, aim)
    level = penalty * float(np.trace(squares_all)) / len(squares_all)
    matrices = []
    for cluster in range(clusters):
        mine = seen[near == cluster].astype(np.float64)
        rest = aim[near == cluster] - mine @ shared.T
        squares = mine.T @ mine
        # the same penalty for all clusters: few pairs hardly move the shared map
        squares[np.diag_indices_from(squares)] += 10 * level
        matrices.append(shared + linalg.solve(squares, mine.T @ rest, assume_a="pos").T)
    return ClusterMap(np.asarray(centres, np.float32), np.asarray(matrices, np.float32))


def _sums(source: Array, target: Array, *, squares: bool = True) -> tuple[Wide, Wide]:
    """Sums of x xᵀ and of y xᵀ over unit vectors, in double precision."""
    if len(source) != len(target) or len(source) < 2:
        msg = f"{len(source)} source vectors and {len(target)} target vectors; a pair is one of each, and a map needs 2"
        raise VectorError(msg)
    # of files only the shape: blocks are checked as they are read
    source, target = (np.asanyarray(v) for v in (source, target))
    if source.ndim != 2 or target.ndim != 2:
        msg = f"source has shape {source.shape} and target {target.shape}; expected (n, d)"
        raise VectorError(msg)
    own = np.zeros((source.shape[1],) * 2)
    cross = np.zeros((target.shape[1], source.shape[1]))
    for start in range(0, len(source), BLOCK):
        rows = slice(start, start + BLOCK)
        x: Floats = unit(checked(source[rows], "source"))
        y: Floats = unit(checked(target[rows], "target"))
        if squares:
            own += x.T @ x
        cross += y.T @ x
    return own, cross
