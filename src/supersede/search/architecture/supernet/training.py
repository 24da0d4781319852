"""Training of shared weights by the sandwich rule, and what they say of a candidate.

Each step adds the gradients of the largest network, the smallest, and a few random ones in between,
so that the ends of the space bound what lies between them.

Source: Yu and Huang 2019, Universally Slimmable Networks, section 3.3; Yu et al. 2020, BigNAS
(arXiv 2003.11142). Deviation: no distillation from the largest network, so that the loss may be any
task's.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

from supersede.errors import ArgumentError, ConvergenceError
from supersede.search.architecture.candidates import Candidate, Score
from supersede.search.architecture.supernet.shared import CALIBRATION, SharedWeights, extremes
from supersede.search.architecture.tasks.training import Supervised, Trained

if TYPE_CHECKING:
    from supersede.hardware.description.network import Network
    from supersede.search.architecture.space import Params, Space

__all__ = ["Sandwich", "Supernet", "SupervisedTask", "train_supernet"]


class SupervisedTask(Protocol):
    """A task of which the data are known, such as `Digits`, `Detection` and `Segmentation`."""

    def supervised(self, network: Network) -> Supervised:
        """What a network is trained on."""
        ...

    def error(self, trained: Trained) -> tuple[float, float]:
        """Error on the validation data, and its standard error."""
        ...

    def fingerprint(self) -> str:
        """Every number that a score depends on."""
        ...


@dataclass(frozen=True)
class Sandwich:
    """How shared weights are trained: SGD with Nesterov momentum and a cosine of the rate.

    Args:
        steps: Of the optimiser.
        between: Random networks in each step beside the largest and the smallest.
        batch: Images in a step.
        rate: First learning rate.
        decay: Weight decay.

    Raises:
        ArgumentError: A number is out of range.
    """

    steps: int = 600
    between: int = 2
    batch: int = 64
    rate: float = 0.1
    decay: float = 1e-5

    def __post_init__(self) -> None:
        if self.steps < 1 or self.between < 0 or self.batch < 2 or not self.rate > 0:
            msg = f"steps must be ≥ 1, between ≥ 0, batch ≥ 2 and the rate above 0, got {self}"
            raise ArgumentError(msg)


@dataclass(frozen=True, eq=False)
class Supernet:
    """Trained shared weights.

    Args:
        shared: The weights.
        task: What they were trained for.
        seconds: CPU seconds of the training.
    """

    shared: SharedWeights
    task: SupervisedTask
    seconds: float

    @property
    def space(self) -> Space:
        """The space."""
        return self.shared.space

    @cached_property
    def _known(self) -> dict[str, float]:
        return {}

    def error(self, params: Params) -> float:
        """Validation error of a candidate with its part of the weights, untrained on its own.

        Raises:
            ArgumentError: A layer has no part in the weights.
        """
        key = self.space.key(params)
        if key not in self._known:
            images = self.task.supervised(self.space.network(params)).images[:CALIBRATION]
            module = self.shared.extracted(params, images)
            self._known[key] = self.task.error(Trained(module, 0.0, math.nan))[0]
        return self._known[key]

    def rank(self, candidate: Candidate) -> float:
        """Larger is better, for `make_pool(ranks=…)` and `shortlist`."""
        return -self.error(candidate.params)

    def evaluate(self, candidate: Candidate, seed: int) -> Score:
        """A supernet as a task: a search on it trains nothing."""
        before = time.process_time()
        error = self.error(candidate.params)
        return Score(error, None, time.process_time() - before)

    def fingerprint(self) -> str:
        """The task's, and that of the weights."""
        import hashlib

        digest = hashlib.sha256()
        for weights in self.shared.bank:
            digest.update(weights.detach().numpy().tobytes())
        return f"supernet {digest.hexdigest()[:16]} of {self.task.fingerprint()}"


def train_supernet(
    space: Space,
    task: SupervisedTask,
    recipe: Sandwich | None = None,
    *,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> Supernet:
    """Train shared weights by the sandwich rule.

    Args:
        space: A space of block networks.
        task: What they are trained for.
        recipe: How.
        seed: Of weights, images and networks.
        progress: Called with a line now and then.

    Raises:
        ArgumentError: The space's networks do not share weights.
        ConvergenceError: The loss is not finite.
    """
    how = recipe or Sandwich()
    shared = SharedWeights(space, seed)
    small, large = extremes(space)
    rng = np.random.default_rng([seed, 1])
    optimiser = torch.optim.SGD(
        shared.parameters(), how.rate, momentum=0.9, nesterov=True, weight_decay=how.decay
    )
    cycle = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, how.steps)
    data = _Data(space, task)
    before = time.process_time()
    for step in range(how.steps):
        rows = torch.from_numpy(rng.integers(data.count, size=how.batch))
        optimiser.zero_grad(set_to_none=True)
        for params in (large, small, *(space.sample(rng) for _ in range(how.between))):
            value = loss_of(shared, data, params, rows)
            if not math.isfinite(float(value.detach())):
                msg = f"the supernet diverged in step {step + 1}: its loss is {float(value.detach()):.3g}"
                raise ConvergenceError(msg)
            value.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(shared.parameters(), 5.0)
        optimiser.step()
        cycle.step()
        if progress is not None and step % 20 == 0:
            progress(f"supernet: step {step} of {how.steps}, loss {float(value.detach()):.3f}")
    return Supernet(shared, task, time.process_time() - before)


class _Data:
    """What networks are trained on, by what they read and write."""

    def __init__(self, space: Space, task: SupervisedTask) -> None:
        self.task = task
        self.kept: dict[tuple[object, ...], Supervised] = {}
        self.count = len(self.of(space.network(extremes(space)[1])).images)

    def of(self, network: Network) -> Supervised:
        form = tuple(network.input), *(tuple(network.shapes[n]) for n in network.outputs)
        if form not in self.kept:
            self.kept[form] = self.task.supervised(network)
        return self.kept[form]


def loss_of(shared: SharedWeights, data: _Data, params: Params, rows: torch.Tensor) -> torch.Tensor:
    """Loss of one candidate with its part of the weights on some images."""
    network = shared.space.network(params)
    given = data.of(network)
    return given.loss(shared.outputs(network, given.images[rows]), given.targets[rows])
