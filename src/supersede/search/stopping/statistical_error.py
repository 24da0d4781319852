"""The standard error of a validation estimate: smaller gains are indistinguishable from noise.

Which estimate applies depends on what the trials report: the user's standard error, per-item
losses of one validation set, or fold scores.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from supersede.search.stopping.bootstrap import bootstrap_error
from supersede.search.stopping.history import History, Trial
from supersede.search.stopping.nadeau_bengio import blocked, corrected_error, variance_factor

__all__ = ["ErrorEstimate", "FixedError", "ReportedError", "StatisticalError"]


@dataclass(frozen=True)
class StatisticalError:
    """One standard error of the best validation estimate.

    Args:
        value: In units of the objective; not negative.
        source: Description of its source.
    """

    value: float
    source: str


class ErrorEstimate(Protocol):
    """A function from a history to the statistical error of its best trials."""

    def __call__(self, history: History) -> StatisticalError | None:
        """The error, or None if the trials do not report it."""
        ...


@dataclass(frozen=True)
class FixedError:
    """An error that the user knows, in units of the objective."""

    value: float

    def __call__(self, history: History) -> StatisticalError:
        """The known error."""
        return StatisticalError(self.value, "given")


@dataclass(frozen=True)
class ReportedError:
    """The error computed from the trials' own fold scores, losses or standard errors.

    The design of a trial's folds decides what their spread means (`FoldDesign`); without one, the
    settings below apply, and without those, the folds of one ordinary cross-validation are assumed.

    Args:
        pool: Number of best trials over which variances are averaged. One trial's folds give a
            noisy variance; trials of similar quality have nearly the same.
        paired: Whether the noise is that of the difference between the best trial and each of the
            others in the pool, on the same folds or items. This noise affects the choice between
            two configurations, and is usually much smaller than the noise of one score.
        folds_per_repeat: For repeated cross-validation; see `variance_factor`.
        test_sizes: Test items of each split, shape ``(k,)``.
        train_sizes: Training items of each split, shape ``(k,)``.
        in_time: Whether folds, or items, follow one another in time.
        block: Number of neighbouring items that are drawn together when ``in_time``.

    Example:
        >>> from supersede.search.stopping import Float, History, ParameterSpace, Trial
        >>> space = ParameterSpace({"x": Float(0, 1)})
        >>> trials = [Trial({"x": 0.1 * i}, 1.0 + i, folds=[0.9 + i, 1.1 + i]) for i in range(9)]
        >>> round(ReportedError()(History(space, trials)).value, 4)
        0.1732
    """

    pool: int = 1
    paired: bool = False
    folds_per_repeat: int | None = None
    test_sizes: Sequence[float] | None = None
    train_sizes: Sequence[float] | None = None
    in_time: bool = False
    block: int = 10

    def __call__(self, history: History) -> StatisticalError | None:
        """The pooled error of the best trials that report one; None if none does."""
        order = history.complete[np.argsort(history.losses[history.complete], kind="stable")]
        ranked = [history.finished[i] for i in order[: max(20, 4 * self.pool)]]
        carrying = [trial for trial in ranked if not math.isnan(self._of(trial)[0])]
        if not carrying:
            return None
        chosen = carrying[: self.pool]
        best, note = chosen[0], "" if chosen[0] is ranked[0] else "; the best trial has none itself"
        errors = [self._of(trial) for trial in chosen]
        kind = errors[0][1]
        values = [e for e, k in errors if k == kind]
        if self.paired:
            apart = [self._of(pair)[0] for pair in _differences(best, chosen[1:])]
            values = [e for e in apart if not math.isnan(e)] or values
            kind = f"paired {kind}"
        largest = max(values) or 1.0  # 1e300 squared would overflow
        pooled = largest * math.sqrt(sum((v / largest) ** 2 for v in values) / len(values))
        return StatisticalError(pooled, f"{kind}, {len(values)} best trials{note}")

    def _of(self, trial: Trial) -> tuple[float, str]:
        given = trial.standard_error
        if given is not None and math.isfinite(given) and given >= 0:
            return float(given), "standard error of the trial"
        if trial.losses is not None:
            block = self.block if self.in_time else 1
            return bootstrap_error(trial.losses, block=block), "losses of the validation items"
        if trial.folds is None or len(trial.folds) < 2:
            return math.nan, "nothing"
        if trial.design is not None:
            return trial.design.error(trial.folds), f"fold scores, {trial.design}"
        if self.in_time:
            return blocked(trial.folds), "fold scores in time"
        factor = None
        known = self.test_sizes is not None and len(self.test_sizes) == len(trial.folds)
        if known or self.folds_per_repeat is not None:
            factor = variance_factor(
                len(trial.folds),
                folds_per_repeat=self.folds_per_repeat,
                test_sizes=self.test_sizes if known else None,
                train_sizes=self.train_sizes if known else None,
            )
        taken = "" if factor is not None else f", taken as one {len(trial.folds)}-fold split"
        return corrected_error(trial.folds, factor), f"fold scores{taken}"


def _differences(best: Trial, others: list[Trial]) -> list[Trial]:
    """Trials whose folds and losses are the differences of ``others`` and ``best``."""
    pairs = []
    for other in others:
        folds = _less(other.folds, best.folds)
        losses = _less(other.losses, best.losses)
        if folds is not None or losses is not None:
            same = other.design if other.design == best.design else None
            pairs.append(Trial({}, folds=folds, losses=losses, design=same))
    return pairs


def _less(a: Sequence[float] | None, b: Sequence[float] | None) -> list[float] | None:
    if a is None or b is None or len(a) != len(b):
        return None
    difference: list[float] = (np.asarray(a, dtype=float) - np.asarray(b, dtype=float)).tolist()
    return difference
