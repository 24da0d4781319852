"""One look for every report: the page, the figures, and how numbers are written."""

from supersede.look.figures import Dot, Pair, dot_plot, dumbbell, flip_matrix
from supersede.look.maps import Cell, heat_map, shade
from supersede.look.numbers import amount, count, points, share
from supersede.look.page import environment, framed, write_whole

__all__ = [
    "Cell",
    "Dot",
    "Pair",
    "amount",
    "count",
    "dot_plot",
    "dumbbell",
    "environment",
    "flip_matrix",
    "framed",
    "heat_map",
    "points",
    "shade",
    "share",
    "write_whole",
]
