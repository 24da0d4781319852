"""From items to a fit: which solver, which penalty, and the change itself."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from supersede.errors import ArgumentError
from supersede.look import count
from supersede.train.linear.balance import Balanced, balanced, without_data
from supersede.train.linear.conjugate_gradients import Step, conjugate_gradients
from supersede.train.linear.items import Items
from supersede.train.linear.jacobian import rows, scales, times, transposed_times, unflat
from supersede.train.linear.kernels import Kernels, kernels_of, kernels_with_jacobian
from supersede.train.linear.kfac import kronecker_inverse
from supersede.train.linear.linearized import Linearized
from supersede.train.linear.penalty import given_penalty
from supersede.train.linear.sgd import stochastic_gradients
from supersede.train.linear.spectrum import Spectrum, of_features, of_kernel
from supersede.train.linear.subsampled import subsampled_inverse

if TYPE_CHECKING:
    from supersede.train.linear.fitted import LinearFit

__all__ = ["Settings", "Solver", "change_for", "normal_product", "solve", "with_change"]

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64] | None
Solver = Literal["kernel", "features", "cg", "sgd"]


@dataclass(frozen=True)
class Settings:
    """What the solvers need to know; see `LQF`."""

    scale: float
    regularization: float | Literal["loo"]
    body_weight: float | Literal["loo"]
    solver: Solver | Literal["auto"]
    limit: int
    memory: float
    tolerance: float
    max_steps: int
    epochs: int
    batch: int
    seed: int

    @property
    def strengths(self) -> dict[str, float | Literal["loo"]]:
        """What leave-one-out may choose."""
        return {"body_weight": self.body_weight, "regularization": self.regularization}


def solve(
    settings: Settings,
    linear: Linearized,
    items: Items,
    base: Floats,
    *,
    jacobian: Tensor | None = None,
    kernels: Kernels | None = None,
    start: Tensor | None = None,
    progress: Callable[[str], None] | None = None,
) -> "LinearFit":
    """Fit a change to items.

    Args:
        settings: How.
        linear: The expansion; it is not changed.
        items: Items with targets.
        base: The network's outputs on them, ``(n, C)``.
        jacobian: J ``(n·C, P)`` with both parts weighted equally, where it is known already.
        kernels: J Jᵀ by part, where it is known already.
        start: A first guess for iterative solvers, ``(P,)``, in the coordinates of `linear`.
        progress: Called with a line of text before each stage and after each step.

    Returns:
        The fit.
    """
    from supersede.train.linear.fitted import LinearFit

    solver = _solver(settings, linear, base)
    say = progress or (lambda text: None)
    r = items.targets - base
    plain = linear.weighted(1.0)
    if solver in {"kernel", "features"}:
        if jacobian is None and kernels is None:
            say(
                f"computing Jacobians of {count(len(items))} items for {count(linear.size)} parameters"
            )
        if solver == "features":
            if jacobian is None:
                jacobian = rows(plain, items.inputs).reshape(base.size, -1).cpu()
            chosen = _from_jacobian(settings, plain, r, items.labels, jacobian, say)
        else:
            if kernels is None and jacobian is not None:
                kernels = kernels_of(plain, jacobian)
            elif kernels is None:
                kernels, jacobian = kernels_with_jacobian(
                    plain, items.inputs, base.shape[1], settings.memory
                )
            chosen = _from_kernels(settings, plain, r, items.labels, kernels, say)
        spectrum, penalty = chosen.spectrum, chosen.penalty
        assert spectrum is not None  # noqa: S101  # both decompose
        residual = spectrum.residual(r.reshape(-1), penalty.value).reshape(r.shape)
        change = change_for(chosen.linear, items, jacobian, residual) / penalty.value
        steps: tuple[Step, ...] = ()
    else:
        chosen = _balanced_on_some(settings, plain, items, base, say)
        spectrum, kernels, penalty = None, None, chosen.penalty
        if start is not None:  # in the coordinates of the weight that was
            known, now = scales(linear), scales(chosen.linear)
            start = torch.where(now > 0, start * known / now, 0.0)
        change, steps = _iterate(
            settings, solver, chosen.linear, items, r, penalty.value, start, say
        )
        residual = r - times(chosen.linear, items.inputs, change).numpy()
    return LinearFit(
        settings=settings,
        linear=with_change(chosen.linear, change),
        items=items,
        base=base,
        penalty=penalty,
        residual=residual,
        change=change,
        solver=solver,
        steps=steps,
        spectrum=spectrum,
        jacobian=jacobian,
        kernels=kernels,
        balance=chosen.balance,
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


def _from_kernels(
    settings: Settings,
    linear: Linearized,
    r: Floats,
    labels: Labels,
    kernels: Kernels,
    say: Callable[[str], None],
) -> Balanced:
    def decompose(weight: float) -> Spectrum:
        say(f"decomposing a matrix of {count(r.size)} rows")
        return of_kernel(kernels.weighted(weight))

    return balanced(linear, decompose, kernels.sizes, r, labels, **settings.strengths)


def _from_jacobian(
    settings: Settings,
    linear: Linearized,
    r: Floats,
    labels: Labels,
    jacobian: Tensor,
    say: Callable[[str], None],
) -> Balanced:
    wide = jacobian.double()
    sizes = (wide * wide).sum(0)
    body = float((sizes * scales(linear.weighted(2.0)) ** 2 - sizes).sum())  # these count once more

    def decompose(weight: float) -> Spectrum:
        say(f"decomposing a matrix of {count(linear.size)} rows")
        return of_features((wide * scales(linear.weighted(weight))).numpy())

    last = float(sizes.sum()) - body
    return balanced(linear, decompose, (last, body), r, labels, **settings.strengths)


def _balanced_on_some(
    settings: Settings,
    linear: Linearized,
    items: Items,
    base: Floats,
    say: Callable[[str], None],
) -> Balanced:
    """The same on as many items as a closed form can take, drawn at random."""
    if settings.regularization != "loo":
        balance = without_data(linear, settings.body_weight)
        penalty = given_penalty(settings.regularization)
        return Balanced(linear.weighted(balance.weight), balance, penalty)
    size = min(len(items), max(settings.limit // base.shape[1], 1))
    if size < min(2, len(items)):
        msg = (
            f"limit={settings.limit} leaves no two items with {base.shape[1]} outputs to choose λ on;"
            " raise limit, or pass regularization=<a positive number>"
        )
        raise ArgumentError(msg)
    say(f"choosing the regularization on {count(size)} items")
    some = np.random.default_rng(settings.seed).permutation(len(items))[:size]
    part = items.take(some)
    kernels, _ = kernels_with_jacobian(linear, part.inputs, base.shape[1], settings.memory)
    return _from_kernels(settings, linear, part.targets - base[some], part.labels, kernels, say)


def change_for(linear: Linearized, items: Items, jacobian: Tensor | None, e: Floats) -> Tensor:
    """Jᵀ e in the coordinates of `linear`, from a J with both parts weighted equally if it is known."""
    weights = torch.as_tensor(e)
    if jacobian is None:
        return transposed_times(linear, items.inputs, weights)
    flat = weights.reshape(-1)
    parts = [part.double().T @ flat for part in torch.split(jacobian, 1 << 15, dim=1)]
    return torch.cat(parts) * scales(linear)


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
