"""K-FAC-preconditioned stochastic gradients for the penalised least squares of a change.

For more items than conjugate gradients can pass over often. Each step takes a mini-batch's gradient,
scaled to all items, times an approximate inverse of the curvature. There is no learning rate to choose:
the step is one over the largest eigenvalue of the preconditioned curvature of a mini-batch, found by
power iteration, and falls linearly to zero; the iterates of the last half are averaged.

References:
    Achille et al. (2021), LQF, section 3.3; Polyak & Juditsky (1992) for averaging.

Assumes: nothing of the network. The result is close to the solution, not equal to it; the gradient
that is left is measured over all items and reported.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from supersede.errors import ConvergenceError
from supersede.train.linear.conjugate_gradients import Step
from supersede.train.linear.items import Inputs
from supersede.train.linear.jacobian import times, transposed_times
from supersede.train.linear.linearized import Linearized

__all__ = ["stochastic_gradients"]

_POWER_STEPS, _PROBES = 8, 3  # of the power iteration, and mini-batches that it looks at


def stochastic_gradients(
    linear: Linearized,
    inputs: Inputs,
    r: Tensor,
    penalty: float,
    precondition: Callable[[Tensor], Tensor],
    *,
    epochs: int,
    batch: int,
    seed: int,
    start: Tensor | None = None,
    seen: Callable[[Step], None] | None = None,
) -> tuple[Tensor, tuple[Step, ...]]:
    """Minimise ½ ‖J δ − r‖² + ½ λ ‖δ‖² approximately.

    Args:
        linear: The expansion.
        inputs: Items.
        r: Targets minus the network's outputs, ``(n, C)``.
        penalty: λ.
        precondition: An approximate inverse of Jᵀ J + λ.
        epochs: Passes over the items.
        batch: Items per step.
        seed: Seed of the order.
        start: First guess; no change if None.
        seen: Called after each pass.

    Returns:
        δ ``(P,)``, and the gradient that is left after each pass, the last one exact.

    Raises:
        ConvergenceError: The gradient grew.
    """
    generator = np.random.default_rng(seed)
    n = len(inputs)
    batch = min(batch, n)
    change = torch.zeros(linear.size, dtype=torch.float64) if start is None else start.clone()
    unit = float(transposed_times(linear, inputs, r).norm())
    pace = 1.0 / _largest(linear, inputs, penalty, precondition, batch, generator)
    mean, averaged = torch.zeros_like(change), 0
    total = epochs * -(-n // batch)
    number, steps = 0, []
    for epoch in range(epochs):
        squares = 0.0
        for rows in np.array_split(generator.permutation(n), -(-n // batch)):
            part = inputs.take(rows)
            left = times(linear, part, change) - r[rows]
            gradient = transposed_times(linear, part, left) * (n / len(rows)) + penalty * change
            change = change - pace * (1 - number / total) * precondition(gradient)
            squares += float(gradient.norm()) * len(rows) / n
            number += 1
            if 2 * number > total:
                averaged += 1
                mean += (change - mean) / averaged
        steps.append(Step(epoch + 1, squares / unit if unit else 0.0))
        if seen:
            seen(steps[-1])
    left = times(linear, inputs, mean) - r
    gradient = transposed_times(linear, inputs, left) + penalty * mean
    last = float(gradient.norm()) / unit if unit else 0.0
    if not np.isfinite(last) or last > 1:
        msg = (
            f"stochastic gradients diverged: the gradient is {last:.2g} times that at no change; use"
            " larger batches, or solver='cg'"
        )
        raise ConvergenceError(msg)
    return mean, (*steps, Step(epochs, last))


def _largest(
    linear: Linearized,
    inputs: Inputs,
    penalty: float,
    precondition: Callable[[Tensor], Tensor],
    batch: int,
    generator: np.random.Generator,
) -> float:
    """Largest eigenvalue of the preconditioned curvature of a mini-batch, over a few of them."""
    n, largest = len(inputs), 0.0
    for _ in range(_PROBES):
        part = inputs.take(generator.choice(n, batch, replace=False))
        vector = torch.as_tensor(generator.standard_normal(linear.size))
        for _ in range(_POWER_STEPS):
            vector = vector / vector.norm()
            curved = transposed_times(linear, part, times(linear, part, vector)) * (n / batch)
            vector = precondition(curved + penalty * vector)
        largest = max(largest, float(vector.norm()))
    return largest
