"""Stop an Optuna study, with one worker or many.

``study.optimize(objective, callbacks=[StopWhen()])`` in each worker is enough. Workers that share a
storage coordinate through it: one of them, the leader, judges the study after each of its own
trials and publishes the decision; the others read one attribute. A leader that stops responding is
replaced. Since a decision is a pure function of the study, two leaders at the same time are
harmless.
"""

import logging
import threading
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from supersede.errors import ArgumentError, HistoryError, MissingExtraError
from supersede.search.stopping import (
    DEFAULT,
    Categorical,
    Criterion,
    Decision,
    ErrorEstimate,
    Float,
    FoldDesign,
    History,
    Int,
    Memory,
    Parameter,
    ParameterSpace,
    Settings,
    State,
    Trial,
    decide,
)
from supersede.search.stopping.space import covering

if TYPE_CHECKING:
    from supersede.search.stopping.fold_design import Splitter

try:
    import optuna
    from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
    from optuna.trial import FrozenTrial, TrialState
except ImportError as missing:  # pragma: no cover
    _absent = MissingExtraError.of(
        package="optuna", extra="optuna", purpose="stopping an Optuna study"
    )
    raise _absent from missing

from supersede.integrations.optuna_studies import load

__all__ = [
    "StopWhen",
    "decision_of",
    "history_of",
    "load",
    "report_folds",
    "report_losses",
    "report_standard_error",
    "resume",
]

_log = logging.getLogger("supersede")

_FOLDS, _LOSSES, _ERROR = "supersede:folds", "supersede:losses", "supersede:standard_error"
_OPTUNA_FOLDS = "terminator:cv_scores"  # the attribute of the deprecated optuna.terminator
_DESIGN = "supersede:design"
_STOPPED, _LEADER = "supersede:stopped", "supersede:leader"
_STATES = {
    TrialState.COMPLETE: State.COMPLETE,
    TrialState.PRUNED: State.PRUNED,
    TrialState.FAIL: State.FAILED,
    TrialState.RUNNING: State.PENDING,
}


def report_folds(
    trial: optuna.Trial,
    scores: Sequence[float],
    design: "FoldDesign | Splitter | Iterable[tuple[Any, Any]] | int | None" = None,
    X: Any = None,
    y: Any = None,
    groups: Any = None,
) -> None:
    """Store the fold scores with a trial; call it in the objective.

    Scores stored by ``optuna.terminator.report_cross_validation_scores`` are read as well.

    Args:
        trial: The running trial.
        scores: One per fold, shape ``(k,)``; a list or an array.
        design: How the folds were made: the splitter, its pairs of training and test rows, a number
            of folds, or a `FoldDesign`; needed for anything but one ordinary k-fold
            cross-validation. In a long search on many rows, make the `FoldDesign` once.
        X: The rows that the splitter splits; needed for a splitter.
        y: Their labels, if the splitter needs them.
        groups: Their groups, if the splitter needs them.

    Raises:
        ArgumentError: The design is none, or has another number of splits than there are scores.
    """
    trial.set_user_attr(_FOLDS, [float(score) for score in scores])
    if design is not None:
        made = design if isinstance(design, FoldDesign) else FoldDesign.of(design, X, y, groups)
        if len(made.test_sizes) != len(scores):
            msg = (
                f"got {len(scores)} scores for a design of {len(made.test_sizes)} splits; expected"
                " one score per split"
            )
            raise ArgumentError(msg)
        trial.set_user_attr(_DESIGN, asdict(made))


def report_losses(trial: optuna.Trial, losses: Sequence[float]) -> None:
    """Store the losses of the items of one validation set with a trial, shape ``(n,)``."""
    trial.set_user_attr(_LOSSES, [float(loss) for loss in losses])


def report_standard_error(trial: optuna.Trial, error: float) -> None:
    """Store your own standard error of the value with a trial."""
    trial.set_user_attr(_ERROR, float(error))


def history_of(study: optuna.Study) -> History:
    """The study as a history.

    Args:
        study: A study with one objective.

    Returns:
        Its trials in the order in which they ended; a parameter whose range changed while the study
        ran gets the range that covers all.

    Raises:
        HistoryError: The study has several objectives.
    """
    return _Reader().read(study)


def decision_of(study: optuna.Study) -> Decision | None:
    """The decision that stopped the study; None while it runs."""
    kept = study.user_attrs.get(_STOPPED)
    return Decision(**kept) if kept else None


def resume(study: optuna.Study) -> None:
    """Withdraw the decision, so that `StopWhen` judges again."""
    study.set_user_attr(_STOPPED, None)


@dataclass
class _Reader:
    """Reads a study and converts each finished trial once."""

    finished: dict[int, Trial] = field(default_factory=dict)
    parameters: dict[str, Parameter] = field(default_factory=dict)

    def read(self, study: optuna.Study) -> History:
        if len(study.directions) != 1:
            msg = (
                f"the study has {len(study.directions)} objectives; expected one. There is no"
                " single best value to bound: judge each objective in its own study"
            )
            raise HistoryError(msg)
        ended, running = [], []
        for frozen in study.get_trials(deepcopy=False):  # storages read only new trials
            if frozen.state.is_finished():
                ended.append(frozen)
                if frozen.number not in self.finished:
                    self.finished[frozen.number] = _trial(frozen)
                    self._widen(frozen.distributions)
            elif frozen.state == TrialState.RUNNING:
                running.append(_trial(frozen))
        ended.sort(key=lambda t: (t.datetime_complete is None, t.datetime_complete, t.number))
        trials = [self.finished[frozen.number] for frozen in ended]
        maximize = study.direction == optuna.study.StudyDirection.MAXIMIZE
        return History(ParameterSpace(self.parameters), (*trials, *running), maximize)

    def _widen(self, distributions: Mapping[str, BaseDistribution]) -> None:
        for name, distribution in distributions.items():
            new = _parameter(distribution)
            known = self.parameters.get(name)
            if known != new:
                self.parameters[name] = new if known is None else covering(known, new)


def _trial(frozen: FrozenTrial) -> Trial:
    duration = frozen.duration
    plain = Trial(
        dict(frozen.params),
        frozen.value if frozen.state == TrialState.COMPLETE else None,
        standard_error=frozen.user_attrs.get(_ERROR),
        seconds=None if duration is None else duration.total_seconds(),
        state=_STATES[frozen.state],
    )
    attributes = frozen.user_attrs
    folds = attributes.get(_FOLDS, frozen.system_attrs.get(_OPTUNA_FOLDS))
    try:
        design = attributes.get(_DESIGN)
        return replace(
            plain,
            folds=folds,
            losses=attributes.get(_LOSSES),
            design=None if design is None or folds is None else FoldDesign(**design),
        )
    except (HistoryError, ArgumentError, TypeError) as problem:
        _log.warning("trial %d counts without an error: %s", frozen.number, problem)
        return plain


def _parameter(distribution: BaseDistribution) -> Parameter:
    if isinstance(distribution, CategoricalDistribution):
        return Categorical(tuple(distribution.choices))
    low, high = distribution.low, distribution.high  # type: ignore[attr-defined]
    log, step = distribution.log, distribution.step  # type: ignore[attr-defined]
    if isinstance(distribution, IntDistribution):
        return Int(low, high, log, step)
    return Float(low, high, log, step)


class StopWhen:
    """A callback that stops a study when further search is not worth it.

    It never raises into the study: errors are logged (logger ``supersede``), and the search
    continues.

    Args:
        rule: When to stop.
        error: How the statistical error is found; by default from the trials' own reports.
        settings: Settings of the surrogate.
        lease: Seconds without a sign of the leader after which another worker takes over. The same
            number of trials has the same effect, whichever comes first.

    Example:
        >>> import optuna
        >>> optuna.logging.set_verbosity(optuna.logging.ERROR)
        >>> study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
        >>> def objective(trial):
        ...     report_standard_error(trial, 0.1)
        ...     return trial.suggest_float("x", -1, 1) ** 2
        >>> study.optimize(objective, n_trials=100, callbacks=[StopWhen()])
        >>> len(study.trials) < 100, decision_of(study).stop
        (True, True)
    """

    def __init__(
        self,
        rule: Criterion = DEFAULT,
        *,
        error: ErrorEstimate | None = None,
        settings: Settings | None = None,
        lease: float = 60.0,
    ) -> None:
        self.rule, self.error, self.settings, self.lease = rule, error, settings, lease
        self.latest: Decision | None = None
        self.worker = uuid.uuid4().hex
        self._reader, self._memory = _Reader(), Memory()
        self._seen: tuple[object, float] = (None, 0.0)
        self._judging = threading.Lock()
        self._warned: set[str] = set()

    def __call__(self, study: optuna.Study, trial: FrozenTrial) -> Decision | None:
        """Stop the study if that is decided; decide if this worker is the leader.

        In a loop of ``study.ask`` and ``study.tell``, call it after each ``tell`` and leave the
        loop when the decision says so.

        Args:
            study: The study.
            trial: The trial that ended; `ask` and `tell` both return one that serves.

        Returns:
            The latest decision that this worker made or read; None before the first.
        """
        try:
            self._check(study, trial)
        except Exception as problem:  # an error of the storage must not break the search
            words = f"{type(problem).__name__}: {problem}"
            self.latest = Decision(
                False, "not judged", *(None,) * 4, trials=0, pending=0, failure=words
            )
            if words not in self._warned:
                self._warned.add(words)
                _log.warning("the study could not be judged: %s", words)
        return self.latest

    def _check(self, study: optuna.Study, trial: FrozenTrial) -> None:
        attributes = study.user_attrs
        if attributes.get(_STOPPED):
            self.latest = Decision(**attributes[_STOPPED])
            _halt(study)
            return
        # threads of one process share this object: one of them judges, the others continue
        if not self._leads(attributes.get(_LEADER), trial) or not self._judging.acquire(False):
            return
        try:
            self._judge(study)
        finally:
            self._judging.release()

    def _judge(self, study: optuna.Study) -> None:
        history = self._reader.read(study)
        self.latest = decide(
            history,
            self.rule,
            error=self.error,
            settings=self.settings,
            memory=self._memory,
        )
        started, running = len(history.trials), len(history.pending)
        beat = {"worker": self.worker, "trials": started, "running": running}
        study.set_user_attr(_LEADER, beat)
        if self.latest.stop:
            study.set_user_attr(_STOPPED, self.latest.to_dict())
            _log.info("%s", self.latest)
            _halt(study)

    def _leads(self, beat: dict[str, Any] | None, trial: FrozenTrial) -> bool:
        """Whether this worker is the leader, or the leader has stopped responding.

        Its inactivity is measured by this worker's own clock, and in trials: clocks of machines
        differ.
        """
        if beat is None or beat["worker"] == self.worker:
            return True
        key = (beat["worker"], beat["trials"], beat["running"])
        now = time.monotonic()
        if self._seen[0] != key:
            self._seen = (key, now)
        missed = trial.number - beat["trials"]
        return now - self._seen[1] > self.lease or missed > 3 * (beat["running"] + 1)


def _halt(study: optuna.Study) -> None:
    """End ``study.optimize``; in a loop of ask and tell there is nothing to end but the loop."""
    try:
        study.stop()
    except RuntimeError:
        _log.debug("the study is not in optimize(): its own loop reads the decision")
