"""Tables: changes of columns that can be applied, detected and undone."""

from supersede.lastmile.tables.conditions import (
    ColumnChange,
    Missing,
    NewCategory,
    Renamed,
    Rescaled,
    Shifted,
)
from supersede.lastmile.tables.repair_rows import RowsRepair, repair_rows
from supersede.lastmile.tables.suspects import Suspect, find_suspects

__all__ = [
    "ColumnChange", "Missing", "NewCategory", "Renamed", "Rescaled", "RowsRepair", "Shifted",
    "Suspect", "find_suspects", "repair_rows",
]  # fmt: skip
