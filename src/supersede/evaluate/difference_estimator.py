"""The difference estimator: predict every item from the models, correct by the labels.

With a prediction m_i of what item i adds to a total (from the belief, recalibrated to the labels),

    total = sum over all items of m_i  +  sum over labelled items of (y_i - m_i) / pi_i.

The second sum corrects the error of the first, so only the residuals y_i - m_i add variance. In
machine learning this is prediction-powered or active statistical inference; here it serves many
estimands with one sample. Inclusion probabilities are those of stratified simple random sampling,
``n_g / N_g``, and the variance ``sum_g N_g² (1 - f_g) s_g² / n_g`` of the residuals.

Small samples need two corrections, otherwise intervals cover too little. First, in a stratum with
few labels all residuals can be small by chance, so the variance is at least what the recalibrated
belief itself implies. Second, the quantile is Student's with Satterthwaite's degrees of freedom.

References:
    Särndal, Swensson & Wretman (1992), Model Assisted Survey Sampling, eq. 6.3.1 (difference
    estimator), 3.7.11 (stratified variance), 5.5.9 (linearised ratios); Satterthwaite (1946),
    Biometrics Bull. 2, 110-114. Zrnic & Candès (2024), Active statistical inference, ICML.

Assumes: the labelled items are those of the plan; skipped items are like the others of their
stratum.
    Coverage is asymptotic; measured in docs/benchmarks/evaluate.md.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from supersede.evaluate.estimands import Estimand
from supersede.evaluate.linear import linearise
from supersede.evaluate.patterns import Patterns

__all__ = ["Observed", "Result", "difference_estimate"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Observed:
    """Labelled items of a stratified sample.

    Attributes:
        pattern: Pattern of each labelled item, shape ``(n,)``.
        state: State of its label, shape ``(n,)``.
        stratum: Its stratum, in 0..g-1, shape ``(n,)``.
        items: Number of items of each stratum, shape ``(g,)``.
        of: Stratum of each pattern, or -1, shape ``(h,)``.
    """

    pattern: Ints
    state: Ints
    stratum: Ints
    items: Ints
    of: Ints

    @property
    def taken(self) -> Ints:
        """Number of labels of each stratum, shape ``(g,)``."""
        return np.bincount(self.stratum, minlength=len(self.items)).astype(np.int64)

    @property
    def weight(self) -> Floats:
        """Number of items that each labelled one represents, shape ``(n,)``."""
        return np.asarray((self.items / np.maximum(self.taken, 1))[self.stratum])


@dataclass(frozen=True)
class Result:
    """An estimate by the difference estimator.

    Attributes:
        value: The estimate.
        error: Its standard error.
        freedom: Degrees of freedom of the standard error; infinite where it is 0.
        doubt: Largest relative standard error of a denominator; beyond about 0.3 the
            linearisation cannot be trusted.
    """

    value: float
    error: float
    freedom: float
    doubt: float


def difference_estimate(
    estimand: Estimand, patterns: Patterns, belief: Floats, observed: Observed
) -> Result:
    """Estimate one estimand.

    Args:
        estimand: What is estimated.
        patterns: Patterns of the whole table.
        belief: Recalibrated probability of each state for each pattern, shape ``(h, states)``.
        observed: The labelled items.

    Returns:
        Value and standard error; a value of NaN where a denominator is not positive.
    """
    chosen = patterns.take(observed.pattern)
    weight, count = observed.weight, patterns.count.astype(float)
    residual, value, doubt = np.zeros(len(chosen)), 0.0, 0.0
    for term in estimand.terms:
        totals, errors, parts = [], [], []
        by_state = [patterns.parts(term, s) for s in range(len(patterns.states))]
        of_chosen = [chosen.parts(term, s) for s in range(len(patterns.states))]
        for side in (0, 1):
            predicted = sum(belief[:, s] * by_state[s][side] for s in range(len(by_state)))
            told = np.stack([part[side] for part in of_chosen])
            error = (
                told[observed.state, np.arange(len(chosen))]
                - np.asarray(predicted)[observed.pattern]
            )
            totals.append(float((count * predicted).sum() + (weight * error).sum()))
            errors.append(error)
            parts.append(predicted)
        above, below = totals
        if below <= 0:
            return Result(float("nan"), float("inf"), 1.0, float("inf"))
        ratio = above / below
        value += term.coefficient * ratio
        residual += term.coefficient * (errors[0] - ratio * errors[1]) / below
        spread, _ = _variance(errors[1], observed)
        doubt = max(doubt, float(np.sqrt(spread.sum())) / below)
    spread, freedom = _variance(residual, observed)
    implied = _implied(linearise(estimand, patterns, belief).variance(belief), patterns, observed)
    variance = max(float(spread.sum()), implied)
    return Result(value, variance**0.5, freedom, doubt)


def _variance(residual: Floats, observed: Observed) -> tuple[Floats, float]:
    """Variance of the weighted total of residuals by stratum, and its degrees of freedom."""
    taken, items = observed.taken, observed.items
    groups = len(items)
    mean = np.bincount(observed.stratum, residual, groups) / np.maximum(taken, 1)
    square = np.bincount(observed.stratum, (residual - mean[observed.stratum]) ** 2, groups)
    part = _factor(observed) * square / np.maximum(taken - 1, 1)
    below = float((part**2 / np.maximum(taken - 1, 1)).sum())
    freedom = float(part.sum()) ** 2 / below if below > 0 else float(max(taken.sum() - groups, 1))
    return part, max(freedom, 1.0)


def _implied(variance: Floats, patterns: Patterns, observed: Observed) -> float:
    """The variance if labels were distributed as the belief says."""
    inside = observed.of >= 0
    total = np.bincount(
        observed.of[inside], (variance * patterns.count)[inside], len(observed.items)
    )
    return float((_factor(observed) * total / np.maximum(observed.items, 1)).sum())


def _factor(observed: Observed) -> Floats:
    """``N² (1 - n / N) / n`` of each stratum; 0 where all are labelled."""
    taken, items = np.maximum(observed.taken, 1), observed.items
    return np.asarray(items.astype(float) ** 2 * (1 / taken - 1 / items))
