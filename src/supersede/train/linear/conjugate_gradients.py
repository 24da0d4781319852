"""Preconditioned conjugate gradients for the penalised least squares of a change.

Solves (Jᵀ J + λ) δ = Jᵀ r with products only. The residual g of these equations is the gradient of
½ ‖J δ − r‖² + ½ λ ‖δ‖², so δ is at most ‖g‖ / λ away from the solution.

References:
    Hestenes & Stiefel (1952); Saad (2003), Iterative methods for sparse linear systems, algorithm 9.1.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from supersede.errors import ConvergenceError

__all__ = ["Step", "conjugate_gradients"]

Product = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Step:
    """Where an iterative solution stands.

    Attributes:
        number: Steps taken.
        gradient: Norm of the gradient, relative to its norm at no change.
    """

    number: int
    gradient: float


def conjugate_gradients(
    apply: Product,
    right: Tensor,
    precondition: Product,
    *,
    start: Tensor | None = None,
    tolerance: float,
    most: int,
    seen: Callable[[Step], None] | None = None,
) -> tuple[Tensor, tuple[Step, ...]]:
    """Solve A x = b for a symmetric positive definite A.

    Args:
        apply: x to A x.
        right: b, ``(P,)``, float64.
        precondition: An approximate inverse of A.
        start: First guess; zero if None.
        tolerance: The norm of b − A x at which to stop, relative to that of b.
        most: Most steps.
        seen: Called after each step.

    Returns:
        x, and the steps.

    Raises:
        ConvergenceError: The tolerance was not reached in that many steps.

    Example:
        >>> matrix = torch.tensor([[4.0, 1.0], [1.0, 3.0]], dtype=torch.float64)
        >>> b = torch.tensor([1.0, 2.0], dtype=torch.float64)
        >>> x, steps = conjugate_gradients(
        ...     lambda v: matrix @ v, b, lambda v: v, tolerance=1e-12, most=10
        ... )
        >>> torch.allclose(matrix @ x, b)
        True
    """
    unit = float(right.norm())
    x = torch.zeros_like(right) if start is None else start.clone()
    if unit == 0:
        return torch.zeros_like(right), ()
    gradient = right - apply(x) if start is not None else right.clone()
    z = precondition(gradient)
    direction, rho = z.clone(), float(gradient @ z)
    steps = [Step(0, float(gradient.norm()) / unit)]
    while steps[-1].gradient > tolerance:
        if len(steps) > most:
            msg = (
                f"conjugate gradients are at a relative gradient of {steps[-1].gradient:.1e} after"
                f" {most} steps, and {tolerance:.1e} is required; allow more steps (max_steps), a larger"
                " tolerance, or a larger regularization"
            )
            raise ConvergenceError(msg)
        product = apply(direction)
        length = rho / float(direction @ product)
        x += length * direction
        gradient -= length * product
        z = precondition(gradient)
        fresh = float(gradient @ z)
        direction = z + (fresh / rho) * direction
        rho = fresh
        steps.append(Step(len(steps), float(gradient.norm()) / unit))
        if seen:
            seen(steps[-1])
    return x, tuple(steps)
