"""Linear-quadratic fine-tuning: a convex update of a network, with exact answers about its data.

The names below are imported when first used, so that torch is not needed to import the package.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from supersede.train.linear.estimator import LQFClassifier as LQFClassifier
    from supersede.train.linear.estimator import with_new_head as with_new_head
    from supersede.train.linear.fitted import LinearFit as LinearFit
    from supersede.train.linear.flip_constraint import Keeping as Keeping
    from supersede.train.linear.forgetting import Forgetting as Forgetting
    from supersede.train.linear.influence import Influence as Influence
    from supersede.train.linear.keeping_front import KeepingFront as KeepingFront
    from supersede.train.linear.leaky_relu import leaky as leaky
    from supersede.train.linear.learning_curve import LearningCurve as LearningCurve
    from supersede.train.linear.leave_one_out import LeaveOneOut as LeaveOneOut
    from supersede.train.linear.linearized import Linearized as Linearized
    from supersede.train.linear.linearized import Merged as Merged
    from supersede.train.linear.lqf import LQF as LQF
    from supersede.train.linear.prediction_sets import PredictionSets as PredictionSets
    from supersede.train.linear.selection import LastBlocks as LastBlocks
    from supersede.train.linear.selection import LowRank as LowRank
    from supersede.train.linear.uncertainty import Uncertainty as Uncertainty

_HOMES = {
    "Forgetting": "forgetting",
    "Influence": "influence",
    "Keeping": "flip_constraint",
    "KeepingFront": "keeping_front",
    "LQF": "lqf",
    "LQFClassifier": "estimator",
    "LastBlocks": "selection",
    "LearningCurve": "learning_curve",
    "LeaveOneOut": "leave_one_out",
    "LinearFit": "fitted",
    "Linearized": "linearized",
    "LowRank": "selection",
    "Merged": "linearized",
    "PredictionSets": "prediction_sets",
    "Uncertainty": "uncertainty",
    "leaky": "leaky_relu",
    "with_new_head": "estimator",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return __all__
