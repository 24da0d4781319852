"""Sets of classes that hold the right one with a stated probability, from exact leave-one-out.

The jackknife+ compares how well each class would fit a new item with how well the right class fitted
each item of the fit, always under the fit without that item. Class c is in the set of x unless

    #{i : s(xᵢ, yᵢ; −i) < s(x, c; −i)}  ≥  (1 − α) (n + 1) ,

with the score s(x, c) = max over c' ≠ c of f_c'(x) − f_c(x), which is small where c fits well. For n
items this takes n fits; here they are one matrix product.

References:
    Barber, Candès, Ramdas & Tibshirani (2021), Predictive inference with the jackknife+, Annals of
    Statistics 49, theorem 1; Romano, Sesia & Candès (2020), arXiv 2006.02544, for classes (JK+).

Assumes: items are exchangeable with those to come. Then the right class is in the set with
probability at least 1 − 2α, and usually about 1 − α. λ is held fixed though it was chosen on the
same items; `tests/train/linear` and the benchmark simulate the coverage.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from supersede.errors import ArgumentError, TooFewLabelsError
from supersede.look import count, share
from supersede.look.result import ResultMixin
from supersede.look.table_page import table_page
from supersede.train.linear.items import inputs
from supersede.train.linear.smoothing import cross_kernel, item_rows, unfitted

if TYPE_CHECKING:
    import pyarrow as pa

    from supersede.train.linear.fitted import LinearFit

__all__ = ["PredictionSets", "prediction_sets"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PredictionSets(ResultMixin, named="prediction sets"):
    """A set of classes for each item.

    Attributes:
        member: Which classes are in which item's set, ``(m, C)``.
        confidence: 1 − α, what is usually reached.
        guaranteed: 1 − 2α, what is reached whatever the items are.
    """

    member: npt.NDArray[np.bool_]
    confidence: float
    guaranteed: float

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        """Number of classes in each set, ``(m,)``."""
        made: npt.NDArray[np.int64] = self.member.sum(1)
        return made

    def to_dict(self) -> dict[str, Any]:
        """All sets, as plain values."""
        sets = [np.flatnonzero(row).tolist() for row in self.member]
        return {"confidence": self.confidence, "guaranteed": self.guaranteed, "sets": sets}

    def to_frame(self) -> "pa.Table":
        """One row per item: the classes in its set."""
        import pyarrow as pa

        return pa.table({"classes": [np.flatnonzero(row).tolist() for row in self.member]})

    def to_html(self) -> str:
        """The sets as a page."""
        return table_page(
            "Which classes may each item be?",
            f"{self}; each holds the right class with a probability of about {share(self.confidence)}, and of at least {share(self.guaranteed)}.",
            self.to_frame(),
            "Assumes items exchangeable with those of the fit.",
        )

    def __str__(self) -> str:
        return (
            f"sets of {self.sizes.mean():.2f} classes on average for {count(len(self.member))} items,"
            f" {share(float((self.sizes == 1).mean()))} of them single"
        )


def prediction_sets(fit: "LinearFit", X: Any, *, confidence: float = 0.9) -> PredictionSets:
    """Sets of classes for new items.

    Args:
        fit: A fit to classes.
        X: Items, in the form that the fit was given.
        confidence: 1 − α, in (0, 1).

    Returns:
        The sets.

    Raises:
        ArgumentError: The confidence is out of range, or targets are numbers.
        TooFewLabelsError: So few items that every set would hold every class.
    """
    if fit.items.labels is None:
        msg = "the fit's targets are numbers, so there are no classes; use uncertainty"
        raise ArgumentError(msg)
    if not 0 < confidence < 1:
        msg = f"confidence={confidence} must lie between 0 and 1, such as 0.9"
        raise ArgumentError(msg)
    n, outputs = fit.base.shape
    needed = math.ceil(confidence * (n + 1))
    if needed > n:
        least = math.ceil(confidence / (1 - confidence))
        msg = (
            f"{n} items cannot rule any class out at confidence {confidence:g}; it takes {least} items, or"
            f" a confidence of at most {n / (n + 1):.3g}"
        )
        raise TooFewLabelsError(msg)
    taken = inputs(X, fit.linear.like)
    alone = fit.leave_one_out()
    left = alone.targets - alone.outputs
    right = _scores(alone.outputs)[np.arange(n), fit.items.labels]
    said = fit.outputs(taken)
    member = np.empty((len(taken), outputs), bool)
    for row, item in taken.split(1):
        kernel = cross_kernel(fit, item_rows(fit, item))
        weights = (unfitted(fit, kernel.T) / fit.penalty.value).reshape(n, outputs, outputs)
        without = said[row.start] - np.einsum("ndc,nd->nc", weights, left)
        better = (right[:, None] < _scores(without)).sum(0)
        member[row.start] = better < needed
    return PredictionSets(member, confidence, max(0.0, 2 * confidence - 1))


def _scores(outputs: Floats) -> Floats:
    """Max over c' ≠ c of f_c' − f_c, ``(n, C)``."""
    if outputs.shape[1] < 2:
        msg = "the network has one output, so there are no classes to choose from"
        raise ArgumentError(msg)
    order = np.sort(outputs, axis=1)
    best, second = order[:, -1:], order[:, -2:-1]
    other: Floats = np.where(outputs == best, second, best)
    return other - outputs
