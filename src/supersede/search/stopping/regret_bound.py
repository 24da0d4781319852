"""Stop when the statistical error exceeds a bound on what is left to gain.

Makarova et al. (2022, "Automatic Termination for Hyperparameter Optimization", AutoML-Conf,
arXiv:2104.08166). With bounds mean -+ w deviation of a Gaussian process,

    bound = min over the trials of (mean + w deviation) - min over the space of (mean - w
    deviation), w^2   = 2 log(d n^2 pi^2 / (6 delta)) / 5,   n trials, d parameters,  delta = 0.1,

and the search stops when the bound is below ``times`` the statistical error. The fifth is the
scaling of Srinivas et al. (2010), so the bound holds empirically and not by a theorem.

Deviations: all trials are fitted (the article: the best half, which makes bounds too small; see
``share``); the second minimum is found by gradient descent (the article: 2,000 random points).

Assumes: the objective is a draw of the Gaussian process (continuous, without a narrow optimum below
its length scale that no trial came near), and the noise of trials is homoscedastic.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from supersede.search.stopping.evidence import Evidence, Judgement
from supersede.search.stopping.history import History

__all__ = ["FrozenRegretBound", "RegretBound", "published_error", "regret_bound"]


def regret_bound(evidence: Evidence, delta: float = 0.1) -> float | None:
    """The bound on what is left to gain, in units of the objective; None without a surrogate.

    Args:
        evidence: The history and its derived quantities.
        delta: Probability that the bound fails, in the sense of the formula above.

    Returns:
        The bound, at least 0; exactly 0 where all points of a finite space were tried.
    """
    if evidence.settled:
        return 0.0
    surrogate = evidence.surrogate
    if surrogate is None:
        return None
    width = surrogate.width(delta)
    mean, deviation = surrogate.at_trials
    lower, _ = surrogate.lowest(width)
    return max(float((mean + width * deviation).min()) - lower, 0.0) * surrogate.transform.scale


@dataclass(frozen=True)
class RegretBound:
    """The bound, compared with the current statistical error.

    Args:
        times: How many errors the bound must be below.
        delta: See `regret_bound`.
        share: Share of the best trials that is fitted, in (0, 1]; the article's is 0.5.
    """

    times: float = 1.0
    delta: float = 0.1
    share: float = 1.0

    def judge(self, evidence: Evidence) -> Judgement:
        """Compare the two."""
        fitted = evidence if self.share >= 1 else evidence.of_best(self.share)
        bound = regret_bound(fitted, self.delta)
        threshold, name = worth(evidence, self.times)
        if bound is None or threshold is None:
            return Judgement(False, "too few trials have a value to bound what is left to gain")
        if evidence.settled:
            return Judgement(True, "nothing is left to gain", 0.0, threshold)
        sign = "<=" if bound <= threshold else ">"
        reason = f"at most {bound:.3g} is left to gain, {sign} {name}"
        return Judgement(bound <= threshold, reason, bound, threshold)


def worth(evidence: Evidence, times: float) -> tuple[float | None, str]:
    """The smallest worthwhile gain, ``times`` the error, and its description."""
    error = evidence.yardstick
    if error is None:
        return None, ""
    value = times * error.value
    return value, f"{value:.3g} = {times:g} x the statistical error ({error.source})"


def published_error(history: History) -> float | None:
    """The article's error: sqrt(1/k + 1/(k - 1)) x std (divisor k) of the best trial's k folds."""
    best = history.best
    if best is None or best.folds is None or len(best.folds) < 2:
        return None
    k = len(best.folds)
    return math.sqrt(1 / k + 1 / (k - 1)) * float(np.std(np.asarray(best.folds, dtype=float)))


def _published_bound(evidence: Evidence) -> float | None:
    return regret_bound(evidence.of_best(0.5))


@dataclass(frozen=True)
class FrozenRegretBound:
    """The rule behind the published table: the error is fixed at the first check.

    The article describes `RegretBound`; its published stops follow from this one.

    Args:
        label: The published parameter: 0.21, 0.5 or 1.0. The threshold is label / 0.21 errors.
        first: Trials at the first check.
        bound: Function that computes the bound; by default that of the best half.

    Example:
        >>> round(FrozenRegretBound(label=0.5).times, 3)
        2.381
    """

    label: float = 0.21
    first: int = 20
    bound: Callable[[Evidence], float | None] = _published_bound

    @property
    def times(self) -> float:
        """The threshold of the bound, in errors of the first check."""
        return self.label / 0.21

    def judge(self, evidence: Evidence) -> Judgement:
        """Compare the current bound with the first error."""
        if len(evidence.history.finished) < self.first:
            return Judgement(False, f"fewer than {self.first} trials have ended")
        error = published_error(evidence.history.first(self.first))
        bound = self.bound(evidence)
        if error is None or bound is None:
            return Judgement(False, f"no bound, or no fold scores within {self.first} trials")
        threshold = self.times * error
        reason = (
            f"at most {bound:.3g} is left to gain, compared with {threshold:.3g} = {self.times:.3g}"
            " x "
            f"the statistical error after {self.first} trials"
        )
        return Judgement(bound < threshold, reason, bound, threshold)
