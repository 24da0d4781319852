"""The decision: stop, or continue?"""

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from supersede.look.result import ResultMixin, frame_of
from supersede.search.stopping.combine import AllOf, AnyOf, IfReported
from supersede.search.stopping.evidence import Criterion, Evidence, Judgement
from supersede.search.stopping.history import History, State
from supersede.search.stopping.optimistic_gain import OptimisticGain
from supersede.search.stopping.patience import AtLeast, Contrast, NoImprovement, Settled
from supersede.search.stopping.regret_bound import RegretBound
from supersede.search.stopping.statistical_error import ErrorEstimate, ReportedError
from supersede.search.stopping.surrogate import Memory, Settings

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["DEFAULT", "Decision", "decide"]

# Chosen by leaving data sets out, on recorded searches: docs/explanation/stopping.md describes how.
DEFAULT: Criterion = AnyOf(
    Settled(trials=20),
    AllOf(
        AtLeast(trials=20),
        Contrast(errors=1, trials=60),
        AnyOf(
            IfReported(RegretBound(times=1), RegretBound(times=0.1)),
            AllOf(
                IfReported(
                    NoImprovement(trials=20, share=0.5),
                    NoImprovement(trials=50, share=0.5, errors=0.05),
                ),
                OptimisticGain(times=7),
            ),
        ),
    ),
)

# Replaces a criterion that fails: needs the values alone.
WITHOUT_MODEL: Criterion = NoImprovement(trials=30, share=0.5)


@dataclass(frozen=True)
class Decision(ResultMixin, named="a decision", height="16rem"):
    """Whether to stop, and why.

    Args:
        stop: True to stop.
        reason: The reason, as text.
        best: Best value so far, in the objective's own units and direction; None if there is none.
        improvement: What is left to gain, in the same units, at least 0; None if it is not known.
        error: The smallest gain that counts as worthwhile; None if it is not known.
        unseen: Share of the space, in [0, 1], without a trial nearby (within a tenth of each
            range): a narrow optimum there would go unnoticed. None without a surrogate.
        trials: Number of trials that have ended.
        pending: Number of running trials.
        failure: Error of a criterion that could not judge, as text; None if all could. In its
            place, the search stops as soon as its second half, and at least 30 trials, brought no
            improvement.
    """

    stop: bool
    reason: str
    best: float | None
    improvement: float | None
    error: float | None
    unseen: float | None
    trials: int
    pending: int
    failure: str | None = None

    def to_frame(self) -> "pa.Table":
        """One row: the fields."""
        return frame_of([self.to_dict()])

    def to_html(self) -> str:
        """A page with the decision and its numbers."""
        from supersede.look.table_page import table_page

        title = "Stop the search" if self.stop else "Continue the search"
        return table_page(
            title, f"{self.reason}.", self.to_frame().drop_columns(["stop", "reason"])
        )

    def __str__(self) -> str:
        return f"{'stop' if self.stop else 'continue'}: {self.reason}"


def decide(
    history: History,
    rule: Criterion = DEFAULT,
    *,
    error: ErrorEstimate | None = None,
    settings: Settings | None = None,
    memory: Memory | None = None,
) -> Decision:
    """Judge whether further search is worthwhile.

    The same history gives the same answer in every process. No content of a history makes this
    raise: if too little is known, the decision is to continue, and its reason names what is
    missing. A criterion that fails is a fault of this package or of your own criterion, and no
    reason to search on: it is replaced by patience, `Decision.failure` holds the error, and a
    ``RuntimeWarning`` is issued.

    Args:
        history: The history.
        rule: When to stop.
        error: How the statistical error is found; by default from the trials' own reports.
        settings: Settings of the surrogate.
        memory: Fits of earlier calls, which save time.

    Returns:
        The decision.

    Example:
        >>> from supersede.search.stopping import Float, History, ParameterSpace, Trial, decide
        >>> grid = [i / 40 for i in range(40)]
        >>> trials = [Trial({"x": x}, (x - 0.3) ** 2, standard_error=0.01) for x in grid]
        >>> decide(History(ParameterSpace({"x": Float(0, 1)}), trials)).stop
        True
    """
    evidence = Evidence(
        history, error or ReportedError(), settings or Settings(), memory or Memory()
    )
    failures: list[str] = []
    # Values of any size are accepted; if they overflow, the outcome is not finite and is reported.
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        said = _judged(rule, evidence, failures)
        unseen = None
        if not failures:
            try:
                unseen = None if evidence.surrogate is None else evidence.surrogate.unseen
            except Exception as problem:  # reported, as above
                failures.append(f"{type(problem).__name__}: {problem}")
    failure = failures[0] if failures else None
    if failure is not None:
        msg = f"a stopping criterion failed ({failure}); patience judges in its place"
        warnings.warn(msg, RuntimeWarning, stacklevel=2)
    best = history.best
    return Decision(
        stop=said.stop,
        reason=(said.reason or "every condition holds") + _missing(history),
        best=None if best is None or best.value is None else float(best.value),
        improvement=_finite(said.improvement),
        error=_finite(said.error),
        unseen=unseen,
        trials=len(history.finished),
        pending=len(history.pending),
        failure=failure,
    )


def _judged(rule: Criterion, evidence: Evidence, failures: list[str]) -> Judgement:
    """The rule's judgement; a part of it that fails is replaced by `WITHOUT_MODEL`.

    Of alternatives (`AnyOf`), those that can judge still do: a budget ends a search whose model
    fails.
    """
    try:
        return rule.judge(evidence)
    except Exception as problem:  # any error: it is reported, and never decides
        failures.append(f"{type(problem).__name__}: {problem}")
    if isinstance(rule, AnyOf):
        return AnyOf(*(_Guarded(part, failures) for part in rule.criteria)).judge(evidence)
    return WITHOUT_MODEL.judge(evidence)


@dataclass(frozen=True)
class _Guarded:
    """A criterion whose failure is recorded, and replaced."""

    criterion: Criterion
    failures: list[str]

    def judge(self, evidence: Evidence) -> Judgement:
        return _judged(self.criterion, evidence, self.failures)


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _missing(history: History) -> str:
    """A note about trials without a value."""
    ended = len(history.finished)
    pruned = sum(t.state == State.PRUNED for t in history.finished)
    without = ended - len(history.complete) - pruned
    notes = [
        f"{without} of {ended} trials failed or have no finite value" if without else "",
        f"{pruned} of {ended} were pruned" if pruned else "",
        f"{len(history.pending)} are running" if history.pending else "",
    ]
    said = ", ".join(note for note in notes if note)
    return f" ({said})" if said else ""
