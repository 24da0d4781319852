"""Optuna's side of a proposal: distributions that never change, and a sampler that gives one answer."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler

    from supersede.search.architecture.space import Space, Value

__all__ = ["distributions", "given", "quiet_optuna"]


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """One categorical distribution per choice: the same for all candidates, as crossover needs it."""
    from optuna.distributions import CategoricalDistribution

    return {choice.name: CategoricalDistribution(choice.values) for choice in space.choices}


def given(params: Mapping[str, Value]) -> BaseSampler:
    """A sampler that answers with these values."""
    from optuna.samplers import BaseSampler

    class Given(BaseSampler):
        def infer_relative_search_space(
            self, study: Any, trial: Any
        ) -> dict[str, BaseDistribution]:
            return {}

        def sample_relative(self, study: Any, trial: Any, search_space: Any) -> dict[str, Any]:
            return {}

        def sample_independent(
            self, study: Any, trial: Any, param_name: str, param_distribution: Any
        ) -> Any:
            return params[param_name]

    return Given()


@contextmanager
def quiet_optuna() -> Iterator[None]:
    """Keep a line for each trial, and notes for those who drive a study otherwise, out of our output."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Heartbeat of storage is supposed")
            warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)
