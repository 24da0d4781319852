"""Syne Tune's ``stop_criterion``: ``Tuner(..., stop_criterion=StopTuning(...))``.

Syne Tune is not imported: a criterion is a callable, and its status and its search spaces are read
by their fields.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from supersede.search.stopping import (
    DEFAULT,
    Categorical,
    Criterion,
    Decision,
    ErrorEstimate,
    Float,
    History,
    Int,
    Memory,
    Parameter,
    ParameterSpace,
    State,
    Trial,
    decide,
)

__all__ = ["StopTuning", "history_of", "space_of"]

_log = logging.getLogger("supersede")
_STATES = {
    "Completed": State.COMPLETE,
    "Stopped": State.PRUNED,
    "Failed": State.FAILED,
}


def space_of(config_space: Mapping[str, Any]) -> ParameterSpace:
    """The space of a Syne Tune ``config_space``; constants are left out."""
    found = {name: _parameter(domain) for name, domain in config_space.items()}
    return ParameterSpace(
        {name: parameter for name, parameter in found.items() if parameter is not None}
    )


def _parameter(domain: Any) -> Parameter | None:
    if hasattr(domain, "categories"):
        return Categorical(tuple(domain.categories))
    if not hasattr(domain, "lower"):
        return None
    log = "Log" in type(domain.get_sampler()).__name__
    kind = Int if domain.value_type is int else Float
    return kind(domain.lower, domain.upper, log)


def history_of(
    status: Any, config_space: Mapping[str, Any], metric: str, mode: str = "min", folds: str = ""
) -> History:
    """The trials of a ``TuningStatus``.

    Each has its last reported value; trials that were stopped count as pruned.

    Args:
        status: The status that Syne Tune passes to a stopping criterion.
        config_space: The space of the tuner's scheduler.
        metric: The optimised metric.
        mode: ``"min"`` or ``"max"``.
        folds: Prefix of the names of fold scores, such as ``"fold_"``.
    """
    space = space_of(config_space)
    trials = [_trial(row, space, metric, folds) for row in status.trial_rows.values()]
    trials.sort(key=lambda trial: trial.state == State.PENDING)
    return History(space, tuple(trials), maximize=mode == "max")


def _trial(row: Mapping[str, Any], space: ParameterSpace, metric: str, folds: str) -> Trial:
    scores: Sequence[Any] = [v for k, v in row.items() if folds and k.startswith(folds)]
    return Trial(
        {name: row[name] for name in space.parameters if name in row},
        row.get(metric),
        folds=scores if len(scores) > 1 else None,
        seconds=row.get("worker-time"),
        state=_STATES.get(row["status"], State.PENDING),
    )


class StopTuning:
    """A stopping criterion for a Syne Tune ``Tuner``; it never raises into the tuner.

    Args:
        config_space: The space of the tuner's scheduler.
        metric: The optimised metric.
        mode: ``"min"`` or ``"max"``.
        rule: When to stop.
        error: How the statistical error is found.
        folds: See `history_of`.

    Attributes:
        latest: The last decision; None before the first.
    """

    def __init__(
        self,
        config_space: Mapping[str, Any],
        metric: str,
        *,
        mode: str = "min",
        rule: Criterion = DEFAULT,
        error: ErrorEstimate | None = None,
        folds: str = "",
    ) -> None:
        self.config_space, self.metric, self.mode, self.folds = config_space, metric, mode, folds
        self.rule, self.error = rule, error
        self.latest: Decision | None = None
        self._memory = Memory()
        self._judged = -1

    def __call__(self, status: Any) -> bool:
        """Whether to stop; judged again only when another trial has ended."""
        try:
            history = history_of(status, self.config_space, self.metric, self.mode, self.folds)
            if len(history.finished) != self._judged:
                self._judged = len(history.finished)
                self.latest = decide(history, self.rule, error=self.error, memory=self._memory)
        except Exception as problem:  # an error of the criterion must not break the search
            _log.warning("the search continues unjudged: %s: %s", type(problem).__name__, problem)
            return False
        return self.latest is not None and self.latest.stop
