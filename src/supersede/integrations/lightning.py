"""Positive-congruent training under Lightning, by one callback."""

from collections.abc import Callable
from typing import Any

import lightning
import torch
from torch import Tensor, nn

from supersede.errors import ArgumentError
from supersede.train.flips.focal_distillation import FocalDistillation
from supersede.train.flips.old_outputs import OldOutputs

__all__ = ["PositiveCongruentCallback"]


class PositiveCongruentCallback(lightning.Callback):
    """Adds strength times focal distillation to a Lightning module's loss while it trains.

    The module computes its loss as ``self.<criterion>(logits, target)``; during `fit` the callback
    replaces it by a loss that also uses the old model. Validation uses the base loss.

    Args:
        old: The old model's outputs by item.
        items: Function from a batch to the ids of its items.
        strength: Weight of the term; 0 leaves training exactly as it is.
        distillation: The term; `FocalDistillation()` if None.
        criterion: The name of the module's loss, an ``nn.Module``.
    """

    def __init__(
        self,
        old: OldOutputs,
        items: Callable[[Any], Any],
        strength: float,
        *,
        distillation: FocalDistillation | None = None,
        criterion: str = "criterion",
    ) -> None:
        if not strength >= 0:
            msg = f"strength={strength!r} must be 0 (ordinary training) or more"
            raise ArgumentError(msg)
        self.old, self.items, self.strength = old, items, strength
        self.distillation = FocalDistillation() if distillation is None else distillation
        self.criterion = criterion
        self._loss: _Remembering | None = None

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """Replace the loss.

        Raises:
            ArgumentError: The module has no such loss.
        """
        usual = getattr(pl_module, self.criterion, None)
        if not isinstance(usual, nn.Module):
            msg = (
                f"{type(pl_module).__name__} has no loss module {self.criterion!r}; store it as"
                f" self.{self.criterion} = nn.CrossEntropyLoss(), or pass criterion='<name>'"
            )
            raise ArgumentError(msg)
        self._loss = _Remembering(usual, self.distillation, self.strength)
        setattr(pl_module, self.criterion, self._loss)

    def on_train_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int
    ) -> None:
        """Look up the old model's outputs on this batch."""
        if self._loss is not None and self.strength:
            ids = self.items(batch)
            found = self.old.logits(ids.cpu() if isinstance(ids, Tensor) else ids)
            self._loss.old_output = torch.as_tensor(found).to(pl_module.device)

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Remove them again, so that validation uses the base loss."""
        if self._loss is not None:
            self._loss.old_output = None

    def on_fit_end(self, trainer: Any, pl_module: Any) -> None:
        """Restore the base loss."""
        if self._loss is not None:
            setattr(pl_module, self.criterion, self._loss.usual)
            self._loss = None


class _Remembering(nn.Module):
    """The base loss, plus the term while old outputs are set."""

    def __init__(self, usual: nn.Module, term: FocalDistillation, strength: float) -> None:
        super().__init__()
        self.usual, self.term, self.strength = usual, term, strength
        self.old_output: Tensor | None = None

    def forward(self, input: Tensor, target: Tensor) -> Any:
        loss = self.usual(input, target)
        if self.old_output is None:
            return loss
        return loss + self.strength * self.term(input, target, self.old_output)
