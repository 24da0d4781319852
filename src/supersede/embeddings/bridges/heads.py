"""Linear heads on queries, trained on pairs of a query and the document that answers it.

A head moves queries, never documents: nothing is embedded again. It minimises InfoNCE over the
documents of a batch (van den Oord et al. 2018, arXiv 1807.03748, eq. 4),

    −log exp(u·d⁺/τ) / Σ exp(u·d/τ),   u = A x / |A x|,

with Adam (Kingma & Ba 2015), from the identity or another starting map. How long to train is a
choice like any other: `head_path` keeps the head after each of several epochs.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from supersede.embeddings.bridges.maps import LinearMap
from supersede.embeddings.vectors import Array, Floats, unit
from supersede.errors import ArgumentError, VectorError

__all__ = ["EPOCHS", "fit_head", "head_path", "start_from"]

EPOCHS = (0, 4, 8, 16)  # after which a head is kept
TEMPERATURE = 0.05
BATCH = 512
RATE = 5e-4
DECAY = (0.9, 0.99)  # of Adam's two averages; the second is short because training is


def start_from(d_out: int, d_in: int) -> Floats:
    """The identity where dimensions agree; otherwise its first rows and columns."""
    return np.eye(d_out, d_in, dtype=np.float32)


def fit_head(
    queries: Array,
    documents: Array,
    *,
    answers: npt.NDArray[np.intp] | None = None,
    start: Floats | None = None,
    epochs: int = 8,
    seed: int = 0,
) -> LinearMap:
    """Train one head for a number of epochs; arguments as for `head_path`.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> d = rng.normal(size=(300, 8)); q = np.roll(d, 1, axis=1) + 0.1 * rng.normal(size=d.shape)
        >>> head = fit_head(q, d, epochs=1500)
        >>> bool((unit(d) * head.apply(q)).sum(1).mean() > (unit(d) * unit(q)).sum(1).mean() + 0.5)
        True
    """
    return head_path(queries, documents, answers=answers, start=start, epochs=(epochs,), seed=seed)[
        0
    ]


def head_path(
    queries: Array,
    documents: Array,
    *,
    answers: npt.NDArray[np.intp] | None = None,
    start: Floats | None = None,
    epochs: Sequence[int] = EPOCHS,
    seed: int = 0,
) -> list[LinearMap]:
    """One head per number of epochs, from one training.

    Args:
        queries: Query vectors, shape ``(n, d_in)``.
        documents: The document that answers each query, in the space that is searched, shape
            ``(n, d_out)``.
        answers: Which document it is, so that a query's own answer is never taken for a wrong one;
            without it, all are different.
        start: Where training starts, shape ``(d_out, d_in)``; the identity if None.
        epochs: Increasing numbers of passes over the pairs; 0 is the start.
        seed: Of the order of the pairs.

    Raises:
        VectorError: Counts or dimensions do not fit.
        ArgumentError: Epochs do not increase from 0 or more.
    """
    if len(queries) != len(documents) or len(queries) < 2:
        msg = (
            f"{len(queries)} queries and {len(documents)} documents; a head needs pairs, at least 2"
        )
        raise VectorError(msg)
    steps = list(epochs)
    if not steps or steps[0] < 0 or sorted(set(steps)) != steps:
        msg = f"epochs={steps!r}; they must increase, from 0 or more"
        raise ArgumentError(msg)
    shape = (documents.shape[1], queries.shape[1])
    matrix = start_from(*shape) if start is None else np.array(start, np.float32)
    if matrix.shape != shape:
        msg = f"start has shape {matrix.shape}; expected {shape}"
        raise VectorError(msg)
    x, d = unit(queries), unit(documents)
    which = np.arange(len(x)) if answers is None else np.asarray(answers)
    rng = np.random.default_rng(seed)
    first, second, count = np.zeros_like(matrix), np.zeros_like(matrix), 0
    kept: list[LinearMap] = []
    for epoch in range(steps[-1] + 1):
        if epoch in steps:
            kept.append(LinearMap(matrix.copy(), kind=f"head, {epoch} epochs"))
        if epoch == steps[-1]:
            break
        order = rng.permutation(len(x))
        parts = max(1, round(len(x) / BATCH))
        for rows in np.array_split(order, parts):
            gradient = _gradient(matrix, x[rows], d[rows], which[rows])
            count += 1
            first += (1 - DECAY[0]) * (gradient - first)
            second += (1 - DECAY[1]) * (gradient**2 - second)
            size = np.sqrt(second / (1 - DECAY[1] ** count)) + 1e-8
            matrix -= RATE * (first / (1 - DECAY[0] ** count)) / size
    return kept


def _gradient(matrix: Floats, x: Floats, d: Floats, which: npt.NDArray[np.intp]) -> Floats:
    """Of the batch's mean loss by the matrix."""
    made = x @ matrix.T
    length = np.maximum(np.linalg.norm(made, axis=1, keepdims=True), np.float32(1e-12))
    u = made / length
    logits = (u @ d.T) / TEMPERATURE
    same = which[:, None] == which[None]
    np.fill_diagonal(same, val=False)
    logits[same] = -np.inf
    logits -= logits.max(1, keepdims=True)
    weight = np.exp(logits)
    weight /= weight.sum(1, keepdims=True)
    weight[np.diag_indices_from(weight)] -= 1
    by_u = (weight @ d) / np.float32(TEMPERATURE * len(x))
    by_made = (by_u - u * (u * by_u).sum(1, keepdims=True)) / length
    return np.asarray(by_made.T @ x, np.float32)
