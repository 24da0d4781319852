"""A scikit-learn search that stops when more candidates are not worth it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from supersede.errors import MissingExtraError
from supersede.search.stopping import (
    DEFAULT,
    Categorical,
    Criterion,
    Float,
    FoldDesign,
    History,
    Int,
    Memory,
    Parameter,
    ParameterSpace,
    State,
    Trial,
    decide,
)
from supersede.search.stopping.space import covering

try:
    from sklearn.base import is_classifier
    from sklearn.model_selection import ParameterSampler, check_cv
    from sklearn.model_selection._search import BaseSearchCV
except ImportError as missing:  # pragma: no cover
    _absent = MissingExtraError.of(
        package="scikit-learn", extra="sklearn", purpose="a search that stops"
    )
    raise _absent from missing

__all__ = ["StoppingSearchCV", "space_of"]


class StoppingSearchCV(BaseSearchCV):  # type: ignore[misc]
    """`RandomizedSearchCV` that chooses the number of candidates itself.

    Candidates are drawn and cross-validated one after another; the statistical error is computed
    from the true sizes of the splits. Everything else is as in scikit-learn's searches.

    Args:
        estimator: The estimator to tune.
        param_distributions: Name to a list of values or a scipy distribution; or a list of such
            mappings, of which each candidate uses one.
        n_iter: Largest number of candidates.
        rule: Rule for stopping earlier.
        scoring: As in scikit-learn; with several scores, ``refit`` names the one that is judged.
        n_jobs: Processes over the folds of a candidate.
        refit: Whether the best candidate is fitted on all data, or the score that determines it.
        cv: As in scikit-learn.
        verbose: As in scikit-learn.
        pre_dispatch: As in scikit-learn.
        random_state: Seed of the candidates.
        error_score: Score of a candidate that fails; NaN excludes it from the judgement.
        return_train_score: Whether ``cv_results_`` has training scores.

    Attributes:
        decision_: The last `Decision`, with its reason.
        history_: The candidates as a `History`.

    Example:
        >>> from scipy.stats import loguniform
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.linear_model import LogisticRegression
        >>> search = StoppingSearchCV(
        ...     LogisticRegression(), {"C": loguniform(1e-4, 1e-1)}, n_iter=60, random_state=0
        ... ).fit(*load_iris(return_X_y=True))
        >>> search.decision_.stop, len(search.cv_results_["params"]) < 60
        (True, True)
    """

    def __init__(
        self,
        estimator: Any,
        param_distributions: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        *,
        n_iter: int = 200,
        rule: Criterion = DEFAULT,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: bool | str = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: str | int = "2*n_jobs",
        random_state: int | None = None,
        error_score: float | str = math.nan,
        return_train_score: bool = False,
    ) -> None:
        super().__init__(
            estimator=estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.param_distributions = param_distributions
        self.n_iter = n_iter
        self.rule = rule
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, **params: Any) -> "StoppingSearchCV":
        """Search, and stop when the rule is met; arguments as in scikit-learn."""
        cv = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        splits = list(cv.split(X, y, params.get("groups")))
        self._design = FoldDesign.of(splits) if len(splits) > 1 else None
        return super().fit(X, y, **params)  # type: ignore[no-any-return]

    def _run_search(self, evaluate_candidates: Any) -> None:
        score = self.refit if isinstance(self.refit, str) else "score"
        memory = Memory()
        history = History(space_of(self.param_distributions), maximize=True)
        candidates = ParameterSampler(
            self.param_distributions, self.n_iter, random_state=self.random_state
        )
        failed: ValueError | None = None
        for candidate in candidates:
            try:
                trial = _trial(evaluate_candidates([candidate]), candidate, score, self._design)
            except ValueError as failure:
                # scikit-learn raises if all fits of one call fail, and here a call is one candidate
                if self.error_score == "raise" or "fits failed" not in str(failure):
                    raise
                trial, failed = Trial(candidate, state=State.FAILED), failure
            history = history.told(trial)
            self.history_ = history
            self.decision_ = decide(history, self.rule, memory=memory)
            if self.decision_.stop:
                break
        if failed is not None and all(trial.state == State.FAILED for trial in history.trials):
            raise failed


def _trial(
    results: Mapping[str, Any], candidate: Mapping[str, Any], score: str, design: FoldDesign | None
) -> Trial:
    """The last candidate of the results so far."""
    splits = sum(f"split{i}_test_{score}" in results for i in range(len(results)))
    folds = [float(results[f"split{i}_test_{score}"][-1]) for i in range(splits)]
    each = float(results["mean_fit_time"][-1] + results["mean_score_time"][-1])
    value = float(results[f"mean_test_{score}"][-1])
    failed = not math.isfinite(value)
    return Trial(
        candidate,
        None if failed else value,
        folds=folds,
        seconds=each * splits,
        state=State.FAILED if failed else State.COMPLETE,
        design=design,
    )


def space_of(distributions: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> ParameterSpace:
    """The space that lists and scipy distributions span.

    Args:
        distributions: As for `ParameterSampler`: one mapping, or several of which a candidate uses
            one. Ends of an unbounded distribution are its quantiles of one in a thousand.

    Returns:
        The space; a parameter of several mappings gets the range that covers all.
    """
    several = [distributions] if isinstance(distributions, Mapping) else list(distributions)
    found: dict[str, Parameter] = {}
    for each in several:
        for name, given in each.items():
            new = _parameter(given)
            found[name] = covering(found[name], new) if name in found else new
    return ParameterSpace(found)


def _parameter(given: Any) -> Parameter:
    if not hasattr(given, "rvs"):
        return _listed(list(given))
    low, high = (float(end) for end in given.support())
    if not math.isfinite(low):
        low = float(given.ppf(0.001))
    if not math.isfinite(high):
        high = float(given.ppf(0.999))
    if hasattr(given.dist, "pmf"):
        return Int(int(low), int(high))
    # most of the mass far below the middle of the range: treat the scale as logarithmic
    log = low > 0 and float(given.ppf(0.5)) < low + 0.1 * (high - low)
    return Float(low, high, log)


def _listed(values: Sequence[Any]) -> Parameter:
    numbers = [v for v in values if isinstance(v, int | float | np.number)]
    if len(numbers) < len(values) or any(isinstance(v, bool) for v in values) or len(values) < 3:
        return Categorical(tuple(values))
    if all(isinstance(v, int | np.integer) for v in values):
        return Int(int(min(numbers)), int(max(numbers)))
    low, high = float(min(numbers)), float(max(numbers))
    return Float(low, high, log=low > 0 and high / low >= 1000)
