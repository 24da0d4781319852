"""Who taught it this? Which items made the fit say what it says of an input.

The fit's output is the network's plus a weighted sum of what the items' targets ask beyond it,

    f(x) − f(x; w₀) = Σᵢ Wᵢ(x) (yᵢ − f(xᵢ; w₀)),    W(x) = J(x) Jᵀ (K + λ)⁻¹ .

Two exact answers follow for every item i:

- *taught*: its term of this sum;
- *without*: f(x) minus what the fit to all other items says of x, with the same penalty; it is
  Wᵢ(x) times yᵢ minus the item's leave-one-out output.

They differ where other items say the same: with a duplicate in the data, removing one changes
little, and each has taught half.

References:
    Koh & Liang (2017), arXiv 1703.04730, ask the second question and approximate it; for the linear
    model the answer needs no approximation. The first is the linear smoother's row, as in
    Hastie, Tibshirani & Friedman (2009), section 5.4.1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from supersede.errors import ArgumentError
from supersede.look.result import ResultMixin
from supersede.train.linear.items import inputs
from supersede.train.linear.smoothing import cross_kernel, item_rows, unfitted

if TYPE_CHECKING:
    import pyarrow as pa

    from supersede.train.linear.fitted import LinearFit

__all__ = ["Influence", "influence"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Influence(ResultMixin, named="an influence"):
    """What each item of a fit did to its outputs for one input.

    Attributes:
        ids: Items of the fit, ``(n,)``.
        labels: Their classes; None for numbers as targets.
        output: The output that is explained, an index.
        before: That output of the network.
        after: That output of the fit.
        taught: Each item's part of after − before, ``(n,)``; they add up to it (up to
            the network's rounding).
        without: after minus the output of the fit without the item, ``(n,)``.
        shown: What to show of each item on the page: texts, or images of shape ``(h, w)`` or
            ``(h, w, 3)``; None for ids alone.
        input_shown: Likewise of the input.
    """

    ids: npt.NDArray[Any]
    labels: npt.NDArray[np.int64] | None
    output: int
    before: float
    after: float
    taught: Floats
    without: Floats
    shown: Sequence[Any] | None = None
    input_shown: Any = None

    def strongest(self, count: int = 10) -> npt.NDArray[np.int64]:
        """Rows of the items that taught most, for or against."""
        order: npt.NDArray[np.int64] = np.argsort(-np.abs(self.taught), kind="stable")[:count]
        return order

    def to_dict(self) -> dict[str, Any]:
        """All numbers, strongest first, as plain values."""
        return {
            "output": self.output,
            "before": self.before,
            "after": self.after,
            "items": self.to_frame().to_pylist(),
        }

    def to_frame(self) -> "pa.Table":
        """One row per item, strongest first: id, label, taught, without."""
        import pyarrow as pa

        order = self.strongest(len(self.ids))
        columns: dict[str, Any] = {"id": self.ids[order]}
        if self.labels is not None:
            columns["label"] = self.labels[order]
        return pa.table(columns | {"taught": self.taught[order], "without": self.without[order]})

    def to_html(self) -> str:
        """A page with the items that taught it this."""
        from supersede.train.linear.influence_page import page

        return page(self)

    def __str__(self) -> str:
        top = ", ".join(
            f"{self.ids[row]} {self.taught[row]:+.2f}" for row in self.strongest(3).tolist()
        )
        return (
            f"output {self.output} went from {self.before:.2f} to {self.after:.2f}; most was taught by"
            f" {top}"
        )


def influence(
    fit: "LinearFit",
    X: Any,
    *,
    output: int | None = None,
    shown: Sequence[Any] | None = None,
    input_shown: Any = None,
) -> Influence:
    """Explain one output for one input by the items of the fit.

    Args:
        fit: The fit.
        X: One item, with its dimension of length 1, in the form that the fit was given.
        output: Which output; the largest if None.
        shown: What to show of each item of the fit: texts or images.
        input_shown: What to show of the input.

    Returns:
        The influence of every item.

    Raises:
        ArgumentError: There is not one input, or no such output.
    """
    taken = inputs(X, fit.linear.like)
    outputs = fit.base.shape[1]
    if len(taken) != 1:
        msg = f"influence explains one input, and X has {len(taken)} rows; pass X[i : i + 1]"
        raise ArgumentError(msg)
    if output is not None and not (
        isinstance(output, Integral) and not isinstance(output, bool) and 0 <= output < outputs
    ):
        msg = f"output={output!r}; the network has outputs 0 to {outputs - 1}"
        raise ArgumentError(msg)
    if shown is not None and len(shown) != len(fit.items):
        msg = f"shown has {len(shown)} entries; expected one for each of the fit's {len(fit.items)} items"
        raise ArgumentError(msg)
    wide = item_rows(fit, taken)
    kernel = cross_kernel(fit, wide)
    before, after = fit.base_outputs(taken)[0], fit.outputs(taken)[0]
    at = int(after.argmax() if output is None else output)
    weights = (unfitted(fit, kernel[at][:, None]) / fit.penalty.value).reshape(-1, outputs)
    alone = fit.leave_one_out()
    taught = (weights * (fit.items.targets - fit.base)).sum(1)
    without = (weights * (alone.targets - alone.outputs)).sum(1)
    return Influence(
        ids=fit.items.ids,
        labels=fit.items.labels,
        output=at,
        before=float(before[at]),
        after=float(after[at]),
        taught=taught,
        without=without,
        shown=shown,
        input_shown=input_shown,
    )
