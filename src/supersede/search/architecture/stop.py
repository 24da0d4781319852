"""When a search for a front stops itself: when none of a few single searches is worth continuing.

The rule of `supersede.search.stopping` judges a search for one best value. A search for a front is
several of them at a time: the most accurate network within each of a few latencies. It ends when the
rule says stop for all of them. The rule rests on the task's own standard errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from supersede.errors import ArgumentError
from supersede.search.stopping import (
    DEFAULT,
    Categorical,
    Criterion,
    History,
    Int,
    Memory,
    ParameterSpace,
    State,
    Trial,
    decide,
)

if TYPE_CHECKING:
    from supersede.search.architecture.candidates import Evaluated, Objective
    from supersede.search.architecture.space import Choice, Space

__all__ = ["Stop"]


@dataclass(frozen=True)
class Stop:
    """The project's rule for a front.

    Args:
        rule: For each of the single searches; see `supersede.search.stopping`.
        bands: How many of them: limits of the second objective at equal shares of what was found.
        every: Trainings between two judgements.

    Raises:
        ArgumentError: A number is below 1.
    """

    rule: Criterion = DEFAULT
    bands: int = 4
    every: int = 10

    def __post_init__(self) -> None:
        if min(self.bands, self.every) < 1:
            msg = f"bands and every must be at least 1, got {self.bands} and {self.every}"
            raise ArgumentError(msg)

    @cached_property
    def _memories(self) -> list[Memory]:
        return [Memory() for _ in range(self.bands)]

    def reason(
        self, space: Space, settled: Sequence[Evaluated], objectives: tuple[Objective, ...]
    ) -> str | None:
        """Why the search may end; None while it continues."""
        trained = [e for e in settled if e.state == "trained"]
        if not trained:
            return None
        parameters = {c.name: _parameter(c) for c in space.choices if len(c.values) > 1}
        if not parameters:
            return None
        second = objectives[1] if len(objectives) > 1 else None
        values = np.array([getattr(e, second) or 0.0 for e in trained]) if second else np.zeros(1)
        shares = np.linspace(0, 1, self.bands + 1)[1:] if second else np.ones(1)
        bounds = np.unique(np.quantile(values, shares))
        reasons = []
        for bound, memory in zip(bounds, self._memories, strict=False):
            within = [e for e in trained if not second or (getattr(e, second) or 0.0) <= bound]
            trials = [_trial(e, parameters, space) for e in within]
            history = History(ParameterSpace(parameters), tuple(trials))
            decision = decide(history, self.rule, memory=memory)
            if not decision.stop:
                return None
            reasons.append(decision.reason)
        words = f"in each of {len(bounds)} bands of {second}, " if second else ""
        return f"{words}further search is not worth it: {reasons[-1]}"


def _parameter(choice: Choice) -> Categorical | Int:
    if choice.ordered:
        return Int(0, len(choice.values) - 1)
    return Categorical(choice.values)


def _trial(evaluated: Evaluated, parameters: dict[str, Categorical | Int], space: Space) -> Trial:
    params = {
        name: space.choice(name).values.index(evaluated.params[name])
        if isinstance(parameter, Int)
        else evaluated.params[name]
        for name, parameter in parameters.items()
    }
    return Trial(
        params, evaluated.error, standard_error=evaluated.standard_error,
        seconds=evaluated.seconds, state=State.COMPLETE,
    )  # fmt: skip
