"""A Gaussian process on numpy and scipy: Matérn-5/2, one length per parameter, all data.

Model: y = m + f(x) + e, f ~ GP(0, a k(x, x')), e ~ N(0, s), k the Matérn-5/2 kernel of the distance
sum_j w_j (x_j - x'_j)^2 (Rasmussen & Williams, 2006, chapters 2, 4 and 5). The mean m is its
generalised-least-squares value for each (w, a, s), which are a posterior mode:

- length l = w^(-1/2) ~ LogNormal(sqrt 2 + log(d) / 2, sqrt 3): grows with the number of parameters
  d
  (Hvarfner et al., 2024, arXiv:2402.02229),
- noise s ~ LogNormal(-4, 1), amplitude a ~ LogNormal(0, 1), for values of variance 1.

Assumes: standardised values; homoscedastic noise.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Hyper", "Posterior", "condition", "fit"]

Array = NDArray[np.float64]
_JITTER = 1e-9
_LENGTH_MEAN, _LENGTH_VARIANCE = math.sqrt(2), 3.0
_NOISE_MEAN, _NOISE_VARIANCE = -4.0, 1.0
_AMPLITUDE_VARIANCE = 1.0
_WEIGHT_BOUNDS, _AMPLITUDE_BOUNDS, _NOISE_BOUNDS = (-12.0, 9.0), (-5.0, 5.0), (-13.8, 1.0)


@dataclass(frozen=True)
class Hyper:
    """Logarithms: weights of the d parameters, then amplitude, then noise; shape ``(d + 2,)``."""

    theta: Array

    @property
    def amplitude(self) -> float:
        """Prior variance of f."""
        return float(np.exp(self.theta[-2]))

    @property
    def noise(self) -> float:
        """Variance of the noise."""
        return float(np.exp(self.theta[-1]))


def prior_mode(d: int) -> Array:
    """The prior mode of the hyperparameters, shape ``(d + 2,)``."""
    log_length = _LENGTH_MEAN + math.log(max(d, 1)) / 2 - _LENGTH_VARIANCE
    return np.array([-2 * log_length] * d + [-_AMPLITUDE_VARIANCE, _NOISE_MEAN - _NOISE_VARIANCE])


def _squared(a: Array, b: Array) -> Array:
    out: Array = a @ (-2 * b.T)
    out += np.einsum("ij,ij->i", a, a)[:, None]
    out += np.einsum("ij,ij->i", b, b)
    np.maximum(out, 0, out=out)
    return out


def _kernel(squared: Array) -> Array:
    """The kernel alone; in place, for the many points of a pool."""
    r = np.sqrt(5 * squared)
    out = r * r
    out /= 3
    out += r
    out += 1
    np.negative(r, out=r)
    out *= np.exp(r, out=r)
    return out


def _matern(squared: Array) -> tuple[Array, Array]:
    """The kernel, and its derivative by the squared distance."""
    r = np.sqrt(5 * squared)
    decay = np.exp(-r)
    return (1 + r + r * r / 3) * decay, (-5 / 6) * (1 + r) * decay


def _solve(lower: Array, right: Array, transposed: bool = False) -> Array:
    """The solution z of L z = right, or of its transpose, by LAPACK directly (less overhead)."""
    from scipy.linalg import lapack  # see fit

    solution: Array = lapack.dtrtrs(lower, right, lower=1, trans=int(transposed))[0]
    return solution


def _priors(theta: Array) -> tuple[float, Array]:
    """Negative log prior density, of lengths and variances (not of their logarithms)."""
    d = len(theta) - 2
    log_length = -theta[:d] / 2
    off = log_length - _LENGTH_MEAN - math.log(max(d, 1)) / 2
    a, s = theta[-2], theta[-1] - _NOISE_MEAN
    value = np.sum(off**2) / (2 * _LENGTH_VARIANCE) + log_length.sum()
    value += a * a / (2 * _AMPLITUDE_VARIANCE) + a + s * s / (2 * _NOISE_VARIANCE) + theta[-1]
    slope = np.append(
        -(off / _LENGTH_VARIANCE + 1) / 2, [a / _AMPLITUDE_VARIANCE + 1, s / _NOISE_VARIANCE + 1]
    )
    return float(value), slope


def objective(theta: Array, x: Array, group: NDArray[np.int64], y: Array) -> tuple[float, Array]:
    """Negative log posterior of the hyperparameters, and its gradient, shape ``(d + 2,)``.

    Args:
        theta: As in `Hyper`.
        x: Features, shape ``(n, m)``.
        group: The parameter of each feature, shape ``(m,)``.
        y: Values, shape ``(n,)``.

    Returns:
        The value and the gradient (Rasmussen & Williams, equation 5.9; the mean's own dependence
        vanishes, because it is at its optimum).
    """
    from scipy.linalg import lapack  # see fit

    n, d = len(y), len(theta) - 2
    amplitude, noise = np.exp(theta[-2:])
    z = x * np.exp(theta[:d] / 2)[group]
    k, slope = _matern(_squared(z, z))
    k *= amplitude
    full = k.copy()
    full.flat[:: n + 1] += noise + _JITTER
    lower, failed = lapack.dpotrf(full, lower=1, clean=1)
    if failed:
        return 1e25, np.zeros_like(theta)
    half, _ = lapack.dpotri(lower, lower=1)
    inverse = half + half.T
    inverse.flat[:: n + 1] /= 2
    ones = inverse.sum(axis=0)
    residual = y - (ones @ y) / ones.sum()
    alpha = inverse @ residual
    value, gradient = _priors(theta)
    value += 0.5 * residual @ alpha + np.log(np.diag(lower)).sum()
    g = 0.5 * (inverse - np.outer(alpha, alpha))
    h = g * slope
    h *= amplitude
    # sum_ab h_ab (z_a - z_b)^2 for each feature, without an n x n x m array
    by_feature = 2 * ((z * z * h.sum(axis=1)[:, None]).sum(axis=0) - (z * (h @ z)).sum(axis=0))
    gradient[:d] += np.bincount(group, by_feature, minlength=d)
    gradient[-2] += np.sum(g * k)
    gradient[-1] += noise * np.trace(g)
    return float(value), gradient


def fit(x: Array, group: NDArray[np.int64], y: Array, start: Hyper | None = None) -> Hyper:
    """The most probable hyperparameters, from the prior's mode or from ``start`` if that is better.

    Args:
        x: Features, shape ``(n, m)``.
        group: The parameter of each feature, shape ``(m,)``.
        y: Standardised values, shape ``(n,)``.
        start: An earlier fit to begin from.

    Returns:
        The mode that L-BFGS-B reaches.
    """
    # importing scipy takes half a CPU second, which keeping a history alone should not need
    from scipy.optimize import minimize

    d = int(group.max()) + 1 if len(group) else 0
    begin = prior_mode(d)
    if start is not None and len(start.theta) == d + 2:
        earlier = objective(start.theta, x, group, y)[0]
        if earlier < objective(begin, x, group, y)[0]:
            begin = start.theta
    bounds = [_WEIGHT_BOUNDS] * d + [_AMPLITUDE_BOUNDS, _NOISE_BOUNDS]
    found = minimize(
        objective,
        begin,
        args=(x, group, y),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": 60, "ftol": 1e-6, "gtol": 1e-2},
    )
    theta = found.x if np.isfinite(found.fun) and np.all(np.isfinite(found.x)) else begin
    return Hyper(np.asarray(theta, dtype=np.float64))


@dataclass(frozen=True)
class Posterior:
    """The posterior of f given data; it can be extended by rows.

    Args:
        hyper: The hyperparameters.
        scale: Factor of each feature, shape ``(m,)``.
        z: Scaled features of the data, shape ``(n, m)``.
        lower: Cholesky factor of the data's covariance, shape ``(n, n)``.
        mean: The constant m.
        alpha: Covariance inverse times residuals, shape ``(n,)``.
    """

    hyper: Hyper
    scale: Array
    z: Array
    lower: Array
    mean: float
    alpha: Array

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Mean and standard deviation of f at features ``(q, m)``; both of shape ``(q,)``."""
        k = _kernel(_squared(x * self.scale, self.z))
        k *= self.hyper.amplitude
        v = _solve(self.lower, k.T)
        variance = self.hyper.amplitude - np.einsum("ij,ij->j", v, v)
        return self.mean + k @ self.alpha, np.sqrt(np.maximum(variance, 1e-12))

    def slopes(self, x: Array) -> tuple[Array, Array, Array, Array]:
        """Mean and deviation, shape ``(q,)``, and their gradients by the features, ``(q, m)``."""
        zx = x * self.scale
        k, dk = _matern(_squared(zx, self.z))
        k, dk = k * self.hyper.amplitude, dk * self.hyper.amplitude
        v = _solve(self.lower, k.T)
        w = _solve(self.lower, v, transposed=True).T
        deviation = np.sqrt(np.maximum(self.hyper.amplitude - np.einsum("ij,ij->j", v, v), 1e-12))

        def by_feature(weights: Array) -> Array:
            # sum_i weights_i dk_i 2 (z - z_i), by rows of x
            c = dk * weights
            out: Array = 2 * (zx * c.sum(axis=1)[:, None] - c @ self.z) * self.scale
            return out

        slope_mean = by_feature(self.alpha[None, :])
        return (
            self.mean + k @ self.alpha,
            deviation,
            slope_mean,
            -by_feature(w) / deviation[:, None],
        )

    def covariance(self, x: Array) -> Array:
        """Joint covariance of f at features ``(q, m)``, shape ``(q, q)``."""
        zx = x * self.scale
        k = self.hyper.amplitude * _kernel(_squared(zx, self.z))
        v = _solve(self.lower, k.T)
        joint: Array = self.hyper.amplitude * _kernel(_squared(zx, zx)) - v.T @ v
        return joint


def condition(
    hyper: Hyper, x: Array, group: NDArray[np.int64], y: Array, lower: Array | None = None
) -> Posterior:
    """The posterior given features ``(n, m)`` and values ``(n,)``.

    Args:
        hyper: Hyperparameters.
        x: Features of the data.
        group: The parameter of each feature.
        y: Standardised values.
        lower: The factor for the first rows of ``x``, which then is extended row by row.

    Returns:
        The posterior. Extending gives the same factor as a new factorisation, up to rounding.
    """
    scale = np.exp(hyper.theta[:-2] / 2)[group]
    z = x * scale
    noise = hyper.noise + _JITTER
    if lower is None:
        k = hyper.amplitude * _kernel(_squared(z, z))
        k.flat[:: len(y) + 1] += noise
        grown = np.asarray(np.linalg.cholesky(k), dtype=np.float64)
    else:
        grown = lower
    for row in range(len(grown), len(y)):
        grown = _appended(grown, z[: row + 1], hyper.amplitude, noise)
    both = np.stack([np.ones_like(y), y], axis=1)
    half = _solve(grown, both)
    mean = float(half[:, 0] @ half[:, 1] / (half[:, 0] @ half[:, 0]))
    alpha = _solve(grown, half[:, 1] - mean * half[:, 0], transposed=True)
    return Posterior(hyper, scale, z, grown, mean, alpha)


def _appended(lower: Array, z: Array, amplitude: float, noise: float) -> Array:
    """The factor with one more row: that of the last point of ``z``."""
    n = len(lower)
    k = amplitude * _kernel(_squared(z[-1:], z[:-1]))[0]
    row = _solve(lower, k)
    grown = np.zeros((n + 1, n + 1))
    grown[:n, :n] = lower
    grown[n, :n] = row
    grown[n, n] = math.sqrt(max(amplitude + noise - float(row @ row), _JITTER))
    return grown
