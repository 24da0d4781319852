"""The surrogate of a search: a Gaussian process of all trials.

Hyperparameters are fitted when the history reaches scheduled sizes (each about a tenth larger than
the last) and kept in between, where the Cholesky factor is extended by rows. Each fit starts from
the previous one, and every eighth from the prior, so a new process repeats at most eight fits and
obtains the same numbers: a surrogate is a pure function of the history.

Values are clipped above, at the median plus three times its distance from the best, and
standardised. Failed trials count as bad as the worst, pruned ones as the upper quartile.
"""

import math
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from supersede.search.stopping.cube import Cube, cube_of
from supersede.search.stopping.gaussian_process import Hyper, Posterior, condition, fit
from supersede.search.stopping.history import History, State

__all__ = ["Memory", "Settings", "Surrogate", "surrogate_of"]

Array = NDArray[np.float64]
T = TypeVar("T")
_CHAIN = 8  # a cold fit (from the prior) and the warm ones that follow it
_NEAR = 0.1  # a point counts as seen if a trial is this close, as a share of each range


@dataclass(frozen=True)
class Settings:
    """Size and accuracy of the surrogate's computations.

    Args:
        growth: Ratio of the sizes at which hyperparameters are fitted; 1 fits at each trial.
        largest: Largest number of trials used; beyond it, the best half and the most distant ones
            represent all.
        largest_fit: The same for the choice of hyperparameters.
        candidates: Number of random points at which the space is searched; the same number lies
            near the best trials.
        seed: Seed of the random points.
    """

    growth: float = 1.1
    largest: int = 500
    largest_fit: int = 200
    candidates: int = 384
    seed: int = 0


@dataclass
class Memory:
    """A cache of fits; discarding it changes the time, not the results."""

    fits: OrderedDict[bytes, Hyper] = field(default_factory=OrderedDict)
    factors: OrderedDict[bytes, Array] = field(default_factory=OrderedDict)


def _remember(shelf: OrderedDict[bytes, T], key: bytes, value: T, most: int) -> T:
    shelf[key] = value
    while len(shelf) > most:
        shelf.popitem(last=False)
    return value


@dataclass(frozen=True)
class Transform:
    """From losses to standardised values and back."""

    centre: float
    scale: float
    ceiling: float
    pruned: float

    def __call__(self, losses: Array, pruned: NDArray[np.bool_]) -> Array:
        """Standardised, clipped values; shape as ``losses``, without NaN."""
        filled = np.where(pruned & np.isnan(losses), self.pruned, losses)
        filled = np.where(np.isnan(filled), self.ceiling, filled)
        out: Array = (np.minimum(filled, self.ceiling) - self.centre) / self.scale
        return out


def transform_of(losses: Array) -> Transform | None:
    """The transform for a list of losses (NaN: none); None if they do not vary."""
    known = losses[~np.isnan(losses)]
    if len(known) < 2:
        return None
    low, median = float(known.min()), float(np.median(known))
    # if half of the trials share the best value, the next larger one gives the scale
    if median == low:
        median = float(min(known[known > low], default=low))
    # diverged trials would otherwise set the scale, and the values near the best would look equal
    ceiling = median + 3 * (median - low)
    clipped = np.minimum(known, ceiling)
    scale = float(clipped.std())
    # differences at the level of rounding are not variation
    if not math.isfinite(ceiling) or scale <= 1e-13 * max(abs(low), abs(median)):
        return None
    return Transform(
        float(clipped.mean()), scale, float(clipped.max()), float(np.quantile(clipped, 0.75))
    )


@dataclass(frozen=True)
class Surrogate:
    """A posterior of the loss over the space.

    Args:
        cube: The trials in the unit cube.
        posterior: In standardised units.
        transform: Between them and losses.
        best: Smallest loss seen.
        complete: Positions of the trials with a value.
        settings: As given.
    """

    cube: Cube
    posterior: Posterior
    transform: Transform
    best: float
    complete: NDArray[np.int64]
    settings: Settings
    _minima: dict[float, tuple[float, Array]] = field(default_factory=dict, repr=False)

    @cached_property
    def pool(self) -> Array:
        """Features at which the space is searched: a grid, or random points and neighbours."""
        if self.cube.grid is not None:
            return self.cube.features(self.cube.grid)
        rng = np.random.default_rng(self.settings.seed)
        random = self.cube.sample(self.settings.candidates, rng)
        mean, _ = self.at_trials
        # by posterior mean, because the lowest observed values are partly noise
        leaders = self.complete[np.argsort(mean, kind="stable")[:6]]
        near = self.cube.near(self.cube.units[leaders], self.settings.candidates // 6, rng)
        return self.cube.features(np.vstack([random, near]))

    @cached_property
    def at_pool(self) -> tuple[Array, Array]:
        """Mean and deviation over the pool, standardised, shape ``(q,)`` each."""
        return self.posterior.predict(self.pool)

    @cached_property
    def at_trials(self) -> tuple[Array, Array]:
        """Mean and deviation at the trials with a value, standardised, shape ``(n,)`` each."""
        return self.posterior.predict(self.cube.features(self.cube.units[self.complete]))

    def width(self, delta: float = 0.1) -> float:
        """Half-width of the bounds, in deviations: sqrt(2 log(d n^2 pi^2 / (6 delta)) / 5)."""
        n, d = len(self.complete), max(len(self.cube.names), 1)
        return math.sqrt(0.4 * math.log(d * n * n * math.pi**2 / (6 * delta)))

    def lowest(self, width: float) -> tuple[float, Array]:
        """The smallest lower bound (mean - width x deviation), and its point."""
        if width not in self._minima:
            self._minima[width] = self._search(width)
        return self._minima[width]

    def _search(self, width: float) -> tuple[float, Array]:
        mean, deviation = self.at_pool
        lower = mean - width * deviation
        order = np.argsort(lower, kind="stable")
        found, point = float(lower[order[0]]), self.pool[order[0]]
        if self.cube.grid is None and self.cube.numeric:
            refined = self._descend(self.pool[order[:3]], width)
            mean, deviation = self.posterior.predict(refined)
            lower = mean - width * deviation
            if lower.min() < found:
                found, point = float(lower.min()), refined[int(lower.argmin())]
        return found, point

    def _descend(self, starts: Array, width: float) -> Array:
        """Local minima of the lower bound in the active numeric parameters, found together."""
        from scipy.optimize import minimize  # costly to import, so only when needed

        columns = np.array(list(self.cube.numeric.values()))
        free = np.zeros(starts.shape, dtype=bool)
        free[:, columns] = True
        for parameter, column in self.cube.numeric.items():
            if self.cube.conditional[parameter]:
                # the feature after a conditional position encodes whether the parameter applies
                free[:, column] = starts[:, column + 1] > 0
        if not free.any():
            return starts

        # the sum over starts is separable, so one run minimises all of them, with one call of the
        # posterior per step
        def total(v: Array) -> tuple[float, Array]:
            x = starts.copy()
            x[free] = v
            mean, deviation, dm, ds = self.posterior.slopes(x)
            return float((mean - width * deviation).sum()), (dm - width * ds)[free]

        bounds = [(0.0, 1.0)] * int(free.sum())
        options = {"maxiter": 20, "ftol": 1e-5}
        found = minimize(
            total, starts[free], jac=True, method="L-BFGS-B", bounds=bounds, options=options
        )
        points = starts.copy()
        points[free] = found.x
        return self._snapped(points)

    def _snapped(self, points: Array) -> Array:
        """Positions rounded to the values of integer and stepped parameters."""
        units = np.full((len(points), len(self.cube.names)), np.nan)
        for parameter, column in self.cube.numeric.items():
            units[:, parameter] = points[:, column]
        units = self.cube.rounded(units)
        for parameter, column in self.cube.numeric.items():
            points[:, column] = units[:, parameter]
        return points

    @cached_property
    def unseen(self) -> float:
        """Share of the space, in [0, 1], with no trial within a tenth of every range."""
        rng = np.random.default_rng(self.settings.seed)
        places = self.cube.sample(512, rng) if self.cube.grid is None else self.cube.grid
        near = np.ones((len(places), len(self.cube.units)), dtype=bool)
        for place, trial in zip(places.T, self.cube.units.T, strict=True):
            # where a parameter applies to neither of two points, they agree on it
            # 99 is far from every position in [0, 1], so "does not apply" is near nothing else
            gap = np.abs(np.nan_to_num(place, nan=99.0)[:, None] - np.nan_to_num(trial, nan=99.0))
            near &= gap <= _NEAR
        return float(1 - near.any(axis=1).mean())


def fit_sizes(count: int, growth: float) -> list[int]:
    """The scheduled sizes up to ``count``."""
    sizes, size = [], 4
    while size <= count:
        sizes.append(size)
        size += max(1, int(size * (growth - 1)))
    return sizes


def representatives(x: Array, y: Array, most: int) -> NDArray[np.int64]:
    """Positions of the best half and of the points farthest from those chosen; all if they fit."""
    if len(y) <= most:
        return np.arange(len(y))
    chosen = list(np.argsort(y, kind="stable")[: most // 2])
    distance = np.full(len(y), np.inf)
    for i in chosen:
        distance = np.minimum(distance, ((x - x[i]) ** 2).sum(axis=1))
    while len(chosen) < most:
        farthest = int(distance.argmax())
        chosen.append(farthest)
        distance = np.minimum(distance, ((x - x[farthest]) ** 2).sum(axis=1))
    return np.sort(np.array(chosen))


def surrogate_of(
    history: History, settings: Settings | None = None, memory: Memory | None = None
) -> Surrogate | None:
    """Fit or recall the surrogate of a history.

    Args:
        history: The history.
        settings: Settings of the surrogate.
        memory: Fits from earlier calls; filled in place.

    Returns:
        The surrogate; None where fewer than four trials have values or where they do not vary.
    """
    settings, memory = settings or Settings(), memory if memory is not None else Memory()
    losses, cube = history.losses, cube_of(history)
    sizes = fit_sizes(len(losses), settings.growth)
    if len(history.complete) < 4 or not cube.names or not sizes:
        return None
    size = sizes[-1]
    transform = transform_of(losses[:size])
    # the values vary only since the last scheduled size: fit now instead
    if transform is None:
        sizes, size, transform = [len(losses)], len(losses), transform_of(losses)
    if transform is None:
        return None
    pruned = np.array([t.state == State.PRUNED for t in history.finished])
    x = cube.features(cube.units)
    hyper = _chained(x, cube.group, losses, pruned, sizes, settings, memory)
    y = transform(losses, pruned)
    rows = representatives(x[:size], y[:size], settings.largest)
    # all trials since the last fit are kept, so that the factor can be extended row by row
    rows = np.concatenate([rows, np.arange(size, len(y))])
    # the factor of all rows but the last, from the call one trial ago, if it is still there
    key = _digest(x[rows[:-1]], hyper.theta)
    posterior = condition(hyper, x[rows], cube.group, y[rows], memory.factors.get(key))
    _remember(memory.factors, _digest(x[rows], hyper.theta), posterior.lower, most=2)
    return Surrogate(
        cube, posterior, transform, float(np.nanmin(losses)), history.complete, settings
    )


def _chained(
    x: Array,
    group: NDArray[np.int64],
    losses: Array,
    pruned: NDArray[np.bool_],
    sizes: list[int],
    settings: Settings,
    memory: Memory,
) -> Hyper:
    """The fit at the last size: a chain of warm fits since the last fit from the prior."""
    missing: list[tuple[int, bytes, Array]] = []
    hyper: Hyper | None = None
    # from the last size back to the latest multiple of _CHAIN, where the fit is cold; if that is the
    # first size, the slice's end of -1 makes it empty, and all sizes are used
    for size in sizes[: (len(sizes) - 1) // _CHAIN * _CHAIN - 1 : -1] or sizes[::-1]:
        transform = transform_of(losses[:size])
        if transform is None:
            continue
        y = transform(losses[:size], pruned[:size])
        # the starting point is not part of the key: these rows and the growth determine it
        key = _digest(
            x[:size], y, group.astype(np.float64), np.array([settings.growth, settings.largest_fit])
        )
        hyper = memory.fits.get(key)
        if hyper is not None:
            break
        missing.append((size, key, y))
    for size, key, y in reversed(missing):
        rows = representatives(x[:size], y, settings.largest_fit)
        hyper = _remember(memory.fits, key, fit(x[rows], group, y[rows], hyper), most=64)
    if hyper is None:
        msg = "no size with values that vary"  # surrogate_of has checked the last size
        raise AssertionError(msg)
    return hyper


def _digest(*arrays: Array) -> bytes:
    digest = blake2b(digest_size=16)
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
        digest.update(str(array.shape).encode())
    return digest.digest()
