"""A linear map with a correction by a small network, fitted to pairs with torch.

The linear part is the ridge map and stays; the correction starts at zero, so that an untrained one
changes nothing. Trained is the mean cosine distance between mapped and target vectors.

Reference: Vejendla (2025), Drift-Adapter, arXiv 2509.23471, the residual adapter.
"""

import numpy as np

from supersede.embeddings.bridges.linear_fits import fit_ridge
from supersede.embeddings.bridges.maps import ResidualMap
from supersede.embeddings.vectors import Array, checked, unit
from supersede.errors import MissingExtraError, VectorError

__all__ = ["fit_residual_mlp"]


def fit_residual_mlp(
    source: Array,
    target: Array,
    *,
    hidden: int = 128,
    penalty: float = 1e-2,
    epochs: int = 30,
    rate: float = 1e-3,
    decay: float = 1e-2,
    seed: int = 0,
) -> ResidualMap:
    """Fit y ≈ A x + V relu(U x + u).

    Args:
        source: Vectors to map, shape ``(n, d_in)``.
        target: The same items in the other space, shape ``(n, d_out)``.
        hidden: Units of the correction.
        penalty: Of the ridge map A.
        epochs: Passes over the pairs.
        rate: Learning rate of AdamW.
        decay: Its weight decay.
        seed: Of weights and order; torch's global generator is left alone.

    Raises:
        MissingExtraError: torch is not installed.
        VectorError: Counts differ.
    """
    try:
        import torch
    except ModuleNotFoundError as error:
        raise MissingExtraError.of(
            package="torch", extra="torch", purpose="a bridge with a network"
        ) from error

    if len(source) != len(target):
        msg = (
            f"{len(source)} source vectors and {len(target)} target vectors; a pair is one of each"
        )
        raise VectorError(msg)
    x, y = (
        torch.from_numpy(unit(checked(v, n))) for v, n in ((source, "source"), (target, "target"))
    )
    matrix = torch.from_numpy(fit_ridge(source, target, penalty).matrix)
    draw = torch.Generator().manual_seed(seed)
    inner = (torch.randn(hidden, x.shape[1], generator=draw) / x.shape[1] ** 0.5).requires_grad_()
    offset = torch.zeros(hidden, requires_grad=True)
    outer = torch.zeros(y.shape[1], hidden, requires_grad=True)
    steps = torch.optim.AdamW([inner, offset, outer], lr=rate, weight_decay=decay)
    for _ in range(epochs):
        order = torch.randperm(len(x), generator=draw)
        for first in range(0, len(x), 256):
            rows = order[first : first + 256]
            made = x[rows] @ matrix.T + torch.relu(x[rows] @ inner.T + offset) @ outer.T
            loss = (1 - torch.nn.functional.cosine_similarity(made, y[rows])).mean()
            steps.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch annotates it so
            steps.step()
    parts = [np.asarray(part.detach().numpy(), np.float32) for part in (inner, offset, outer)]
    return ResidualMap(matrix.numpy(), *parts)
