"""Stop when no trial is expected to gain more than its cost.

Xie et al. (2025, "Cost-aware stopping for Bayesian optimization", arXiv:2507.12453): stop when
EI(x) <= lambda cost(x) for all x, that is, when even the best expected improvement per cost is
below the price lambda of a unit of cost.

Here the price is given as ``seconds_per_error``: how many seconds a gain of one statistical error
is worth. Cost is predicted by a second Gaussian process, of the logarithm of the seconds of each
trial.

Assumes: as in `improvement`; cost depends smoothly on the parameters.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from supersede.errors import ArgumentError
from supersede.search.stopping.evidence import Evidence, Judgement
from supersede.search.stopping.gaussian_process import condition, fit
from supersede.search.stopping.improvement import expected_improvement, searched
from supersede.search.stopping.regret_bound import worth
from supersede.search.stopping.surrogate import Surrogate, representatives

__all__ = ["CostAware"]

Array = NDArray[np.float64]


def _seconds_at(surrogate: Surrogate, seconds: Array, x: Array) -> Array:
    """Predicted seconds at features ``(q, m)``; the median where costs hardly vary."""
    timed = np.flatnonzero(np.isfinite(seconds) & (seconds > 0))
    y = np.log(seconds[timed])
    scale = float(y.std())
    if len(timed) < 8 or scale < 0.05:
        return np.full(len(x), float(np.median(seconds[timed])))
    known = surrogate.cube.features(surrogate.cube.units[timed])
    rows = representatives(known, y, surrogate.settings.largest_fit)
    centre = float(y.mean())
    standard = (y[rows] - centre) / scale
    hyper = fit(known[rows], surrogate.cube.group, standard)
    mean, _ = condition(hyper, known[rows], surrogate.cube.group, standard).predict(x)
    predicted: Array = np.exp(centre + scale * mean)
    return predicted


@dataclass(frozen=True)
class CostAware:
    """Expected improvement per second, compared with a price.

    Args:
        seconds_per_error: Seconds that a gain of one statistical error is worth.
    """

    seconds_per_error: float

    def __post_init__(self) -> None:
        if not self.seconds_per_error > 0:
            msg = f"seconds_per_error: got {self.seconds_per_error!r}; expected a positive number"
            raise ArgumentError(msg)

    def judge(self, evidence: Evidence) -> Judgement:
        """Compare the gain and the cost of the most cost-effective point."""
        surrogate = evidence.surrogate
        one_error, _ = worth(evidence, 1.0)
        if evidence.settled:
            return Judgement(True, "nothing is left to gain", 0.0, one_error)
        seconds = np.array([t.seconds or np.nan for t in evidence.history.finished], dtype=float)
        if surrogate is None or not one_error or not np.isfinite(seconds).any():
            return Judgement(False, "too few trials have a value, or none reports its cost")
        x = searched(surrogate)
        gain = expected_improvement(surrogate, x) * surrogate.transform.scale
        cost = _seconds_at(surrogate, seconds, x)
        buy = int(np.argmax(gain / cost))
        worth_seconds = float(gain[buy]) / one_error * self.seconds_per_error
        sign = "<=" if worth_seconds <= cost[buy] else ">"
        reason = (
            f"the most cost-effective trial is expected to gain {gain[buy]:.3g}, worth"
            f" {worth_seconds:.3g} s, {sign} its cost of {cost[buy]:.3g} s"
        )
        return Judgement(worth_seconds <= float(cost[buy]), reason, float(gain[buy]), one_error)
