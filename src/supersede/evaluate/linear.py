"""Estimands as sums over items: each item's contribution, and its variance before labelling.

To first order an estimand ``sum_j c_j A_j / B_j`` changes by
``d_i = sum_j c_j (a_ij - R_j b_ij) / B_j`` with what item i adds to its totals, where ``R_j = A_j
/ B_j`` (Särndal, Swensson & Wretman 1992, eq. 5.5.10). Items whose d does not depend on their
label need no label.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from supersede.evaluate.estimands import Estimand
from supersede.evaluate.patterns import Patterns

__all__ = ["Linear", "linearise"]

Floats = npt.NDArray[np.float64]

_SAME = 1e-9  # relative difference below which two contributions are equal


@dataclass(frozen=True)
class Linear:
    """An estimand, linearised at the totals that a belief expects.

    Attributes:
        value: The expected value.
        influence: Contribution of an item of each pattern in each state, d, shape ``(states, h)``;
            with weights, of an item of weight 1.
        domain: Patterns whose items' labels matter, shape ``(h,)``.
        exact: Lowest and highest value of the estimand, where it is a scaled share of the domain:
            all denominators are known, and a label of the domain adds one of two amounts.
    """

    value: float
    influence: Floats
    domain: npt.NDArray[np.bool_]
    exact: tuple[float, float] | None

    def mean(self, belief: Floats) -> Floats:
        """The expected contribution of an item of weight 1, by pattern, shape ``(h,)``."""
        return np.asarray(np.einsum("sh,hs->h", self.influence, belief))

    def square(self, belief: Floats) -> Floats:
        """The expected squared contribution of an item of weight 1, by pattern, shape ``(h,)``."""
        return np.asarray(np.einsum("sh,sh,hs->h", self.influence, self.influence, belief))

    def variance(self, belief: Floats) -> Floats:
        """The variance of the contribution of an item of weight 1, by pattern, shape ``(h,)``."""
        centred: Floats = self.influence - self.mean(belief)
        return np.asarray(np.einsum("sh,sh,hs->h", centred, centred, belief) * self.domain)


def linearise(estimand: Estimand, patterns: Patterns, belief: Floats) -> Linear:
    """Linearise an estimand; a denominator that is expected to be 0 gives a value of NaN.

    Args:
        estimand: What is estimated.
        patterns: The patterns and their counts.
        belief: Probability of each state for each pattern, shape ``(h, states)``.
    """
    added = np.zeros((len(patterns.states), len(patterns)))  # sum_j c_j a_j / B_j
    influence = np.zeros_like(added)
    value, known = 0.0, True
    for term in estimand.terms:
        above, below = patterns.parts_by_state(term)
        known &= bool((below == below[0]).all())
        total = _expected(below, patterns, belief)
        if total <= 0:
            nothing = np.zeros(len(patterns), bool)
            return Linear(float("nan"), influence * 0, nothing, None)
        ratio = _expected(above, patterns, belief) / total
        value += term.coefficient * ratio
        added += term.coefficient * above / total
        influence += term.coefficient * (above - ratio * below) / total
    low, high = influence.min(axis=0), influence.max(axis=0)
    scale = max(float(np.abs(influence).max(initial=0.0)), 1e-300)
    domain = (high - low > _SAME * scale) & (patterns.mass > 0)
    exact = _range(added, domain, patterns) if known else None
    return Linear(value, influence, domain, exact)


def _expected(amount: Floats, patterns: Patterns, belief: Floats) -> float:
    return float((np.einsum("sh,hs->h", amount, belief) * patterns.mass).sum())


def _range(
    added: Floats, domain: npt.NDArray[np.bool_], patterns: Patterns
) -> tuple[float, float] | None:
    """Lowest and highest value, if every item of the domain adds one of the same two amounts."""
    weights = patterns.weights
    if not domain.any() or patterns.clusters is not None:
        return None  # nothing is exact about other clusters
    if weights is not None and weights.vary[domain].any():
        return None
    inside = (added if weights is None else added * weights.mean)[:, domain]
    low, high = inside.min(), inside.max()
    step = _SAME * max(abs(low), abs(high))
    two = (np.abs(inside - low) <= step) | (np.abs(inside - high) <= step)
    if not two.all():
        return None
    rest = float(added[0, ~domain] @ patterns.mass[~domain])
    items = int(patterns.count[domain].sum())
    return float(rest + low * items), float(rest + high * items)
