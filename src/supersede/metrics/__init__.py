"""Counts in, numbers out: every metric is sums that merge and a finishing step."""

from supersede.metrics.calibration import Calibration, calibration
from supersede.metrics.classification import METRICS, Confusion, Share, by_class, by_group
from supersede.metrics.flips import Flips, count_flips
from supersede.metrics.intervals import mcnemar, paired_difference, wilson
from supersede.metrics.moments import Moments

__all__ = [
    "METRICS",
    "Calibration",
    "Confusion",
    "Flips",
    "Moments",
    "Share",
    "by_class",
    "by_group",
    "calibration",
    "count_flips",
    "mcnemar",
    "paired_difference",
    "wilson",
]
