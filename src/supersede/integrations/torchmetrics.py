"""Negative and positive flip rates as torchmetrics metrics, for training loops that log them."""

from abc import abstractmethod

import torch
from torch import Tensor
from torchmetrics import Metric

from supersede.errors import ArgumentError

__all__ = ["NegativeFlipRate", "PositiveFlipRate"]


class _FlipRate(Metric):
    """Counts of one kind of flip and of all items, as sums that merge over processes."""

    is_differentiable = False
    full_state_update = False
    flips: Tensor
    items: Tensor

    def __init__(self, ignore_index: int = -100) -> None:
        super().__init__()
        self.ignore_index = ignore_index
        self.add_state("flips", default=torch.tensor(0), dist_reduce_fx="sum")
        self.add_state("items", default=torch.tensor(0), dist_reduce_fx="sum")

    def update(self, preds: Tensor, target: Tensor, old_preds: Tensor) -> None:
        """Add a batch.

        Args:
            preds: The new model's classes, of the shape of `target`; or its logits, with one more
                dimension, the second.
            target: Labels, of any shape.
            old_preds: The old model's classes or logits, likewise.

        Raises:
            ArgumentError: Shapes do not match.
        """
        new, old = (_classes(values, target) for values in (preds, old_preds))
        valid = target != self.ignore_index
        self.flips += (self._flip(new == target, old == target) & valid).sum()
        self.items += valid.sum()

    def compute(self) -> Tensor:
        """Flips as a share of all items; NaN before the first item."""
        return self.flips / self.items

    @staticmethod
    @abstractmethod
    def _flip(new_right: Tensor, old_right: Tensor) -> Tensor:
        """The items that are flips, given whether each model is right."""


def _classes(values: Tensor, target: Tensor) -> Tensor:
    classes = values.argmax(1) if values.dim() == target.dim() + 1 else values
    if classes.shape != target.shape:
        msg = (
            f"predictions have shape {tuple(values.shape)} for labels of {tuple(target.shape)}; expected"
            " classes of the same shape, or logits with the classes in dimension 1"
        )
        raise ArgumentError(msg)
    return classes


class NegativeFlipRate(_FlipRate):
    """Share of items that the old model gets right and the new one wrong.

    Example:
        >>> metric = NegativeFlipRate()
        >>> metric(torch.tensor([0, 0]), torch.tensor([0, 1]), torch.tensor([1, 1]))
        tensor(0.5000)
    """

    higher_is_better = False

    @staticmethod
    def _flip(new_right: Tensor, old_right: Tensor) -> Tensor:
        return old_right & ~new_right


class PositiveFlipRate(_FlipRate):
    """Share of items that the old model gets wrong and the new one right.

    Example:
        >>> metric = PositiveFlipRate()
        >>> metric(torch.tensor([0, 0]), torch.tensor([0, 1]), torch.tensor([1, 1]))
        tensor(0.5000)
    """

    higher_is_better = True

    @staticmethod
    def _flip(new_right: Tensor, old_right: Tensor) -> Tensor:
        return new_right & ~old_right
