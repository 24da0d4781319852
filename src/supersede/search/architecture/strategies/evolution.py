"""Regularised evolution: the best of a few recent candidates gets one mutation; the oldest die.

Source: Real et al. 2019, Regularized Evolution for Image Classifier Architecture Search,
algorithm 1. Deviation: with several objectives a tournament is decided by a weighted Chebyshev
distance from the best of each, with new weights for each tournament, so that all of the front is
searched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from supersede.errors import ArgumentError
from supersede.search.architecture.strategies.view import View, fresh

if TYPE_CHECKING:
    from supersede.search.architecture.candidates import Evaluated
    from supersede.search.architecture.space import Params, Space, Value

__all__ = ["Evolution", "Mutation", "tournament"]


PATIENCE = 4
"""Random candidates for each one that should be trained first, at most."""


class Mutation(Protocol):
    """Changes a candidate, or returns it as it is where it has nothing to change."""

    def __call__(self, space: Space, params: Params, rng: np.random.Generator) -> dict[str, Value]:
        """The changed candidate."""
        ...


@dataclass(frozen=True)
class Evolution:
    """Regularised evolution.

    Args:
        population: How many of the most recent candidates may be parents; the first ones are random.
        entrants: How many of them enter a tournament.
        mutations: Changes beside that of one random choice, such as `rules.EXPERT`; each is as likely
            as that one.

    Raises:
        ArgumentError: A number is below 2, or the entrants are more than the population.
    """

    population: int = 50
    entrants: int = 10
    mutations: tuple[Mutation, ...] = ()

    def __post_init__(self) -> None:
        if not 2 <= self.entrants <= self.population:
            msg = (
                "entrants must be 2 or more and at most the population, got"
                f" {self.entrants} of {self.population}"
            )
            raise ArgumentError(msg)

    def propose(self, view: View, rng: np.random.Generator) -> dict[str, Value]:
        """A mutated winner, or a random candidate while too few are trained.

        Where hardly anything is within the limits, it does not wait for that: tournaments among those
        that exceed them lead there.
        """
        living = view.settled[-self.population :]
        wanted = min(self.population, 2 * self.entrants)
        waiting = len(view.trained) < wanted and len(view.settled) < PATIENCE * wanted
        if waiting or len(living) < 2:
            return fresh(view, view.space.sample, rng)

        def child(rng: np.random.Generator) -> dict[str, Value]:
            entrants = rng.choice(len(living), size=min(self.entrants, len(living)), replace=False)
            parent = tournament([living[i] for i in entrants.tolist()], view, rng)
            which = int(rng.integers(len(self.mutations) + 1))
            if which == 0:
                return view.space.neighbour(parent.params, rng)
            return self.mutations[which - 1](view.space, parent.params, rng)

        return fresh(view, child, rng)


def tournament(entrants: Sequence[Evaluated], view: View, rng: np.random.Generator) -> Evaluated:
    """The winner under random weights; what exceeds limits less wins over what exceeds them more."""
    least = min(e.violation for e in entrants)
    able = [e for e in entrants if e.violation <= least]
    points = np.array([e.values(view.objectives) for e in able])
    if view.span is None:
        return able[int(rng.integers(len(able)))]
    low, high = view.span
    scaled = (points - low) / np.where(high > low, high - low, 1.0)
    weights = rng.dirichlet(np.ones(points.shape[1]))
    return able[int(np.argmin((weights * scaled).max(axis=1)))]
