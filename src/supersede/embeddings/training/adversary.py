"""An adversary that tells new embeddings from old ones, so that the new model learns to give it no reason.

Reference:
    Pan et al. (2023), Boundary-aware backward-compatible representation via adversarial learning
    (AdvBCT), CVPR, section 3.2: a discriminator of the model's version behind a gradient reversal.
    Ganin & Lempitsky (2015), Unsupervised domain adaptation by backpropagation, ICML: the reversal.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from supersede.embeddings.training.losses import old_part
from supersede.errors import ArgumentError

__all__ = ["AdversaryLoss"]


class _Reversed(torch.autograd.Function):
    """The identity, whose gradient changes sign."""

    @staticmethod
    def forward(ctx: Any, given: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return given.view_as(given)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return -ctx.strength * gradients[0], None


class AdversaryLoss(nn.Module):
    """Cross-entropy of a discriminator between old and new embeddings, reversed for the new model.

    One step of one optimiser trains both: the discriminator to tell the two apart, the new model to make
    that impossible. It aligns the two distributions as wholes and knows no classes, so add it to a loss
    that does, such as `supersede.embeddings.training.losses.BoundaryLoss` or class means. The optimiser
    must have the discriminator's parameters too: ``[*model.parameters(), *loss.parameters()]``.

    Args:
        dimensions: Dimensions d_old of the old space.
        hidden: Units of the discriminator's two hidden layers.
        strength: Weight of the reversed gradient in the new model, above 0.

    Raises:
        ArgumentError: A number is not above 0.

    Example:
        >>> loss = AdversaryLoss(2)
        >>> bool(loss(torch.ones(4, 3), torch.zeros(4, 2) + 1) > 0)
        True
    """

    def __init__(self, dimensions: int, *, hidden: int = 64, strength: float = 1.0) -> None:
        super().__init__()
        for name, value in (("dimensions", dimensions), ("hidden", hidden), ("strength", strength)):
            if not (math.isfinite(value) and value > 0):
                msg = f"{name}={value!r}; it must be above 0"
                raise ArgumentError(msg)
        self.dimensions, self.strength = dimensions, strength
        self.discriminator = nn.Sequential(
            nn.Linear(dimensions, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(),
            nn.Linear(hidden, 1),
        )  # fmt: skip

    def forward(self, input: Tensor, old: Tensor) -> Tensor:
        """The loss of new embeddings, shape ``(n, d_new)``, beside old ones, shape ``(m, d_old)``.

        The old ones need not be of the same items.
        """
        if old.ndim != 2 or old.shape[1] != self.dimensions or not len(old) or not len(input):
            msg = f"old embeddings have shape {tuple(old.shape)}; expected (m, {self.dimensions}), m > 0, as new ones"
            raise ArgumentError(msg)
        held = functional.normalize(old.detach().float(), dim=1)
        reverse: Any = _Reversed.apply  # torch types it not
        seen = reverse(old_part(input, self.dimensions), self.strength)
        of_new, of_old = self.discriminator(seen), self.discriminator(held)
        new_side = functional.binary_cross_entropy_with_logits(of_new, torch.ones_like(of_new))
        old_side = functional.binary_cross_entropy_with_logits(of_old, torch.zeros_like(of_old))
        return (new_side + old_side) / 2
