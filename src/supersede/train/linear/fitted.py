"""A fit, and all that can be asked of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from markupsafe import Markup
from torch import Tensor

from supersede.errors import ArgumentError
from supersede.look import Line, amount, count, figure_page, line_plot
from supersede.look.result import ResultMixin
from supersede.train.linear.balance import Balance
from supersede.train.linear.conjugate_gradients import Step
from supersede.train.linear.flip_constraint import Held, Keeping, keep_right
from supersede.train.linear.forgetting import Forgetting, forget
from supersede.train.linear.influence import Influence, influence
from supersede.train.linear.items import Items, inputs, items
from supersede.train.linear.jacobian import base, outputs, rows
from supersede.train.linear.keeping_front import STRENGTHS, KeepingFront, keeping_front
from supersede.train.linear.kernels import Kernels
from supersede.train.linear.learning_curve import LearningCurve, learning_curve
from supersede.train.linear.leave_one_out import LeaveOneOut, leave_one_out
from supersede.train.linear.linearized import Linearized, Merged
from supersede.train.linear.penalty import Penalty
from supersede.train.linear.prediction_sets import PredictionSets, prediction_sets
from supersede.train.linear.solving import Settings, Solver, solve
from supersede.train.linear.spectrum import Spectrum
from supersede.train.linear.uncertainty import Uncertainty, uncertainty

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["LinearFit"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LinearFit(ResultMixin, named="a fit", height="34rem"):
    """A linear-quadratic fit; made by `LQF.fit`.

    Attributes:
        settings: How it was made.
        linear: The expansion with the fitted change, an `nn.Module`.
        items: The items it was fitted to.
        base: The network's outputs on them, ``(n, C)``.
        penalty: λ, and how it was chosen.
        residual: Targets minus the fit's outputs, ``(n, C)``.
        change: The change, ``(P,)``, float64.
        solver: What solved it.
        steps: The steps of an iterative solver.
        spectrum: The decomposition of a closed form; None for iterative solvers.
        jacobian: J ``(n·C, P)`` with both parts weighted equally, where it fits the memory.
        kernels: J Jᵀ of each part, where it was made.
        balance: How much the layers before the last count, and how that was chosen.
    """

    settings: Settings
    linear: Linearized
    items: Items
    base: Floats
    penalty: Penalty
    residual: Floats
    change: Tensor
    solver: Solver
    steps: tuple[Step, ...]
    spectrum: Spectrum | None
    jacobian: Tensor | None
    kernels: Kernels | None
    balance: Balance

    @property
    def kernel(self) -> Floats | None:
        """J Jᵀ with its parts weighted, where it was made."""
        return None if self.kernels is None else self.kernels.weighted(self.linear.body_weight)

    def outputs(self, X: Any) -> Floats:
        """The fit's outputs for items ``(m, C)``; X in the form that the fit was given."""
        made: Floats = outputs(self.linear, inputs(X, self.linear.like)).cpu().double().numpy()
        return made

    def base_outputs(self, X: Any) -> Floats:
        """The network's own outputs for items, ``(m, C)``."""
        made: Floats = base(self.linear, inputs(X, self.linear.like)).cpu().double().numpy()
        return made

    def predict(self, X: Any) -> npt.NDArray[np.int64]:
        """Classes of items, ``(m,)``: the largest output's index."""
        made: npt.NDArray[np.int64] = self.outputs(X).argmax(1)
        return made

    def leave_one_out(self, ids: npt.ArrayLike | None = None) -> LeaveOneOut:
        """Outputs of each item under the fit without it; see `leave_one_out`."""
        return leave_one_out(self, ids)

    def influence(
        self,
        X: Any,
        *,
        output: int | None = None,
        shown: Sequence[Any] | None = None,
        input_shown: Any = None,
    ) -> Influence:
        """Which items taught it what it says of one input; see `influence`."""
        return influence(self, X, output=output, shown=shown, input_shown=input_shown)

    def forget(self, ids: npt.ArrayLike, *, tolerance: float = 1e-2) -> Forgetting:
        """The fit without some items, with a certificate; see `forget`."""
        return forget(self, ids, tolerance=tolerance)

    def uncertainty(self, X: Any, *, confidence: float = 0.95) -> Uncertainty:
        """Outputs with standard deviations; see `uncertainty`."""
        return uncertainty(self, X, confidence=confidence)

    def keep_right(
        self, *, strength: float = 1.0, on: Held = "right", tolerance: float = 1e-6
    ) -> Keeping:
        """The fit held near the network where that was right; see `keep_right`."""
        return keep_right(self, strength=strength, on=on, tolerance=tolerance)

    def keeping_front(
        self,
        X: Any,
        y: npt.ArrayLike,
        *,
        strengths: Sequence[float] = STRENGTHS,
        on: Sequence[Held] = ("right", "all"),
        tolerance: float = 0.001,
    ) -> KeepingFront:
        """The same with its strength chosen on validation items; see `keeping_front`."""
        return keeping_front(self, X, y, strengths=strengths, on=on, tolerance=tolerance)

    def prediction_sets(self, X: Any, *, confidence: float = 0.9) -> PredictionSets:
        """Sets of classes that hold the right one; see `prediction_sets`."""
        return prediction_sets(self, X, confidence=confidence)

    def learning_curve(self, *, points: int = 6, orders: int = 5, seed: int = 0) -> LearningCurve:
        """Leave-one-out error by number of items; see `learning_curve`."""
        return learning_curve(self, points=points, orders=orders, seed=seed)

    def add(
        self,
        X: Any,
        y: npt.ArrayLike,
        *,
        ids: npt.ArrayLike | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> "LinearFit":
        """The fit to these items and more; Jacobians are computed for the new ones only.

        Where Jacobians did not fit the memory they are computed again for all; an iterative
        solver starts from the change that is known.

        Args:
            X: More items, in the form that the fit was given.
            y: Their labels or targets.
            ids: Their ids; numbers that continue from the largest, if None.
            progress: As for `LQF.fit`.

        Returns:
            The fit, equal to `LQF.fit` on all of them.

        Raises:
            ArgumentError: Labels do not fit, or ids must be named since the fit's are texts.
            ItemError: An id is known already.
        """
        taken = inputs(X, self.linear.like)
        if ids is None:
            if self.items.ids.dtype.kind == "U":
                msg = "the fit's ids are texts, so new items need ids too: pass ids=…"
                raise ArgumentError(msg)
            ids = np.arange(len(taken)) + int(self.items.ids.max()) + 1
        more = items(
            taken,
            y,
            ids,
            like=self.linear.like,
            outputs=self.base.shape[1],
            scale=self.settings.scale,
        )
        joined = self.items.joined(more)
        jacobian = None
        if self.jacobian is not None:
            fresh = rows(self.linear.weighted(1.0), taken).reshape(-1, self.linear.size).cpu()
            jacobian = torch.cat([self.jacobian, fresh])
        said = np.concatenate([self.base, self.base_outputs(taken)])
        return solve(
            self.settings,
            self.linear,
            joined,
            said,
            jacobian=jacobian,
            start=None if self.spectrum is not None else self.change,
            progress=progress,
        )

    def merge(self, X: Any) -> Merged:
        """The plain network with the change in its weights, and its error on items; see `Linearized.merge`."""
        taken = inputs(X, self.linear.like)
        return self.linear.merge(*taken.args, **taken.kwargs)

    def figure(self) -> Markup:
        """The leave-one-out error of each regularization tried, or the steps of an iterative solver."""
        if self.steps:
            values = [step.gradient for step in self.steps]
            names = [str(step.number) for step in self.steps]
            title, axis = "Gradient left after each step", "relative gradient"
        else:
            values = list(self.penalty.errors) or [
                float(np.mean(self.leave_one_out().squared_error))
            ]
            names = [f"{value:.2g}" for value in self.penalty.tried] or [
                f"{self.penalty.value:.2g}"
            ]
            title, axis = "Leave-one-out error by regularization", "mean squared error"
        every = -(-len(names) // 6)
        named = [name if i % every == 0 else "" for i, name in enumerate(names)]
        return line_plot([Line("", values)], named, title=title, y_name=axis, form=amount)

    def to_html(self) -> str:
        """How the fit was made, as a page."""
        return figure_page("How was the network fitted?", f"{self}.", self.figure())

    def to_frame(self) -> "pa.Table":
        """One row per item: its id, its targets, and the fit's residuals."""
        import pyarrow as pa

        columns: dict[str, Any] = {"id": self.items.ids}
        if self.items.labels is not None:
            columns["label"] = self.items.labels
        lists = {"target": self.items.targets, "residual": self.residual}
        return pa.table(columns | {name: values.tolist() for name, values in lists.items()})

    def to_dict(self) -> dict[str, Any]:
        """The fit in numbers."""
        return {
            "items": len(self.items),
            "outputs": self.base.shape[1],
            "parameters": self.linear.size,
            "solver": self.solver,
            "penalty": self.penalty.value,
            "penalty_chosen_by": self.penalty.chosen_by,
            "body_weight": self.balance.weight,
            "body_weight_chosen_by": self.balance.chosen_by,
            "squared_error": float(np.mean(self.residual**2)),
            "steps": len(self.steps),
        }

    def __str__(self) -> str:
        both = self.linear.in_two_parts
        weight = f", {self.balance}" if both else ""
        return (
            f"linear-quadratic fit of {count(self.linear.size)} parameters to {count(len(self.items))}"
            f" items by {self.solver}, regularization {self.penalty.value:.3g} ({self.penalty.chosen_by}){weight}"
        )
