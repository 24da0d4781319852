"""What a criterion judges by: a history, its surrogate and its statistical error."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol

import numpy as np

from supersede.search.stopping.cube import cube_of
from supersede.search.stopping.history import History
from supersede.search.stopping.statistical_error import (
    ErrorEstimate,
    ReportedError,
    StatisticalError,
)
from supersede.search.stopping.surrogate import Memory, Settings, Surrogate, surrogate_of

__all__ = ["Criterion", "Evidence", "Judgement"]


@dataclass(frozen=True)
class Judgement:
    """What one criterion says.

    Args:
        stop: Whether it would stop.
        reason: Why, in words; empty where it goes without saying.
        improvement: What is left to gain, in units of the objective, if the criterion tells.
        error: The size of gain that it holds to be worth having, in the same units.
    """

    stop: bool
    reason: str
    improvement: float | None = None
    error: float | None = None


@dataclass(frozen=True)
class Evidence:
    """A history and what follows from it.

    Args:
        history: The trials.
        estimate: How the statistical error is found.
        settings: Of the surrogate.
        memory: Of the surrogate's fits.
    """

    history: History
    estimate: ErrorEstimate = field(default_factory=ReportedError)
    settings: Settings = field(default_factory=Settings)
    memory: Memory = field(default_factory=Memory)

    @cached_property
    def surrogate(self) -> Surrogate | None:
        """The Gaussian process of all trials; None with too few of them, or values all alike."""
        return surrogate_of(self.history, self.settings, self.memory)

    @cached_property
    def error(self) -> StatisticalError | None:
        """The statistical error; None where the trials do not carry it."""
        return self.estimate(self.history)

    @cached_property
    def yardstick(self) -> StatisticalError | None:
        """The statistical error; without one, the noise that the surrogate finds in the values."""
        if self.error is not None and np.isfinite(self.error.value):
            return self.error
        if self.surrogate is None:
            return None
        noise = self.surrogate.transform.scale * self.surrogate.posterior.hyper.noise**0.5
        return StatisticalError(noise, "noise about the surrogate: no error was reported")

    @cached_property
    def flat(self) -> bool:
        """Whether at least two trials have a value, and all the same."""
        values = self.history.losses[self.history.complete]
        return len(values) > 1 and bool(np.all(values == values[0]))

    @cached_property
    def exhausted(self) -> bool:
        """Whether all points of a finite space were tried."""
        surrogate = self.surrogate
        cube = cube_of(self.history) if surrogate is None else surrogate.cube
        return len(cube.space.parameters) > 0 and cube.exhausted

    @property
    def settled(self) -> bool:
        """Whether nothing can change: no other value was seen, or no other point is left."""
        return self.flat or self.exhausted

    def earlier(self, count: int) -> "Evidence":
        """The same, as it was when ``count`` trials had ended."""
        return replace(self, history=self.history.first(count))

    def of_best(self, share: float) -> "Evidence":
        """The same, had only the best ``share`` of the trials (at least 20) been made."""
        history = self.history
        order = history.complete[np.argsort(history.losses[history.complete], kind="stable")]
        kept = np.sort(order[: max(20, int(share * len(order)))])
        chosen = tuple(history.finished[i] for i in kept)
        return replace(self, history=replace(history, trials=chosen), memory=Memory())


class Criterion(Protocol):
    """A reason to stop, or not to."""

    def judge(self, evidence: Evidence) -> Judgement:
        """What the criterion says of this evidence; it never raises."""
        ...
