"""One column that is not as it was: what explains it, and how it is undone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from supersede.bounty.artefacts import Column
from supersede.errors import ArgumentError
from supersede.lastmile.tables.conditions import Renamed, Rescaled, Shifted

__all__ = ["SAME", "Kind", "Suspect"]

Kind = Literal["unit", "shift", "factor", "renamed", "new category", "missing values", "missing column", "type", "distribution"]  # fmt: skip
SAME = float(np.log(0.01))
"""Logarithm of the p-value from which a column looks as before."""


@dataclass(frozen=True)
class Suspect:
    """One column that is not as it was.

    Attributes:
        column: The column.
        kind: What explains it; ``distribution`` where nothing simple does.
        log_p: Natural logarithm of its p-value, before the correction.
        effect: Distance of the distributions, in [0, 1].
        factor: For a unit or a factor: what the numbers were multiplied by.
        by: For a shift, and for units of temperature: what was added, after the factor.
        names: For renamed categories: pairs of the known name and the new one.
        explanation: The change in words.
        certain: Whether one explanation alone fits, for all rows.
    """

    column: str
    kind: Kind
    log_p: float
    effect: float
    factor: float | None = None
    by: float | None = None
    names: tuple[tuple[str, str], ...] = ()
    explanation: str = ""
    certain: bool = True

    @property
    def repairable(self) -> bool:
        """Whether the change can be undone."""
        return self.certain and self.kind in {"unit", "shift", "factor", "renamed"}

    def undo(self, columns: Mapping[str, Any]) -> dict[str, Column]:
        """The columns with the change undone.

        Raises:
            ArgumentError: It cannot be undone.
        """
        if not self.repairable:
            msg = (
                f"column {self.column!r}: {self.explanation}; this cannot be undone from the values"
            )
            raise ArgumentError(msg)
        found = dict(columns)
        if self.by is not None:
            found = Shifted(self.column, -self.by).apply(found)
        if self.factor is not None:
            found = Rescaled(self.column, 1 / self.factor).apply(found)
        for known, new in self.names:
            found = Renamed(self.column, new, known).apply(found)
        return found
