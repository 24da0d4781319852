"""Repair until the evaluation is passed, on fresh data each round, or an honest end."""

from supersede.lastmile.loop.evaluation import Evaluation, GapTarget, evaluate_gap
from supersede.lastmile.loop.repair_until import RepairRun, Round, repair_until
from supersede.lastmile.loop.repairs import (
    Constrained,
    Fit,
    ModelRepair,
    Patched,
    Predictor,
    Reweighted,
    Targeted,
)

__all__ = [
    "Constrained", "Evaluation", "Fit", "GapTarget", "ModelRepair", "Patched", "Predictor",
    "RepairRun", "Reweighted", "Round", "Targeted", "evaluate_gap", "repair_until",
]  # fmt: skip
