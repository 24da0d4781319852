"""Predictions and labels: one row an item, one column a model; the data stays in its engine."""

from supersede.table.outcomes import Classes, Loss, Outcome, Right, Runs, Scores, Within
from supersede.table.read import read
from supersede.table.table import Table

__all__ = ["Classes", "Loss", "Outcome", "Right", "Runs", "Scores", "Table", "Within", "read"]
