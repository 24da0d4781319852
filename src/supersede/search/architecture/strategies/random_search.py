"""Uniform draws: the plain rival of every strategy."""

from dataclasses import dataclass

import numpy as np

from supersede.search.architecture.space import Value
from supersede.search.architecture.strategies.view import View, fresh

__all__ = ["RandomSearch"]


@dataclass(frozen=True)
class RandomSearch:
    """Each candidate is drawn from the whole space, without repeats."""

    def propose(self, view: View, rng: np.random.Generator) -> dict[str, Value]:
        """A candidate that is not known."""
        return fresh(view, view.space.sample, rng)
