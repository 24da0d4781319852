"""What the fit would say of each item had it not been fitted to it: exact leave-one-out."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from supersede.look import count, share
from supersede.look.result import ResultMixin
from supersede.look.table_page import table_page
from supersede.train.linear.smoothing import unfitted

if TYPE_CHECKING:
    import pyarrow as pa

    from supersede.train.linear.fitted import LinearFit

__all__ = ["LeaveOneOut", "leave_one_out"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LeaveOneOut(ResultMixin, named="leave-one-out outputs"):
    """Each item's outputs under the fit to all others, with the penalty as it is.

    Attributes:
        ids: Item ids, ``(m,)``.
        outputs: Outputs without the item, ``(m, C)``.
        targets: Targets, ``(m, C)``.
        labels: Classes, ``(m,)``; None for numbers as targets.
    """

    ids: npt.NDArray[Any]
    outputs: Floats
    targets: Floats
    labels: npt.NDArray[np.int64] | None

    @property
    def squared_error(self) -> float:
        """Mean squared error over items and outputs."""
        return float(np.mean((self.outputs - self.targets) ** 2))

    @property
    def wrong(self) -> npt.NDArray[np.bool_]:
        """Which items get another class when they are left out, ``(m,)``; all false for numbers."""
        if self.labels is None:
            return np.zeros(len(self.ids), bool)
        found: npt.NDArray[np.bool_] = self.outputs.argmax(1) != self.labels
        return found

    @property
    def error(self) -> float:
        """Share of items that get another class when left out; NaN for numbers as targets."""
        return float("nan") if self.labels is None else float(self.wrong.mean())

    def to_dict(self) -> dict[str, Any]:
        """The summary and every item, as plain values."""
        return {
            "items": len(self.ids),
            "error": None if self.labels is None else self.error,
            "squared_error": self.squared_error,
            "by_item": self.to_frame().to_pylist(),
        }

    def to_frame(self) -> "pa.Table":
        """One row per item, the largest error first: id, label, the class without it, outputs."""
        import pyarrow as pa

        squares = ((self.outputs - self.targets) ** 2).mean(1)
        order = np.argsort(-squares, kind="stable")
        columns: dict[str, Any] = {"id": self.ids[order]}
        if self.labels is not None:
            columns |= {
                "label": self.labels[order],
                "predicted": self.outputs.argmax(1)[order],
                "wrong": self.wrong[order],
            }
        columns["squared_error"] = squares[order]
        columns |= {f"output_{c}": self.outputs[order, c] for c in range(self.outputs.shape[1])}
        return pa.table(columns)

    def to_html(self) -> str:
        """Every item, the worst first, as a page."""
        return table_page(
            "Which items would be wrong if they were left out?",
            f"{self}.",
            self.to_frame(),
            "Exact for the linear fit, with the regularization as it is.",
        )

    def __str__(self) -> str:
        wrong = "" if self.labels is None else f"{share(self.error)} wrong, "
        return f"leave-one-out over {count(len(self.ids))} items: {wrong}mean squared error {self.squared_error:.4g}"


def leave_one_out(fit: "LinearFit", ids: npt.ArrayLike | None = None) -> LeaveOneOut:
    """Leave each item out in turn, without fitting again.

    Args:
        fit: The fit.
        ids: Which items; all if None. Without a closed form each item costs C systems.

    Returns:
        Outputs of each item under the fit without it.
    """
    at = np.arange(len(fit.items)) if ids is None else fit.items.rows_of(ids)
    outputs = fit.base.shape[1]
    if fit.spectrum is not None:
        blocks = fit.spectrum.blocks(fit.penalty.value, outputs)[at]
    else:
        blocks = np.stack([_block(fit, int(row), outputs) for row in at])
    left = np.linalg.solve(blocks, fit.residual[at][..., None])[..., 0]
    labels = None if fit.items.labels is None else fit.items.labels[at]
    targets = fit.items.targets[at]
    return LeaveOneOut(fit.items.ids[at], targets - left, targets, labels)


def _block(fit: "LinearFit", row: int, outputs: int) -> Floats:
    """(I − S)ᵢᵢ of one item."""
    unit = np.zeros((len(fit.items) * outputs, outputs))
    unit[row * outputs : (row + 1) * outputs] = np.eye(outputs)
    return unfitted(fit, unit)[row * outputs : (row + 1) * outputs]
