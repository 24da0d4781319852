"""The fewest labels that meet every precision target at once, as inclusion probabilities.

Items of kind h (a pattern, or a stratum), ``N_h`` of them, are each labelled with probability
``pi_h``. An estimate k then has the variance ``sum_h N_h V_kh (1 / pi_h - 1)``, where ``V_kh`` is
the variance of one item's contribution. The programme

    minimise  sum_h N_h pi_h   subject to  sum_h N_h V_kh (1 / pi_h - 1) <= B_k  for all k,
              lower_h <= pi_h <= 1

is convex. Its optimum is ``pi_h = clip(sqrt(sum_k x_k V_kh), lower_h, 1)`` (Neyman's allocation for
the mix of the estimates that the multipliers x weigh), so only k multipliers need to be found,
regardless of the number of patterns; the dual function bounds how far from the optimum a solution
is.

References:
    Neyman (1934) for one estimate; Huddleston, Claypool & Hocking (1970), J. R. Stat. Soc. C 19,
    273-278, and Bethel (1989), Survey Methodology 15, 47-57, for several.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Allocation", "allocate"]

Floats = npt.NDArray[np.float64]

_TOLERANCE = 2e-4  # relative gap to the dual bound at which the search ends
_ROUNDS = 300
_FAINTEST = 1e-7  # least inclusion probability of an item that matters


@dataclass(frozen=True)
class Allocation:
    """Inclusion probabilities that meet all targets.

    Attributes:
        probability: Inclusion probability of each kind, shape ``(h,)``.
        multipliers: Marginal cost of each target in labels, shape ``(k,)``; 0 for a target that is
            already met by the others.
        labels: Expected number of labels.
        bound: No allocation that meets the targets needs fewer labels than this.
    """

    probability: Floats
    multipliers: Floats
    labels: float
    bound: float


def allocate(
    count: Floats, variance: Floats, budget: Floats, lower: Floats | float = 0.0
) -> Allocation:
    """Solve the programme.

    Args:
        count: Number of items of each kind, ``N_h``, shape ``(h,)``.
        variance: Variance of an item's contribution to each estimate, ``V_kh``, shape ``(k, h)``.
        budget: Largest variance of each estimate, ``B_k``, shape ``(k,)``; 0 labels all items that
            matter to it.
        lower: Least inclusion probabilities, shape ``(h,)`` or one for all.

    Returns:
        Probabilities that meet the targets, with a lower bound on the number of labels.

    Example:
        >>> import numpy as np
        >>> found = allocate(np.array([1000.0]), np.array([[0.25e-6]]), np.array([0.05**2 / 4]))
        >>> round(found.labels, 1)  # 1000 / (1 + 2.5): variance .25 (1 / n - 1 / N)
        285.7
    """
    lower = np.broadcast_to(np.asarray(lower, float), count.shape)
    strict = budget <= 0
    if strict.any():
        lower = np.where((variance[strict] > 0).any(axis=0), 1.0, lower)
    # scaled so that every target reads: usage <= 1
    weight = (variance / np.where(strict, 1.0, budget)[:, None])[~strict]
    slack = 1 + weight @ count  # the constraint without its finite population term
    # items that matter to any target, even one that is already met, must have a chance of being drawn
    lower = np.maximum(lower, np.where((weight > 0).any(axis=0), _FAINTEST, 0.0))
    multipliers = np.zeros(len(budget))
    if not len(weight):
        labels = float(count @ lower)
        return Allocation(np.array(lower), multipliers, labels, labels)
    x = _start(count, weight, slack)
    best: tuple[float, Floats] | None = None
    bound = 0.0
    probability, usage, dual = _evaluate(x, count, weight, slack, lower)
    for _ in range(_ROUNDS):
        bound = max(bound, dual)
        feasible = _feasible(probability, count, weight, slack, lower)
        labels = float(count @ feasible)
        if best is None or labels < best[0]:
            best = labels, feasible
        if best[0] - bound <= _TOLERANCE * best[0]:
            break
        target = _newton(x, usage - slack, probability, count, weight, lower)
        for step in (1.0, 0.5, 0.2, 0.05):  # the dual must not fall
            tried = np.maximum(x + step * (target - x), 0.0)
            result = _evaluate(tried, count, weight, slack, lower)
            if result[2] > dual:
                break
        else:
            # multipliers that have reached 0 must be able to rise again
            tried = np.maximum(x, 1e-6 * x.max()) * np.clip(usage / slack, 0.5, 4.0)
            result = _evaluate(tried, count, weight, slack, lower)
        x, (probability, usage, dual) = tried, result
    assert best is not None  # noqa: S101  # at least one round
    multipliers[~strict] = x
    return Allocation(best[1], multipliers, best[0], bound)


def _start(count: Floats, weight: Floats, slack: Floats) -> Floats:
    """Neyman's multiplier for each target alone, divided by the number of targets."""
    alone = (np.sqrt(weight) @ count) / slack
    return np.asarray(alone**2 / len(slack))


def _evaluate(
    x: Floats, count: Floats, weight: Floats, slack: Floats, lower: Floats
) -> tuple[Floats, Floats, float]:
    """Probabilities for these multipliers, the used fraction of each target, and the dual value."""
    mixed = x @ weight
    probability = np.clip(np.sqrt(mixed), np.maximum(lower, 1e-12), 1.0)
    probability = np.where(mixed > 0, probability, lower)
    per_label = np.divide(count, probability, out=np.zeros_like(count), where=probability > 0)
    usage = weight @ per_label
    dual = float(count @ probability + x @ (usage - slack))
    return probability, usage, dual


def _feasible(
    probability: Floats, count: Floats, weight: Floats, slack: Floats, lower: Floats
) -> Floats:
    """The probabilities scaled by one factor so that every target is just met.

    The factor is found by a few secant steps from above, as probabilities stay capped at 1.
    """
    factor = 1.0
    scaled = probability
    for _ in range(60):
        per_label = np.divide(count, scaled, out=np.zeros_like(count), where=scaled > 0)
        excess = float((weight @ per_label / slack).max())
        if excess <= 1 + 1e-12:
            break
        factor *= excess if excess < 1.5 else 1.5
        scaled = np.clip(probability * factor, lower, 1.0)
    return np.asarray(scaled)


def _newton(
    x: Floats,
    gradient: Floats,
    probability: Floats,
    count: Floats,
    weight: Floats,
    lower: Floats,
) -> Floats:
    """The maximiser of the dual's quadratic model over nonnegative multipliers."""
    from scipy.optimize import nnls

    free = (probability > lower) & (probability < 1)
    if not free.any():
        return x  # the dual is linear here, so there is no peak
    part = weight[:, free] * np.sqrt(count[free] / (2 * probability[free] ** 3))
    hessian = part @ part.T
    hessian[np.diag_indices_from(hessian)] *= 1 + 1e-9
    hessian += 1e-14 * max(float(np.trace(hessian)), 1e-300) * np.eye(len(x))
    root = np.linalg.cholesky(hessian)
    # peak of g'(y - x) - (y - x)'H(y - x) / 2 over y >= 0, as non-negative least squares
    peak, _ = nnls(root.T, np.linalg.solve(root, gradient + hessian @ x), maxiter=50 * len(x))
    return np.asarray(peak)
