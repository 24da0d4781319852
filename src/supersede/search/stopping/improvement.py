"""Stop when improvement has become small, or improbable, everywhere.

Expected improvement (Mockus, 1974; as a stopping rule: Nguyen et al., 2017) and probability of
improvement (Kushner, 1964; as a stopping rule: Lorenz et al., 2015, arXiv:1511.04000). With the
smallest posterior mean b among the trials and z = (b - mean) / deviation,

    EI = deviation (z Phi(z) + phi(z)),    PI = Phi(z).

Their thresholds are usually absolute numbers that fit one objective. Here they can also be in units
of the statistical error: EI below a tenth of it; the probability of a gain that exceeds it.

Assumes: as in `regret_bound`. EI considers one more trial, not many.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from supersede.search.stopping.evidence import Evidence, Judgement
from supersede.search.stopping.regret_bound import worth
from supersede.search.stopping.surrogate import Surrogate

__all__ = ["ExpectedImprovement", "ProbabilityOfImprovement", "expected_improvement"]

Array = NDArray[np.float64]
_TOO_FEW = "too few trials have a value to predict the next"


def searched(surrogate: Surrogate) -> Array:
    """Candidate points for improvement: the pool and the minima of two lower bounds, ``(q, m)``."""
    minima = [surrogate.lowest(width)[1] for width in (0.5, 2.0)]
    return np.vstack([surrogate.pool, *minima])


def expected_improvement(surrogate: Surrogate, x: Array) -> Array:
    """EI over the smallest posterior mean of the trials, standardised; shape ``(q,)``."""
    from scipy.special import ndtr  # costly to import, so only when needed

    mean, deviation = surrogate.posterior.predict(x)
    z = (surrogate.at_trials[0].min() - mean) / deviation
    gain: Array = deviation * (z * ndtr(z) + np.exp(-z * z / 2) / np.sqrt(2 * np.pi))
    return gain


@dataclass(frozen=True)
class ExpectedImprovement:
    """The largest expected improvement of one more trial, compared with a threshold.

    Args:
        times: How many statistical errors it must be below.
        below: An absolute threshold, in units of the objective, in place of ``times``.
    """

    times: float = 0.1
    below: float | None = None

    def judge(self, evidence: Evidence) -> Judgement:
        """Compare the two."""
        surrogate = evidence.surrogate
        threshold, name = worth(evidence, self.times)
        if self.below is not None:
            threshold, name = self.below, f"{self.below:.3g}"
        if evidence.settled:
            return Judgement(True, "nothing is left to improve", 0.0, threshold)
        if surrogate is None or threshold is None:
            return Judgement(False, _TOO_FEW)
        gain = float(expected_improvement(surrogate, searched(surrogate)).max())
        gain *= surrogate.transform.scale
        sign = "<=" if gain <= threshold else ">"
        reason = f"one more trial is expected to gain {gain:.3g}, {sign} {name}"
        return Judgement(gain <= threshold, reason, gain, threshold)


@dataclass(frozen=True)
class ProbabilityOfImprovement:
    """The largest probability that one more trial gains more than ``times`` errors.

    Args:
        below: Probability below which the search stops, in (0, 1).
        times: The gain that counts, in statistical errors; 0 for the published rule.
    """

    below: float = 0.05
    times: float = 1.0

    def judge(self, evidence: Evidence) -> Judgement:
        """Compare the two."""
        from scipy.special import ndtr  # costly to import, so only when needed

        surrogate = evidence.surrogate
        gain, _ = worth(evidence, self.times) if self.times else (0.0, "")
        if evidence.settled:
            return Judgement(True, "nothing is left to improve", 0.0, gain)
        if surrogate is None or gain is None:
            return Judgement(False, _TOO_FEW)
        mean, deviation = surrogate.posterior.predict(searched(surrogate))
        target = surrogate.at_trials[0].min() - gain / surrogate.transform.scale
        chance = float(ndtr((target - mean) / deviation).max())
        sign = "<=" if chance <= self.below else ">"
        reason = (
            f"one more trial gains more than {gain:.3g} with probability {chance:.2g}, "
            f"{sign} {self.below:g}"
        )
        return Judgement(chance <= self.below, reason, None, gain)
