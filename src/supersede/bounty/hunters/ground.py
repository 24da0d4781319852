"""The input of hunters: public rows with labels, and the current model's losses on them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from supersede.bounty.artefacts import Feature, design, features_of
from supersede.bounty.artefacts.answers import Answers
from supersede.bounty.decision_list import DecisionList
from supersede.bounty.losses import RowLoss, check_labels, losses_of
from supersede.bounty.sample import Sample

__all__ = ["Ground"]

Floats = npt.NDArray[np.float64]
_CATEGORIES = 12  # of a column of texts, the most frequent


@dataclass(frozen=True)
class Ground:
    """The public rows, prepared for hunters.

    Attributes:
        sample: The public rows.
        loss: The loss of a row.
        answers: The allowed answers of a model.
        features: The features on which trees are allowed to split.
        matrix: The features of the rows, shape ``(n, features)``.
        lost: Each row's loss under the current model, shape ``(n,)``.
        weight: Weight of each row, shape ``(n,)``.
    """

    sample: Sample
    loss: RowLoss
    answers: Answers
    features: tuple[Feature, ...]
    matrix: npt.NDArray[np.float32]
    lost: Floats
    weight: Floats

    @classmethod
    def of(
        cls,
        sample: Sample,
        model: DecisionList,
        loss: RowLoss,
        columns: Sequence[str] | None = None,
    ) -> "Ground":
        """The ground of a sample.

        Args:
            sample: The public rows.
            model: The current model.
            loss: The loss of a row.
            columns: Columns that hunters' models are allowed to read; by default all.

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
        """Each row's gain with other answers, shape ``(n,)``."""
        return self.weight * (self.lost - losses_of(self.loss, self.sample.labels, answers))
