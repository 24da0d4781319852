"""Criteria without a model: budget, time, target, failures, no improvement, nothing left to try."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from supersede.errors import ArgumentError
from supersede.search.stopping.evidence import Evidence, Judgement

__all__ = [
    "AtLeast",
    "Budget",
    "Contrast",
    "Deadline",
    "NoImprovement",
    "Settled",
    "TargetValue",
    "TooManyFailures",
]


def _positive(name: str, value: float | None) -> None:
    if value is not None and not value > 0:
        msg = f"{name}: got {value!r}; expected a positive number"
        raise ArgumentError(msg)


@dataclass(frozen=True)
class NoImprovement:
    """The best value has not improved for many trials; pruned trials count, failed ones do not.

    Args:
        trials: Smallest number of trials since the last improvement.
        share: Smallest share of all trials since the last improvement, in [0, 1): half means that
            the second half of the search found nothing better.
        min_delta: Smallest improvement that counts, in units of the objective. Smaller ones add up
            until together they exceed it.
        errors: The same in statistical errors, or in what stands in for one; the larger counts.
    """

    trials: int = 30
    share: float = 0.0
    min_delta: float = 0.0
    errors: float = 0.0

    def __post_init__(self) -> None:
        _positive("trials", self.trials)
        if not 0 <= self.share < 1:
            msg = f"share: got {self.share!r}; expected a number in [0, 1)"
            raise ArgumentError(msg)
        for name in ("min_delta", "errors"):
            least = getattr(self, name)
            if not (math.isfinite(least) and least >= 0):
                msg = f"{name}: got {least!r}; expected a finite number, 0 or more"
                raise ArgumentError(msg)

    def judge(self, evidence: Evidence) -> Judgement:
        """Count the trials after the last improvement."""
        history = evidence.history
        least = self.min_delta
        if self.errors and evidence.yardstick is not None:
            least = max(least, self.errors * evidence.yardstick.value)
        since = history.stagnation_by(least) if least else history.stagnation
        wait = max(self.trials, math.ceil(self.share * len(history.judged)))
        what = f"an improvement by more than {least:.3g}" if least else "the best one"
        return Judgement(since >= wait, f"{since} trials since {what}, {wait} needed")


@dataclass(frozen=True)
class AtLeast:
    """At least ``trials`` trials have a value or were pruned; combine it with others by `AllOf`."""

    trials: int = 20

    def judge(self, evidence: Evidence) -> Judgement:
        """Count the trials."""
        count = len(evidence.history.judged)
        if count >= self.trials:
            return Judgement(True, "")
        return Judgement(False, f"{count} trials have a value, at least {self.trials} needed")


@dataclass(frozen=True)
class TargetValue:
    """A value that is good enough was reached.

    Args:
        value: The target, in units of the objective; reached if the best value is at least as good.
    """

    value: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            msg = f"value: got {self.value!r}; expected a finite number"
            raise ArgumentError(msg)

    def judge(self, evidence: Evidence) -> Judgement:
        """Compare the best value with the target."""
        history = evidence.history
        best = None if history.best is None else history.best.value
        if best is None:
            return Judgement(False, "no trial has a value")
        reached = best >= self.value if history.maximize else best <= self.value
        word = "has reached" if reached else "has not reached"
        return Judgement(
            reached, f"the best value, {best:.6g}, {word} the target of {self.value:g}"
        )


@dataclass(frozen=True)
class TooManyFailures:
    """Most of the latest trials failed: the search has a fault, or left the region that works.

    Args:
        of: Number of latest trials that ended.
        share: Share of them that failed or have no finite value, in (0, 1].
    """

    of: int = 20
    share: float = 0.5

    def __post_init__(self) -> None:
        _positive("of", self.of)
        if not 0 < self.share <= 1:
            msg = f"share: got {self.share!r}; expected a number in (0, 1]"
            raise ArgumentError(msg)

    def judge(self, evidence: Evidence) -> Judgement:
        """Count the failures."""
        history = evidence.history
        ended = len(history.finished)
        failed = self.of - int(np.sum(history.judged >= ended - self.of))
        enough = ended >= self.of and failed >= self.share * self.of
        if ended < self.of:
            return Judgement(False, f"{ended} trials have ended, at least {self.of} needed")
        return Judgement(enough, f"{failed} of the last {self.of} trials failed")


@dataclass(frozen=True)
class Contrast:
    """The values differ by more than the statistical error, or many trials were made.

    On a plateau, where the interquartile range of the values is within the error, a model has no
    signal to fit: a narrow optimum would go unnoticed, however confident the model is. Only more
    trials help there: ``trials`` random points miss a basin of share p of the space with
    probability (1 - p)^trials, below 5 % for p = 5 % and 60 trials.

    Args:
        errors: Smallest interquartile range of the values, in errors.
        trials: Number of trials, pruned ones included, that is enough without such a difference.
    """

    errors: float = 1.0
    trials: int = 60

    def judge(self, evidence: Evidence) -> Judgement:
        """Compare the quartiles."""
        history = evidence.history
        known = history.losses[history.complete]
        error = evidence.yardstick
        if len(history.judged) >= self.trials:
            return Judgement(True, "")
        if len(known) < 2 or error is None:
            return Judgement(
                False, "too few trials have a value to distinguish a slope from a plateau"
            )
        # a pruned trial was no better than those that ended
        pruned = np.full(len(history.judged) - len(known), known.max())
        low, high = np.quantile(np.concatenate([known, pruned]), [0.25, 0.75])
        if high - low > self.errors * error.value:
            return Judgement(True, "")
        reason = (
            f"half of the values agree within {high - low:.3g}, the error is {error.value:.3g}: on"
            f" such a plateau {self.trials} trials are needed"
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
        """Check both conditions."""
        size = evidence.history.space.size
        if evidence.exhausted:
            return Judgement(True, f"all of the at most {size:.0f} points were tried", 0.0)
        if evidence.flat and len(evidence.history.complete) >= min(self.trials, size):
            count = len(evidence.history.complete)
            return Judgement(True, f"all {count} values are the same", 0.0)
        return Judgement(False, "")


@dataclass(frozen=True)
class Budget:
    """The budget was spent.

    Args:
        trials: Number of trials that ended or are running.
        seconds: Sum of the trials' seconds.
    """

    trials: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        _positive("trials", self.trials)
        _positive("seconds", self.seconds)

    def judge(self, evidence: Evidence) -> Judgement:
        """Sum the costs."""
        history = evidence.history
        if self.trials is not None and len(history.trials) >= self.trials:
            return Judgement(True, f"the {self.trials} trials of the budget were started")
        if self.seconds is not None and history.seconds >= self.seconds:
            return Judgement(True, f"the {self.seconds:g} seconds of the budget were spent")
        return Judgement(False, "the budget is not spent")


@dataclass(frozen=True)
class Deadline:
    """A point in time has passed: the only criterion that does not depend on the history alone.

    Args:
        at: Seconds since 1970, as of `time.time`.
        clock: Function that returns the time.
    """

    at: float
    clock: Callable[[], float] = time.time

    def judge(self, evidence: Evidence) -> Judgement:
        """Compare with the clock."""
        left = self.at - self.clock()
        if left <= 0:
            return Judgement(True, "the deadline has passed")
        return Judgement(False, f"the deadline is {left:.0f} seconds away")
