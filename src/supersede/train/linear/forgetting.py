"""Forget items: the fit that never saw them, and a certificate that it is that one.

The penalised problem is strictly convex, so the fit to the remaining items is one point, and any
change δ is at most ‖g(δ)‖ / λ away from it, where g is the gradient over the remaining items. The
certificate computes g afresh from the network and the remaining items, not from what the solver kept.

References:
    Guo, Goldstein, Hannun & van der Maaten (2020), Certified data removal, arXiv 1911.03030, bound the
    gradient that is left likewise; here it is rounding error, since the solution is exact.
    Golatkar et al. (2021), Mixed-privacy forgetting, CVPR, for linearised networks.

Assumes: the items were not among those that the network was pretrained on. What the network's own
weights know of them stays.
"""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from supersede.errors import ConvergenceError, TooFewLabelsError
from supersede.look import count
from supersede.look.page import environment
from supersede.look.result import ResultMixin
from supersede.train.linear.jacobian import times, transposed_times
from supersede.train.linear.solving import solve

if TYPE_CHECKING:
    import pyarrow as pa

    from supersede.train.linear.fitted import LinearFit

__all__ = ["Forgetting", "forget"]


@dataclass(frozen=True)
class Forgetting(ResultMixin, named="a certificate"):
    """A fit without some items, and the evidence for it.

    Attributes:
        fit: The fit to the remaining items; it holds nothing of the others.
        forgotten: Ids of the items that are gone, ``(m,)``.
        remaining: Number of items that are left.
        penalty_before: λ with them.
        penalty: λ without them; chosen anew if it was chosen from the data.
        penalty_chosen_by: How.
        moved: How far the change moved, ‖δ − δ_before‖ / ‖δ_before‖.
        distance: Bound on how far δ is from the exact solution for the remaining items,
            ‖g(δ)‖ / λ / ‖δ‖, in the network's own precision.
        gradient: Norm of the gradient g(δ) over the remaining items, relative to that at δ = 0.
        fingerprint_before: SHA-256 of `Linearized.change_vector` with them.
        fingerprint: The same without them.
        remaining_fingerprint: SHA-256 of the remaining ids, sorted, one per line.
    """

    fit: "LinearFit"
    forgotten: npt.NDArray[Any]
    remaining: int
    penalty_before: float
    penalty: float
    penalty_chosen_by: str
    moved: float
    distance: float
    gradient: float
    fingerprint_before: str
    fingerprint: str
    remaining_fingerprint: str

    def to_dict(self) -> dict[str, Any]:
        """The certificate, as plain values; the fit is not part of it."""
        fields = (
            "remaining",
            "penalty_before",
            "penalty",
            "penalty_chosen_by",
            "moved",
            "distance",
            "gradient",
            "fingerprint_before",
            "fingerprint",
            "remaining_fingerprint",
        )
        return {"forgotten": self.forgotten.tolist()} | {n: getattr(self, n) for n in fields}

    def to_frame(self) -> "pa.Table":
        """One row per forgotten id."""
        import pyarrow as pa

        return pa.table({"id": self.forgotten})

    def to_html(self) -> str:
        """The certificate as a page."""
        template = environment().get_template("train.linear/forgetting.html")
        return template.render(certificate=self)

    def __str__(self) -> str:
        return (
            f"{count(len(self.forgotten))} items forgotten, {count(self.remaining)} remain; the change is"
            f" within {self.distance:.1e} (relative) of the exact fit to the remaining items"
        )


def forget(fit: "LinearFit", ids: npt.ArrayLike, *, tolerance: float = 1e-2) -> Forgetting:
    """Fit again without some items, from what is known already.

    Args:
        fit: The fit.
        ids: Ids of the items to forget.
        tolerance: Largest relative distance to the exact solution that is accepted.

    Returns:
        The fit without them, equal to `LQF.fit` on the remaining items, and its certificate.

    Raises:
        ItemError: An id is not among the fit's items.
        TooFewLabelsError: Nothing would be left.
        ConvergenceError: The distance is above the tolerance.
    """
    gone = fit.items.rows_of(ids)
    kept = np.setdiff1d(np.arange(len(fit.items)), gone)
    if not len(kept):
        msg = "nothing would be left: without any item, use the network as it was"
        raise TooFewLabelsError(msg)
    outputs = fit.base.shape[1]
    flat = (kept[:, None] * outputs + np.arange(outputs)).reshape(-1)
    fresh = solve(
        fit.settings,
        fit.linear,
        fit.items.take(kept),
        fit.base[kept],
        jacobian=None if fit.jacobian is None else fit.jacobian[torch.as_tensor(flat)],
        kernels=None if fit.kernels is None else fit.kernels.take(flat),
        start=None if fit.spectrum is not None else fit.change,
    )
    gradient, unit = _gradient(fresh)
    size = float(fresh.change.norm())
    distance = gradient / fresh.penalty.value / size if size else 0.0
    if not distance <= tolerance:
        msg = (
            f"the change is only shown to be within {distance:.1e} (relative) of the exact fit to the"
            f" remaining items, and {tolerance:.1e} is required; use the network in double precision"
            " (network.double()), a smaller tolerance of the solver, or a larger regularization"
        )
        raise ConvergenceError(msg)
    before = fit.change
    return Forgetting(
        fit=fresh,
        forgotten=fit.items.ids[gone],
        remaining=len(kept),
        penalty_before=fit.penalty.value,
        penalty=fresh.penalty.value,
        penalty_chosen_by=fresh.penalty.chosen_by,
        moved=float((fresh.change - before).norm() / before.norm()) if before.any() else 0.0,
        distance=distance,
        gradient=gradient / unit if unit else 0.0,
        fingerprint_before=_fingerprint(fit.linear.change_vector().numpy().tobytes()),
        fingerprint=_fingerprint(fresh.linear.change_vector().numpy().tobytes()),
        remaining_fingerprint=_fingerprint("\n".join(sorted(map(str, fresh.items.ids))).encode()),
    )


def _gradient(fit: "LinearFit") -> tuple[float, float]:
    """Norm of the gradient at the fit's change, and at no change, from the network and the items."""
    r = torch.as_tensor(fit.items.targets) - torch.as_tensor(fit.base)
    held = fit.linear.change_vector()
    left = times(fit.linear, fit.items.inputs, held) - r
    gradient = transposed_times(fit.linear, fit.items.inputs, left) + fit.penalty.value * held
    return float(gradient.norm()), float(transposed_times(fit.linear, fit.items.inputs, r).norm())


def _fingerprint(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
