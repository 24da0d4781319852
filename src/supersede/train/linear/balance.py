"""How much the layers before the last count beside the last layer.

J Jᵀ is a sum over parameters. With K_last of the last layer's and K_body of all others', a fit takes

    K = K_last + b · K_body ,

a preconditioner with one weight for each of the two parts: coordinates before the last layer are scaled
by √b. b = 0 fits the last layer alone, the linear probe; b = 1 takes both as they are. Exact
leave-one-out chooses b together with the penalty, among shares of K's diagonal and b = 1, so that the
fit is the probe where the body does not help.

References:
    Achille et al. (2021), LQF, section 3.3, precondition by K-FAC, which this does not replace: there it
    serves optimisation, here it is part of the model.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from numbers import Real
from typing import Literal

import numpy as np
import numpy.typing as npt

from supersede.errors import ArgumentError, LinearizationError
from supersede.train.linear.linearized import Linearized
from supersede.train.linear.penalty import Penalty, choose_penalty, given_penalty, judges
from supersede.train.linear.spectrum import Spectrum

__all__ = ["Balance", "Balanced", "balanced", "given_weight", "without_data"]

Floats = npt.NDArray[np.float64]
SHARES = (0.0, 0.1, 0.25, 0.5, 0.75)  # of the diagonal that the body makes up


@dataclass(frozen=True)
class Balance:
    """b, and how it was chosen.

    Attributes:
        weight: b in K_last + b · K_body.
        chosen_by: ``"given"``; ``"leave-one-out"``; ``"default"`` where no item could judge, λ is given,
            or only one of the two parts may change.
        tried: Weights tried.
        errors: Mean squared leave-one-out error of each with its best penalty.
    """

    weight: float
    chosen_by: Literal["given", "leave-one-out", "default"]
    tried: tuple[float, ...] = ()
    errors: tuple[float, ...] = ()

    def __str__(self) -> str:
        return f"weight {self.weight:.3g} of the layers before the last ({self.chosen_by})"


@dataclass(frozen=True, eq=False)
class Balanced:
    """An expansion with its parts weighted, the penalty, and the decomposition if one was needed."""

    linear: Linearized
    balance: Balance
    penalty: Penalty
    spectrum: Spectrum | None = None


def given_weight(value: float) -> Balance:
    """A weight that the user named.

    Raises:
        ArgumentError: It is negative, or not a number.
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= float(value) < np.inf:
        msg = f"body_weight={value!r} must be 'loo' or a number, 0 (the last layer alone) or more"
        raise ArgumentError(msg)
    return Balance(float(value), "given")


def balanced(
    linear: Linearized,
    decompose: Callable[[float], Spectrum],
    sizes: tuple[float, float],
    r: Floats,
    labels: npt.NDArray[np.int64] | None,
    *,
    body_weight: float | Literal["loo"],
    regularization: float | Literal["loo"],
) -> Balanced:
    """Choose the weight and the penalty.

    Args:
        linear: The expansion.
        decompose: From a weight to the decomposition of K.
        sizes: Traces of K_last and K_body.
        r: Targets minus the network's outputs, ``(n, C)``.
        labels: Classes, ``(n,)``; None for numbers as targets.
        body_weight: b, or ``"loo"``, which is 1 where λ is given.
        regularization: λ, or ``"loo"``.

    Returns:
        The choice.

    Raises:
        LinearizationError: Outputs do not depend on the parameters.
    """

    def made(balance: Balance) -> tuple[Balanced, Spectrum]:
        at = linear.weighted(balance.weight)
        spectrum = decompose(at.body_weight)
        _refuse_flat(spectrum)
        penalty = (
            choose_penalty(spectrum, r, labels)
            if regularization == "loo"
            else given_penalty(regularization)
        )
        return Balanced(at, balance, penalty, spectrum), spectrum

    able = judges(len(r), labels)
    if not linear.in_two_parts or not body_weight == regularization == "loo":
        return made(without_data(linear, body_weight))[0]
    if not able.any() or not min(sizes) > 0:
        return made(Balance(1.0, "default"))[0]
    weights = [share / (1 - share) * sizes[0] / sizes[1] for share in SHARES]
    weights.append(1.0)
    tried, errors = [], []
    for weight in weights:
        one, spectrum = made(Balance(weight, "leave-one-out"))
        left = spectrum.leave_one_out(r, one.penalty.value)[able]
        errors.append(float(np.mean(left**2)))
        tried.append(one)
    best = tried[int(np.argmin(errors))]
    balance = replace(best.balance, tried=tuple(weights), errors=tuple(errors))
    return replace(best, balance=balance)


def without_data(linear: Linearized, body_weight: float | Literal["loo"]) -> Balance:
    """The weight where leave-one-out has nothing to choose."""
    if not linear.in_two_parts or body_weight == "loo":
        return Balance(1.0, "default")
    return given_weight(body_weight)


def _refuse_flat(spectrum: Spectrum) -> None:
    if not spectrum.scale > 0:
        msg = (
            "the outputs do not depend on the chosen parameters on these items, so there is nothing to fit;"
            " choose other parameters. A last layer whose weights are all zero hides those before it"
        )
        raise LinearizationError(msg)
