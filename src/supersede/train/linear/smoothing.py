"""How a fit answers to its targets: kernels with new items, and the part of a signal it does not fit.

All answers about data come from two products: k(x) = J(x) Jᵀ, and q ↦ (I − S) q, where S takes
targets to fitted values. With a closed form both are exact; otherwise the second solves one system
by conjugate gradients for every column of q.
"""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from supersede.train.linear.conjugate_gradients import conjugate_gradients
from supersede.train.linear.items import Inputs
from supersede.train.linear.jacobian import rows, scales, times, transposed_times
from supersede.train.linear.solving import normal_product
from supersede.train.linear.subsampled import subsampled_inverse

if TYPE_CHECKING:
    from supersede.train.linear.fitted import LinearFit

__all__ = ["cross_kernel", "own_kernel", "unfitted"]

Floats = npt.NDArray[np.float64]


def cross_kernel(fit: "LinearFit", wide: Tensor) -> Floats:
    """J(x) Jᵀ for rows J(x) ``(m, P)``, as ``(m, N)``."""
    if fit.jacobian is not None:
        # rows carry their scale already; the Jacobian that was kept does not
        wide = wide.cpu().double() * scales(fit.linear)
        pairs = zip(
            torch.split(wide, 1 << 15, dim=1),
            torch.split(fit.jacobian, 1 << 15, dim=1),
            strict=True,
        )
        return sum(
            (a @ b.double().T for a, b in pairs),
            torch.zeros(len(wide), len(fit.jacobian), dtype=torch.float64),
        ).numpy()
    products = [times(fit.linear, fit.items.inputs, row).reshape(-1) for row in wide]
    return torch.stack(products).numpy()


def own_kernel(wide: Tensor) -> Floats:
    """J(x) J(x)ᵀ for the rows of one item, ``(C, C)``."""
    precise = wide.cpu().double()
    made: Floats = (precise @ precise.T).numpy()
    return made


def item_rows(fit: "LinearFit", inputs: Inputs) -> Tensor:
    """The rows J(x) of one item, ``(C, P)``."""
    return rows(fit.linear, inputs)[0]


def unfitted(fit: "LinearFit", q: Floats) -> Floats:
    """(I − S) q for q of shape ``(N, m)``."""
    if fit.spectrum is not None:
        return fit.spectrum.residual(q, fit.penalty.value)
    outputs = fit.base.shape[1]
    apply = normal_product(fit.linear, fit.items, fit.penalty.value)
    precondition = subsampled_inverse(
        fit.linear,
        fit.items.inputs,
        outputs,
        fit.penalty.value,
        memory=fit.settings.memory,
        seed=fit.settings.seed,
    )
    made = np.empty_like(q)
    for column in range(q.shape[1]):
        target = torch.as_tensor(q[:, column].reshape(-1, outputs))
        solution, _ = conjugate_gradients(
            apply,
            transposed_times(fit.linear, fit.items.inputs, target),
            precondition,
            tolerance=fit.settings.tolerance,
            most=fit.settings.max_steps,
        )
        fitted = times(fit.linear, fit.items.inputs, solution)
        made[:, column] = q[:, column] - fitted.reshape(-1).numpy()
    return made
