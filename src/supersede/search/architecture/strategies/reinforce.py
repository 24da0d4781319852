"""A controller trained by policy gradients: each choice is a categorical distribution.

Source: Williams 1992, REINFORCE; Zoph and Le 2017 for architectures; the reward weighs latency as in
Tan et al. 2019, MnasNet. Deviations: choices are independent of each other rather than drawn by a
recurrent network, which a few hundred evaluations could not train; and there is one controller for
each of several weights of the objectives, which take turns, so that a front is found rather than one
network. The controllers are trained anew from the history for each candidate: the state on disk is
the history alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from supersede.search.architecture.strategies.view import View, fresh

if TYPE_CHECKING:
    from supersede.search.architecture.space import Value

__all__ = ["Reinforce"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Reinforce:
    """REINFORCE with a moving baseline.

    Args:
        controllers: Weights of the objectives between which the controllers are spread.
        rate: Step of the gradient.
        warm_up: Random candidates before the first controlled one; all controllers learn from them.
        memory: Weight of the past in the moving baseline.
    """

    controllers: int = 4
    rate: float = 0.6
    warm_up: int = 16
    memory: float = 0.8

    def propose(self, view: View, rng: np.random.Generator) -> dict[str, Value]:
        """A draw of the controller whose turn it is."""
        turn = len(view.settled)
        if len(view.trained) < self.warm_up:
            return fresh(view, view.space.sample, rng)
        policy = self._policy(view, turn % self.controllers)

        def draw(rng: np.random.Generator) -> dict[str, Value]:
            params = {
                choice.name: choice.values[int(rng.choice(len(row), p=row))]
                for choice, row in zip(view.space.choices, policy, strict=True)
            }
            return params if view.space.belongs(params) else view.space.neighbour(params, rng)

        return fresh(view, draw, rng)

    def _policy(self, view: View, controller: int) -> list[Floats]:
        points = np.array([e.values(view.objectives) for e in view.settled])
        finite = points[np.isfinite(points).all(axis=1)]
        low, high = finite.min(axis=0), finite.max(axis=0)
        scaled = np.clip((points - low) / np.where(high > low, high - low, 1.0), 0, 2)
        share = (controller + 0.5) / self.controllers
        weights = np.array(
            [share, *[(1 - share) / max(1, points.shape[1] - 1)] * (points.shape[1] - 1)]
        )
        rewards = -np.nan_to_num(scaled @ weights, nan=2.0, posinf=2.0)
        logits = [np.zeros(len(choice.values)) for choice in view.space.choices]
        baseline = float(rewards[: self.warm_up].mean())
        for i, evaluated in enumerate(view.settled):
            if i >= self.warm_up and i % self.controllers != controller:
                continue
            reward = float(rewards[i]) - evaluated.violation
            step = self.rate * (reward - baseline)
            baseline = self.memory * baseline + (1 - self.memory) * reward
            for row, choice in zip(logits, view.space.choices, strict=True):
                taken = choice.values.index(evaluated.params[choice.name])
                row -= step * _softmax(row)
                row[taken] += step
        return [_softmax(row) for row in logits]


def _softmax(row: Floats) -> Floats:
    powers = np.exp(row - row.max())
    return np.asarray(powers / powers.sum())
