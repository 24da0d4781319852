"""Reasons to stop that need no model: enough trials, money or time spent, nothing new for long."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from supersede.errors import ArgumentError
from supersede.search.stopping.evidence import Evidence, Judgement

__all__ = ["AtLeast", "Budget", "Contrast", "Deadline", "NoImprovement", "Settled"]


def _positive(name: str, value: float | None) -> None:
    if value is not None and not value > 0:
        msg = f"{name}: got {value!r}; expected a positive number"
        raise ArgumentError(msg)


@dataclass(frozen=True)
class NoImprovement:
    """The best value did not change for long.

    Args:
        trials: In how many trials that have a value, at least.
        share: In what share of all trials that have a value, at least, in [0, 1): half means that
            the second half of the search found nothing better.
    """

    trials: int = 30
    share: float = 0.0

    def __post_init__(self) -> None:
        _positive("trials", self.trials)
        if not 0 <= self.share < 1:
            msg = f"share: got {self.share!r}; expected a number in [0, 1)"
            raise ArgumentError(msg)

    def judge(self, evidence: Evidence) -> Judgement:
        """Count the trials after the best."""
        since = evidence.history.stagnation
        wait = max(self.trials, math.ceil(self.share * len(evidence.history.complete)))
        return Judgement(since >= wait, f"{since} trials since the best one, of {wait} to wait")


@dataclass(frozen=True)
class AtLeast:
    """So many trials have a value; to be joined with other criteria by `AllOf`."""

    trials: int = 20

    def judge(self, evidence: Evidence) -> Judgement:
        """Count the trials with a value."""
        count = len(evidence.history.complete)
        if count >= self.trials:
            return Judgement(True, "")
        return Judgement(False, f"{count} trials have a value, at least {self.trials} are to")


@dataclass(frozen=True)
class Contrast:
    """The values differ by more than the statistical error, or luck had its chance.

    On a plain, where the middle half of the values agrees within the error, a model of them has
    nothing to go by: a narrow optimum would go unnoticed however sure the model is. Only numbers help
    there: ``trials`` random places miss a basin of share p of the space with probability
    (1 - p)^trials, below 5 % for p = 5 % and 60 trials.

    Args:
        errors: How many errors the quartiles of the values must be apart.
        trials: How many trials with a value are enough without that.
    """

    errors: float = 1.0
    trials: int = 60

    def judge(self, evidence: Evidence) -> Judgement:
        """Compare the quartiles."""
        known = evidence.history.losses[evidence.history.complete]
        error = evidence.yardstick
        if len(known) >= self.trials:
            return Judgement(True, "")
        if len(known) < 2 or error is None:
            return Judgement(False, "too few trials have a value to tell a slope from a plain")
        low, high = np.quantile(known, [0.25, 0.75])
        if high - low > self.errors * error.value:
            return Judgement(True, "")
        reason = (
            f"half of the values agree within {high - low:.3g}, the error is {error.value:.3g}: on "
            f"such a plain {self.trials} trials are to be made"
        )
        return Judgement(False, reason)


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
        if evidence.exhausted:
            return Judgement(True, f"all of the at most {size:.0f} points were tried", 0.0)
        if evidence.flat and len(evidence.history.complete) >= min(self.trials, size):
            count = len(evidence.history.complete)
            return Judgement(True, f"all {count} values are the same", 0.0)
        return Judgement(False, "")


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
