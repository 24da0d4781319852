"""Reasons to stop that need no model: enough trials, money or time spent, nothing new for long."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from supersede.errors import ArgumentError
from supersede.search.stopping.evidence import Evidence, Judgement

__all__ = ["AtLeast", "Budget", "Deadline", "NoImprovement", "Settled"]


def _positive(name: str, value: float | None) -> None:
    if value is not None and not value > 0:
        msg = f"{name}: got {value!r}; expected a positive number"
        raise ArgumentError(msg)


@dataclass(frozen=True)
class NoImprovement:
    """The best value did not change in so many trials that have a value.

    Args:
        trials: How many.
    """

    trials: int = 30

    def __post_init__(self) -> None:
        _positive("trials", self.trials)

    def judge(self, evidence: Evidence) -> Judgement:
        """Count the trials after the best."""
        since = evidence.history.stagnation
        reason = f"{since} trials since the best one, of {self.trials} to wait"
        return Judgement(since >= self.trials, reason)


@dataclass(frozen=True)
class AtLeast:
    """So many trials have a value; to be joined with other criteria by `AllOf`."""

    trials: int = 20

    def judge(self, evidence: Evidence) -> Judgement:
        """Count the trials with a value."""
        count = len(evidence.history.complete)
        reason = f"{count} trials have a value, at least {self.trials} are to be made"
        return Judgement(count >= self.trials, reason)


@dataclass(frozen=True)
class Settled:
    """Nothing can change: all points of a finite space were tried, or all values are the same.

    Args:
        trials: Values that must be the same for the objective to count as constant.
    """

    trials: int = 20

    def judge(self, evidence: Evidence) -> Judgement:
        """Look for both."""
        size = evidence.history.space.size
        surrogate = evidence.surrogate
        if surrogate is not None and surrogate.exhausted:
            return Judgement(True, f"all of the at most {size:.0f} points were tried", 0.0)
        if evidence.flat and len(evidence.history.complete) >= min(self.trials, size):
            count = len(evidence.history.complete)
            return Judgement(True, f"all {count} values are the same", 0.0)
        return Judgement(False, "the space is not exhausted and values vary")


@dataclass(frozen=True)
class Budget:
    """So much was spent.

    Args:
        trials: Trials that ended or are running: a running one is spent.
        seconds: Sum of the trials' own seconds.
    """

    trials: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        _positive("trials", self.trials)
        _positive("seconds", self.seconds)

    def judge(self, evidence: Evidence) -> Judgement:
        """Add up."""
        history = evidence.history
        if self.trials is not None and len(history.trials) >= self.trials:
            return Judgement(True, f"the {self.trials} trials of the budget were started")
        if self.seconds is not None and history.seconds >= self.seconds:
            return Judgement(True, f"the {self.seconds:g} seconds of the budget were spent")
        return Judgement(False, "the budget is not spent")


@dataclass(frozen=True)
class Deadline:
    """A time of day has come: the one criterion that does not follow from the history alone.

    Args:
        at: Seconds since 1970, as of `time.time`.
        clock: Tells the time.
    """

    at: float
    clock: Callable[[], float] = time.time

    def judge(self, evidence: Evidence) -> Judgement:
        """Look at the clock."""
        left = self.at - self.clock()
        if left <= 0:
            return Judgement(True, "the deadline has passed")
        return Judgement(False, f"the deadline is {left:.0f} seconds away")
