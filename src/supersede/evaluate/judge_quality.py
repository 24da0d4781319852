"""How often a judge is right, from the labels of the plan that it served."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from supersede.evaluate.belief import Calibration
from supersede.evaluate.design import Plan
from supersede.evaluate.difference_estimator import Observed, difference_estimate
from supersede.evaluate.estimands import Condition, Estimand, Term, terms_of
from supersede.evaluate.judges import judged_class
from supersede.evaluate.patterns import Key, Patterns

__all__ = ["JudgeQuality", "judge_quality"]

Floats = npt.NDArray[np.float64]

_HEARD = Condition("an opinion", "==", 1)  # of patterns only; no column is called so
_FEWEST = 2  # labels from which a variance can be estimated


@dataclass(frozen=True)
class JudgeQuality:
    """How often a judge was right, on the items that the plan could choose.

    Attributes:
        judge: The judge's column.
        group: The part of the items, as in an estimand's name; empty for all.
        value: Share of its opinions that are right; None where the labels cannot say.
        low: Lower end of the interval.
        high: Upper end.
        labels: Number of labels behind it.
        used: Whether its opinions count in the estimates. A judge with which the labels do not agree
            is dropped.
    """

    judge: str
    group: str
    value: float | None
    low: float | None
    high: float | None
    labels: int
    used: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    def __str__(self) -> str:
        where = f"judge {self.judge}" + (f" | {self.group}" if self.group else "")
        if self.value is None:
            return f"{where}: {self.labels} labels cannot say how often it is right"
        right = f"right on {self.value:.3f} [{self.low:.3f}, {self.high:.3f}] of its opinions"
        return f"{where}: {right}" + ("" if self.used else "; dropped, as the labels do not agree")


def judge_quality(
    plan: Plan, observed: Observed, belief: Floats, weights: Calibration, confidence: float
) -> tuple[JudgeQuality, ...]:
    """The quality of each judge of a plan: overall, and in each group that an estimand is of.

    Args:
        plan: The plan.
        observed: Its labelled items.
        belief: Recalibrated probability of each state for each pattern, shape ``(h, states)``.
        weights: The recalibration, which says whether a judge counts.
        confidence: Two-sided confidence of the intervals.
    """
    groups = dict.fromkeys(((), *(term.where for term in terms_of(plan.estimands))))
    found = []
    for at, key in enumerate(plan.patterns.judges):
        # without an opinion, or outside the strata, nothing is known of the judge
        heard = (judged_class(plan.patterns, key) >= 0) & (observed.of >= 0)
        patterns = _marked(plan.patterns, heard)
        for where in groups:
            term = Term("accuracy", (key.of,), where=(*where, _HEARD))
            value = _share(patterns, observed, belief, Estimand(key.of, (term,)), confidence)
            group = ", ".join(map(str, where))
            found.append(JudgeQuality(key.of, group, *value, weights.counts(at)))
    return tuple(found)


def _marked(patterns: Patterns, heard: npt.NDArray[np.bool_]) -> Patterns:
    """The patterns with one more condition that some of them meet."""
    codes = np.vstack([patterns.codes, heard.astype(patterns.codes.dtype)])
    return replace(patterns, keys=(*patterns.keys, Key("condition", _HEARD, 2)), codes=codes)


def _share(
    patterns: Patterns, observed: Observed, belief: Floats, estimand: Estimand, confidence: float
) -> tuple[float | None, float | None, float | None, int]:
    """Value, interval and number of labels of a judge's accuracy."""
    from scipy.special import stdtrit

    _, counted = patterns.parts(estimand.terms[0], 0)
    labels = int(np.count_nonzero(counted[observed.pattern]))
    if labels < _FEWEST:
        return None, None, None, labels
    result = difference_estimate(estimand, patterns, belief, observed)
    half = float(stdtrit(result.freedom, 0.5 + confidence / 2)) * result.error
    if not np.isfinite(half):
        return None, None, None, labels
    low, high = max(result.value - half, 0.0), min(result.value + half, 1.0)
    return min(max(result.value, low), high), low, high, labels
