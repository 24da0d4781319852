"""The search: ask a strategy, look at the cost, train what is within the limits, keep everything.

With one worker the whole search is a function of its arguments: each proposal depends on the seed and
on what was settled before it. A search that was killed therefore continues exactly as it would have.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import numpy as np

from supersede.errors import (
    ArgumentError,
    CacheError,
    ConvergenceError,
    EstimateError,
    MeasurementError,
    NetworkError,
    SpaceError,
)
from supersede.hardware.targets.measurement import Target
from supersede.search.architecture.candidates import (
    Candidate,
    Costs,
    Evaluated,
    Limits,
    Objective,
    Score,
    TargetCosts,
    Task,
    whole_number,
)
from supersede.search.architecture.found import Found
from supersede.search.architecture.optuna_sampler import distributions, given
from supersede.search.architecture.space import lasting
from supersede.search.architecture.stop import Stop
from supersede.search.architecture.store import KEY, STOPPED, Store, open_store
from supersede.search.architecture.strategies.evolution import Evolution
from supersede.search.architecture.strategies.view import Proposes, Strategy, View
from supersede.search.architecture.transfer import guarded

if TYPE_CHECKING:
    import optuna

    from supersede.search.architecture.space import Params, Space

__all__ = ["search"]

REFUSALS = (MeasurementError, EstimateError, NetworkError, SpaceError, ArgumentError)
"""What a space or a target raises for one candidate, which others may be free of."""

IDLE = 400
"""Candidates in a row that need no training (copies, or beyond the limits) until a search ends."""


def search(
    space: Space,
    task: Task,
    costs: Costs | Target,
    *,
    objectives: Sequence[Objective] = ("error", "latency"),
    limits: Limits | None = None,
    strategy: Strategy | None = None,
    evaluations: int = 100,
    start: Sequence[Params] = (),
    prior: Sequence[Params] = (),
    stop: Stop | None = None,
    seed: int = 0,
    store: str | Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> Found:
    """Search a space for the networks that no other one beats.

    Args:
        space: What may be built.
        task: Trains a candidate and gives its error; see `Task` and `Reward`.
        costs: A target, an estimator, or another source of costs.
        objectives: What is minimised: "error" and any of "latency", "weights" and "peak". With
            "error" alone and a limit of latency, the most accurate network at that latency is found.
        limits: What a network may cost; what exceeds them is never trained.
        strategy: How candidates are chosen; regularised evolution if left out.
        evaluations: Trainings at most. Copies and candidates beyond the limits do not count.
        start: Candidates that come first, such as a baseline, or edits by hand.
        prior: The front of another task, see `transferred`. Three of its networks come first; the rest
            only if those beat the strategy's own first three.
        stop: The rule by which the search ends itself; see `Stop`. Without it, all evaluations are done.
        seed: Of everything.
        store: A folder, or a database (``postgresql://…``) that several workers share. The same call
            continues a search that was interrupted, at any moment. In memory if left out.
        progress: Called with a line on how far the search is, and the front so far.

    Raises:
        ArgumentError: An argument is out of range.
        SpaceError: A candidate of `start` or `prior` is not in the space.
        CacheError: The file of kept measurements cannot be used.
        StudyError: The store cannot be used, or holds a search for something else.
        MissingExtraError: Optuna is not installed.

    Example:
        >>> from supersede.hardware import Declared
        >>> from supersede.search.architecture import Reward, seven_blocks
        >>> target = Declared(lanes=256, clock=1e9, bandwidth=4e9, granule=16)
        >>> space = seven_blocks(channels=(16, 64), step=16)
        >>> task = Reward("fewer parameters are worse", lambda net, seed: 1e5 / net.parameters)
        >>> found = search(space, task, target, evaluations=30)
        >>> len(found.front) > 1
        True
    """
    goals = tuple(dict.fromkeys(objectives))
    if not goals or any(goal not in get_args(Objective) for goal in goals) or "error" not in goals:
        msg = f"objectives are {goals}; expected error, and any of latency, weights and peak"
        raise ArgumentError(msg)
    whole_number("evaluations", evaluations, least=1)
    whole_number("seed", seed, least=0)
    known_costs = TargetCosts(costs) if isinstance(costs, Target) else costs
    first, before = ([space.check(params) for params in some] for some in (start, prior))
    chosen = strategy or Evolution()
    bounds = limits or Limits()
    contract = {
        "space": space.fingerprint(),
        "task": task.fingerprint(),
        "target": known_costs.fingerprint(),
        "objectives": list(goals),
        "limits": bounds.named,
        "start": first,
        "prior": before,
        "strategy": lasting(chosen),
        "seed": seed,
    }
    with open_store(store, len(goals)) as opened:
        opened.agree(contract)
        opened.take_up(alone=not opened.shared)
        run = _Run(space, task, known_costs, goals, bounds, chosen, first, before, seed, opened)
        reason = run.until(evaluations, stop, progress)
        settled, _ = opened.read()
    found = Found(space, goals, bounds, tuple(settled), reason, known_costs.fingerprint())
    if found.best is None:
        return found
    return replace(found, cost=known_costs.cost(found.candidate(found.best)))


@dataclass
class _Run:
    space: Space
    task: Task
    costs: Costs
    goals: tuple[Objective, ...]
    limits: Limits
    strategy: Strategy
    start: list[dict[str, int | float | str]]
    prior: list[dict[str, int | float | str]]
    seed: int
    store: Store

    def __post_init__(self) -> None:
        self.worker = f"{socket.gethostname()}-{os.getpid()}"
        self.fixed = distributions(self.space)

    def until(
        self, evaluations: int, stop: Stop | None, progress: Callable[[str], None] | None
    ) -> str:
        """Work until there is a reason to end, and give it."""
        judged = 0
        while True:
            self.store.take_up(alone=False)
            settled, running = self.store.read()
            if ended := self._ended(settled, evaluations):
                return ended
            trained = sum(e.state == "trained" for e in settled)
            if stop is not None and trained // stop.every > judged:
                judged = trained // stop.every
                if reason := stop.reason(self.space, settled, self.goals):
                    self.store.study.set_user_attr(STOPPED, reason)
                    return reason
            if (reason := self.store.study.user_attrs.get(STOPPED)) and stop is not None:
                return str(reason)
            if _spent(settled) + len(running) >= evaluations:  # others may still fail
                time.sleep(0.05)
                continue
            told = self._one(settled, evaluations)
            if progress is not None and told is not None:
                progress(_progress([*settled, told], evaluations, self.goals))

    def _ended(self, settled: Sequence[Evaluated], evaluations: int) -> str | None:
        if _spent(settled) >= evaluations:
            return f"all {evaluations} evaluations are done"
        if self.space.size <= 1_000_000 and len({e.key for e in settled}) >= _distinct(self.space):
            return "every network of the space has been looked at"
        idle = next((i for i, e in enumerate(reversed(settled)) if _counts(e)), len(settled))
        if idle >= IDLE:
            beyond = sum(e.state == "infeasible" for e in settled[-idle:])
            return (
                f"the last {idle} candidates brought nothing to train: {beyond} beyond the limits,"
                f" {idle - beyond} known already"
            )
        return None

    def _one(self, settled: list[Evaluated], evaluations: int) -> Evaluated | None:
        """Take a candidate, evaluate it, keep what is known; None where another worker has it."""
        trial = self._ask(settled)
        with self.store.alive(trial):
            params = self.space.check(trial.params)
            candidate = Candidate(self.space, params)
            trial.set_user_attr(KEY, candidate.key)
            before = self.store.wait_for_claims(trial.number)
            others = {t.user_attrs.get(KEY) for t in before if not t.state.is_finished()}
            if candidate.key in others:
                self.store.withdraw(trial.number)
                time.sleep(0.05)
                return None
            settled, _ = self.store.read()
            claims = sum(not t.state.is_finished() for t in before)
            if _spent(settled) + claims >= evaluations:
                self.store.withdraw(trial.number)
                return None
            told = self._judge(trial.number, candidate, settled)
            self.store.tell(trial, told, self.goals)
        return told

    def _ask(self, settled: list[Evaluated]) -> optuna.Trial:
        study = self.store.study
        _, running = self.store.read()
        turn = len(settled) + len(running)
        keys = frozenset(str(t.user_attrs[KEY]) for t in running if KEY in t.user_attrs)
        view = View(self.space, self.goals, tuple(settled), keys)
        seeds = np.random.SeedSequence([self.seed, turn])
        if turn < len(self.start):
            study.sampler = given(self.start[turn])
        elif (params := guarded(self.prior, view, turn - len(self.start))) is not None:
            study.sampler = given(params)
        elif isinstance(self.strategy, Proposes):
            study.sampler = given(self.strategy.propose(view, np.random.default_rng(seeds)))
        else:
            study.sampler = self.strategy.sampler(view, int(seeds.generate_state(1)[0]))
        return study.ask(fixed_distributions=self.fixed)

    def _judge(self, number: int, candidate: Candidate, settled: list[Evaluated]) -> Evaluated:
        blank = Evaluated(number, candidate.params, candidate.key, "failed", worker=self.worker)
        for known in settled:
            if known.key == candidate.key and known.state != "copy":
                state = known.state if known.state != "trained" else "copy"
                return replace(
                    known, number=number, params=candidate.params, state=state, seconds=0.0,
                    why=f"the same network as #{known.number}; {known.why}".rstrip("; "),
                    worker=self.worker,
                )  # fmt: skip
        if not self.space.belongs(candidate.params):
            return replace(blank, state="infeasible", excess={"space": 1.0}, why="not in the space")
        try:
            cost = self.costs.cost(candidate)
        except CacheError:
            raise
        except REFUSALS as error:
            return replace(blank, state="infeasible", excess={"target": 1.0}, why=str(error)[:300])
        sizes = {"latency": cost.seconds, "weights": cost.weight_bytes, "peak": cost.peak_bytes}
        for goal in self.goals:
            if sizes.get(goal, 0) is None:
                msg = f"{goal} is an objective, but this target does not say it; leave it out"
                raise ArgumentError(msg)
        blank = replace(blank, **sizes, excess=self.limits.excess(sizes))  # type: ignore[arg-type]
        if blank.violation > 0:
            over = ", ".join(f"{n} by {v:.0%}" for n, v in blank.excess.items() if v > 0)
            return replace(blank, state="infeasible", why=f"beyond the limit of {over}")
        try:
            score = self.task.evaluate(candidate, self.seed)
        except (ConvergenceError, FloatingPointError) as error:
            return replace(blank, why=str(error)[:300])
        _check_score(score)
        if not isfinite(score.error):
            why = f"the training diverged: its error is {score.error}"
            return replace(blank, seconds=score.seconds, why=why)
        return replace(
            blank, state="trained", error=float(score.error), seconds=score.seconds,
            standard_error=score.standard_error,
        )  # fmt: skip


def _check_score(score: Score) -> None:
    if not isinstance(score, Score):
        msg = f"the task's evaluate returned {score!r}; expected a Score, such as Score(error=0.1)"
        raise ArgumentError(msg)
    spread = score.standard_error
    if isfinite(score.error) and spread is not None and not (isfinite(spread) and spread >= 0):
        msg = f"the task's standard error is {spread}; expected a number of at least 0, or None"
        raise ArgumentError(msg)


def _counts(evaluated: Evaluated) -> bool:
    """Whether it cost a training."""
    return (
        evaluated.state in {"trained", "failed"}
        and not evaluated.why.startswith("the same network as")
    )  # fmt: skip


def _spent(settled: Sequence[Evaluated]) -> int:
    return sum(map(_counts, settled))


def _distinct(space: Space) -> int:
    """How many candidates there are at least until all have been seen; equal ones are one."""
    return space.size if space.only is None else len(space.only)


def _progress(settled: Sequence[Evaluated], evaluations: int, goals: tuple[Objective, ...]) -> str:
    from supersede.search.architecture.front import nondominated

    trained = [e for e in settled if e.state == "trained"]
    front = [trained[i] for i in nondominated([e.values(goals) for e in trained])]
    words = f"{_spent(settled)} of {evaluations} trained"
    if not front:
        return f"{words}; nothing within the limits yet ({len(settled)} looked at)"
    ends = (
        min(front, key=lambda e: e.values(goals)[-1]),
        min(front, key=lambda e: e.values(goals)[0]),
    )
    return f"{words}; front of {len(front)}, from [{ends[0]}] to [{ends[1]}]"
