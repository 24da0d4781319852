"""Whether a supernet ranks networks as training them on their own does."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from supersede.errors import ArgumentError

if TYPE_CHECKING:
    from supersede.search.architecture.candidates import Evaluated
    from supersede.search.architecture.supernet.training import Supernet

__all__ = ["Agreement", "RankingWarning", "agreement"]

TRUSTED = 0.5
"""Rank correlation below which a supernet's choice of networks is not worth much."""

LEAST, DRAWS = 5, 1000


class RankingWarning(UserWarning):
    """A supernet, or another score, ranks networks otherwise than training them does."""


@dataclass(frozen=True)
class Agreement:
    """Rank correlation of a score with trained networks.

    Args:
        correlation: Spearman's.
        low: Lower end of its 95 % interval, by the bootstrap over networks.
        high: Upper end.
        networks: How many were trained.
    """

    correlation: float
    low: float
    high: float
    networks: int

    @property
    def trusted(self) -> bool:
        """Whether it is at least one half."""
        return self.correlation >= TRUSTED

    def __str__(self) -> str:
        words = (
            f"rank correlation with {self.networks} trained networks: {self.correlation:.2f}"
            f" (95 % interval {self.low:.2f} to {self.high:.2f})"
        )
        if self.trusted:
            return words
        return (
            f"{words}. The ranking is not to be trusted: train the supernet longer, or leave it out"
        )


def agreement(supernet: Supernet, trained: Sequence[Evaluated]) -> Agreement:
    """Compare a supernet's errors with those of networks that were trained on their own.

    Warns:
        RankingWarning: The correlation is below one half.

    Raises:
        ArgumentError: Fewer than five networks are trained, or all have the same error.
    """
    from scipy.stats import spearmanr

    able = [e for e in trained if e.state == "trained" and e.error is not None]
    if len(able) < LEAST:
        msg = f"{len(able)} trained networks say nothing of a ranking; train at least {LEAST}"
        raise ArgumentError(msg)
    told = np.array([supernet.error(e.params) for e in able])
    truth = np.array([e.error for e in able], dtype=np.float64)
    if np.ptp(told) == 0 or np.ptp(truth) == 0:
        msg = "all networks have the same error, so there is no ranking; use a harder task"
        raise ArgumentError(msg)
    rng = np.random.default_rng(0)
    found = []
    for _ in range(DRAWS):
        at = rng.integers(len(able), size=len(able))
        if np.ptp(told[at]) > 0 and np.ptp(truth[at]) > 0:
            found.append(float(spearmanr(told[at], truth[at])[0]))
    low, high = np.quantile(found, [0.025, 0.975])
    result = Agreement(float(spearmanr(told, truth)[0]), float(low), float(high), len(able))
    if not result.trusted:
        warnings.warn(str(result), RankingWarning, stacklevel=2)
    return result
