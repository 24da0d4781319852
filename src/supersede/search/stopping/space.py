"""The typed space of a search: numbers, choices and conditional parameters."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from supersede.errors import SpaceError

__all__ = ["Categorical", "Float", "Int", "Parameter", "ParameterSpace"]

Conditions = Mapping[str, tuple[Any, ...]]


def _check_range(kind: str, low: float, high: float, log: bool, step: float | None) -> None:
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        msg = f"{kind}: got the range {low!r} to {high!r}; expected two finite numbers, low <= high"
        raise SpaceError(msg)
    if log and low <= 0:
        msg = f"{kind}: got low={low!r} on a log scale; expected low > 0, or log=False"
        raise SpaceError(msg)
    if step is not None and not step > 0:
        msg = f"{kind}: got step={step!r}; expected a positive step, or none"
        raise SpaceError(msg)


@dataclass(frozen=True)
class Float:
    """A real number in ``[low, high]``.

    Args:
        low: Smallest value.
        high: Largest value.
        log: Whether the scale is logarithmic; then ``low > 0``.
        step: Distance of neighbouring values, if only a grid is possible.
        when: The parameter applies only if each named parameter has one of these values.
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None
    when: Conditions = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_range("Float", self.low, self.high, self.log, self.step)

    @property
    def size(self) -> float:
        """Number of values; infinite without a step."""
        if self.high == self.low:
            return 1
        return math.inf if self.step is None else 1 + math.floor(_steps(self))


@dataclass(frozen=True)
class Int:
    """A whole number in ``[low, high]``; arguments as for `Float`."""

    low: int
    high: int
    log: bool = False
    step: int = 1
    when: Conditions = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_range("Int", self.low, self.high, self.log, self.step)

    @property
    def size(self) -> float:
        """Number of values."""
        return 1 + math.floor(_steps(self))


@dataclass(frozen=True)
class Categorical:
    """One of some choices that have no order."""

    choices: tuple[Any, ...]
    when: Conditions = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.choices:
            msg = "Categorical: got no choices; expected at least one"
            raise SpaceError(msg)
        object.__setattr__(self, "choices", tuple(self.choices))

    @property
    def size(self) -> float:
        """Number of choices."""
        return len(self.choices)


Parameter = Float | Int | Categorical


def _steps(number: Float | Int) -> float:
    return (number.high - number.low) / (number.step or 1) + 1e-9


def to_unit(parameter: Parameter, value: object) -> float:
    """The position of ``value`` between low and high, or the index of a choice; otherwise NaN.

    Values outside the range are kept (below 0, above 1): ranges can change while a search runs.
    """
    if isinstance(parameter, Categorical):
        return next(
            (float(i) for i, c in enumerate(parameter.choices) if c is value or c == value),
            math.nan,
        )
    if not isinstance(value, int | float | np.number) or not math.isfinite(value):
        return math.nan
    low, high, x = float(parameter.low), float(parameter.high), float(value)
    if parameter.log:
        if x <= 0:
            return math.nan
        low, high, x = math.log(low), math.log(high), math.log(x)
    return 0.5 if high == low else min(max((x - low) / (high - low), -10.0), 11.0)


def units_of(parameter: Parameter, values: list[Any]) -> NDArray[np.float64]:
    """`to_unit` of many values, vectorised if all are numbers, shape ``(n,)``."""
    plain = all(type(v) in (float, int) for v in values)
    if isinstance(parameter, Categorical) or not plain or parameter.low == parameter.high:
        return np.array([to_unit(parameter, v) for v in values], dtype=np.float64)
    x = np.array(values, dtype=np.float64)
    x[~np.isfinite(x) | (parameter.log & (x <= 0))] = np.nan
    low, high = float(parameter.low), float(parameter.high)
    if parameter.log:
        low, high, x = math.log(low), math.log(high), np.log(x)
    units: NDArray[np.float64] = np.clip((x - low) / (high - low), -10.0, 11.0)
    return units


def round_unit(parameter: Parameter, unit: NDArray[np.float64]) -> NDArray[np.float64]:
    """The nearest positions in ``[0, 1]`` that the parameter can take."""
    if isinstance(parameter, Categorical) or (isinstance(parameter, Float) and not parameter.step):
        return unit
    if parameter.high == parameter.low:
        return np.full_like(unit, 0.5)
    low, high = float(parameter.low), float(parameter.high)
    step = float(parameter.step or 1)
    if not parameter.log:
        return np.clip(np.round(unit * (high - low) / step) * step / (high - low), 0, 1)
    ratio = math.log(high / low)
    values = low + np.round((low * np.exp(unit * ratio) - low) / step) * step
    rounded: NDArray[np.float64] = np.log(np.clip(values, low, high) / low) / ratio
    return rounded


def grid_units(parameter: Parameter) -> NDArray[np.float64]:
    """All positions of a parameter of finite size."""
    if isinstance(parameter, Categorical):
        return np.arange(len(parameter.choices), dtype=np.float64)
    values = parameter.low + np.arange(int(parameter.size)) * (parameter.step or 0)
    return np.array([to_unit(parameter, float(v)) for v in values])


@dataclass(frozen=True)
class ParameterSpace:
    """Named parameters.

    A parameter that some trials lack is conditional. Declare that with ``when``; otherwise the
    valid combinations are learned from the trials.

    Args:
        parameters: Name to `Float`, `Int` or `Categorical`.

    Raises:
        SpaceError: A ``when`` names an unknown parameter, or is circular.

    Example:
        >>> space = ParameterSpace({
        ...     "kernel": Categorical(("linear", "rbf")),
        ...     "C": Float(1e-3, 1e3, log=True),
        ...     "gamma": Float(1e-4, 1e1, log=True, when={"kernel": ("rbf",)}),
        ... })
        >>> space.size
        inf
    """

    parameters: Mapping[str, Parameter]

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", dict(self.parameters))
        for name, parameter in self.parameters.items():
            for other in parameter.when:
                if other not in self.parameters:
                    msg = (
                        f"parameter {name!r} applies only if {other!r} has a value; there is no"
                        " such parameter"
                    )
                    raise SpaceError(msg)
        self.parents_first()

    @property
    def size(self) -> float:
        """Largest possible number of points; infinite with a continuous parameter."""
        return math.prod(p.size for p in self.parameters.values())

    def parents_first(self) -> list[str]:
        """The names, each after the parameters in its ``when``."""
        done: list[str] = []
        left = list(self.parameters)
        while left:
            ready = [n for n in left if all(o in done for o in self.parameters[n].when)]
            if not ready:
                msg = f"the conditions of {', '.join(map(repr, left))} are circular"
                raise SpaceError(msg)
            done += ready
            left = [n for n in left if n not in ready]
        return done


def covering(a: Parameter, b: Parameter) -> Parameter:
    """One parameter that covers two ranges of the same name."""
    if isinstance(a, Categorical) or isinstance(b, Categorical):
        choices = [*getattr(a, "choices", ()), *getattr(b, "choices", ())]
        return Categorical(tuple(dict.fromkeys(choices)))
    low, high, log = min(a.low, b.low), max(a.high, b.high), a.log and b.log
    if isinstance(a, Int) and isinstance(b, Int):
        return Int(int(low), int(high), log, a.step if a.step == b.step else 1)
    return Float(low, high, log, a.step if a.step == b.step else None)
