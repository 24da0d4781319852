"""Standard error of an area under the ROC curve.

DeLong, DeLong & Clarke-Pearson (1988, Biometrics 44): with V(x_i) the share of negatives that
positive x_i outranks (ties count half) and V(y_j) the share of positives that outrank negative y_j,

    AUC = mean V(x) = mean V(y),   variance = var V(x) / m + var V(y) / n.

Assumes: items independent, both classes present at least twice.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from supersede.errors import ArgumentError

__all__ = ["auc_error"]


def auc_error(y_true: Sequence[int] | NDArray[np.int64], scores: Sequence[float]) -> float:
    """Standard error of the AUC of one model on one validation set.

    Args:
        y_true: 0 or 1 per item, shape ``(n,)``.
        scores: The model's scores, larger means more likely 1, shape ``(n,)``.

    Returns:
        The error of the AUC, in [0, 0.5]; NaN where a class has fewer than two items.

    Raises:
        ArgumentError: Lengths differ.

    Example:
        >>> round(auc_error([0, 0, 1, 1, 0, 1], [0.1, 0.4, 0.35, 0.8, 0.2, 0.9]), 3)
        0.157
    """
    label, score = np.asarray(y_true).astype(bool), np.asarray(scores, dtype=np.float64)
    if label.shape != score.shape:
        msg = f"y_true has shape {label.shape}, scores {score.shape}; expected the same"
        raise ArgumentError(msg)
    positive, negative = score[label], score[~label]
    m, n = len(positive), len(negative)
    if m < 2 or n < 2:
        return math.nan
    above = _outranked(positive, negative)
    below = 1 - _outranked(negative, positive)
    return math.sqrt(above.var(ddof=1) / m + below.var(ddof=1) / n)


def _outranked(some: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of `others` that each element of `some` exceeds; ties count half."""
    ordered = np.sort(others)
    below = np.searchsorted(ordered, some, "left") + np.searchsorted(ordered, some, "right")
    share: NDArray[np.float64] = below / (2 * len(others))
    return share
