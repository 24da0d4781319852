"""All three categories together: screen many untrained, train few, learn from each.

1. **Zero-shot and estimator**: a pool of candidates gets features from the description alone
   (`zero_shot.expected`), and its costs; nothing is trained.
2. **First trainings**: spread over the costs, in each part the one that ranks best untrained.
3. **Ranking**: a Gaussian process learns the error from what has been trained, with the untrained
   ranks as its inputs, and the candidate with the largest expected gain of hypervolume comes next.
   In between, `shortlist` lets a supernet rank the hundred that are best untrained.
4. **Verification** is the search's own: it asks its costs about what is proposed, so give the compiler
   there and an estimator here.

Source of the gain: Emmerich et al. 2006, expected hypervolume improvement, here with exact costs, so
that it is an integral over one axis.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from supersede.errors import ArgumentError, CacheError, EstimateError, MeasurementError
from supersede.hardware.estimation.estimator import Estimator
from supersede.search.architecture.candidates import Candidate, TargetCosts
from supersede.search.architecture.front import nondominated
from supersede.search.architecture.strategies.view import View, fresh
from supersede.search.architecture.zero_shot.expected import PARAMETERS, SYNFLOW, ability

if TYPE_CHECKING:
    from pathlib import Path

    from supersede.hardware.targets.measurement import Target
    from supersede.search.architecture.candidates import Costs, Limits
    from supersede.search.architecture.space import Space, Value

__all__ = ["Combined", "Pool", "assembled", "make_pool", "screened", "shortlist"]

Floats = NDArray[np.float64]
LENGTHS = (1.0, 2.0, 4.0, 8.0)
NOISES = (0.01, 0.1)
BEYOND, CLIPPED = 0.3, 2.0
CHOICES, RANK = 0.2, 3.0
"""Weight of what was chosen against what it makes, and of the untrained rank, in the features."""
SLACK = 0.05
"""By what share a latency that is estimated may exceed a limit."""
QUANTILES = np.array([-1.28, -0.67, -0.25, 0.25, 0.67, 1.28])


@dataclass(frozen=True, eq=False)
class Pool:
    """Candidates that were screened.

    Args:
        params: Their values.
        keys: Their keys, all different.
        latency: Seconds, shape (n,).
        features: Standardised numbers, shape (n, k).
        rank: Untrained rank of each in [0, 1], larger is better, shape (n,).
        able: What a network is able to express, larger is more, shape (n, 5); see `ability`.
    """

    params: tuple[dict[str, Value], ...]
    keys: tuple[str, ...]
    latency: Floats
    features: Floats
    rank: Floats
    able: Floats

    @cached_property
    def place(self) -> dict[str, int]:
        """Position of each key."""
        return {key: i for i, key in enumerate(self.keys)}


def make_pool(
    space: Space,
    costs: Costs,
    *,
    size: int = 10_000,
    ranks: Callable[[Candidate], float] | None = None,
    limits: Limits | None = None,
    seed: int = 0,
) -> Pool:
    """Draw different candidates and describe them without training any.

    Args:
        space: The space.
        costs: An estimator, as `TargetCosts`; what it refuses is left out.
        size: Draws; equal candidates are one.
        ranks: Scores a candidate, larger is better, such as a supernet's accuracy; the mean rank of
            expected synflow and parameters if left out.
        limits: Candidates whose latency exceeds its limit by more than estimates are off are left
            out; the other limits are the search's own.
        seed: Of the draws.

    Raises:
        ArgumentError: Fewer than two candidates are left.
    """
    drawn = _drawn(space, size, seed)
    return _pool(drawn, [_seconds(costs, candidate) for candidate in drawn], size, ranks, limits)


def _drawn(space: Space, size: int, seed: int) -> list[Candidate]:
    """Different candidates."""
    rng = np.random.default_rng([seed, 7])
    drawn: dict[str, Candidate] = {}
    for _ in range(size):
        candidate = Candidate(space, space.sample(rng))
        drawn.setdefault(candidate.key, candidate)
    return list(drawn.values())


def _seconds(costs: Costs, candidate: Candidate) -> float | None:
    """Latency; None where the candidate is refused."""
    try:
        return costs.cost(candidate).seconds
    except CacheError:
        raise
    except (EstimateError, MeasurementError):
        return None


def _pool(
    drawn: Sequence[Candidate], seconds: Sequence[float | None], size: int,
    ranks: Callable[[Candidate], float] | None, limits: Limits | None,
) -> Pool:  # fmt: skip
    """The pool of those that have costs within the limits."""
    from supersede.search.architecture.zero_shot.expected import described

    most = limits.latency * (1 + SLACK) if limits and limits.latency else np.inf
    able = [(c, s) for c, s in zip(drawn, seconds, strict=True) if s is not None and s <= most]
    if len(able) < 2:
        msg = (
            f"only {len(able)} of {size} draws have costs within the limits; the pool needs two: relax"
            " the limits, or use another strategy"
        )
        raise ArgumentError(msg)
    kept = [candidate for candidate, _ in able]
    rows = np.array([described(candidate.network) for candidate in kept])
    scores = None if ranks is None else np.array([ranks(candidate) for candidate in kept])
    return assembled(kept, np.array([s for _, s in able]), rows, scores)


def screened(
    space: Space,
    target: Target,
    *,
    size: int = 2000,
    budget: int = 100,
    limits: Limits | None = None,
    seed: int = 0,
    cache: str | Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> Pool:
    """A pool whose latencies come from an estimator that is learnt from the target first.

    Args:
        space: The space.
        target: What the estimator learns from.
        size: Draws; equal candidates are one.
        budget: Networks to measure; a space with fewer is measured itself.
        limits: See `make_pool`.
        seed: Of the draws and of the estimator.
        cache: File of kept measurements, see `measure_all`.
        progress: Called with a line on how far the work is.

    Raises:
        ArgumentError: Fewer than two candidates are left.
        EstimateError: The target's latencies cannot be learnt.
        MeasurementError: The target refuses a network.
    """
    rng = np.random.default_rng([seed, 5])
    some = {space.key(space.sample(rng)) for _ in range(8 * budget)}
    if len(some) < budget:
        costs = TargetCosts(target, cache or ":memory:")
        return make_pool(space, costs, size=size, limits=limits, seed=seed)
    estimator = Estimator.fit(
        target, lambda rng: space.network(space.sample(rng)), budget=budget, seed=seed,
        cache=cache, progress=progress,
    )  # fmt: skip
    drawn = _drawn(space, size, seed)
    estimates = estimator.predict(
        [candidate.network for candidate in drawn]
    )  # faster than one by one
    seconds = [None if e.outside else e.seconds for e in estimates]
    return _pool(drawn, seconds, size, None, limits)


def assembled(
    candidates: Sequence[Candidate],
    seconds: Floats,
    described: Floats,
    scores: Floats | None = None,
) -> Pool:
    """A pool of candidates that have been described already.

    Args:
        candidates: All different.
        seconds: Their latencies, shape (n,).
        described: What `zero_shot.expected.described` says of each, shape (n, k).
        scores: Larger is better, shape (n,); the mean rank of expected synflow and parameters if left out.
    """
    from scipy.stats import rankdata

    judges = [described[:, PARAMETERS], described[:, SYNFLOW]] if scores is None else [scores]
    rank = np.mean([rankdata(s) for s in judges], axis=0) / len(candidates)
    seen = _standardised(np.column_stack([described, np.log(seconds)]))
    choices = _standardised(np.array([c.space.features(c.params) for c in candidates]))
    # equal networks may be written in several ways, so what was chosen counts less than what it makes
    choices *= (CHOICES * seen.var(axis=0).sum() / max(choices.var(axis=0).sum(), 1.0)) ** 0.5
    return Pool(
        tuple(dict(c.params) for c in candidates), tuple(c.key for c in candidates), seconds,
        np.column_stack([seen, choices, RANK * (rank - 0.5)]), rank, ability(described),
    )  # fmt: skip


def shortlist(
    pool: Pool, space: Space, ranks: Callable[[Candidate], float], *, most: int = 100
) -> Pool:
    """The best of a pool along its latencies, ranked anew by something that takes longer.

    Args:
        pool: What was screened.
        space: The space.
        ranks: Scores a candidate, larger is better, such as `Supernet.rank`.
        most: How many are kept: the best rank in each of that number of equal parts of the latencies.

    Raises:
        ArgumentError: `most` is below 2.
    """
    from scipy.stats import rankdata

    if most < 2:
        msg = f"most is {most}; a pool needs two"
        raise ArgumentError(msg)
    parts = np.array_split(np.argsort(pool.latency, kind="stable"), min(most, len(pool.keys)))
    at = np.array([part[pool.rank[part].argmax()] for part in parts])
    params = tuple(pool.params[i] for i in at)
    scores = np.array([ranks(Candidate(space, chosen)) for chosen in params])
    rank = rankdata(scores) / len(at)
    features = pool.features[at].copy()
    features[:, -1] = RANK * (rank - 0.5)
    keys = tuple(pool.keys[i] for i in at)
    return Pool(params, keys, pool.latency[at], features, rank, pool.able[at])


def _standardised(table: Floats) -> Floats:
    spread = table.std(axis=0)
    return np.asarray((table - table.mean(axis=0)) / np.where(spread > 0, spread, 1.0))


@dataclass(frozen=True, eq=False)
class Combined:
    """Screen, train few, learn, train the most promising.

    Args:
        pool: What was screened; see `make_pool`.
        first: Trainings before anything is learnt, spread over the latencies.
    """

    pool: Pool
    first: int = 3

    def propose(self, view: View, rng: np.random.Generator) -> dict[str, Value]:
        """The candidate with the largest expected gain; a random one once the pool is used up.

        Raises:
            ArgumentError: The objectives are others than error and latency, or error alone.
        """
        if view.objectives not in {("error", "latency"), ("error",)}:
            msg = f"the combination minimises error and latency, or error alone, not {view.objectives}"
            raise ArgumentError(msg)
        pool = self.pool
        free = np.array([key not in view.known for key in pool.keys])
        if not free.any():
            return fresh(view, view.space.sample, rng)
        trained = [e for e in view.trained if e.key in pool.place and e.error is not None]
        if len(trained) < self.first:
            return dict(pool.params[self._untrained(free, len(view.settled), rng)])
        at = np.array([pool.place[e.key] for e in trained])
        errors = np.array([float(e.error or 0.0) for e in trained])
        # how bad a bad network is does not matter, and would only stretch the scale
        useful = errors[nondominated(np.column_stack([errors, pool.latency[at]]))].max()
        tamed = np.log(np.clip(errors, 1e-6, CLIPPED * useful))
        mean, spread = _learnt(pool.features, at, tamed)
        guesses = np.exp(mean[:, None] + spread[:, None] * QUANTILES)
        if view.objectives == ("error",):
            gain = np.clip(errors.min() - guesses, 0, None).mean(axis=1)
        else:
            gain = _gains(guesses, pool.latency, errors, pool.latency[at]).mean(axis=1)
        gain[~free] = -1.0
        return dict(pool.params[int(gain.argmax())])

    def _untrained(self, free: NDArray[np.bool_], turn: int, rng: np.random.Generator) -> int:
        """The best untrained rank among a random half of one of `first` parts of the latencies."""
        order = np.argsort(self.pool.latency, kind="stable")
        # from outside inwards: both ends of the front are needed early
        ends = [i // 2 if i % 2 == 0 else self.first - 1 - i // 2 for i in range(self.first)]
        part = np.array_split(order, self.first)[ends[turn % self.first]]
        able = part[free[part] & (rng.random(len(part)) < 0.5)]
        able = able if len(able) else np.flatnonzero(free)
        return int(able[self.pool.rank[able].argmax()])

    def __repr__(self) -> str:
        import hashlib

        told = " ".join(self.pool.keys).encode() + self.pool.features.tobytes()
        digest = hashlib.sha256(told).hexdigest()[:12]
        return f"Combined(pool of {len(self.pool.keys)}, {digest}, first={self.first})"


def _learnt(features: Floats, at: NDArray[np.intp], values: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation of a Gaussian process at all rows, its length by evidence."""
    from scipy.linalg import cho_solve, cholesky

    centre, scale = values.mean(), values.std() or 1.0
    y = (values - centre) / scale
    known = features[at]
    apart = ((known[:, None] - known[None]) ** 2).mean(axis=2)
    fits: list[tuple[float, float, Floats, Floats]] = []
    for length in LENGTHS:
        for noise in NOISES:
            kernel = np.exp(-apart / (2 * length**2)) + noise * np.eye(len(y))
            lower = cholesky(kernel, lower=True)
            weights = cho_solve((lower, True), y)
            evidence = -0.5 * float(y @ weights) - float(np.log(np.diag(lower)).sum())
            fits.append((evidence, length, lower, weights))
    _, length, lower, weights = max(fits, key=lambda fit: fit[0])
    squares = (features**2).mean(axis=1)[:, None] + (known**2).mean(axis=1)[None]
    cross = np.exp(-(squares - 2 * features @ known.T / features.shape[1]) / (2 * length**2))
    from scipy.linalg import solve_triangular

    explained = solve_triangular(lower, cross.T, lower=True)
    spread = np.sqrt(np.maximum(1 - (explained**2).sum(axis=0), 1e-9))
    return centre + scale * (cross @ weights), scale * spread


def _gains(guesses: Floats, latency: Floats, errors: Floats, spent: Floats) -> Floats:
    """Area that each guess of an error adds to the front, shape of the guesses.

    The corner is three tenths of its range beyond the worst error and latency on the front, so that its ends count.
    """
    front = np.array(nondominated(np.column_stack([errors, spent])))
    front = front[np.argsort(spent[front], kind="stable")]
    errors, spent = errors[front], spent[front]
    corner_e = float(errors.max() + BEYOND * (errors.max() - errors.min()) + 1e-3)
    corner_l = float(spent.max() + BEYOND * (spent.max() - spent.min()))
    starts = np.concatenate([[0.0], spent])
    heights = np.concatenate([[corner_e], errors])
    ends = np.concatenate([spent, [corner_l]])
    width = np.clip(ends[None] - np.maximum(starts[None], latency[:, None]), 0, None)
    above = np.clip(heights[None, None] - guesses[:, :, None], 0, None)
    return np.asarray(np.einsum("ns,nqs->nq", width, above))
