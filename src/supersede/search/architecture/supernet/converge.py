"""A supernet that converges to one small network: architecture weights, with latency in the loss.

Every choice of the space has weights of its own, of which the softmax is the chance of each value.
Weights of the network and of the architecture are trained in turn: a network is drawn, its part of
the shared weights takes a step on training images; another one is drawn, and its validation loss
plus the weighted logarithm of its latency moves the architecture's weights by their score function.

Source: Bender et al. 2020, TuNAS, sections 2 and 3 (arXiv 2008.06120); Cai et al. 2019, ProxylessNAS,
for the latency in the objective. Deviations: the logarithm of the latency relative to a target
instead of its absolute value's distance, and both costs standardised by their moving spread.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from supersede.errors import (
    ArgumentError,
    CacheError,
    ConvergenceError,
    EstimateError,
    MeasurementError,
)
from supersede.search.architecture.candidates import Candidate
from supersede.search.architecture.supernet.shared import SharedWeights
from supersede.search.architecture.supernet.training import (
    SupervisedTask,
    _Data,
    loss_of,
)

if TYPE_CHECKING:
    from supersede.search.architecture.candidates import Costs
    from supersede.search.architecture.space import Space, Value

__all__ = ["Converged", "Converging", "converge"]

Floats = NDArray[np.float64]
HELD_OUT = 0.2
REFUSED = 2.0
"""What a candidate without costs is charged, in units of the costs' spread."""


@dataclass(frozen=True)
class Converging:
    """How a supernet converges.

    Args:
        latency_weight: Of the logarithm of latency against the loss; larger gives faster networks.
        steps: Of both optimisers.
        warm_up: First share of the steps in which only the network's weights are trained.
        batch: Images in a step.
        rate: Learning rate of the network's weights.
        architecture_rate: Of the architecture's.

    Raises:
        ArgumentError: A number is out of range.
    """

    latency_weight: float = 0.3
    steps: int = 800
    warm_up: float = 0.25
    batch: int = 64
    rate: float = 0.1
    architecture_rate: float = 0.1

    def __post_init__(self) -> None:
        able = self.steps >= 1 and self.batch >= 2 and 0 <= self.warm_up < 1
        if not able or not self.latency_weight >= 0 or min(self.rate, self.architecture_rate) <= 0:
            msg = (
                "steps must be ≥ 1, batch ≥ 2, warm_up in [0, 1), the latency's weight ≥ 0 and rates"
                f" above 0, got {self}"
            )
            raise ArgumentError(msg)


@dataclass(frozen=True, eq=False)
class Converged:
    """Where a supernet converged to.

    Args:
        params: The likeliest network.
        chances: Of each choice, the chance of each of its values.
        shared: The weights.
    """

    params: dict[str, Value]
    chances: dict[str, tuple[float, ...]]
    shared: SharedWeights

    @property
    def certainty(self) -> float:
        """Mean over the choices of the largest chance: 1 where it has converged wholly."""
        return float(np.mean([max(row) for row in self.chances.values()]))

    def __str__(self) -> str:
        words = ", ".join(f"{name} {value}" for name, value in self.params.items())
        least = min(self.chances, key=lambda name: max(self.chances[name]))
        return (
            f"{words}; mean chance of what was chosen {self.certainty:.2f}, least certain {least}"
            f" ({max(self.chances[least]):.2f})"
        )


def converge(
    space: Space,
    task: SupervisedTask,
    costs: Costs,
    recipe: Converging | None = None,
    *,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> Converged:
    """Train shared weights and architecture together, until one network is left.

    The last fifth of the training images moves the architecture's weights, the rest the network's; the
    task's validation and test data are not seen.

    Args:
        space: A space of block networks.
        task: What they are trained for.
        costs: An estimator, or a target that answers fast.
        recipe: How.
        seed: Of everything.
        progress: Called with a line now and then.

    Raises:
        ArgumentError: The space's networks do not share weights.
        ConvergenceError: The loss is not finite.
    """
    how = recipe or Converging()
    shared, rng = SharedWeights(space, seed), np.random.default_rng([seed, 2])
    data = _Data(space, task)
    first_held = int(data.count * (1 - HELD_OUT))
    optimiser = torch.optim.SGD(shared.parameters(), how.rate, momentum=0.9, nesterov=True)
    cycle = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, how.steps)
    policy, spent = _Policy(space, how), _Spent(space, costs)
    for step in range(how.steps):
        warm = step < how.warm_up * how.steps
        params = space.sample(rng) if warm else policy.draw(rng)
        rows = torch.from_numpy(rng.integers(first_held, size=how.batch))
        optimiser.zero_grad(set_to_none=True)
        value = loss_of(shared, data, params, rows)
        if not math.isfinite(float(value.detach())):
            msg = (
                f"the supernet diverged in step {step + 1}: its loss is {float(value.detach()):.3g}"
            )
            raise ConvergenceError(msg)
        value.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(shared.parameters(), 5.0)
        optimiser.step()
        cycle.step()
        if not warm:
            drawn = policy.draw(rng)
            held = torch.from_numpy(rng.integers(first_held, data.count, size=how.batch))
            with torch.no_grad():
                judged = float(loss_of(shared, data, drawn, held))
            policy.learn(drawn, judged, spent.of(drawn))
        if progress is not None and step % 20 == 0:
            progress(f"supernet: step {step} of {how.steps}, loss {float(value.detach()):.3f}")
    chances = policy.chances()
    likeliest = {
        choice.name: choice.values[int(np.argmax(row))]
        for choice, row in zip(space.choices, chances, strict=True)
    }
    named = {c.name: tuple(row.tolist()) for c, row in zip(space.choices, chances, strict=True)}
    return Converged(likeliest, named, shared)


class _Spent:
    """Logarithms of latencies; None where the target refuses a candidate."""

    def __init__(self, space: Space, costs: Costs) -> None:
        self.space, self.costs = space, costs
        self.known: dict[str, float | None] = {}

    def of(self, params: dict[str, Value]) -> float | None:
        candidate = Candidate(self.space, params)
        if candidate.key not in self.known:
            try:
                self.known[candidate.key] = math.log(self.costs.cost(candidate).seconds)
            except CacheError:
                raise
            except (EstimateError, MeasurementError):
                self.known[candidate.key] = None
        return self.known[candidate.key]


class _Policy:
    """Independent categorical choices, and the moving means and spreads of both costs."""

    def __init__(self, space: Space, how: Converging) -> None:
        self.space, self.how = space, how
        self.logits = [np.zeros(len(choice.values)) for choice in space.choices]
        self.losses: list[float] = []
        self.latencies: list[float] = []

    def chances(self) -> list[Floats]:
        powers = [np.exp(row - row.max()) for row in self.logits]
        return [row / row.sum() for row in powers]

    def draw(self, rng: np.random.Generator) -> dict[str, Value]:
        return {
            choice.name: choice.values[int(rng.choice(len(row), p=row))]
            for choice, row in zip(self.space.choices, self.chances(), strict=True)
        }

    def learn(self, params: dict[str, Value], loss: float, latency: float | None) -> None:
        """One step down the gradient of the expected cost, by its score function."""
        self.losses.append(loss)
        cost = _standard(loss, self.losses)
        if latency is None:
            cost += REFUSED
        else:
            self.latencies.append(latency)
            cost += self.how.latency_weight * _standard(latency, self.latencies)
        for choice, row, chance in zip(
            self.space.choices, self.logits, self.chances(), strict=True
        ):
            taken = choice.values.index(params[choice.name])
            step = self.how.architecture_rate * np.clip(cost, -3.0, 3.0)
            row += step * chance
            row[taken] -= step


def _standard(value: float, seen: list[float], last: int = 100) -> float:
    recent = np.array(seen[-last:])
    spread = float(recent.std())
    return (value - float(recent.mean())) / spread if spread > 0 else 0.0
