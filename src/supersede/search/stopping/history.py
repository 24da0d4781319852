"""The history of a search: a list of trials over a typed space."""

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from supersede.errors import HistoryError
from supersede.search.stopping.fold_design import FoldDesign
from supersede.search.stopping.space import ParameterSpace

__all__ = ["History", "State", "Trial"]


class State(StrEnum):
    """The outcome of a trial."""

    COMPLETE = "complete"
    PRUNED = "pruned"
    FAILED = "failed"
    PENDING = "pending"


@dataclass(frozen=True)
class Trial:
    """One configuration that was tried, or is being tried.

    Args:
        params: Parameter name to value; an absent name means that the parameter does not apply.
        value: The value that the search optimises, in its own units; None if there is none.
        folds: Scores of the folds whose mean is the value, shape ``(k,)``.
        losses: Losses of the validation items, shape ``(n,)``, in the same order in each trial.
        standard_error: Standard error of the value, as reported by the user.
        seconds: Cost of the trial in seconds.
        state: Complete, pruned, failed or pending. A complete trial whose value is missing, NaN or
            infinite in the worse direction counts as failed.
        design: How the data were split into the folds; None for one ordinary k-fold
            cross-validation.

    Raises:
        HistoryError: The value is not one number, folds or losses are not a list of numbers, or
            the design has another number of splits than there are folds.
    """

    params: Mapping[str, Any]
    value: float | None = None
    folds: Sequence[float] | None = None
    losses: Sequence[float] | None = None
    standard_error: float | None = None
    seconds: float | None = None
    state: State = State.COMPLETE
    design: FoldDesign | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.value, int | float | np.number | None):
            msg = (
                f"a trial's value is {self.value!r}; expected one number. A search with several"
                " objectives has no single best value: judge each objective separately"
            )
            raise HistoryError(msg)
        if isinstance(self.value, int) and abs(self.value) > sys.float_info.max:
            msg = "a trial's value is an integer too large for a float; scale the objective"
            raise HistoryError(msg)
        for name in ("folds", "losses"):
            _check_numbers(name, getattr(self, name))
        splits = 0 if self.design is None else len(self.design.test_sizes)
        if splits and self.folds is not None and len(self.folds) != splits:
            msg = (
                f"a trial has {len(self.folds)} fold scores, and its design {splits} splits; expected"
                " one score per split"
            )
            raise HistoryError(msg)


def _check_numbers(name: str, numbers: object) -> None:
    if numbers is None:
        return
    try:
        fine = np.asarray(numbers, dtype=np.float64).ndim == 1
    except (TypeError, ValueError, OverflowError):
        fine = False
    if not fine:
        msg = f"a trial's {name} are {numbers!r:.80}; expected a flat list of numbers"
        raise HistoryError(msg)


@dataclass(frozen=True)
class History:
    """The trials of one search, in the order in which they ended; pending ones last.

    Args:
        space: The searched space.
        trials: The trials.
        maximize: Whether larger values are better.

    Example:
        >>> from supersede.search.stopping import Float, History, ParameterSpace, Trial
        >>> history = History(ParameterSpace({"x": Float(0, 1)}), [Trial({"x": 0.2}, 1.5)])
        >>> history = history.told(Trial({"x": 0.4}, 1.2))
        >>> history.best.value, len(history.finished)
        (1.2, 2)
    """

    space: ParameterSpace
    trials: tuple[Trial, ...] = ()
    maximize: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "trials", tuple(self.trials))

    def told(self, *trials: Trial) -> "History":
        """The history with further trials."""
        return replace(self, trials=(*self.trials, *trials))

    def first(self, count: int) -> "History":
        """The history as it was when ``count`` trials had ended."""
        return replace(self, trials=self.finished[: max(count, 0)])

    @cached_property
    def finished(self) -> tuple[Trial, ...]:
        """The trials that ended, including failed ones."""
        return tuple(t for t in self.trials if t.state != State.PENDING)

    @cached_property
    def pending(self) -> tuple[Trial, ...]:
        """The trials that are running."""
        return tuple(t for t in self.trials if t.state == State.PENDING)

    @cached_property
    def losses(self) -> NDArray[np.float64]:
        """Values to be minimised, shape ``(n,)``; NaN where a finished trial has none."""
        sign = -1.0 if self.maximize else 1.0
        raw = np.array(
            [
                sign * float(t.value)
                if t.state == State.COMPLETE and t.value is not None and math.isfinite(t.value)
                else math.nan
                for t in self.finished
            ]
        )
        return raw.reshape(-1)

    @cached_property
    def complete(self) -> NDArray[np.int64]:
        """Positions, among the finished, of trials with a valid value."""
        return np.flatnonzero(~np.isnan(self.losses))

    @property
    def best_index(self) -> int | None:
        """Position, among the finished, of the best trial; the earliest of equals."""
        return int(np.nanargmin(self.losses)) if len(self.complete) else None

    @property
    def best(self) -> Trial | None:
        """The best trial, or None while there is none."""
        return None if self.best_index is None else self.finished[self.best_index]

    @cached_property
    def judged(self) -> NDArray[np.int64]:
        """Positions, among the finished, of trials that have a valid value or were pruned.

        A pruned trial is one that was seen to be worse: it counts towards patience like any other.
        """
        pruned = [t.state == State.PRUNED for t in self.finished]
        return np.flatnonzero(~np.isnan(self.losses) | np.array(pruned, dtype=bool))

    @cached_property
    def stagnation(self) -> int:
        """Number of judged trials after the best one."""
        return self.stagnation_by(0.0)

    def stagnation_by(self, least: float) -> int:
        """Number of judged trials since the last improvement by more than ``least``.

        An improvement is measured from the value of the one before it that counted, as in early
        stopping of a training: many small steps add up.
        """
        reached, position = math.inf, None
        for i in self.complete:
            if reached - self.losses[i] > least or position is None:
                reached, position = float(self.losses[i]), int(i)
        return 0 if position is None else int(np.sum(self.judged > position))

    @cached_property
    def seconds(self) -> float:
        """Total cost of the finished trials, as far as it is known."""
        return float(sum(t.seconds for t in self.finished if t.seconds is not None))
