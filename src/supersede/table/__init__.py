"""Predictions and labels: one row per item, one column per model; the data stays in its engine."""

from supersede.table.outcomes import (
    Classes,
    Judge,
    LabelSets,
    Losses,
    Outcome,
    Right,
    Runs,
    Scores,
    Within,
)
from supersede.table.read import read
from supersede.table.table import Table

__all__ = [
    "Classes",
    "Judge",
    "LabelSets",
    "Losses",
    "Outcome",
    "Right",
    "Runs",
    "Scores",
    "Table",
    "Within",
    "read",
]
