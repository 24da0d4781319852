"""How sure the fit is of its outputs: the posterior of the linear model.

With the prior δ ~ N(0, (σ²/λ) I) and noise N(0, σ²) on targets, the fit is the posterior mean, and the
covariance of f(x) is

    (σ²/λ) (k(x, x) − k(x) (K + λ)⁻¹ k(x)ᵀ) .

σ² maximises the likelihood of the targets: σ² = rᵀ e / N, with the residual e = r − S r.

References:
    Rasmussen & Williams (2006), Gaussian processes for machine learning, equations 2.25, 2.26 and 5.8;
    Immer, Korzepa & Bauer (2021), arXiv 2008.08400 (the same for networks, as GLM predictive).

Assumes: targets are the model's outputs plus Gaussian noise of one size. One-hot targets are not;
there `prediction_sets` makes fewer assumptions.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from supersede.errors import ArgumentError, TooFewLabelsError
from supersede.look import count, share
from supersede.look.result import ResultMixin
from supersede.look.table_page import table_page
from supersede.train.linear.items import inputs
from supersede.train.linear.smoothing import cross_kernel, item_rows, own_kernel, unfitted

if TYPE_CHECKING:
    import pyarrow as pa

    from supersede.train.linear.fitted import LinearFit

__all__ = ["Uncertainty", "uncertainty"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Uncertainty(ResultMixin, named="uncertainties"):
    """Outputs and how sure they are.

    Attributes:
        mean: Outputs, ``(m, C)``.
        std: Standard deviation of each output's expectation, ``(m, C)``.
        noise: σ, the standard deviation of a target around it.
        confidence: Two-sided confidence of the intervals.
    """

    mean: Floats
    std: Floats
    noise: float
    confidence: float

    def interval(self, *, of: str = "mean") -> tuple[Floats, Floats]:
        """Ends of the intervals.

        Args:
            of: ``"mean"`` for the expectation of an output, ``"target"`` for a target to come.

        Returns:
            Lower and upper ends, ``(m, C)`` each.

        Raises:
            ArgumentError: `of` is neither.
        """
        if of not in {"mean", "target"}:
            msg = f"of={of!r}; expected 'mean' or 'target'"
            raise ArgumentError(msg)
        spread = self.std if of == "mean" else np.sqrt(self.std**2 + self.noise**2)
        half = float(ndtri(0.5 + self.confidence / 2)) * spread
        return self.mean - half, self.mean + half

    def to_dict(self) -> dict[str, Any]:
        """All numbers, as plain values."""
        return {
            "mean": self.mean.tolist(),
            "std": self.std.tolist(),
            "noise": self.noise,
            "confidence": self.confidence,
        }

    def to_frame(self) -> "pa.Table":
        """One row per item and output."""
        import pyarrow as pa

        low, high = self.interval()
        item, output = np.indices(self.mean.shape)
        flat: dict[str, Any] = {
            "item": item,
            "output": output,
            "mean": self.mean,
            "std": self.std,
            "low": low,
            "high": high,
        }
        return pa.table({name: values.reshape(-1) for name, values in flat.items()})

    def to_html(self) -> str:
        """The outputs as a page."""
        return table_page(
            "How sure is the fit of its outputs?",
            f"{self}.",
            self.to_frame(),
            "Assumes targets are outputs plus Gaussian noise of one size; one-hot targets are not.",
        )

    def __str__(self) -> str:
        return (
            f"outputs of {count(len(self.mean))} items with {share(self.confidence)} intervals; a median"
            f" standard deviation of {np.median(self.std):.3g}, and noise of {self.noise:.3g}"
        )


def uncertainty(fit: "LinearFit", X: Any, *, confidence: float = 0.95) -> Uncertainty:
    """Outputs for new items, with standard deviations.

    Args:
        fit: The fit.
        X: Items, in the form that the fit was given.
        confidence: Two-sided confidence of the intervals, in (0, 1).

    Returns:
        Means and standard deviations.

    Raises:
        ArgumentError: The confidence is not in (0, 1).
        TooFewLabelsError: The targets equal the network's outputs, so no noise can be estimated.
    """
    if not 0 < confidence < 1:
        msg = f"confidence={confidence} must lie between 0 and 1, such as 0.95"
        raise ArgumentError(msg)
    taken = inputs(X, fit.linear.like)
    r = fit.items.targets - fit.base
    variance = float(np.mean(r * fit.residual))
    if not variance > 0:
        msg = "the targets equal the network's outputs, so there is no noise to estimate from them"
        raise TooFewLabelsError(msg)
    penalty = fit.penalty.value
    std = np.empty((len(taken), r.shape[1]))
    for row, item in taken.split(1):
        wide = item_rows(fit, item)
        kernel = cross_kernel(fit, wide)
        explained = np.einsum("cn,nc->c", kernel, unfitted(fit, kernel.T)) / penalty
        own = np.diag(own_kernel(wide))
        # rounding may take a variance below zero where the fit knows the item by heart
        std[row.start] = np.sqrt(variance / penalty * np.maximum(own - explained, 0.0))
    return Uncertainty(fit.outputs(taken), std, variance**0.5, confidence)
