"""Heat maps as tables: each cell contains its number, and its shade shows the level.

A table rather than a drawing, so that it works with screen readers, selection, print and scrolling.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from supersede.look.page import environment

__all__ = ["Cell", "heat_map", "shade"]


@dataclass(frozen=True)
class Cell:
    """One cell of a map.

    Attributes:
        text: Its text; empty for nothing.
        detail: A second, smaller line, such as the number of items.
        level: Its level, in [0, 1]; NaN for a cell without a shade.
        kind: ``"missing"`` is hatched and ``"thin"`` has a dashed frame; both stay readable.
    """

    text: str
    detail: str = ""
    level: float = math.nan
    kind: Literal["known", "thin", "missing"] = "known"


def shade(value: float, low: float, high: float) -> float:
    """The relative position of a value between two others, in [0, 1]; NaN stays NaN.

    Example:
        >>> shade(0.3, 0.2, 0.6)
        0.25
    """
    if math.isnan(value):
        return math.nan
    return round(min(max((value - low) / (high - low), 0.0), 1.0), 3) if high > low else 0.0


def heat_map(
    rows: Sequence[str],
    columns: Sequence[str],
    cells: Sequence[Sequence[Cell]],
    *,
    title: str,
    corner: str = "",
) -> Markup:
    """A table whose cells are shaded.

    Args:
        rows: Names of the rows.
        columns: Names of the columns.
        cells: The cells, row by row.
        title: The caption.
        corner: Text of the corner cell, such as ``sex, race``.
    """
    module = environment().get_template("look/maps.html").module
    return Markup(  # noqa: S704  # escaped by the template
        module.heat_map(list(zip(rows, cells, strict=True)), columns, title, corner)  # type: ignore[attr-defined]
    )
