"""What hunters see: public rows with labels, and what the current model loses on them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from supersede.bounty.artefacts import Feature, design, features_of
from supersede.bounty.artefacts.answers import Answers
from supersede.bounty.decision_list import DecisionList
from supersede.bounty.losses import Loss, check_labels, losses_of
from supersede.bounty.sample import Sample

__all__ = ["Ground"]

Floats = npt.NDArray[np.float64]
_CATEGORIES = 12  # of a column of texts, the most frequent


@dataclass(frozen=True)
class Ground:
    """Where hunters hunt.

    Attributes:
        sample: The public rows.
        loss: What a row loses.
        answers: What a model may answer.
        features: What trees may split on.
        matrix: The features of the rows, shape ``(n, features)``.
        lost: What each row loses under the current model, shape ``(n,)``.
        weight: What each row counts for, shape ``(n,)``.
    """

    sample: Sample
    loss: Loss
    answers: Answers
    features: tuple[Feature, ...]
    matrix: npt.NDArray[np.float32]
    lost: Floats
    weight: Floats

    @classmethod
    def of(
        cls, sample: Sample, model: DecisionList, loss: Loss, columns: Sequence[str] | None = None
    ) -> "Ground":
        """The ground of a sample.

        Args:
            sample: The public rows.
            model: The current model.
            loss: What a row loses.
            columns: Those that hunters' models may read; by default all.

        Returns:
            The ground.
        """
        check_labels(loss, sample.labels, model.answers)
        read = sample.columns if columns is None else {c: sample.columns[c] for c in columns}
        features = features_of(read, most_categories=_CATEGORIES)
        matrix = design(features, sample.columns).astype(np.float32)
        weight = np.ones(len(sample)) if sample.weight is None else sample.weight
        lost = losses_of(loss, sample.labels, model.predict(sample.columns))
        return cls(sample, loss, model.answers, features, matrix, lost, weight)

    def under(self, model: DecisionList) -> "Ground":
        """The same rows under a model that has been patched since."""
        answers = model.predict(self.sample.columns)
        return replace(self, lost=losses_of(self.loss, self.sample.labels, answers))

    def gains(self, answers: npt.NDArray[Any]) -> Floats:
        """What each row would gain with other answers, shape ``(n,)``."""
        return self.weight * (self.lost - losses_of(self.loss, self.sample.labels, answers))
