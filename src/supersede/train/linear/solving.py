"""From items to a fit: which solver, which penalty, and the change itself."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from supersede.errors import ArgumentError, LinearizationError
from supersede.look import count
from supersede.train.linear.conjugate_gradients import Step, conjugate_gradients
from supersede.train.linear.items import Items
from supersede.train.linear.jacobian import kernel_parts, rows, times, transposed_times, unflat
from supersede.train.linear.kfac import kronecker_inverse
from supersede.train.linear.linearized import Linearized
from supersede.train.linear.penalty import Penalty, choose_penalty, given_penalty
from supersede.train.linear.sgd import stochastic_gradients
from supersede.train.linear.spectrum import Spectrum, of_features, of_kernel
from supersede.train.linear.subsampled import subsampled_inverse

if TYPE_CHECKING:
    from supersede.train.linear.fitted import LinearFit

__all__ = ["Settings", "Solver", "change_for", "normal_product", "solve", "with_change"]

Floats = npt.NDArray[np.float64]
Solver = Literal["kernel", "features", "cg", "sgd"]


@dataclass(frozen=True)
class Settings:
    """What the solvers need to know; see `LQF`."""

    scale: float
    regularization: float | Literal["loo"]
    solver: Solver | Literal["auto"]
    limit: int
    memory: float
    tolerance: float
    max_steps: int
    epochs: int
    batch: int
    seed: int


def solve(
    settings: Settings,
    linear: Linearized,
    items: Items,
    base: Floats,
    *,
    jacobian: Tensor | None = None,
    kernel: Floats | None = None,
    start: Tensor | None = None,
    progress: Callable[[str], None] | None = None,
) -> "LinearFit":
    """Fit a change to items.

    Args:
        settings: How.
        linear: The expansion; it is not changed.
        items: Items with targets.
        base: The network's outputs on them, ``(n, C)``.
        jacobian: J ``(n·C, P)``, where it is known already.
        kernel: J Jᵀ, where it is known already.
        start: A first guess for iterative solvers, ``(P,)``.
        progress: Called with a line of text before each stage and after each step.

    Returns:
        The fit.
    """
    from supersede.train.linear.fitted import LinearFit

    solver = _solver(settings, linear, base)
    say = progress or (lambda text: None)
    r = items.targets - base
    if solver in {"kernel", "features"}:
        if kernel is None or solver == "features":
            jacobian, kernel = _jacobians(settings, linear, items, base, jacobian, solver, say)
        say(f"decomposing a matrix of {count(min(base.size, linear.size))} rows")
        if solver == "features" and jacobian is not None:
            spectrum = of_features(jacobian.double().numpy())
        else:
            assert kernel is not None  # noqa: S101  # made above
            spectrum = of_kernel(kernel)
        _refuse_flat(spectrum)
        penalty = _penalty(settings, spectrum, r, items)
        residual = spectrum.residual(r.reshape(-1), penalty.value).reshape(r.shape)
        change = change_for(linear, items, jacobian, residual) / penalty.value
        steps: tuple[Step, ...] = ()
    else:
        spectrum, kernel = None, None
        penalty = _penalty_of_some(settings, linear, items, base, say)
        change, steps = _iterate(settings, solver, linear, items, r, penalty.value, start, say)
        residual = r - times(linear, items.inputs, change).numpy()
    fitted = with_change(linear, change)
    return LinearFit(
        settings=settings,
        linear=fitted,
        items=items,
        base=base,
        penalty=penalty,
        residual=residual,
        change=change,
        solver=solver,
        steps=steps,
        spectrum=spectrum,
        jacobian=jacobian,
        kernel=kernel,
    )


def normal_product(linear: Linearized, items: Items, penalty: float) -> Callable[[Tensor], Tensor]:
    """The product v to (Jᵀ J + λ) v."""

    def apply(vector: Tensor) -> Tensor:
        inside = times(linear, items.inputs, vector)
        return transposed_times(linear, items.inputs, inside) + penalty * vector

    return apply


def _solver(settings: Settings, linear: Linearized, base: Floats) -> Solver:
    if settings.solver != "auto":
        return settings.solver
    if base.size <= max(settings.limit, 1) and base.size <= linear.size:
        return "kernel"
    fits = base.size * linear.size * 8 <= settings.memory
    if linear.size <= settings.limit and fits:
        return "features"
    return "kernel" if base.size <= settings.limit else "cg"


def _jacobians(
    settings: Settings,
    linear: Linearized,
    items: Items,
    base: Floats,
    known: Tensor | None,
    solver: Solver,
    say: Callable[[str], None],
) -> tuple[Tensor | None, Floats | None]:
    """J, where it fits the memory, and its kernel, where that is decomposed."""
    if known is not None:
        return known, None if solver == "features" else _gram(known)
    say(f"computing Jacobians of {count(len(items))} items for {count(linear.size)} parameters")
    if solver == "features":
        return rows(linear, items.inputs).reshape(base.size, -1).cpu(), None
    kernel = np.zeros((base.size, base.size))
    kept = None
    for part, only in kernel_parts(linear, items.inputs, base.shape[1], settings.memory):
        kernel += _gram(part)
        kept = part.cpu() if only else None
    return kept, kernel


def _gram(jacobian: Tensor) -> Floats:
    """J Jᵀ in double precision, a few columns at a time."""
    total = torch.zeros(len(jacobian), len(jacobian), dtype=torch.float64)
    for part in torch.split(jacobian, 1 << 15, dim=1):
        wide = part.cpu().double()
        total.addmm_(wide, wide.T)
    made: Floats = total.numpy()
    return made


def _refuse_flat(spectrum: Spectrum) -> None:
    if not spectrum.scale > 0:
        msg = (
            "the outputs do not depend on the chosen parameters on these items, so there is nothing to fit;"
            " choose other parameters. A last layer whose weights are all zero hides those before it"
        )
        raise LinearizationError(msg)


def _penalty(settings: Settings, spectrum: Spectrum, r: Floats, items: Items) -> Penalty:
    if settings.regularization != "loo":
        return given_penalty(settings.regularization)
    return choose_penalty(spectrum, r, items.labels)


def _penalty_of_some(
    settings: Settings,
    linear: Linearized,
    items: Items,
    base: Floats,
    say: Callable[[str], None],
) -> Penalty:
    """λ by leave-one-out on as many items as a closed form can take, drawn at random."""
    if settings.regularization != "loo":
        return given_penalty(settings.regularization)
    size = min(len(items), max(settings.limit // base.shape[1], 1))
    if size < min(2, len(items)):
        msg = (
            f"limit={settings.limit} leaves no two items with {base.shape[1]} outputs to choose λ on;"
            " raise limit, or pass regularization=<a positive number>"
        )
        raise ArgumentError(msg)
    say(f"choosing the regularization on {count(size)} items")
    some = np.random.default_rng(settings.seed).permutation(len(items))[:size]
    few = replace(settings, solver="kernel")
    part = items.take(some)
    _, kernel = _jacobians(few, linear, part, base[some], None, "kernel", lambda text: None)
    assert kernel is not None  # noqa: S101  # solver="kernel" makes one
    spectrum = of_kernel(kernel)
    _refuse_flat(spectrum)
    return choose_penalty(spectrum, part.targets - base[some], part.labels)


def change_for(linear: Linearized, items: Items, jacobian: Tensor | None, e: Floats) -> Tensor:
    """Jᵀ e."""
    weights = torch.as_tensor(e)
    if jacobian is None:
        return transposed_times(linear, items.inputs, weights)
    flat = weights.reshape(-1)
    return torch.cat([part.double().T @ flat for part in torch.split(jacobian, 1 << 15, dim=1)])


def _iterate(
    settings: Settings,
    solver: Solver,
    linear: Linearized,
    items: Items,
    r: Floats,
    penalty: float,
    start: Tensor | None,
    say: Callable[[str], None],
) -> tuple[Tensor, tuple[Step, ...]]:
    say("approximating the curvature")
    wanted = torch.as_tensor(r)

    def seen(step: Step) -> None:
        say(f"step {step.number}: relative gradient {step.gradient:.2e}")

    if solver == "sgd":
        precondition = kronecker_inverse(
            linear, items.inputs, r.shape[1], penalty, seed=settings.seed
        )
        return stochastic_gradients(
            linear,
            items.inputs,
            wanted,
            penalty,
            precondition,
            epochs=settings.epochs,
            batch=settings.batch,
            seed=settings.seed,
            start=start,
            seen=seen,
        )
    return conjugate_gradients(
        normal_product(linear, items, penalty),
        transposed_times(linear, items.inputs, wanted),
        subsampled_inverse(
            linear, items.inputs, r.shape[1], penalty, memory=settings.memory, seed=settings.seed
        ),
        start=start,
        tolerance=settings.tolerance,
        most=settings.max_steps,
        seen=seen,
    )


def with_change(linear: Linearized, change: Tensor) -> Linearized:
    """A copy of the expansion that has the change; the network is shared."""
    made = linear.sharing_network()
    with torch.no_grad():
        for key, part in unflat(linear, change.to(linear.like)).items():
            made.change[key].copy_(part)
    return made
