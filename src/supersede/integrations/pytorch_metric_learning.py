"""Compatible training in pytorch-metric-learning's loops: one loss beside the usual one.

    loss = MultipleLosses([ArcFaceLoss(...), MetricLoss(CompatibleLoss(prototypes(old, labels, 10)))])

Trainers, testers and reducers of the host see a loss like its own.
"""

from typing import Any

from torch import Tensor, nn

from supersede.errors import MissingExtraError

try:
    from pytorch_metric_learning.losses import BaseMetricLossFunction
    from pytorch_metric_learning.reducers import DoNothingReducer
except ModuleNotFoundError as error:
    absent = MissingExtraError(
        "compatible losses in pytorch-metric-learning need it; install it with: pip install pytorch-metric-learning"
    )
    raise absent from error

__all__ = ["MetricLoss"]


class MetricLoss(BaseMetricLossFunction):  # type: ignore[misc]  # no types there
    """A loss of this package as one of the host's.

    Args:
        loss: `CompatibleLoss` or `BoundaryLoss`, reduced to a scalar.
        strength: Its factor beside other losses, 0 or more.
    """

    def __init__(self, loss: nn.Module, strength: float = 1.0, **options: Any) -> None:
        super().__init__(reducer=DoNothingReducer(), **options)
        self.compatible, self.strength = loss, strength

    def forward(
        self, embeddings: Tensor, labels: Tensor | None = None, indices_tuple: Any = None,
        ref_emb: Any = None, ref_labels: Any = None,
    ) -> Tensor:  # fmt: skip
        """The loss of embeddings and labels; pairs and references of the host do not enter."""
        loss: Tensor = self.strength * self.compatible(embeddings, labels)
        return loss
