"""What drives the cost of each question of a plan: labels that it alone asks for, and where they lie."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from supersede.evaluate.allocate import allocate
from supersede.evaluate.design import Plan
from supersede.evaluate.patterns import Patterns
from supersede.evaluate.problem import Problem

__all__ = ["Cost", "costs"]

Floats = npt.NDArray[np.float64]

_MOST = 40  # estimands for which the plan is solved again without each
_HALF = 0.5  # of an estimand's uncertainty, whose items are described
_LITTLE = 0.005  # of the labels; an estimand that adds less is met by the labels for others
_NEARLY = 0.9  # of the items


@dataclass(frozen=True)
class Cost:
    """What drives the cost of one estimand.

    Attributes:
        name: The estimand.
        saved: Labels that the plan would need less without it; None where that was not computed.
        why: What makes it expensive, or that it is not.
    """

    name: str
    saved: int | None
    why: str


def costs(plan: Plan) -> tuple[Cost, ...]:
    """What drives the cost of each estimand of a plan, in the plan's order.

    Example:
        >>> import supersede
        >>> from supersede.evaluate import accuracy, plan
        >>> table = supersede.read(
        ...     {"id": list(range(90)), "a": [1, 1, 0] * 30, "b": [1, 0, 0] * 30},
        ...     models=["a", "b"], labelled=False,
        ... )
        >>> for cost in costs(plan(table, [accuracy("b"), accuracy("b") - accuracy("a")], margin=0.1)):
        ...     print(cost.name, cost.saved, cost.why, sep=" | ")
        accuracy(b) | 21 | half of its uncertainty lies in 67 % of its items
        accuracy(b) - accuracy(a) | 1 | half of its uncertainty lies in 100 % of its items; ...
    """
    margin = np.array([e.margin for e in plan.expectations])
    problem = Problem(plan.estimands, plan.patterns, plan.belief, margin, plan.confidence)
    labels = _solver(plan)
    everything = labels(problem)
    found = []
    for k, estimand in enumerate(plan.estimands):
        saved = None
        if 1 < len(plan.estimands) <= _MOST:
            rest = [j for j in range(len(plan.estimands)) if j != k]
            left = replace(
                problem, estimands=[plan.estimands[j] for j in rest], margin=margin[rest]
            )
            saved = (
                max(round(everything - labels(left)), 0) if any(left.items) else round(everything)
            )
        met = saved is not None and saved <= _LITTLE * everything
        found.append(Cost(estimand.name, saved, _why(problem, k, met=met)))
    return tuple(found)


def _solver(plan: Plan) -> Callable[[Problem], float]:
    """The number of labels that the plan's method needs for a problem."""
    if plan.method == "allocated":
        return lambda p: allocate(p.patterns.count.astype(float), p.variance, p.budget).labels
    if plan.method == "independent":
        return lambda p: float(sum(p.alone))
    return lambda p: float(p.patterns.count @ p.share())


def _why(problem: Problem, k: int, *, met: bool) -> str:
    items = problem.items[k]
    if not items:
        return "no label affects it"
    if met:
        return "labels for the other questions suffice"
    allowed = float(problem.margin[k]) ** 2
    if problem.between[k] and problem.between[k] * 4 > problem.budget[k]:
        return "clusters: there are few, or they are unlike, whatever is labelled"
    if not allowed or problem.alone[k] >= _NEARLY * items:
        return f"it needs nearly all of its {items:,} items"
    patterns, variance = problem.patterns, problem.variance[k]
    order = np.argsort(-variance, kind="stable")
    total = np.cumsum((patterns.count * variance)[order])
    end = int(np.searchsorted(total, _HALF * total[-1])) + 1
    dear = order[:end]
    share = float(patterns.count[dear].sum()) / items
    where = f"half of its uncertainty lies in {share:.0%} of its items".replace("%", " %")
    apart = _disagree(patterns)
    if apart.any() and float(patterns.count[dear][apart[dear]].sum()) > _HALF * float(
        patterns.count[dear].sum()
    ):
        return f"{where}; on most of them the models disagree"
    return where


def _disagree(patterns: Patterns) -> npt.NDArray[np.bool_]:
    """Patterns in which not all models say the same."""
    said = [codes for m in patterns.models if (codes := patterns.find("answer", m)) is not None]
    if len(said) < 2:
        return np.zeros(len(patterns), bool)
    return np.asarray(np.ptp(np.stack(said), axis=0) > 0)
