"""Coverage of pairs as maps: the number of items per combination of two axes."""

import math
from itertools import combinations

from markupsafe import Markup

from supersede.audit.coverage import Coverage
from supersede.look.maps import Cell, heat_map, shade
from supersede.look.numbers import count

__all__ = ["pair_maps"]

_SHOWN = 24  # values of an axis


def pair_maps(found: Coverage, most: int = 6) -> list[Markup]:
    """Maps of pairs of axes, those with most cells below `min_items` first.

    Args:
        found: A coverage of strength 2; other strengths have no map.
        most: The largest number of maps.
    """
    if found.strength != 2:
        return []
    holes = {
        pair: sum(c.n < found.min_items for c in found.cells if c.groups == pair)
        for pair in combinations(found.levels, 2)
    }
    return [_map(found, pair) for pair in sorted(holes, key=lambda p: -holes[p])[:most]]


def _map(found: Coverage, pair: tuple[str, str]) -> Markup:
    at = {cell.values: cell for cell in found.cells if cell.groups == pair}
    down, across = (found.levels[axis][:_SHOWN] for axis in pair)
    most = max((cell.n for cell in at.values()), default=0)

    def cell(values: tuple[object, object]) -> Cell:
        if values not in at:
            return Cell("cannot occur", kind="missing")
        n, made_up = at[values].n, at[values].synthetic
        detail = f"+ {count(made_up)} SYNTHETIC" if made_up else ""
        if not n:
            return Cell("none", detail, kind="missing")
        if n < found.min_items:
            return Cell(count(n), detail, kind="thin")
        return Cell(count(n), detail, shade(math.log(n), math.log(found.min_items), math.log(most)))

    title = f"Items by {pair[0]} and {pair[1]}; dashed: fewer than {found.min_items}"
    return heat_map(
        [str(d) for d in down],
        [str(a) for a in across],
        [[cell((d, a)) for a in across] for d in down],
        title=title,
        corner=f"{pair[0]} ↓ {pair[1]} →",
    )
