"""Two models that disagree on a tenth of the items: what optimal strata save over random sampling.

The population has N = 50 000 items, a base rate of 14.4 % and a negative flip rate of 4.1 %. Planning
knows the true variances, for the random sample as for ours, so that only the designs are compared.
"""

import numpy as np

from benchmarks.evaluate_replicate import Population, Replicated, observe, truth
from benchmarks.evaluate_replicate import collect as gather
from supersede.evaluate import accuracy, f1, negative_flips, precision, recall
from supersede.evaluate.belief import Calibration
from supersede.evaluate.design import Plan
from supersede.evaluate.estimates import assisted
from supersede.evaluate.linear import linearise
from supersede.evaluate.methods import optimal_strata
from supersede.evaluate.patterns import Key, Patterns
from supersede.evaluate.problem import Problem
from supersede.metrics.intervals import z

__all__ = ["ESTIMANDS", "compare", "together"]

COUNT = np.array([40_687, 2515, 2485, 4313])  # old, new: 00, 01, 10, 11
POSITIVE = np.array([0.021, 0.707, 0.532, 0.7525])
ESTIMANDS = [
    accuracy("new", margin=0.01),
    precision("new", margin=0.03),
    recall("new", margin=0.03),
    f1("new", margin=0.03),
    negative_flips("old", "new", margin=0.005),
    accuracy("new") - accuracy("old"),
]
MARGINS = np.array([0.01, 0.03, 0.03, 0.03, 0.005, 0.005])


def population() -> Population:
    codes = np.array([[0, 0, 1, 1], [0, 1, 0, 1]], np.int16)
    keys = (Key("answer", "old", 3), Key("answer", "new", 3))
    patterns = Patterns((0, 1), keys, codes, COUNT)
    pattern = np.repeat(np.arange(4), COUNT)
    state = np.concatenate(
        [
            (np.arange(n) < round(n * p)).astype(np.int64)
            for n, p in zip(COUNT, POSITIVE, strict=True)
        ]
    )
    return Population(patterns, pattern, state)


def belief() -> np.ndarray:
    positive = np.round(COUNT * POSITIVE) / COUNT
    return np.stack([1 - positive, positive], axis=1)


def random_sample(at: int) -> int:
    """Labels of a simple random sample of the whole pool, true variance, finite population."""
    patterns, known = population().patterns, belief()
    linear = linearise(ESTIMANDS[at], patterns, known)
    weight = (COUNT[:, None] * known).T / COUNT.sum()
    mean = (linear.influence * weight).sum()
    spread = ((linear.influence - mean) ** 2 * weight).sum()
    n0 = (z(0.95) * COUNT.sum() / MARGINS[at]) ** 2 * spread
    return int(np.ceil(n0 / (1 + n0 / COUNT.sum())))


def planned(which: list[int]):
    problem = Problem(
        [ESTIMANDS[k] for k in which], population().patterns, belief(), MARGINS[which], 0.95
    )
    return optimal_strata(problem)


def compare() -> list[tuple[str, int, int]]:
    """Estimand, labels of a random sample, labels of optimal strata, each alone."""
    return [
        (e.name, random_sample(k), int(planned([k]).take.sum())) for k, e in enumerate(ESTIMANDS)
    ]


def together(reps: int, seed: int = 0) -> tuple[Replicated, list[int]]:
    """All six at once: coverage, and labels by pattern 00, 01, 10, 11."""
    people, rng = population(), np.random.default_rng(seed)
    strata = planned(list(range(6)))
    members = [np.flatnonzero(strata.of[people.pattern] == g) for g in range(len(strata.take))]
    stub = Plan(
        "allocated", tuple(ESTIMANDS), 0.95, 0, people.patterns, belief(), None, (), strata.of, (), 0,
        calibration=Calibration(),
    )  # type: ignore[arg-type]  # fmt: skip

    def once():
        parts = [rng.choice(m, n, replace=False) for m, n in zip(members, strata.take, strict=True)]
        found, _ = assisted(stub, ESTIMANDS, observe(people, parts, strata.of), 0.95)
        return found, int(strata.take.sum())

    by_pattern = [int(strata.take[strata.of[h]]) for h in range(4)]
    return gather(once, truth(people, ESTIMANDS), reps), by_pattern
