"""Stop when even the most optimistic point could barely improve the best value.

The gain is the best value seen minus the smallest lower bound of the Gaussian process,

    gain = min y - min over the space of (mean - w deviation),    w as in `regret_bound`,

that is, the regret bound of Makarova et al. (2022) with the value seen in place of the upper bound
of the best trial: the search is judged by the value that it would return, and the noise of that
value is already the threshold for the gain.

Assumes: as in `regret_bound`.
"""

from dataclasses import dataclass

from supersede.search.stopping.evidence import Evidence, Judgement
from supersede.search.stopping.regret_bound import worth

__all__ = ["OptimisticGain", "optimistic_gain"]


def optimistic_gain(evidence: Evidence, delta: float = 0.1) -> float | None:
    """The gain, in units of the objective, at least 0; None without a surrogate.

    Args:
        evidence: The history and its derived quantities.
        delta: See `regret_bound`.
    """
    if evidence.settled:
        return 0.0
    surrogate = evidence.surrogate
    if surrogate is None:
        return None
    lower, _ = surrogate.lowest(surrogate.width(delta))
    best = (surrogate.best - surrogate.transform.centre) / surrogate.transform.scale
    return max(best - lower, 0.0) * surrogate.transform.scale


@dataclass(frozen=True)
class OptimisticGain:
    """The gain, compared with the statistical error.

    Args:
        times: How many errors the gain must be below.
        delta: See `regret_bound`.
    """

    times: float = 7.0
    delta: float = 0.1

    def judge(self, evidence: Evidence) -> Judgement:
        """Compare the two."""
        gain = optimistic_gain(evidence, self.delta)
        threshold, name = worth(evidence, self.times)
        if evidence.settled:
            return Judgement(True, "nothing is left to gain", 0.0, threshold)
        if gain is None or threshold is None:
            return Judgement(False, "too few trials have a value to bound what is left to gain")
        sign = "<=" if gain <= threshold else ">"
        reason = f"at most {gain:.3g} is left to gain, {sign} {name}"
        return Judgement(gain <= threshold, reason, gain, threshold)
