"""Compatible training in sentence-transformers: new texts find old documents as well.

    loss = NewToOldTextLoss(model, MultipleNegativesRankingLoss(model))

Beside the columns that the usual loss reads, the data set has a column ``label`` with the *old* model's
embedding of each row's document: what the new embedding of the first column must find.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from supersede.embeddings.training.losses import NewToOldLoss

__all__ = ["NewToOldTextLoss"]


class NewToOldTextLoss(nn.Module):
    """The usual loss plus contrast with old embeddings.

    Args:
        model: The `SentenceTransformer` that is trained.
        base: Its usual loss, which must not read labels; None for the contrast alone.
        strength: Factor of the contrast, 0 or more.
        temperature: Cosines are divided by it.
    """

    def __init__(
        self,
        model: nn.Module,
        base: nn.Module | None = None,
        *,
        strength: float = 1.0,
        temperature: float = 0.05,
    ) -> None:
        super().__init__()
        self.model, self.base, self.strength = model, base, strength
        self.contrast = NewToOldLoss(temperature)

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Any) -> Tensor:
        """The loss of one batch; `labels` are old embeddings, shape ``(n, d_old)``."""
        features = list(sentence_features)
        # the base loss embeds for itself: models change the features in place
        own = {
            name: value.clone() if isinstance(value, Tensor) else value
            for name, value in features[0].items()
        }
        old = torch.as_tensor(labels, dtype=torch.float32)
        new = self.model(own)["sentence_embedding"]
        loss: Tensor = self.strength * self.contrast(new, old.to(new.device))
        if self.base is not None:
            loss = loss + self.base(features, labels)
        return loss
