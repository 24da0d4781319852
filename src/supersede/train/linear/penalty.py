"""How strongly a change is held back, chosen by exact leave-one-out.

Penalties are tried as multiples of the kernel's mean diagonal. Items of a class with fewer than three
cannot judge: without such an item at most one of its class is left, and the choice would favour
whatever changes least. Where no class has three items, a default is used, and the result says so.
"""

from dataclasses import dataclass
from numbers import Real
from typing import Literal

import numpy as np
import numpy.typing as npt

from supersede.errors import ArgumentError
from supersede.train.linear.spectrum import Spectrum

__all__ = ["Penalty", "choose_penalty", "given_penalty", "judges"]

Floats = npt.NDArray[np.float64]
GRID = np.logspace(-5, 1, 25)  # multiples of the kernel's mean diagonal
DEFAULT = 1e-2  # likewise, where nothing can judge
_JUDGES = 3  # items that a class needs


@dataclass(frozen=True)
class Penalty:
    """λ, and how it was chosen.

    Attributes:
        value: λ in ½ ‖f − y‖² + ½ λ ‖δ‖².
        chosen_by: ``"given"``, ``"leave-one-out"``, or ``"default"`` where no item could judge.
        tried: Penalties tried, rising.
        errors: Mean squared leave-one-out error of each, over the items that could judge.
    """

    value: float
    chosen_by: Literal["given", "leave-one-out", "default"]
    tried: tuple[float, ...] = ()
    errors: tuple[float, ...] = ()


def given_penalty(value: float) -> Penalty:
    """A penalty that the user named.

    Raises:
        ArgumentError: It is not positive.
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < value < np.inf:
        msg = f"regularization={value!r} must be 'loo' or a positive number: zero has no unique solution"
        raise ArgumentError(msg)
    return Penalty(float(value), "given")


def judges(n: int, labels: npt.NDArray[np.int64] | None) -> npt.NDArray[np.bool_]:
    """Which of n items can judge, ``(n,)``; labels are classes, or None for numbers as targets."""
    if labels is None:
        return np.full(n, n > 1)
    able: npt.NDArray[np.bool_] = np.bincount(labels)[labels] >= _JUDGES
    return able


def choose_penalty(spectrum: Spectrum, r: Floats, labels: npt.NDArray[np.int64] | None) -> Penalty:
    """The penalty with the least mean squared leave-one-out error.

    Args:
        spectrum: The decomposition of K.
        r: Targets minus the network's outputs, ``(n, C)``.
        labels: Classes, ``(n,)``; None for numbers as targets.

    Returns:
        The penalty.
    """
    able = judges(len(r), labels)
    if not able.any():
        return Penalty(DEFAULT * spectrum.scale, "default")
    tried = GRID * spectrum.scale
    errors = [float(np.mean(spectrum.leave_one_out(r, p)[able] ** 2)) for p in tried]
    return Penalty(
        float(tried[int(np.argmin(errors))]), "leave-one-out", tuple(tried), tuple(errors)
    )
