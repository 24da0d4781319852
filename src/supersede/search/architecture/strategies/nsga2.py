"""NSGA-II, as Optuna has it.

Source: Deb et al. 2002. The sampler is made anew for each candidate from the seed and the number of
candidates before, so that a search that was killed continues exactly as it would have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

    from supersede.search.architecture.strategies.view import View

__all__ = ["NSGA2"]


@dataclass(frozen=True)
class NSGA2:
    """Non-dominated sorting with crossover; the values of known candidates are copied.

    Args:
        population: Candidates in each generation.
    """

    population: int = 20

    def sampler(self, view: View, seed: int) -> BaseSampler:
        """Optuna's sampler."""
        from optuna.samplers import NSGAIISampler

        return NSGAIISampler(population_size=self.population, seed=seed)
