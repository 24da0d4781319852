"""One look for every report: the page, the figures, and the format of numbers.

The names below are imported when first used, so that `supersede.look.result` is light.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from supersede.look.figures import Dot as Dot
    from supersede.look.figures import Line as Line
    from supersede.look.figures import Mark as Mark
    from supersede.look.figures import Pair as Pair
    from supersede.look.figures import dot_plot as dot_plot
    from supersede.look.figures import dumbbell as dumbbell
    from supersede.look.figures import flip_matrix as flip_matrix
    from supersede.look.figures import front_plot as front_plot
    from supersede.look.figures import line_plot as line_plot
    from supersede.look.maps import Cell as Cell
    from supersede.look.maps import heat_map as heat_map
    from supersede.look.maps import shade as shade
    from supersede.look.numbers import amount as amount
    from supersede.look.numbers import count as count
    from supersede.look.numbers import points as points
    from supersede.look.numbers import share as share
    from supersede.look.page import environment as environment
    from supersede.look.page import figure_page as figure_page
    from supersede.look.page import framed as framed
    from supersede.look.page import write_whole as write_whole
    from supersede.look.result import Result as Result
    from supersede.look.result import ResultMixin as ResultMixin
    from supersede.look.table_page import table_page as table_page

_HOMES = {
    "Cell": "maps",
    "Dot": "figures",
    "Line": "figures",
    "Mark": "figures",
    "Pair": "figures",
    "Result": "result",
    "ResultMixin": "result",
    "amount": "numbers",
    "count": "numbers",
    "dot_plot": "figures",
    "dumbbell": "figures",
    "environment": "page",
    "figure_page": "page",
    "flip_matrix": "figures",
    "framed": "page",
    "front_plot": "figures",
    "heat_map": "maps",
    "line_plot": "figures",
    "points": "numbers",
    "shade": "maps",
    "share": "numbers",
    "table_page": "table_page",
    "write_whole": "page",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return __all__
