"""One look for every report: the page, the figures, and how numbers are written."""

from supersede.look.figures import (
    Dot,
    Mark,
    Pair,
    dot_plot,
    dumbbell,
    flip_matrix,
    front_plot,
)
from supersede.look.maps import Cell, heat_map, shade
from supersede.look.numbers import amount, count, points, share
from supersede.look.page import environment, figure_page, framed, write_whole

__all__ = [
    "Cell",
    "Dot",
    "Mark",
    "Pair",
    "amount",
    "count",
    "dot_plot",
    "dumbbell",
    "environment",
    "figure_page",
    "flip_matrix",
    "framed",
    "front_plot",
    "heat_map",
    "points",
    "shade",
    "share",
    "write_whole",
]
