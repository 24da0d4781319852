"""Linear-quadratic fine-tuning (LQF): squared error on the first-order expansion of a network.

    min over δ of ½ Σᵢ ‖f(xᵢ; w₀) + J(xᵢ) δ − α yᵢ‖² + ½ λ ‖δ‖²

with one-hot yᵢ. The problem is strictly convex, so there is one answer and no learning rate. For few
items it is solved in closed form from the kernel J Jᵀ; for few parameters, from Jᵀ J; otherwise by
conjugate gradients or stochastic gradients with a K-FAC preconditioner, on products with J.

References:
    Achille, Golatkar, Ravichandran, Polito & Soatto (2021), LQF: Linear quadratic fine-tuning, CVPR,
    arXiv 2012.11140. Differences: λ is chosen by exact leave-one-out; leaky activations are up to you
    (`leaky`); for few items the answer is exact; the last layer and those before it have weights of
    their own, which leave-one-out chooses as well.

Assumes: the change stays small enough for the network to be nearly linear, if you deploy the merged
network; `LinearFit.merge` measures it. The expansion itself needs no such assumption.
"""

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from supersede.errors import ArgumentError
from supersede.look import count
from supersede.train.linear.balance import given_weight
from supersede.train.linear.fitted import LinearFit
from supersede.train.linear.items import inputs, items
from supersede.train.linear.jacobian import base
from supersede.train.linear.linearized import Linearized, Output
from supersede.train.linear.penalty import given_penalty
from supersede.train.linear.selection import ParameterChoice
from supersede.train.linear.solving import Settings, Solver, solve

__all__ = ["LQF"]


@dataclass(frozen=True, eq=False)
class LQF:
    """Settings of a linear-quadratic fit.

    Attributes:
        network: The pretrained network, with one output per class, in evaluation mode.
        parameters: Which parameters may change, as for `Linearized`.
        output: Takes the tensor out of what the network returns, as for `Linearized`.
        scale: α, what the right class's output should be.
        regularization: λ, above 0; or ``"loo"``: the one with the least exact leave-one-out error.
        body_weight: How much the kernel of the layers before the last counts beside the last layer's: 0
            fits the last layer alone (a linear probe), 1 takes both as they are; or ``"loo"``: by exact
            leave-one-out, together with λ (1 where λ is given). Of no effect where only one of the two
            may change.
        solver: ``"kernel"`` (closed form in n·C), ``"features"`` (closed form in the number of
            parameters), ``"cg"``, ``"sgd"``, or ``"auto"``: the first closed form whose size is within
            `limit`, otherwise conjugate gradients.
        limit: Largest matrix that ``"auto"`` decomposes.
        memory: Bytes that Jacobians may take at a time.
        tolerance: Relative gradient at which conjugate gradients stop.
        max_steps: Most steps of conjugate gradients.
        epochs: Passes of stochastic gradients.
        batch: Items per step of stochastic gradients.
        seed: Seed of the order of stochastic gradients, and of the items on which λ is chosen where
            there are too many for a closed form.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2)).eval()
        >>> X, y = torch.tensor([[0.0, 1], [1, 0], [0, 2], [2, 0]]), [0, 1, 0, 1]
        >>> fit = LQF(net).fit(X, y)
        >>> fit.predict(X).tolist()
        [0, 1, 0, 1]
    """

    network: nn.Module
    parameters: ParameterChoice = "all"
    output: Output | None = None
    scale: float = 15.0
    regularization: float | Literal["loo"] = "loo"
    body_weight: float | Literal["loo"] = "loo"
    solver: Solver | Literal["auto"] = "auto"
    limit: int = 2000
    memory: float = 2e9
    tolerance: float = 1e-6
    max_steps: int = 500
    epochs: int = 20
    batch: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        for name, kind, usual in [
            ("scale", Real, 15), ("memory", Real, 2e9), ("tolerance", Real, 1e-6),
            ("limit", Integral, 2000), ("max_steps", Integral, 500), ("epochs", Integral, 20),
            ("batch", Integral, 64),
        ]:  # fmt: skip
            value = getattr(self, name)
            if (
                isinstance(value, bool)
                or not isinstance(value, kind)
                or not 0 < float(value) < np.inf
            ):
                number = "number" if kind is Real else "whole number"
                msg = f"{name}={value!r} must be a positive {number}, such as {usual:g}"
                raise ArgumentError(msg)
        if self.regularization != "loo":
            given_penalty(self.regularization)
        if self.body_weight != "loo":
            given_weight(self.body_weight)
        if self.solver != "auto" and self.solver not in get_args(Solver):
            msg = (
                f"solver={self.solver!r}; expected 'auto', {', '.join(map(repr, get_args(Solver)))}"
            )
            raise ArgumentError(msg)

    def fit(
        self,
        X: Any,
        y: npt.ArrayLike,
        *,
        ids: npt.ArrayLike | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> LinearFit:
        """Fit the change to items.

        Args:
            X: What the network takes: a tensor or array ``(n, …)``, a mapping of them (as a
                tokenizer returns), or a tuple of several arguments. Floats are brought to the
                network's precision.
            y: Classes ``(n,)``, integers from 0; or targets ``(n, C)``, floats.
            ids: One id per item, integers or texts; the row number if None.
            progress: Called with a line of text before each stage and after each step.

        Returns:
            The fit.

        Raises:
            LinearizationError: The network cannot be expanded on these items; the layer is named.
            ArgumentError: Items, labels or settings do not fit together.
            ItemError: Ids are not unique.
            ConvergenceError: An iterative solver did not reach its tolerance.
        """
        linear = Linearized(self.network, parameters=self.parameters, output=self.output)
        taken = inputs(X, linear.like)
        first = taken.take(slice(0, 8))
        linear.check(*first.args, **first.kwargs)
        if progress:
            progress(f"evaluating the network on {count(len(taken))} items")
        said = base(linear, taken)
        _check_outputs(said, len(taken))
        known = items(taken, y, ids, like=linear.like, outputs=said.shape[1], scale=self.scale)
        return solve(self.settings, linear, known, said.cpu().double().numpy(), progress=progress)

    @property
    def settings(self) -> Settings:
        """What the solvers need to know."""
        return Settings(
            scale=self.scale,
            regularization=self.regularization,
            body_weight=self.body_weight,
            solver=self.solver,
            limit=self.limit,
            memory=self.memory,
            tolerance=self.tolerance,
            max_steps=self.max_steps,
            epochs=self.epochs,
            batch=self.batch,
            seed=self.seed,
        )


def _check_outputs(said: Tensor, n: int) -> None:
    if said.dim() != 2 or len(said) != n:
        msg = (
            f"the network's outputs have shape {tuple(said.shape)} for {n} items; a fit needs (n, outputs)."
            " Pass output=<a function that makes them so>"
        )
        raise ArgumentError(msg)
    if not torch.isfinite(said).all():
        bad = int((~torch.isfinite(said).all(1)).nonzero()[0, 0])
        msg = f"the network's outputs are not finite, first at row {bad}; check that item"
        raise ArgumentError(msg)
