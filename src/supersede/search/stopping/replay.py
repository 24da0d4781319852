"""When could a finished search have stopped, and what would that have cost?"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from supersede.errors import HistoryError
from supersede.look.result import ResultMixin, frame_of
from supersede.search.stopping.decide import DEFAULT, Decision, decide
from supersede.search.stopping.evidence import Criterion
from supersede.search.stopping.history import History
from supersede.search.stopping.statistical_error import ErrorEstimate
from supersede.search.stopping.surrogate import Memory, Settings

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Replay", "replay"]


@dataclass(frozen=True)
class Replay(ResultMixin, named="a replay"):
    """A search, judged after each of its trials.

    Args:
        steps: The decision after each checked trial, in order.
        stop: Number of trials that had ended at the first decision to stop; None if there was none.
        trials: Number of trials that ended in total.
        best_at_stop: Best value at the stop (at the end if there is no stop).
        best_at_end: Best value of all trials.
        lost: Difference of the best values at the end and at the stop, in units of the objective;
            not negative.
        trials_saved: Share of the trials that came after the stop, in [0, 1] (RTC).
        seconds_saved: Cost of the trials after the stop; None if costs are unknown.
        reason: Reason of the stop, or of the last decision.
    """

    steps: tuple[Decision, ...]
    stop: int | None
    trials: int
    best_at_stop: float | None
    best_at_end: float | None
    lost: float | None
    trials_saved: float
    seconds_saved: float | None
    reason: str

    def to_frame(self) -> "pa.Table":
        """One row per decision, in the order of trials."""
        return frame_of(step.to_dict() for step in self.steps)

    def to_html(self) -> str:
        """A page: best value, remaining gain, and the stop."""
        from supersede.search.picture import replay_page

        return replay_page(self)

    def __str__(self) -> str:
        if self.stop is None:
            return f"no stop in {self.trials} trials: {self.reason}"
        seconds = "" if self.seconds_saved is None else f" and {self.seconds_saved:.4g} s"
        lost = "nothing" if not self.lost else f"{self.lost:.3g}"
        return (
            f"stop after {self.stop} of {self.trials} trials: {self.reason}\n"
            f"saves {self.trials_saved:.0%} of the trials{seconds}; loses {lost} of the best value "
            f"({self.best_at_stop:.6g} instead of {self.best_at_end:.6g})"
        )


def replay(
    history: History,
    rule: Criterion = DEFAULT,
    *,
    error: ErrorEstimate | None = None,
    settings: Settings | None = None,
    every: int = 1,
    progress: Callable[[str], None] | None = None,
) -> Replay:
    """Judge a search after each of its trials, beyond the first stop, to the end.

    Args:
        history: A history with at least one trial that ended.
        rule: When to stop.
        error: How the statistical error is found; by default from the trials' own reports.
        settings: Settings of the surrogate.
        every: Check only after every N-th trial.
        progress: Function that is called with a line of text after each decision.

    Returns:
        The decisions, the first stop, and what it saves and loses.

    Raises:
        HistoryError: No trial has ended.

    Example:
        >>> from supersede.search.stopping import Float, History, ParameterSpace, Trial, replay
        >>> grid = [i / 60 for i in range(60)]
        >>> trials = [Trial({"x": x}, (x - 0.3) ** 2, standard_error=0.01) for x in grid]
        >>> found = replay(History(ParameterSpace({"x": Float(0, 1)}), trials))
        >>> found.stop, found.lost
        (24, 0.0)
    """
    count = len(history.finished)
    if count == 0:
        msg = "no trial of the search has ended; expected at least one to replay"
        raise HistoryError(msg)
    memory, steps = Memory(), []
    checks = [*range(every, count, every), count]
    for trials in checks:
        past = history.first(trials)
        steps.append(decide(past, rule, error=error, settings=settings, memory=memory))
        if progress is not None:
            progress(f"judged {trials} of {count} trials")
    stop = next((n for n, step in zip(checks, steps, strict=True) if step.stop and n < count), None)
    at = history.first(count if stop is None else stop)
    chosen = steps[-1] if stop is None else steps[checks.index(stop)]
    losses = history.losses
    lost = None
    if at.best_index is not None and history.best_index is not None:
        lost = float(losses[at.best_index] - losses[history.best_index])
    known = any(t.seconds is not None for t in history.finished)
    return Replay(
        steps=tuple(steps),
        stop=stop,
        trials=count,
        best_at_stop=chosen.best,
        best_at_end=steps[-1].best,
        lost=lost,
        trials_saved=0.0 if stop is None else 1 - stop / count,
        seconds_saved=history.seconds - at.seconds if known else None,
        reason=chosen.reason,
    )
