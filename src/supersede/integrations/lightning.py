"""Positive-congruent training under Lightning, by one callback."""

from collections.abc import Callable
from typing import Any

import lightning
import torch
from torch import Tensor, nn

from supersede.errors import ArgumentError
from supersede.train.flips.distillation import LIGHT, FocalDistillation
from supersede.train.flips.old_outputs import OldOutputs

__all__ = ["PositiveCongruentCallback"]


class PositiveCongruentCallback(lightning.Callback):
    """Adds strength times focal distillation to a Lightning module's loss while it trains.

    The module computes its loss as ``self.<criterion>(logits, target)``; during `fit` the callback
    adds the term to what that returns. The module itself stays as it is, and so do its checkpoints.
    Validation uses the base loss. A module that computes its loss in another way would train as
    usual without a word; it is refused after its first batch.

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
        strength: float = LIGHT,
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
        self._term: _Term | None = None
        self._handle: Any = None

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """Add the term to the loss.

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
        self._remove()
        self._term = _Term(self.distillation, self.strength)
        self._handle = usual.register_forward_hook(self._term, with_kwargs=True)

    def on_train_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int
    ) -> None:
        """Look up the old model's outputs on this batch."""
        if self._term is not None and self.strength:
            ids = self.items(batch)
            found = self.old.logits(ids.cpu() if isinstance(ids, Tensor) else ids)
            self._term.old_output = torch.as_tensor(found).to(pl_module.device)
            self._term.used = False

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Remove them again, so that validation uses the base loss.

        Raises:
            ArgumentError: The module did not call its loss on this batch.
        """
        if self._term is None or self._term.old_output is None:
            return
        self._term.old_output = None
        if not self._term.used:
            msg = (
                f"{type(pl_module).__name__} did not call self.{self.criterion} in its training step, so the"
                " old model had no influence; compute the loss as"
                f" self.{self.criterion}(logits, target), or pass criterion='<name>'"
            )
            raise ArgumentError(msg)

    def on_fit_end(self, trainer: Any, pl_module: Any) -> None:
        """Leave the loss as it was."""
        self._remove()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Leave the loss as it was."""
        self._remove()

    def _remove(self) -> None:
        if self._handle is not None:
            self._handle.remove()
        self._handle = self._term = None


class _Term:
    """A forward hook: what it returns replaces the loss, while old outputs are set."""

    def __init__(self, term: FocalDistillation, strength: float) -> None:
        self.term, self.strength = term, strength
        self.old_output: Tensor | None = None
        self.used = False

    def __call__(
        self, module: nn.Module, args: tuple[Any, ...], named: dict[str, Any], loss: Any
    ) -> Any:
        if self.old_output is None:
            return None  # the loss stays
        self.used = True
        given = dict(zip(("input", "target"), args, strict=False)) | named
        term = self.term.to(self.old_output.device)
        return loss + self.strength * term(given["input"], given["target"], self.old_output)
