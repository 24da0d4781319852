"""An update of the old network that must not move far where the old network was right.

With the change of the outputs zᵢ = J(xᵢ) δ and what the targets ask, rᵢ = α yᵢ − f(xᵢ; w₀),

    min over δ of ½ Σ ‖zᵢ − rᵢ‖² + ½ λ ‖δ‖²   such that   ‖zᵢ‖ ≤ ρᵢ  for every item i held,

where held items are those that the old network gets right, and ρᵢ = ‖rᵢ‖ / (1 + strength). The problem
is convex. Its dual is

    max over u of ½ ‖r‖² − ½ (r − u)ᵀ S (r − u) − Σ ρᵢ ‖uᵢ‖,    u zero on items that are not held,

with S = K (K + λ)⁻¹: a smooth function, whose gradient has Lipschitz constant at most 1, and a norm
whose proximal map is in closed form. It is solved by accelerated proximal gradients until the duality gap
closes. The update is the linear-quadratic fit to the targets r − u.

The multiplier of item i, ‖uᵢ‖ / ρᵢ, says what keeping it costs: by so much the objective would fall per unit
by which its limit ½ ρᵢ² were raised.

References:
    Boyd & Vandenberghe (2004), Convex optimization, sections 5.5 and 5.6 (gap, sensitivity);
    Beck & Teboulle (2009), FISTA, with restarts after O'Donoghue & Candès (2015). The constraint is the
    convex counterpart of focal distillation by logits (Yan et al. 2021, equation 6).

Assumes: near an item that the old network gets right it is right too, so an update that stays near its
outputs there breaks little. The strength is to be chosen on validation items (`keeping_front`).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from supersede.errors import ArgumentError, ConvergenceError
from supersede.look import count, share
from supersede.look.result import ResultMixin
from supersede.look.table_page import table_page
from supersede.train.linear.solving import change_for, with_change

if TYPE_CHECKING:
    import pyarrow as pa

    from supersede.train.linear.fitted import LinearFit
    from supersede.train.linear.spectrum import Spectrum

__all__ = ["Keeping", "keep_right"]

Floats = npt.NDArray[np.float64]
Held = Literal["right", "all"]


@dataclass(frozen=True, eq=False)
class Keeping(ResultMixin, named="a constrained update"):
    """An update under a constraint on what the old network gets right.

    Attributes:
        fit: The unconstrained fit, which knows the items.
        linear: The expansion with the constrained change, an `nn.Module`.
        strength: How strongly; 0 has no constraint.
        held: Which items are held, ``(n,)``.
        multipliers: What each costs, ``(n,)``; 0 where the constraint does not bind.
        objective: ½ Σ ‖zᵢ − rᵢ‖² + ½ λ ‖δ‖² of the update.
        gap: Objective minus the dual's value, relative to the objective: a bound on how far it is
            from the best.
        steps: Steps of the solver.
    """

    fit: "LinearFit"
    linear: Any
    strength: float
    held: npt.NDArray[np.bool_]
    multipliers: Floats
    objective: float
    gap: float
    steps: int

    def outputs(self, X: Any) -> Floats:
        """The update's outputs for items, ``(m, C)``."""
        from dataclasses import replace

        return replace(self.fit, linear=self.linear).outputs(X)

    def predict(self, X: Any) -> npt.NDArray[np.int64]:
        """Classes of items, ``(m,)``."""
        made: npt.NDArray[np.int64] = self.outputs(X).argmax(1)
        return made

    def rows(self, X: Any, y: npt.ArrayLike, *, ids: npt.ArrayLike | None = None) -> dict[str, Any]:
        """Old, unconstrained and constrained answers on labelled items, for `supersede.compare`.

        Args:
            X: Items, in the form that the fit was given.
            y: Their classes.
            ids: Their ids; row numbers if None.

        Returns:
            Columns ``id``, ``y``, ``old``, ``plain`` and ``kept``.
        """
        truth = np.asarray(y)
        return {
            "id": np.arange(len(truth)) if ids is None else np.asarray(ids),
            "y": truth,
            "old": self.fit.base_outputs(X).argmax(1),
            "plain": self.fit.predict(X),
            "kept": self.predict(X),
        }

    def to_dict(self) -> dict[str, Any]:
        """The summary and the items that cost something, most expensive first, as plain values."""
        fields = ("strength", "objective", "gap", "steps")
        costly = self.to_frame().to_pylist()
        return {n: getattr(self, n) for n in fields} | {
            "held": int(self.held.sum()),
            "items": costly,
        }

    def to_frame(self) -> "pa.Table":
        """One row per item whose constraint binds, most expensive first: id, label, multiplier."""
        import pyarrow as pa

        order = np.argsort(-self.multipliers, kind="stable")[: int((self.multipliers > 0).sum())]
        columns: dict[str, Any] = {"id": self.fit.items.ids[order]}
        if self.fit.items.labels is not None:
            columns["label"] = self.fit.items.labels[order]
        return pa.table(columns | {"multiplier": self.multipliers[order]})

    def to_html(self) -> str:
        """The items that cost something as a page."""
        return table_page(
            "What does keeping right answers cost?",
            f"{self}.",
            self.to_frame(),
            "The multiplier of an item says by how much the objective would fall per unit by which its limit were raised.",
        )

    def __str__(self) -> str:
        binding = float((self.multipliers[self.held] > 0).mean()) if self.held.any() else 0.0
        return (
            f"{count(self.held.sum())} items held at strength {self.strength:g}, {share(binding)} of them at"
            f" their limit; duality gap {self.gap:.1e} after {count(self.steps)} steps"
        )


def keep_right(
    fit: "LinearFit",
    *,
    strength: float = 1.0,
    on: Held = "right",
    tolerance: float = 1e-6,
    most: int = 5000,
) -> Keeping:
    """Fit again under the constraint.

    Args:
        fit: An unconstrained fit in closed form, to classes; its network is the old model.
        strength: 0 for no constraint; a held item may move by 1 / (1 + strength) of the way to its
            target.
        on: Which items are held: ``"right"``, those that the network gets right, or ``"all"``.
        tolerance: Relative duality gap at which to stop.
        most: Most steps.

    Returns:
        The update.

    Raises:
        ArgumentError: The fit has no closed form or no classes, or a number is out of range.
        ConvergenceError: The gap did not close in that many steps.
    """
    if fit.spectrum is None:
        msg = f"the constraint needs a closed form, and this fit was solved by {fit.solver!r}; use fewer items"
        raise ArgumentError(msg)
    if fit.items.labels is None:
        msg = "the fit's targets are numbers, so no answer of the network is right or wrong"
        raise ArgumentError(msg)
    if not (np.isfinite(strength) and strength >= 0):
        msg = f"strength={strength!r} must be a finite number, 0 (no constraint) or more"
        raise ArgumentError(msg)
    if on not in {"right", "all"}:
        msg = f"on={on!r}; expected 'right' or 'all'"
        raise ArgumentError(msg)
    r = fit.items.targets - fit.base
    held = (
        (fit.base.argmax(1) == fit.items.labels)
        if on == "right" and strength > 0
        else np.full(len(r), strength > 0)
    )
    limits = np.linalg.norm(r, axis=1) / (1 + strength)
    u, gap, objective, part, steps = _solve(
        fit.spectrum, r, held, limits, fit.penalty.value, tolerance, most
    )
    asked = r - u
    residual = fit.spectrum.residual(asked.reshape(-1), fit.penalty.value).reshape(r.shape)
    change = part * change_for(fit.linear, fit.items, fit.jacobian, residual) / fit.penalty.value
    size = np.linalg.norm(u, axis=1)
    return Keeping(
        fit=fit,
        linear=with_change(fit.linear, change),
        strength=float(strength),
        held=held,
        multipliers=np.divide(size, limits, out=np.zeros(len(r)), where=limits > 0),
        objective=objective,
        gap=gap,
        steps=steps,
    )


def _solve(
    spectrum: "Spectrum",
    r: Floats,
    held: npt.NDArray[np.bool_],
    limits: Floats,
    penalty: float,
    tolerance: float,
    most: int,
) -> tuple[Floats, float, float, float, int]:
    """The dual's u; gap, objective; the part of S (r − u) that is feasible; steps."""
    vectors, values = spectrum.vectors, spectrum.values
    weights = values / (values + penalty)
    unit = 0.5 * float((r * r).sum()) or 1.0

    def smoothed(v: Floats) -> tuple[Floats, Floats]:
        inside = vectors.T @ v.reshape(-1)
        made: Floats = (vectors @ (weights * inside)).reshape(v.shape)
        return made, inside

    u = np.zeros_like(r)
    ahead, momentum = u, 1.0
    for step in range(most + 1):
        z, inside = smoothed(r - u)
        lower = 0.5 * float((r * r).sum()) - 0.5 * float((weights * inside * inside).sum())
        lower -= float((limits * np.linalg.norm(u, axis=1))[held].sum())
        part = _feasible(z, held, limits)
        # δ = part · Jᵀ (K + λ)⁻¹ (r − u), whose squared norm follows from the eigenvalues
        norm = part**2 * float((weights * inside * inside / (values + penalty)).sum())
        upper = 0.5 * float(((part * z - r) ** 2).sum()) + 0.5 * penalty * norm
        gap = max(0.0, upper - lower) / (upper or unit)
        if gap <= tolerance:
            return u, gap, upper, part, step
        slope, _ = smoothed(r - ahead)
        moved = _shrunk(ahead + slope, held, limits)
        if float(((ahead - moved) * (moved - u)).sum()) > 0:  # momentum points uphill: restart
            ahead, momentum = u, 1.0
            continue
        following = (1 + (1 + 4 * momentum * momentum) ** 0.5) / 2
        ahead = moved + (momentum - 1) / following * (moved - u)
        u, momentum = moved, following
    msg = (
        f"the duality gap is {gap:.1e} after {most} steps, and {tolerance:.1e} is required; allow more"
        " steps (most) or a larger tolerance"
    )
    raise ConvergenceError(msg)


def _shrunk(u: Floats, held: npt.NDArray[np.bool_], limits: Floats) -> Floats:
    """The proximal map of Σ ρᵢ ‖uᵢ‖ over held items, zero on the others."""
    size = np.linalg.norm(u, axis=1)
    kept = np.where(held, np.maximum(0.0, 1 - limits / np.where(size > 0, size, 1.0)), 0.0)
    made: Floats = u * kept[:, None]
    return made


def _feasible(z: Floats, held: npt.NDArray[np.bool_], limits: Floats) -> float:
    """The largest part of z, at most all, whose held items are within their limits."""
    size = np.linalg.norm(z, axis=1)
    over = held & (size > limits)
    return float((limits[over] / size[over]).min()) if over.any() else 1.0
