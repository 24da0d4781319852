"""Stop when the best trial is probably within a small gain of the optimum (PRB).

Wilson (2024, "Stopping Bayesian optimization with probabilistic regret bounds", NeurIPS,
arXiv:2402.16811): stop when P(f(x) - min f <= epsilon) >= 1 - delta under the posterior, estimated
by drawing f, and tested in batches: drawing continues until a Clopper-Pearson interval of the
probability excludes 1 - delta, or the draws are used up.

Deviation: f is drawn jointly at the most promising points found (lowest lower bounds of the pool,
and their minima), not along continuous paths; epsilon is in units of the statistical error.

Assumes: as in `regret_bound`.
"""

from dataclasses import dataclass

import numpy as np

from supersede.search.stopping.evidence import Evidence, Judgement
from supersede.search.stopping.improvement import searched
from supersede.search.stopping.regret_bound import worth
from supersede.search.stopping.surrogate import Surrogate

__all__ = ["ProbabilisticRegretBound", "probability_within"]

_BATCH = 128


@dataclass(frozen=True)
class Chance:
    """A probability and its interval.

    Args:
        value: Share of the draws.
        low: Lower end of the 99 % interval.
        high: Upper end.
        draws: Number of draws.
    """

    value: float
    low: float
    high: float
    draws: int


def probability_within(
    surrogate: Surrogate, epsilon: float, level: float, draws: int, places: int
) -> Chance:
    """Probability that the best trial is within ``epsilon`` (standardised) of the minimum of f."""
    from scipy.special import betaincinv  # costly to import, so only when needed

    x = searched(surrogate)
    mean, deviation = surrogate.posterior.predict(x)
    chosen = np.argsort(mean - 2 * deviation, kind="stable")[:places]
    known = surrogate.cube.features(surrogate.cube.units[surrogate.complete])
    best = known[[int(surrogate.at_trials[0].argmin())]]
    x = np.vstack([best, x[chosen]])
    mean, _ = surrogate.posterior.predict(x)
    values, vectors = np.linalg.eigh(surrogate.posterior.covariance(x))
    root = vectors * np.sqrt(np.maximum(values, 0))
    rng = np.random.default_rng(surrogate.settings.seed)
    within, made = 0, 0
    while True:
        f = mean + rng.normal(size=(_BATCH, len(x))) @ root.T
        within += int(np.sum(f[:, 0] - f.min(axis=1) <= epsilon))
        made += _BATCH
        low = float(betaincinv(within, made - within + 1, 0.005)) if within else 0.0
        high = float(betaincinv(within + 1, made - within, 0.995)) if within < made else 1.0
        if made >= draws or low > level or high < level:
            return Chance(within / made, low, high, made)


@dataclass(frozen=True)
class ProbabilisticRegretBound:
    """The probability, compared with a level.

    Args:
        times: The tolerated regret, in statistical errors.
        delta: Tolerated probability of a larger regret, in (0, 1).
        draws: Largest number of draws.
        places: Largest number of points to draw at; the cost grows with its cube.
    """

    times: float = 1.0
    delta: float = 0.1
    draws: int = 1024
    places: int = 200

    def judge(self, evidence: Evidence) -> Judgement:
        """Draw, and compare."""
        surrogate = evidence.surrogate
        gain, name = worth(evidence, self.times)
        if evidence.settled:
            return Judgement(True, "nothing is left to gain", 0.0, gain)
        if surrogate is None or gain is None:
            return Judgement(
                False, "too few trials have a value to draw the objective from its posterior"
            )
        epsilon = gain / surrogate.transform.scale
        chance = probability_within(surrogate, epsilon, 1 - self.delta, self.draws, self.places)
        stop = chance.value >= 1 - self.delta
        sign = ">=" if stop else "<"
        reason = (
            f"the best trial is within {name} of the optimum with probability {chance.value:.2f}, "
            f"{sign} {1 - self.delta:g}"
        )
        return Judgement(stop, reason, None, gain)
