"""Positive-congruent training under the Hugging Face Trainer, by a mix-in."""

from typing import Any, cast

import torch
from torch import Tensor

from supersede.errors import ArgumentError
from supersede.train.flips.distillation import LIGHT, FocalDistillation
from supersede.train.flips.old_outputs import OldOutputs

__all__ = ["PositiveCongruentTrainerMixin"]


class PositiveCongruentTrainerMixin:
    """Adds strength times focal distillation to the loss that a Trainer computes while it trains.

    For models that classify sequences or tokens and return ``.loss`` and ``.logits``, classes last.
    Write ``class MyTrainer(PositiveCongruentTrainerMixin, Trainer): pass``; the training data set
    must have a column with item ids in addition to ``labels``. Evaluation uses the base loss.

    Args:
        *args: As for the Trainer.
        old_outputs: The old model's outputs by item.
        strength: Weight of the term; 0 leaves training as it is.
        distillation: The term; `FocalDistillation(class_dim=-1)` if None.
        item: The name of the column with item ids, which are integers.
        **kwargs: As for the Trainer.

    Raises:
        ArgumentError: The strength is negative or not a number.
    """

    def __init__(
        self,
        *args: Any,
        old_outputs: OldOutputs,
        strength: float = LIGHT,
        distillation: FocalDistillation | None = None,
        item: str = "item",
        **kwargs: Any,
    ) -> None:
        if not strength >= 0:
            msg = f"strength={strength!r} must be 0 (ordinary training) or more"
            raise ArgumentError(msg)
        self.old_outputs, self.strength, self.item = old_outputs, strength, item
        self.distillation = (
            FocalDistillation(class_dim=-1) if distillation is None else distillation
        )
        super().__init__(*args, **kwargs)

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, **kwargs: Any
    ) -> Any:
        """The Trainer's loss, and while training the term on top of it."""
        items = inputs.pop(self.item, None)
        labels = inputs.get("labels")  # the Trainer can remove them
        host = cast("Any", super())
        loss, outputs = host.compute_loss(model, inputs, return_outputs=True, **kwargs)
        if model.training and self.strength:
            if items is None or labels is None:
                msg = (
                    f"batches have no {'labels' if labels is None else repr(self.item)}; the training data"
                    f" set needs the columns 'labels' and {self.item!r}, with integers as item ids"
                )
                raise ArgumentError(msg)
            logits: Tensor = outputs["logits"]
            found = self.old_outputs.logits(items.cpu())
            old = torch.as_tensor(found).to(logits.device)
            loss = loss + self.strength * self.distillation(logits, labels, old)
        return (loss, outputs) if return_outputs else loss

    def _set_signature_columns_if_needed(self) -> None:
        # the Trainer drops columns that are not inputs of the model; item ids must reach compute_loss
        host = cast("Any", super())
        host._set_signature_columns_if_needed()
        columns = cast("Any", self)._signature_columns
        if self.item not in columns:
            columns.append(self.item)
