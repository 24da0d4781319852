"""What a search is about: candidates, what training and the target say of them, and limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import inf, isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from supersede.errors import ArgumentError
from supersede.hardware.picture import milliseconds
from supersede.hardware.targets.cache import Cache
from supersede.look.numbers import count

if TYPE_CHECKING:
    from supersede.hardware.description.network import Network
    from supersede.hardware.targets.measurement import Measurement, Target
    from supersede.search.architecture.space import Space, Value

__all__ = [
    "Candidate", "Costs", "Evaluated", "Limits", "Objective", "Reward", "Score", "TargetCosts", "Task",
    "whole_number",
]  # fmt: skip

Objective = Literal["error", "latency", "weights", "peak"]
"""What may be minimised: the task's error, seconds, bytes of weights, bytes of activations."""


def whole_number(name: str, value: int, *, least: int) -> None:
    """Refuse what is not a whole number, or too small.

    Raises:
        ArgumentError: It is neither.
    """
    if not isfinite(value) or value != int(value) or value < least:
        msg = f"{name} is {value}; it must be a whole number of at least {least}"
        raise ArgumentError(msg)


@dataclass(frozen=True)
class Candidate:
    """One member of a space.

    Args:
        space: The space.
        params: Its values.
    """

    space: Space
    params: Mapping[str, Value]

    @cached_property
    def key(self) -> str:
        """The same exactly for candidates that are the same network."""
        return self.space.key(self.params)

    @cached_property
    def network(self) -> Network:
        """Its network."""
        return self.space.network(self.params)


@dataclass(frozen=True)
class Score:
    """What training found.

    Args:
        error: To be minimised, such as one minus the accuracy; must be finite.
        standard_error: Of the error, where the task knows it; the rule that stops a search needs it.
        seconds: CPU or device seconds that training took.
    """

    error: float
    standard_error: float | None = None
    seconds: float = 0.0


class Task(Protocol):
    """Trains a candidate and says how good it is."""

    def evaluate(self, candidate: Candidate, seed: int) -> Score:
        """Train and validate. A score that is not finite counts as a training that diverged."""
        ...

    def fingerprint(self) -> str:
        """A text that changes whenever the same candidate might score differently."""
        ...


@dataclass(frozen=True)
class Reward:
    """A task made of a function, such as the cross test of a new embedding against the old one.

    Args:
        name: Changes whenever the function does: studies of different functions are kept apart.
        error: Takes a network and a seed and gives the error, to be minimised.
    """

    name: str
    error: Callable[[Network, int], float]

    def evaluate(self, candidate: Candidate, seed: int) -> Score:
        """Ask the function."""
        import time

        start = time.process_time()
        found = float(self.error(candidate.network, seed))
        return Score(found, seconds=time.process_time() - start)

    def fingerprint(self) -> str:
        """The name."""
        return f"reward {self.name}"


class Costs(Protocol):
    """Says what a candidate costs on a target."""

    def cost(self, candidate: Candidate) -> Measurement:
        """Latency and memory.

        Raises:
            MeasurementError: The target refuses it.
            EstimateError: It lies outside of what an estimator knows.
        """
        ...

    def fingerprint(self) -> str:
        """A text that changes whenever the same candidate might cost something else."""
        ...


@dataclass(frozen=True)
class TargetCosts:
    """Costs from a target or an estimator.

    Args:
        target: What measures.
        cache: File of kept measurements; kept in memory if left out.
    """

    target: Target
    cache: str | Path = ":memory:"

    @cached_property
    def _kept(self) -> Cache:
        return Cache(self.cache)

    def cost(self, candidate: Candidate) -> Measurement:
        """The kept measurement, or a new one."""
        return self._kept.measure(self.target, candidate.network)

    def fingerprint(self) -> str:
        """The target's."""
        return self.target.fingerprint()


@dataclass(frozen=True)
class Limits:
    """What a network may cost; a candidate beyond it is never trained.

    Args:
        latency: Seconds.
        weights: Bytes of weights as the target stores them.
        peak: Bytes of activations.

    Raises:
        ArgumentError: A limit is not above zero, or not finite.

    Example:
        >>> Limits(latency=0.001, peak=256 * 1024).named
        {'latency': 0.001, 'peak': 262144}
    """

    latency: float | None = None
    weights: int | None = None
    peak: int | None = None

    def __post_init__(self) -> None:
        for name, limit in self.named.items():
            if not 0 < limit < inf:
                msg = f"the limit of {name} is {limit}; it must be above zero and finite"
                raise ArgumentError(msg)

    @property
    def named(self) -> dict[str, float]:
        """The limits that are set."""
        all_limits = {"latency": self.latency, "weights": self.weights, "peak": self.peak}
        return {name: limit for name, limit in all_limits.items() if limit is not None}

    def excess(self, measured: Mapping[str, float | None]) -> dict[str, float]:
        """How far each limit is exceeded, relative to it; 0 or less within it.

        Raises:
            ArgumentError: The target does not say what a limit is about.
        """
        found = {}
        for name, limit in self.named.items():
            value = measured.get(name)
            if value is None:
                msg = (
                    f"there is a limit of {name}, but this target does not say it; remove the limit"
                )
                raise ArgumentError(msg)
            found[name] = value / limit - 1
        return found


@dataclass(frozen=True)
class Evaluated:
    """What is known of one candidate.

    Args:
        number: Of the trial, counted from 0.
        params: Its values.
        key: The same exactly for candidates that are the same network.
        state: "trained"; "copy" of an equal one before; "infeasible", so not trained; "failed".
        error: The task's; None unless trained or copied.
        standard_error: Of the error.
        latency: Seconds.
        weights: Bytes.
        peak: Bytes.
        seconds: What training took.
        excess: How far each limit is exceeded, relative to it.
        why: Of what is not trained.
        worker: Who evaluated it.
    """

    number: int
    params: Mapping[str, Value]
    key: str
    state: Literal["trained", "copy", "infeasible", "failed"]
    error: float | None = None
    standard_error: float | None = None
    latency: float | None = None
    weights: int | None = None
    peak: int | None = None
    seconds: float = 0.0
    excess: Mapping[str, float] = field(default_factory=dict)
    why: str = ""
    worker: str = ""

    @property
    def violation(self) -> float:
        """By how much limits are exceeded, summed; 0 where none is."""
        return sum(max(0.0, value) for value in self.excess.values())

    def values(self, objectives: tuple[Objective, ...]) -> tuple[float, ...]:
        """The objectives; infinite where one is not known."""
        found = (getattr(self, name) for name in objectives)
        return tuple(float("inf") if value is None else float(value) for value in found)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "number": self.number, "state": self.state, "error": self.error,
            "standard_error": self.standard_error, "latency": self.latency,
            "weights": self.weights, "peak": self.peak, "seconds": self.seconds,
            "params": dict(self.params), "excess": dict(self.excess), "why": self.why,
            "worker": self.worker,
        }  # fmt: skip

    def __str__(self) -> str:
        if self.error is None:
            return f"#{self.number} {self.state}: {self.why}"
        parts = [f"error {self.error:.4f}"]
        parts += [milliseconds(self.latency)] if self.latency is not None else []
        parts += [f"{count(self.weights)} bytes of weights"] if self.weights is not None else []
        parts += [f"{count(self.peak)} of activations"] if self.peak is not None else []
        return f"#{self.number} " + ", ".join(parts)
