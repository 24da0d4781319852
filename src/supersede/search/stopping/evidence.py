"""The input of a criterion: a history, its surrogate and its statistical error."""

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


_SHARE = 0.2  # chosen on recorded searches without errors: docs/explanation/stopping.md


@dataclass(frozen=True)
class Judgement:
    """The judgement of one criterion.

    Args:
        stop: Whether it would stop.
        reason: Why, as text; empty where it is obvious.
        improvement: What is left to gain, in units of the objective, if the criterion computes it.
        error: The smallest gain that it counts as worthwhile, in the same units.
    """

    stop: bool
    reason: str
    improvement: float | None = None
    error: float | None = None


@dataclass(frozen=True)
class Evidence:
    """A history, and the quantities derived from it.

    Args:
        history: The trials.
        estimate: How the statistical error is found.
        settings: Settings of the surrogate.
        memory: Memory of the surrogate's fits.
    """

    history: History
    estimate: ErrorEstimate = field(default_factory=ReportedError)
    settings: Settings = field(default_factory=Settings)
    memory: Memory = field(default_factory=Memory)

    @cached_property
    def surrogate(self) -> Surrogate | None:
        """The Gaussian process of all trials; None with too few, or if all values are equal."""
        return surrogate_of(self.history, self.settings, self.memory)

    @cached_property
    def error(self) -> StatisticalError | None:
        """The statistical error; None if the trials do not report it."""
        return self.estimate(self.history)

    @cached_property
    def reported(self) -> bool:
        """Whether the trials report a usable statistical error."""
        return self.error is not None and bool(np.isfinite(self.error.value))

    @cached_property
    def yardstick(self) -> StatisticalError | None:
        """The statistical error; without one, what stands in for it.

        That is a fifth of the distance from the median value to the best, a gain that the search
        has shown to be small, or the residual noise of the surrogate if that is larger. None
        without a surrogate.
        """
        if self.error is not None and self.reported:
            return self.error
        if self.surrogate is None:
            return None
        noise = self.surrogate.transform.scale * self.surrogate.posterior.hyper.noise**0.5
        known = self.history.losses[self.history.complete]
        distance = float(np.median(known) - known.min())
        if noise >= _SHARE * distance:
            return StatisticalError(
                noise, "residual noise of the surrogate, as no error was reported"
            )
        source = (
            "a fifth of the distance from the median to the best value, as no error was reported"
        )
        return StatisticalError(_SHARE * distance, source)

    @cached_property
    def flat(self) -> bool:
        """Whether at least two trials have a value, and all values are equal."""
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
        """Whether nothing can change: all values are equal, or all points were tried."""
        return self.flat or self.exhausted

    def earlier(self, count: int) -> "Evidence":
        """The same, as it was when ``count`` trials had ended."""
        return replace(self, history=self.history.first(count))

    def of_best(self, share: float) -> "Evidence":
        """The same for only the best ``share`` of the trials (at least 20)."""
        history = self.history
        order = history.complete[np.argsort(history.losses[history.complete], kind="stable")]
        kept = np.sort(order[: max(20, int(share * len(order)))])
        chosen = tuple(history.finished[i] for i in kept)
        return replace(self, history=replace(history, trials=chosen), memory=Memory())


class Criterion(Protocol):
    """A rule that judges whether to stop."""

    def judge(self, evidence: Evidence) -> Judgement:
        """The criterion's judgement of this evidence; it never raises."""
        ...
