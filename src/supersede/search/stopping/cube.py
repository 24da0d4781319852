"""Trials as points of a unit cube, in an order that does not depend on parameter names.

A conditional parameter that does not apply is placed in the middle of its range, at a fixed
distance from the points where it applies: one more feature encodes whether it does. Squared
distances stay Euclidean, so any stationary kernel of them is valid (the idea of the arc kernel of
Swersky et al., 2014, arXiv:1409.4011, with a line in place of the arc). Any two choices of a
categorical parameter have distance one.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from supersede.search.stopping.history import History
from supersede.search.stopping.space import (
    Categorical,
    Parameter,
    ParameterSpace,
    grid_units,
    round_unit,
    to_unit,
    units_of,
)

__all__ = ["Cube", "cube_of"]

Array = NDArray[np.float64]
_ACTIVITY = 0.5  # distance of "does not apply" from the line on which a parameter varies
_LARGEST_GRID = 10_000
_CHOICE = 1 / math.sqrt(2)  # so that two choices have distance one


@dataclass(frozen=True)
class Cube:
    """Units of shape ``(n, d)``: positions in [0, 1], index of a choice, NaN where inactive."""

    space: ParameterSpace
    names: tuple[str, ...]
    units: Array

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters, in the order of the columns."""
        return tuple(self.space.parameters[name] for name in self.names)

    @cached_property
    def conditional(self) -> tuple[bool, ...]:
        """Which parameters do not always apply."""
        absent = [bool(column.any()) for column in np.isnan(self.units).T]
        return tuple(bool(p.when) or gone for p, gone in zip(self.parameters, absent, strict=True))

    @cached_property
    def group(self) -> NDArray[np.int64]:
        """The parameter of each feature, shape ``(m,)``."""
        return np.array(
            [i for i, (p, c) in enumerate(self._kinds) for _ in range(_width(p, c))], dtype=np.int64
        )

    @cached_property
    def numeric(self) -> dict[int, int]:
        """The feature that contains the position of each numeric parameter."""
        starts = np.cumsum([0, *(_width(p, c) for p, c in self._kinds)])
        return {
            i: int(starts[i])
            for i, (p, _) in enumerate(self._kinds)
            if not isinstance(p, Categorical)
        }

    @property
    def _kinds(self) -> list[tuple[Parameter, bool]]:
        return list(zip(self.parameters, self.conditional, strict=True))

    def features(self, units: Array) -> Array:
        """Coordinates whose Euclidean distance the kernel uses, shape ``(n, m)``."""
        columns: list[Array] = []
        for i, (parameter, conditional) in enumerate(self._kinds):
            unit = units[:, i]
            if isinstance(parameter, Categorical):
                codes = np.arange(len(parameter.choices))
                columns.append((unit[:, None] == codes) * _CHOICE)
                continue
            columns.append(np.where(np.isnan(unit), 0.5, unit)[:, None])
            if conditional:
                columns.append(~np.isnan(unit)[:, None] * _ACTIVITY)
        return np.hstack(columns) if columns else np.zeros((len(units), 0))

    def sample(self, count: int, rng: np.random.Generator) -> Array:
        """Points spread evenly over the possible values, shape ``(count, d)``."""
        units = rng.random((count, len(self.names)))
        for i, parameter in enumerate(self.parameters):
            if isinstance(parameter, Categorical):
                units[:, i] = np.floor(units[:, i] * len(parameter.choices))
        self._deactivate(units, rng)
        return self.rounded(units)

    def near(self, units: Array, count: int, rng: np.random.Generator) -> Array:
        """``count`` neighbours of each given point: about half of its coordinates moved."""
        moved = np.repeat(units, count, axis=0)
        reach = rng.choice([0.02, 0.08, 0.25], size=(len(moved), 1))
        move = rng.random(moved.shape) < 0.5
        step = rng.normal(size=moved.shape) * reach
        fresh = rng.random(moved.shape)
        for i, parameter in enumerate(self.parameters):
            if isinstance(parameter, Categorical):
                if self._declared or not any(self.conditional):
                    swap = move[:, i] & (reach[:, 0] > 0.2) & ~np.isnan(moved[:, i])
                    moved[swap, i] = np.floor(fresh[swap, i] * len(parameter.choices))
            else:
                moved[:, i] = np.clip(moved[:, i] + move[:, i] * step[:, i], 0, 1)
        if self._declared:
            self._deactivate_declared(moved)
        return self.rounded(moved)

    def rounded(self, units: Array) -> Array:
        """The nearest points that the parameters can take."""
        for i, parameter in enumerate(self.parameters):
            units[:, i] = round_unit(parameter, units[:, i])
        return units

    @cached_property
    def grid(self) -> Array | None:
        """All points of a finite space, or None where there are more than 10,000.

        If conditions were not declared, it is unknown which untried combinations are possible, so
        such a space counts as infinite.
        """
        unknown = any(self.conditional) and not self._declared
        if unknown or self.space.size > _LARGEST_GRID:
            return None
        if not self.names:
            return np.zeros((1, 0))
        mesh = np.meshgrid(*(grid_units(p) for p in self.parameters), indexing="ij")
        units = np.stack([m.ravel() for m in mesh], axis=1)
        self._deactivate_declared(units)
        return np.unique(units, axis=0)

    @cached_property
    def exhausted(self) -> bool:
        """Whether all points of a finite space were tried."""
        if self.grid is None or not len(self.units):
            return False
        tried = {row.tobytes() for row in np.nan_to_num(self.units.round(9), nan=-1.0)}
        return all(row.tobytes() in tried for row in np.nan_to_num(self.grid.round(9), nan=-1.0))

    @property
    def _declared(self) -> bool:
        return any(p.when for p in self.parameters)

    def _deactivate(self, units: Array, rng: np.random.Generator) -> None:
        if self._declared:
            self._deactivate_declared(units)
        elif any(self.conditional):
            self._deactivate_as_seen(units, rng)

    def _deactivate_declared(self, units: Array) -> None:
        for name in self.space.parents_first():
            if name in self.names:  # a parameter with one value has no column
                units[~self._allowed(name, units), self.names.index(name)] = np.nan

    def _allowed(self, name: str, units: Array) -> NDArray[np.bool_]:
        """Where the declared conditions of a parameter hold, shape ``(n,)``."""
        met = np.ones(len(units), dtype=bool)
        for parent, allowed in self.space.parameters[name].when.items():
            p = self.space.parameters[parent]
            if parent not in self.names:
                met &= self._allowed(parent, units) & (_only(p) in allowed)
                continue
            positions = np.array([to_unit(p, value) for value in allowed])
            column = units[:, [self.names.index(parent)]]
            met &= (np.abs(column - positions) < 1e-9).any(axis=1)
        return met

    def _deactivate_as_seen(self, units: Array, rng: np.random.Generator) -> None:
        """Draw activity patterns of trials, without choices seen only under other patterns."""
        active = ~np.isnan(self.units)
        patterns, of_trial = np.unique(active, axis=0, return_inverse=True)
        of_point = rng.integers(len(patterns), size=len(units))
        for k, pattern in enumerate(patterns):
            here, seen = of_point == k, self.units[of_trial.ravel() == k]
            for i, parameter in enumerate(self.parameters):
                if not isinstance(parameter, Categorical) or not pattern[i]:
                    continue
                only_elsewhere = np.setdiff1d(self.units[:, i], seen[:, i])
                codes = np.setdiff1d(np.arange(len(parameter.choices)), only_elsewhere)
                units[here, i] = rng.choice(codes, size=int(here.sum()))
            units[np.ix_(here, ~pattern)] = np.nan


def _only(parameter: Parameter) -> object:
    """The one value of a parameter that has no other."""
    return parameter.choices[0] if isinstance(parameter, Categorical) else parameter.low


def _width(parameter: Parameter, conditional: bool) -> int:
    if isinstance(parameter, Categorical):
        return len(parameter.choices)
    return 2 if conditional else 1


def cube_of(history: History) -> Cube:
    """The finished trials of a history, with columns ordered by content, not by name."""
    parameters = history.space.parameters
    columns = {
        name: units_of(p, [t.params.get(name) for t in history.finished])
        for name, p in parameters.items()
        if p.size > 1  # a constant parameter does not distinguish trials
    }

    def order(name: str) -> tuple[str, list[float]]:
        p = parameters[name]
        kind = f"{type(p).__name__} {len(p.choices)}" if isinstance(p, Categorical) else f"{p!r}"
        return kind.split(", when=")[0], np.nan_to_num(columns[name], nan=-99.0).tolist()

    names = tuple(sorted(columns, key=order))
    units = (
        np.stack([columns[name] for name in names], axis=1)
        if names
        else np.zeros((len(history.finished), 0))
    )
    return Cube(history.space, names, units)
