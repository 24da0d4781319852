"""Stop when the last trial barely changed the expected minimum simple regret (EMMR).

Ishibashi, Karasuyama, Takeuchi & Hino (2023, "A stopping criterion for Bayesian optimization by
the gap of expected minimum simple regrets", AISTATS). With posteriors t - 1 and t, their best
evaluated points x' and x*, and

    v^2 = Var_t[f(x*) - f(x')],   g = (mu_{t-1}(x') - mu_t(x*)) / v,

the gap of the expected minimum regrets is at most

    mu_{t-1}(x') - mu_t(x*) + v phi(g) - v g Phi(-g) + kappa sqrt(KL / 2),

where kappa is the regret bound at t - 1 and KL the divergence of posterior t from posterior t - 1,
which has a closed form in the last point's predicted variance, the noise and the last residual.

Deviation: both posteriors share the hyperparameters of step t, as the divergence requires.

Assumes: as in `regret_bound`.
"""

import math
from dataclasses import dataclass

import numpy as np

from supersede.search.stopping.evidence import Evidence, Judgement
from supersede.search.stopping.gaussian_process import condition
from supersede.search.stopping.regret_bound import worth
from supersede.search.stopping.surrogate import Surrogate

__all__ = ["ExpectedRegretGap", "expected_regret_gap"]


def expected_regret_gap(surrogate: Surrogate) -> float | None:
    """The bound on the gap, standardised; None where the last finished trial has no value."""
    from scipy.special import ndtr  # costly to import, so only when needed

    posterior, cube = surrogate.posterior, surrogate.cube
    last = len(cube.units) - 1
    if len(surrogate.complete) < 5 or surrogate.complete[-1] != last:
        return None
    # before: drop the last row of data; the factor of the first rows is the leading block
    x = cube.features(cube.units)
    y = posterior.lower @ (posterior.lower.T @ posterior.alpha) + posterior.mean
    rows = posterior.z[:-1] / posterior.scale
    before = condition(posterior.hyper, rows, cube.group, y[:-1], posterior.lower[:-1, :-1].copy())
    known = x[surrogate.complete]
    mean_now, _ = posterior.predict(known)
    mean_then, deviation_then = before.predict(known)
    now, then = int(mean_now.argmin()), int(mean_then[:-1].argmin())
    joint = posterior.covariance(known[[now, then]])
    v = math.sqrt(max(joint[0, 0] + joint[1, 1] - 2 * joint[0, 1], 1e-12))
    change = float(mean_then[then] - mean_now[now])
    g = change / v
    expected = change + v * math.exp(-g * g / 2) / math.sqrt(2 * math.pi) - v * g * float(ndtr(-g))
    variance, noise = float(deviation_then[-1]) ** 2, posterior.hyper.noise
    residual = float(y[-1] - mean_then[-1])
    divergence = 0.5 * (
        math.log1p(variance / noise)
        - variance / (variance + noise)
        + variance * residual**2 / (variance + noise) ** 2
    )
    width = surrogate.width()
    upper = float((mean_then + width * deviation_then)[:-1].min())
    mean, deviation = before.predict(surrogate.pool)
    lower = float((mean - width * deviation).min())
    kappa = max(upper - lower, 0.0)
    return abs(expected) + kappa * math.sqrt(max(divergence, 0.0) / 2)


@dataclass(frozen=True)
class ExpectedRegretGap:
    """The gap, compared with the statistical error.

    Args:
        times: How many statistical errors the gap must be below.
        below: An absolute threshold, in units of the objective, in place of ``times``.
    """

    times: float = 0.5
    below: float | None = None

    def judge(self, evidence: Evidence) -> Judgement:
        """Compare the two."""
        surrogate = evidence.surrogate
        threshold, name = worth(evidence, self.times)
        if self.below is not None:
            threshold, name = self.below, f"{self.below:.3g}"
        if evidence.settled:
            return Judgement(True, "nothing is left to gain", 0.0, threshold)
        gap = None if surrogate is None else expected_regret_gap(surrogate)
        if surrogate is None or gap is None or threshold is None or not np.isfinite(gap):
            return Judgement(False, "the last trial has no value, or too few have one")
        gap *= surrogate.transform.scale
        sign = "<=" if gap <= threshold else ">"
        reason = f"the last trial changed the expected regret by at most {gap:.3g}, {sign} {name}"
        return Judgement(gap <= threshold, reason, gap, threshold)
