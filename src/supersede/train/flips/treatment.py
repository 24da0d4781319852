"""Ways to train a tabular model with few negative flips against old models.

With p the old model's probabilities, r whether it was right, and the weight of an item ``w =
strength · cost · ((1 − focus) + focus · r)``, averaged over several old models:

- ``weights``: ordinary training with sample weights ``1 + w`` at focus 1 (the "naive" baseline of
the paper, and often the one to beat);
- ``soft``: cross-entropy to the label plus w times cross-entropy to p, which is cross-entropy to
  the target ``(y + w·p) / (1 + w)`` with weight ``1 + w``: focal distillation at focus 1, ordinary
  distillation at focus 0;
- ``blend``: ordinary training; the probabilities of old and new are averaged when predicting, with
  ``strength / (1 + strength)`` for the old. Both models then stay in service.

References:
    Yan et al. (2021), Positive-congruent training, CVPR, equations 4 to 6, with
    α = strength·(1 − focus) and β = strength·focus.
    Hinton, Vinyals & Dean (2015), Distilling the knowledge in a neural network, arXiv 1503.02531.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from sklearn.base import clone

from supersede.errors import ArgumentError
from supersede.train.flips.rows import Rows
from supersede.train.flips.soft_targets import fit_soft, fit_weighted

__all__ = ["Mode", "Treatment", "blended", "fit_treated"]

Floats = npt.NDArray[np.float64]
Mode = Literal["weights", "soft", "blend"]


@dataclass(frozen=True)
class Treatment:
    """The mode, strength and focus of the penalty on negative flips.

    Attributes:
        mode: ``"weights"``, ``"soft"`` or ``"blend"``.
        strength: From 0, which is ordinary training.
        focus: Share of the penalty that applies only to items that the old model got right: 0 is
            ordinary distillation, 1 fully focal. Weights are always focal.
    """

    mode: Mode
    strength: float
    focus: float = 1.0

    def __post_init__(self) -> None:
        if self.mode not in get_args(Mode):
            msg = f"mode={self.mode!r} must be one of {', '.join(map(repr, get_args(Mode)))}"
            raise ArgumentError(msg)
        if not (np.isfinite(self.strength) and self.strength >= 0):
            msg = f"strength={self.strength} must be a finite number, 0 or more, or 'auto'"
            raise ArgumentError(msg)
        if not 0 <= self.focus <= 1:
            msg = f"focus={self.focus} must lie between 0 (ordinary distillation) and 1 (focal)"
            raise ArgumentError(msg)

    @property
    def name(self) -> str:
        """Its name in a front."""
        if self.mode != "soft":
            return self.mode
        return {0.0: "soft (plain)", 1.0: "soft (focal)"}.get(
            self.focus, f"soft (focus {self.focus:g})"
        )


def fit_treated(treatment: Treatment, estimator: Any, rows: Rows, classes: npt.NDArray[Any]) -> Any:
    """Train a copy of an estimator under a treatment.

    Args:
        treatment: The treatment.
        estimator: A scikit-learn classifier.
        rows: The training rows; a row's flip cost multiplies its penalty.
        classes: The classes, sorted.

    Returns:
        The trained model.
    """
    model = clone(estimator)
    if treatment.mode == "blend" or treatment.strength == 0:
        return fit_weighted(model, rows.X, rows.y, rows.sample_weight, rows.params)
    ones = np.ones(len(rows))
    base = ones if rows.sample_weight is None else rows.sample_weight
    cost = ones if rows.flip_cost is None else rows.flip_cost
    focus = 1.0 if treatment.mode == "weights" else treatment.focus
    each = [
        treatment.strength * cost * ((1 - focus) + focus * old.right) / len(rows.remembered)
        for old in rows.remembered
    ]
    if treatment.mode == "weights":
        weight = base * (1 + np.sum(each, axis=0))
        return fit_weighted(model, rows.X, rows.y, weight, rows.params)
    mass = (rows.y[:, None] == classes).astype(float)
    for weight, old in zip(each, rows.remembered, strict=True):
        mass += (
            weight[:, None] * old.probabilities
        )  # zero where its answer is unknown or its class is gone
    return fit_soft(
        model,
        rows.X,
        rows.y,
        base[:, None] * mass,
        classes,
        sample_weight=rows.sample_weight,
        params=rows.params,
    )


def blended(treatment: Treatment, new: Floats, old: Sequence[Floats]) -> Floats:
    """Average the new model's probabilities with those of old models, where these are known.

    Args:
        treatment: Its strength s gives the old models the share ``s / (1 + s)``.
        new: Probabilities of the new model, ``(n, C)``.
        old: Those of each old model, ``(n, C)``; a row of zeros is ignored.

    Returns:
        Probabilities, ``(n, C)``.
    """
    each = treatment.strength / len(old)
    told = [each * p.sum(axis=1, keepdims=True) for p in old]
    mixed: Floats = new + np.sum([each * p for p in old], axis=0)
    answer: Floats = mixed / (1 + np.sum(told, axis=0))
    return answer
