"""One look for every report: the page, the figures, and the format of numbers."""

from supersede.look.figures import (
    Dot,
    Line,
    Mark,
    Pair,
    dot_plot,
    dumbbell,
    flip_matrix,
    front_plot,
    line_plot,
)
from supersede.look.maps import Cell, heat_map, shade
from supersede.look.numbers import amount, count, points, share
from supersede.look.page import environment, figure_page, framed, write_whole

__all__ = [
    "Cell",
    "Dot",
    "Line",
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
    "line_plot",
    "points",
    "shade",
    "share",
    "write_whole",
]
