"""Positive-congruent training: penalise forgetting what the old model got right.

The names below are imported on first use, so parts that need neither torch nor scikit-learn work
without them.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from supersede.train.flips.chains import Chain as Chain
    from supersede.train.flips.chains import Version as Version
    from supersede.train.flips.chains import chain as chain
    from supersede.train.flips.distillation import FocalDistillation as FocalDistillation
    from supersede.train.flips.distillation import (
        PositiveCongruentLoss as PositiveCongruentLoss,
    )
    from supersede.train.flips.distillation import class_map as class_map
    from supersede.train.flips.distillation import focal_distillation as focal_distillation
    from supersede.train.flips.front import Front as Front
    from supersede.train.flips.front import Point as Point
    from supersede.train.flips.front import choose as choose
    from supersede.train.flips.front import measure as measure
    from supersede.train.flips.old_models import OldModel as OldModel
    from supersede.train.flips.old_models import from_table as from_table
    from supersede.train.flips.old_models import old_estimator as old_estimator
    from supersede.train.flips.old_models import old_module as old_module
    from supersede.train.flips.old_models import old_onnx as old_onnx
    from supersede.train.flips.old_models import remember as remember
    from supersede.train.flips.old_outputs import OldOutputs as OldOutputs
    from supersede.train.flips.prediction_updates import ClassEvidence as ClassEvidence
    from supersede.train.flips.prediction_updates import ConfusionMatrix as ConfusionMatrix
    from supersede.train.flips.prediction_updates import Predictions as Predictions
    from supersede.train.flips.prediction_updates import (
        evidence_of_probabilities as evidence_of_probabilities,
    )
    from supersede.train.flips.strengths import search_distillation as search_distillation
    from supersede.train.flips.strengths import search_strength as search_strength
    from supersede.train.flips.tabular import (
        PositiveCongruentClassifier as PositiveCongruentClassifier,
    )
    from supersede.train.flips.treatment import Treatment as Treatment
    from supersede.train.flips.weight_interpolation import interpolated as interpolated

_HOMES = {
    "Chain": "chains",
    "ConfusionMatrix": "prediction_updates",
    "ClassEvidence": "prediction_updates",
    "FocalDistillation": "distillation",
    "Front": "front",
    "OldModel": "old_models",
    "OldOutputs": "old_outputs",
    "Point": "front",
    "PositiveCongruentClassifier": "tabular",
    "PositiveCongruentLoss": "distillation",
    "Predictions": "prediction_updates",
    "Treatment": "treatment",
    "Version": "chains",
    "chain": "chains",
    "choose": "front",
    "class_map": "distillation",
    "evidence_of_probabilities": "prediction_updates",
    "focal_distillation": "distillation",
    "old_estimator": "old_models",
    "old_module": "old_models",
    "old_onnx": "old_models",
    "from_table": "old_models",
    "interpolated": "weight_interpolation",
    "measure": "front",
    "remember": "old_models",
    "search_distillation": "strengths",
    "search_strength": "strengths",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return __all__
