"""The difference estimator: predict every item from the models, correct by the labels.

With a prediction m_i of what item i adds to a total (from the belief, recalibrated to the labels),

    total = sum over all items of m_i  +  sum over labelled items of (y_i - m_i) / pi_i.

The second sum corrects the error of the first, so only the residuals y_i - m_i add variance. In
machine learning this is prediction-powered or active statistical inference; here it serves many
estimands with one sample. Inclusion probabilities are those of stratified simple random sampling,
``n_g / N_g``, and the variance ``sum_g N_g² (1 - f_g) s_g² / n_g`` of the residuals.

Small samples need two corrections, otherwise intervals cover too little. First, where the residuals
show few *events* (labels that differ from their prediction), their variance is known badly: 150
labels without an error do not mean that there is none. It is therefore averaged with a plausible
one, and the weight of the observed variance is the number of events behind it. The plausible
variance adds to each stratum a few labels that are distributed as the recalibrated belief says, and
to all strata together a few that are equally likely to be in any state, as Agresti & Coull do for
one share. Second, the quantile is Student's; its degrees of freedom are Satterthwaite's, or the
number of events where those are fewer.

References:
    Särndal, Swensson & Wretman (1992), Model Assisted Survey Sampling, eq. 6.3.1 (difference
    estimator), 3.7.11 (stratified variance), 5.5.9 (linearised ratios); Satterthwaite (1946),
    Biometrics Bull. 2, 110-114; Agresti & Coull (1998), Am. Stat. 52, 119-126. Zrnic & Candès (2024), Active statistical inference, ICML.

Assumes: the labelled items are those of the plan; skipped items are like the others of their
stratum.
    Coverage is asymptotic; measured in docs/benchmarks/evaluate.md.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from supersede.evaluate.clusters import between_clusters, ultimate
from supersede.evaluate.estimands import Estimand
from supersede.evaluate.linear import Linear, linearise
from supersede.evaluate.patterns import Patterns

__all__ = ["Observed", "Result", "difference_estimate"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# chosen on made populations, never on those of docs/benchmarks/evaluate.md
_EVENTS = 3.0  # weight of the plausible variance, in degrees of freedom
_BELIEVED = 2.0  # labels added to each stratum that are distributed as the belief says
_UNDECIDED = 8.0  # labels added over all strata that can be in any state


@dataclass(frozen=True)
class Observed:
    """Labelled items of a stratified sample.

    Attributes:
        pattern: Pattern of each labelled item, shape ``(n,)``.
        state: State of its label, shape ``(n,)``.
        stratum: Its stratum, in 0..g-1, shape ``(n,)``.
        items: Number of items of each stratum, shape ``(g,)``.
        of: Stratum of each pattern, or -1, shape ``(h,)``.
        amount: What each labelled item counts for, shape ``(n,)``; None where every item counts once.
        cluster: Each labelled item's cluster, shape ``(n,)``; None where items are independent.
    """

    pattern: Ints
    state: Ints
    stratum: Ints
    items: Ints
    of: Ints
    amount: Floats | None = None
    cluster: Ints | None = None

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
    weight, mass = observed.weight, patterns.mass
    amount = 1.0 if observed.amount is None else observed.amount
    residual, value, doubt = np.zeros(len(chosen)), 0.0, 0.0
    mean = np.zeros(len(patterns))
    for term in estimand.terms:
        totals, errors, parts = [], [], []
        by_state, of_chosen = patterns.parts_by_state(term), chosen.parts_by_state(term)
        for side in (0, 1):
            predicted = np.einsum("hs,sh->h", belief, by_state[side])
            told = of_chosen[side][observed.state, np.arange(len(chosen))]
            error = amount * (told - predicted[observed.pattern])
            totals.append(float((mass * predicted).sum() + (weight * error).sum()))
            errors.append(error)
            parts.append(predicted)
        above, below = totals
        if below <= 0:
            return Result(float("nan"), float("inf"), 1.0, float("inf"))
        ratio = above / below
        value += term.coefficient * ratio
        residual += term.coefficient * (errors[0] - ratio * errors[1]) / below
        mean += term.coefficient * (parts[0] - ratio * parts[1]) / below
        spread = float((_factor(observed) * _variance(errors[1], observed)).sum())
        doubt = max(doubt, spread**0.5 / below)
    linear = linearise(estimand, patterns, belief)
    variance, freedom = _cautious(residual, linear, belief, patterns, observed)
    if patterns.clusters is not None:
        variance, freedom = _of_clusters(
            variance, freedom, residual, mean, linear, belief, patterns, observed
        )
    return Result(value, variance**0.5, freedom, doubt)


def _variance(residual: Floats, observed: Observed) -> Floats:
    """Variance of the residuals of each stratum, shape ``(g,)``; 0 where there are fewer than two."""
    taken, groups = observed.taken, len(observed.items)
    mean = np.bincount(observed.stratum, residual, groups) / np.maximum(taken, 1)
    square = np.bincount(observed.stratum, (residual - mean[observed.stratum]) ** 2, groups)
    return np.asarray(square / np.maximum(taken - 1, 1))


def _cautious(
    residual: Floats, linear: Linear, belief: Floats, patterns: Patterns, observed: Observed
) -> tuple[float, float]:
    """Variance of the weighted total of residuals, and its degrees of freedom."""
    factor, taken = _factor(observed), np.maximum(observed.taken, 1)
    seen = _variance(residual, observed)
    found = float((factor * seen).sum())

    square = patterns.square
    believed = _by_stratum(linear.variance(belief) * square, patterns, observed)
    anything = np.full_like(belief, 1 / belief.shape[1])
    undecided = _by_stratum(linear.variance(anything) * square, patterns, observed)
    # the undecided labels are shared out like the labels that matter
    share = _UNDECIDED * taken / max(int(linear.domain[observed.pattern].sum()), 1)
    weight = taken - 1 + _BELIEVED + share
    plausible = ((taken - 1) * seen + _BELIEVED * believed + share * undecided) / weight
    expected = factor * plausible

    events = _events(seen, factor, taken, _reach(linear, patterns, observed))
    variance = max(found, (_EVENTS * expected.sum() + events * found) / (_EVENTS + events))
    below = float((expected**2 / (taken - 1 + _BELIEVED)).sum())
    freedom = float(expected.sum()) ** 2 / below if below > 0 else np.inf
    return float(variance), max(min(freedom, _EVENTS + events), 1.0)


def _of_clusters(
    variance: float,
    freedom: float,
    residual: Floats,
    mean: Floats,
    linear: Linear,
    belief: Floats,
    patterns: Patterns,
    observed: Observed,
) -> tuple[float, float]:
    """Variance for other clusters than these, and its degrees of freedom; see `clusters`."""
    clusters = patterns.clusters
    assert clusters is not None  # noqa: S101  # the caller has them
    assert observed.cluster is not None  # noqa: S101  # drawn with them
    groups = len(observed.items)
    shift = np.bincount(observed.stratum, residual, groups) / np.maximum(observed.taken, 1)
    inside = np.where(observed.of >= 0, shift[observed.of], 0.0)
    told = observed.weight * (residual - shift[observed.stratum])
    totals = clusters.total(mean) + clusters.counted(inside)
    totals = totals + np.bincount(observed.cluster, told, clusters.size)
    found, few = ultimate(totals)
    anything = np.full_like(belief, 1 / belief.shape[1])
    between = between_clusters(
        clusters,
        mean,
        linear.variance(belief) * patterns.square * patterns.count,
        linear.variance(anything) ** 0.5,
    )
    independent = variance + between
    below = variance**2 / freedom + between**2 / few  # Satterthwaite's, of the two parts
    freedom = min(independent**2 / below, few) if below > 0 else few
    return max(found, independent), max(freedom, 1.0)


def _events(seen: Floats, factor: Floats, taken: Ints, reach: Floats) -> float:
    """Degrees of freedom of the observed variance if every residual is 0 or as large as it can be.

    For one share p of n labels that is about ``2 n p (1 - p)``: twice the number of events if they
    are rare. The variance of ``s²`` is ``(m4 - s⁴ (n - 3) / (n - 1)) / n``, with the fourth moment
    ``m4 = s² (r² - 3 s²)`` of residuals that differ by r.
    """
    spread = seen * np.maximum(reach**2 - 4 * seen, 0.0) / taken
    spread = spread + 2 * seen**2 / (taken * np.maximum(taken - 1, 1))
    below = float((factor**2 * spread).sum())
    return 2 * float((factor * seen).sum()) ** 2 / below if below > 0 else 0.0


def _reach(linear: Linear, patterns: Patterns, observed: Observed) -> Floats:
    """How much one label can change a contribution, by stratum."""
    inside = observed.of >= 0
    between = (linear.influence.max(axis=0) - linear.influence.min(axis=0)) * linear.domain
    if patterns.weights is not None:
        between = between * patterns.weights.top
    reach = np.zeros(len(observed.items))
    np.maximum.at(reach, observed.of[inside], between[inside])
    return reach


def _by_stratum(variance: Floats, patterns: Patterns, observed: Observed) -> Floats:
    """Mean over the items of each stratum of a variance by pattern."""
    inside = observed.of >= 0
    total = np.bincount(
        observed.of[inside], (variance * patterns.count)[inside], len(observed.items)
    )
    return np.asarray(total / np.maximum(observed.items, 1))


def _factor(observed: Observed) -> Floats:
    """``N² (1 - n / N) / n`` of each stratum; 0 where all are labelled."""
    taken, items = np.maximum(observed.taken, 1), observed.items
    return np.asarray(items.astype(float) ** 2 * (1 / taken - 1 / items))
