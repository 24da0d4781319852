"""Training of one small network, from its description to a score; the part that all tasks share."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from supersede.errors import ArgumentError, ConvergenceError, StudyError
from supersede.hardware.description.trained import TrainedNetwork, random_parameters
from supersede.hardware.formats.torch_module import TorchNetwork, to_torch

if TYPE_CHECKING:
    from supersede.hardware.description.network import Network

__all__ = ["Recipe", "Supervised", "Trained", "train"]

Loss = Callable[[Any, Tensor], Tensor]
FORMAT = 1
CALIBRATION = 256
"""Images from which normalisation is set where a training starts from weights."""


@dataclass(frozen=True)
class Recipe:
    """How a network is trained: AdamW, one cycle of the learning rate, the same for all candidates.

    Args:
        epochs: Passes over the data.
        batch: Images in a step.
        rate: Largest learning rate.
        decay: Weight decay.
        device: "cpu", or "cuda" where there is one.

    Raises:
        ArgumentError: A number is not above zero.
    """

    epochs: int = 12
    batch: int = 64
    rate: float = 4e-3
    decay: float = 1e-4
    device: str = "cpu"

    def __post_init__(self) -> None:
        if min(self.epochs, self.batch) < 1 or not self.rate > 0 or not self.decay >= 0:
            msg = f"epochs, batch and rate must be above zero, got {self}"
            raise ArgumentError(msg)


@dataclass(frozen=True)
class Supervised:
    """What a network is trained on.

    Args:
        images: Shape (n, channels, height, width).
        targets: What the loss takes, first dimension n.
        loss: Of the network's outputs and the targets.
    """

    images: Tensor
    targets: Tensor
    loss: Loss


@dataclass(frozen=True)
class Trained:
    """What a training gave.

    Args:
        module: The trained module, in evaluation mode.
        seconds: CPU seconds (or of the device's clock) of this process.
        loss: Mean loss of the last epoch.
    """

    module: TorchNetwork
    seconds: float
    loss: float

    @property
    def network(self) -> TrainedNetwork:
        """The weights, with batch normalisation folded."""
        return self.module.cpu().trained()


def train(
    network: Network,
    images: Tensor,
    targets: Tensor,
    loss: Loss,
    recipe: Recipe,
    seed: int,
    *,
    start: TrainedNetwork | None = None,
    checkpoint: Path | None = None,
) -> Trained:
    """Train a network.

    Args:
        network: What is trained.
        images: Shape (n, channels, height, width).
        targets: What the loss takes, first dimension n.
        loss: Of the network's outputs and the targets.
        recipe: How.
        seed: Of the first weights and of the order of the images.
        start: Weights to start from; random ones if left out.
        checkpoint: File that holds the state after each epoch; an interrupted training continues
            from it, and ends with the same weights.

    Raises:
        ConvergenceError: The loss is not finite.
        StudyError: The checkpoint belongs to another training, or cannot be read.
    """
    torch.manual_seed(seed)
    module = to_torch(start or random_parameters(network, seed), batch_norm=True)
    module.to(recipe.device)
    if start is not None:
        _keep_function(module, images[:CALIBRATION].to(recipe.device))
    optimiser = torch.optim.AdamW(module.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    steps = max(1, math.ceil(len(images) / recipe.batch))
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, recipe.rate, total_steps=steps * recipe.epochs
    )
    named = f"{network.fingerprint()} {recipe} {seed} {len(images)}"
    state = _State(module, optimiser, cycle, named)
    began, spent = state.load(checkpoint), 0.0
    mean = math.nan
    for epoch in range(began, recipe.epochs):
        before = time.process_time()
        # the order depends on the seed and the epoch alone, so that a training can be continued
        order = torch.from_numpy(np.random.default_rng([seed, epoch]).permutation(len(images)))
        mean = _epoch(module, optimiser, cycle, images, targets, loss, recipe, order)
        spent += time.process_time() - before
        if not math.isfinite(mean):
            msg = f"the training diverged: its loss is {mean} in epoch {epoch + 1}"
            raise ConvergenceError(msg)
        state.save(checkpoint, epoch + 1)
    return Trained(module.eval(), spent, mean)


def _keep_function(module: nn.Module, images: Tensor) -> None:
    """Set normalisation to the statistics of images, without a change of what the module computes.

    Otherwise the first batch would be normalised by its own, and trained scales would be lost.
    """

    def keep(norm: nn.Module, given: tuple[Tensor, ...]) -> None:
        if not isinstance(norm, nn.BatchNorm2d):
            return
        mean_before, variance_before = norm.running_mean, norm.running_var
        if mean_before is None or variance_before is None:
            return
        variance, mean = torch.var_mean(given[0], dim=(0, 2, 3), correction=0)
        factor = norm.weight / (variance_before + norm.eps).sqrt()
        norm.bias.add_(factor * (mean - mean_before))
        norm.weight.copy_(factor * (variance + norm.eps).sqrt())
        mean_before.copy_(mean)
        variance_before.copy_(variance)

    norms = [part for part in module.modules() if isinstance(part, nn.BatchNorm2d)]
    hooks = [norm.register_forward_pre_hook(keep) for norm in norms]
    with torch.no_grad():
        module.eval()(images)
    for hook in hooks:
        hook.remove()


def _epoch(
    module: nn.Module, optimiser: torch.optim.Optimizer, cycle: Any, images: Tensor, targets: Tensor,
    loss: Loss, recipe: Recipe, order: Tensor,
) -> float:  # fmt: skip
    module.train()
    total, seen = 0.0, 0
    for rows in torch.split(order, recipe.batch):
        if len(rows) < 2:  # batch normalisation needs two
            cycle.step()
            continue
        outputs = module(images[rows].to(recipe.device))
        value = loss(outputs, targets[rows].to(recipe.device))
        optimiser.zero_grad(set_to_none=True)
        value.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        cycle.step()
        total, seen = total + float(value.detach()) * len(rows), seen + len(rows)
    return total / max(seen, 1)


@dataclass
class _State:
    module: nn.Module
    optimiser: torch.optim.Optimizer
    cycle: Any
    named: str

    def load(self, path: Path | None) -> int:
        if path is None or not path.exists():
            return 0
        try:
            kept = torch.load(path, weights_only=True)
        except (OSError, RuntimeError, ValueError, EOFError) as error:
            msg = f"{path} is not a readable state of a training: {error}; delete it and train anew"
            raise StudyError(msg) from error
        if kept.get("format") != FORMAT or kept.get("named") != self.named:
            msg = f"{path} is the state of another training; delete it or name another file"
            raise StudyError(msg)
        self.module.load_state_dict(kept["module"])
        self.optimiser.load_state_dict(kept["optimiser"])
        self.cycle.load_state_dict(kept["cycle"])
        return int(kept["epoch"])

    def save(self, path: Path | None, epoch: int) -> None:
        if path is None:
            return
        scratch = path.with_suffix(".part")
        record = {
            "format": FORMAT, "named": self.named, "epoch": epoch,
            "module": self.module.state_dict(), "optimiser": self.optimiser.state_dict(),
            "cycle": self.cycle.state_dict(),
        }  # fmt: skip
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.save(record, scratch)
            scratch.replace(path)
        except (OSError, RuntimeError) as error:
            scratch.unlink(missing_ok=True)
            msg = f"cannot keep the state of a training in {path}: {error}; free some space"
            raise StudyError(msg) from error
