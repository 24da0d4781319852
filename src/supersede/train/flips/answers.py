"""From probabilities to answers: the most probable class, or a threshold."""

from typing import Any

import numpy as np
import numpy.typing as npt

from supersede.errors import ArgumentError

__all__ = ["decided"]


def decided(
    probabilities: npt.NDArray[np.float64], classes: npt.NDArray[Any], threshold: float | None
) -> npt.NDArray[Any]:
    """The answers of a model.

    Args:
        probabilities: Shape ``(n, C)``.
        classes: Names of the columns.
        threshold: Of two classes, the probability of the second from which it is the answer; None
            for the most probable class.

    Returns:
        One class per item, ``(n,)``.

    Raises:
        ArgumentError: There is a threshold and not two classes, or it is outside (0, 1).

    Example:
        >>> decided(np.array([[0.7, 0.3], [0.4, 0.6]]), np.array(["no", "yes"]), 0.25).tolist()
        ['yes', 'yes']
    """
    if threshold is None:
        best: npt.NDArray[Any] = classes[probabilities.argmax(axis=1)]
        return best
    if len(classes) != 2 or not 0 < threshold < 1:
        msg = f"threshold={threshold!r} with {len(classes)} classes; expected a number in (0, 1) and two classes"
        raise ArgumentError(msg)
    answer: npt.NDArray[Any] = classes[(probabilities[:, 1] >= threshold).astype(int)]
    return answer
