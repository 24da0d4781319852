"""What a strategy sees, and the two methods of which it has one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

    from supersede.search.architecture.candidates import Evaluated, Objective
    from supersede.search.architecture.space import Space, Value

__all__ = ["Proposes", "Samples", "Strategy", "View", "fresh"]

ATTEMPTS = 64
"""Proposals that are drawn for one that is not known yet."""


@dataclass(frozen=True)
class View:
    """What is known when a candidate is wanted.

    Args:
        space: The space.
        objectives: What is minimised.
        settled: What has been evaluated, in order.
        running: Keys of candidates that other workers evaluate at this moment.
    """

    space: Space
    objectives: tuple[Objective, ...]
    settled: tuple[Evaluated, ...]
    running: frozenset[str] = frozenset()

    @cached_property
    def known(self) -> frozenset[str]:
        """Keys of all candidates that need not be evaluated again."""
        return self.running | {evaluated.key for evaluated in self.settled}

    @cached_property
    def span(self) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Least and largest of each objective where all are known; None where nothing is."""
        known = np.array([e.values(self.objectives) for e in self.settled])
        finite = known[np.isfinite(known).all(axis=1)] if len(known) else known
        return (finite.min(axis=0), finite.max(axis=0)) if len(finite) else None

    @cached_property
    def trained(self) -> tuple[Evaluated, ...]:
        """Those with an error of their own."""
        return tuple(e for e in self.settled if e.state == "trained")


@runtime_checkable
class Proposes(Protocol):
    """A strategy that names the next candidate: a pure function of the history and a generator."""

    def propose(self, view: View, rng: np.random.Generator) -> dict[str, Value]:
        """The next candidate's values."""
        ...


@runtime_checkable
class Samples(Protocol):
    """A strategy that is a sampler of Optuna, made anew for each candidate."""

    def sampler(self, view: View, seed: int) -> BaseSampler:
        """The sampler; its answers must follow from the study and the seed."""
        ...


Strategy = Proposes | Samples
Draw = Callable[[np.random.Generator], "dict[str, Value]"]


def fresh(view: View, draw: Draw, rng: np.random.Generator) -> dict[str, Value]:
    """The first drawn candidate that is not known, or the last one drawn where all were.

    Args:
        view: What is known.
        draw: Called with the generator; gives values.
        rng: The generator.
    """
    params: dict[str, Value] = {}
    for _ in range(ATTEMPTS):
        params = draw(rng)
        if view.space.key(params) not in view.known:
            break
    return params
