"""Draw the samples of a plan again and again, and see how often the intervals hold the truth.

The library makes the plan and computes the estimates; only the draw is repeated here, with random
permutations in the place of permanent random numbers, because asking an engine thousands of times
would measure the engine.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from supersede.evaluate.belief import Calibration, recalibrate
from supersede.evaluate.design import Plan
from supersede.evaluate.difference_estimator import Observed
from supersede.evaluate.estimands import Estimand
from supersede.evaluate.estimates import assisted
from supersede.evaluate.linear import linearise
from supersede.evaluate.methods import optimal_strata
from supersede.evaluate.patterns import Patterns
from supersede.evaluate.problem import Problem
from supersede.evaluate.strata import Strata

__all__ = ["Population", "Replicated", "replicate", "truth", "two_phase"]


@dataclass(frozen=True)
class Population:
    """Items with their patterns and the states that their labels would say.

    Attributes:
        patterns: The patterns.
        pattern: Pattern of each item, shape ``(n,)``.
        state: State of each item, shape ``(n,)``.
    """

    patterns: Patterns
    pattern: np.ndarray
    state: np.ndarray


@dataclass(frozen=True)
class Replicated:
    """What became of each estimand in each replication.

    Attributes:
        truth: True values, shape ``(k,)``.
        value: Estimates, shape ``(reps, k)``; NaN where refused.
        covered: Whether the interval holds the truth, shape ``(reps, k)``.
        half: Half the intervals' widths, shape ``(reps, k)``.
        labels: Labels used, shape ``(reps,)``.
    """

    truth: np.ndarray
    value: np.ndarray
    covered: np.ndarray
    half: np.ndarray
    labels: np.ndarray

    @property
    def coverage(self) -> np.ndarray:
        """Coverage of each estimand, refused replications left out."""
        told = ~np.isnan(self.value)
        return (self.covered & told).sum(axis=0) / np.maximum(told.sum(axis=0), 1)

    @property
    def bias(self) -> np.ndarray:
        """Mean error of each estimand."""
        return np.nanmean(self.value, axis=0) - self.truth

    @property
    def bias_in_errors(self) -> np.ndarray:
        """Mean error over its own standard error."""
        spread = np.nanstd(self.value, axis=0) / np.sqrt(len(self.value))
        return self.bias / np.maximum(spread, 1e-12)

    def line(self) -> str:
        c = self.coverage
        return (
            f"labels {self.labels.mean():.0f}, coverage mean {c.mean():.4f} min {c.min():.4f},"
            f" below .93: {(c < 0.93).mean():.1%}, half width mean {np.nanmean(self.half):.4f}"
            f" max {np.nanmean(self.half, axis=0).max():.4f}, |bias| max"
            f" {np.abs(self.bias).max():.4f}, refused {np.isnan(self.value).mean():.2%}"
        )


def truth(population: Population, estimands: Sequence[Estimand]) -> np.ndarray:
    """True values: the linearisation at a belief that is what the labels say, by pattern."""
    states = len(population.patterns.states)
    belief = np.zeros((len(population.patterns), states))
    np.add.at(belief, (population.pattern, population.state), 1.0)
    belief /= np.maximum(belief.sum(axis=1, keepdims=True), 1)
    return np.array([linearise(e, population.patterns, belief).value for e in estimands])


def replicate(plan: Plan, population: Population, reps: int, seed: int = 0) -> Replicated:
    """Repeat a stratified plan's draw."""
    rng = np.random.default_rng(seed)
    strata = plan.stratum[population.pattern]
    members = [np.flatnonzero(strata == g) for g in range(len(plan.samples))]
    take = [s.take for s in plan.samples]

    def once() -> tuple[list, int]:
        parts = [rng.choice(m, n, replace=False) for m, n in zip(members, take, strict=True)]
        found, _ = assisted(
            plan, plan.estimands, observe(population, parts, plan.stratum), plan.confidence
        )
        return found, sum(take)

    return collect(once, truth(population, plan.estimands), reps)


def two_phase(
    population: Population,
    estimands: Sequence[Estimand],
    belief: np.ndarray,
    pilot_margin: float,
    margin: float,
    template: Plan,
    reps: int,
    seed: int = 0,
) -> Replicated:
    """Pilot, recalibrate, plan anew, label what is missing; permanent numbers throughout."""
    patterns, rng = population.patterns, np.random.default_rng(seed)
    whole = np.full(len(estimands), 1.0)
    first = Problem(estimands, patterns, belief, whole * pilot_margin, template.confidence)
    pilot = optimal_strata(first)
    inclusion = np.where(pilot.of >= 0, (pilot.take / pilot.items)[pilot.of], 0.0)

    def once() -> tuple[list, int]:
        order = np.argsort(rng.random(len(population.pattern)))
        parts = _smallest(pilot, population.pattern, order)
        seen = observe(population, parts, pilot.of)
        learnt = recalibrate(belief, patterns, seen.state, seen.pattern, seen.weight)
        better = learnt.apply(belief, patterns)
        second = replace(first, belief=better, margin=whole * margin)
        strata = optimal_strata(second, inclusion)
        again = _smallest(strata, population.pattern, order)
        plan = replace(template, belief=better, calibration=Calibration())
        found, _ = assisted(
            plan, estimands, observe(population, again, strata.of), template.confidence
        )
        paid = len(np.union1d(np.concatenate(parts), np.concatenate(again)))
        return found, paid

    return collect(once, truth(population, estimands), reps)


def observe(population: Population, parts: list[np.ndarray], of: np.ndarray) -> Observed:
    """The labels of drawn items."""
    chosen = np.concatenate(parts)
    counts = np.bincount(of[of >= 0], population.patterns.count[of >= 0], len(parts))
    return Observed(
        population.pattern[chosen],
        population.state[chosen],
        np.repeat(np.arange(len(parts)), [len(p) for p in parts]),
        counts.astype(np.int64),
        of,
    )


def collect(once: Callable[[], tuple[list, int]], true: np.ndarray, reps: int) -> Replicated:
    """Run replications and gather what they give."""
    value = np.full((reps, len(true)), np.nan)
    covered, half = np.zeros(value.shape, bool), np.full(value.shape, np.nan)
    labels = np.zeros(reps)
    for r in range(reps):
        found, labels[r] = once()
        for k, e in enumerate(found):
            if e.value is not None:
                value[r, k], half[r, k] = e.value, e.half_width
                covered[r, k] = e.low - 1e-12 <= true[k] <= e.high + 1e-12
    return Replicated(true, value, covered, half, labels)


def _smallest(strata: Strata, pattern: np.ndarray, order: np.ndarray) -> list[np.ndarray]:
    """The first items in order, of each stratum."""
    of = strata.of[pattern[order]]
    by = np.argsort(of, kind="stable")
    start = np.searchsorted(of[by], np.arange(len(strata.take)))
    return [order[by[s : s + n]] for s, n in zip(start, strata.take, strict=True)]
