"""What the numbers of an old model's output are: classes, probabilities or logits.

Numbers alone can be read in several ways, and a wrong reading trains silently on nonsense. What is
ambiguous or in another unit is refused here, for arrays of any origin.
"""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from supersede.errors import ArgumentError

__all__ = ["Form", "form_of"]

Form = Literal["classes", "probabilities", "logits"]


def form_of(values: npt.NDArray[Any]) -> Form:
    """The form of an output.

    Args:
        values: One class per item, ``(n,)``, or one number per item and class, ``(n, C)``.

    Returns:
        ``"classes"`` for one entry per item; ``"probabilities"`` where each row consists of shares
        that sum to one; otherwise ``"logits"``.

    Raises:
        ArgumentError: The output is one column of numbers, in percent, or not finite.

    Example:
        >>> form_of(np.array([[0.9, 0.1], [0.4, 0.6]])), form_of(np.array([[2.0, -1.0]]))
        ('probabilities', 'logits')
    """
    if values.ndim == 1:
        _refuse_numbers(values)
        return "classes"
    if values.ndim != 2 or values.dtype.kind not in "fiub":
        msg = (
            f"the old output has shape {values.shape} and type {values.dtype}; expected one class per"
            " item (n,), or one number per item and class (n, classes)"
        )
        raise ArgumentError(msg)
    if values.shape[1] == 1:
        msg = (
            "the old output has one column, of shape (n, 1); pass the probabilities of all classes, for"
            " two classes np.column_stack([1 - p, p]), or the answers themselves as (n,)"
        )
        raise ArgumentError(msg)
    broken = ~np.isfinite(values).all(axis=1)
    if broken.any():
        msg = f"the old output is not finite for {int(broken.sum())} items; check the old model on them"
        raise ArgumentError(msg)
    # in half precision, rows sum to one within 2⁻¹¹ per class
    slack = 1e-3 if values.dtype != np.float16 else 1e-2
    sums = values.sum(axis=1, dtype=float)
    if (values < 0).any():
        return "logits"
    if (np.abs(sums - 1) < slack).all():
        return "probabilities"
    if len(sums) and (np.abs(sums - 100) < 1 + 100 * slack).all():
        msg = "the old output is in percent: each row sums to 100; divide it by 100"
        raise ArgumentError(msg)
    return "logits"


def _refuse_numbers(values: npt.NDArray[Any]) -> None:
    """Refuse one column of probabilities or scores, which are not classes."""
    if values.dtype.kind != "f":
        return
    broken = int((~np.isfinite(values)).sum())
    if broken:
        msg = f"the old output is not finite for {broken} items; check the old model on them"
        raise ArgumentError(msg)
    between = values[values != np.round(values)]
    if len(between):
        msg = (
            f"the old output has one number per item, such as {between[0]:g}, which is not a class; pass the"
            " probabilities of all classes, for two classes np.column_stack([1 - p, p]), or the answers"
            " themselves, such as classes[(p >= 0.5).astype(int)]"
        )
        raise ArgumentError(msg)
