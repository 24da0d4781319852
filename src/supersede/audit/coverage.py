"""Which combinations of axes the items cover, and what to collect next.

With many axes no collection covers all combinations, but most failures are triggered by a
combination of only a few values. So coverage is counted over every combination of the values of any
`strength` axes (2 for pairs), as in combinatorial testing; `collecting` finds what to collect next.

References:
    Kuhn, Kacker & Lei (2013), Introduction to Combinatorial Testing, ch. 9: t-way coverage.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import TYPE_CHECKING, Any, Unpack

from supersede.audit.attributes import Attribute, label_of
from supersede.audit.collecting import Collect, most_informative
from supersede.errors import ArgumentError, MissingColumnError
from supersede.look.json_values import json_object
from supersede.look.result import ResultMixin, frame_of, plain
from supersede.metrics.cells import Ask, N, counted_rows, once
from supersede.table.coerce import Columns, as_table
from supersede.table.internal import internal
from supersede.table.table import Table

if TYPE_CHECKING:
    import pyarrow as pa
    from markupsafe import Markup

__all__ = ["Coverage", "CoverageCell", "coverage"]

_REAL, _SYNTHETIC = internal("real"), internal("synthetic")
_MOST_CELLS = 1_000_000


@dataclass(frozen=True)
class CoverageCell:
    """One combination of values of some axes.

    Attributes:
        groups: The columns that are combined.
        values: Their values.
        n: Real items in it, only labelled ones where there are labels.
        synthetic: Synthetic items in it; they do not count as coverage.
    """

    groups: tuple[str, ...]
    values: tuple[object, ...]
    n: int
    synthetic: int = 0

    def __str__(self) -> str:
        return label_of(self.groups, self.values)


@dataclass(frozen=True)
class Coverage(ResultMixin, named="coverage"):
    """Coverage of the combinations of values of any `strength` axes.

    Attributes:
        levels: The values of each axis.
        strength: How many axes are combined.
        min_items: Items from which a cell counts as covered.
        cells: All possible cells, in the order of axes and values.
        unknown: Items whose value on an axis is unknown; they cover no cell of that axis.
        impossible: Combinations that cannot occur.
        notes: Caveats.
    """

    levels: Mapping[str, tuple[object, ...]]
    strength: int
    min_items: int
    cells: tuple[CoverageCell, ...]
    unknown: Mapping[str, int]
    impossible: tuple[Mapping[str, object], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def covered(self) -> int:
        """Cells with enough items."""
        return sum(cell.n >= self.min_items for cell in self.cells)

    @property
    def thin(self) -> list[CoverageCell]:
        """Cells with some items, but not enough; those with the fewest first."""
        found = [cell for cell in self.cells if 0 < cell.n < self.min_items]
        return sorted(found, key=lambda cell: cell.n)

    @property
    def empty(self) -> list[CoverageCell]:
        """Cells without an item."""
        return [cell for cell in self.cells if not cell.n]

    @property
    def share(self) -> float:
        """The share of cells that are covered; NaN if there are no cells."""
        return self.covered / len(self.cells) if self.cells else math.nan

    def __repr__(self) -> str:
        return (
            f"{self.covered} of {len(self.cells)} {self.strength}-way combinations have"
            f" {self.min_items} items or more; {len(self.thin)} are thin, {len(self.empty)} empty"
        )

    def next_items(self, budget: int, *, seed: int = 0) -> list[Collect]:
        """What to collect next to gain the most information.

        Args:
            budget: How many items can be collected.
            seed: Seed of the search, if there are too many combinations to enumerate.

        Returns:
            Combinations of all axes with the number of items for each, the most valuable first.

        Raises:
            ArgumentError: The budget is not positive, or there is nothing to combine.
        """
        if budget < 1 or not self.cells:
            msg = f"budget={budget} items over {len(self.cells)} cells; both must be at least 1"
            raise ArgumentError(msg)
        cells = ((cell.groups, cell.values, cell.n) for cell in self.cells)
        return most_informative(self.levels, self.strength, cells, budget, seed)

    def to_dict(self) -> dict[str, Any]:
        """The coverage as JSON values."""
        counted = {
            "share": self.share, "covered": self.covered, "thin": len(self.thin), "empty": len(self.empty)
        }  # fmt: skip
        return plain(self) | json_object(counted)

    def to_frame(self) -> "pa.Table":
        """One row per cell: the value on each axis (null where it is not combined), and counts."""
        axes = list(self.levels)
        return frame_of(
            (
                dict.fromkeys(axes)
                | dict(zip(cell.groups, cell.values, strict=True))
                | {
                    "items": cell.n,
                    "synthetic": cell.synthetic,
                    "covered": cell.n >= self.min_items,
                }
                for cell in self.cells
            ),
            [*axes, "items", "synthetic", "covered"],
        )

    def to_html(self) -> str:
        """A page with the maps and the cells that lack items."""
        from markupsafe import Markup

        from supersede.look.table_page import table_page

        lacking = frame_of(
            ({"combination": str(cell), "items": cell.n} for cell in (*self.empty, *self.thin)),
            ["combination", "items"],
        )
        maps = Markup("").join(self.maps())
        return table_page(
            "Which combinations do the items cover?", f"{self}.", lacking, figure=maps
        )

    def maps(self) -> "list[Markup]":
        """A map of every pair of axes, those with most uncovered cells first; for strength 2."""
        from supersede.audit.coverage_maps import pair_maps

        return pair_maps(self)


def coverage(
    table: object,
    groups: Sequence[str | Attribute] | str,
    *,
    strength: int = 2,
    min_items: int = 30,
    levels: Mapping[str, Sequence[object]] | None = None,
    impossible: Sequence[Mapping[str, object]] = (),
    synthetic: str | None = None,
    **columns: Unpack[Columns],
) -> Coverage:
    """Count which combinations of axes the items cover.

    Args:
        table: The items: a `Table`, or anything that `supersede.read` reads; only labelled ones
            count if there are labels.
        groups: Columns that describe who, and under which circumstances.
        strength: How many axes are combined, from 1 to their number.
        min_items: Items from which a cell counts as covered.
        levels: Values that an axis should have, if not all of them occur.
        impossible: Combinations that cannot occur, as ``[{"age": "child", "job": "retired"}]``.
        synthetic: A column that is true for synthetic items, which do not count as coverage.
        **columns: Arguments of `supersede.read` for a source that is not yet a `Table`.

    Returns:
        All cells with their counts.

    Raises:
        ArgumentError: `strength` or `min_items` is out of range, or there are too many cells.
        MissingColumnError: A column is missing.

    Example:
        >>> import supersede
        >>> table = supersede.read(
        ...     {"m": [1, 1, 0], "y": [1, 1, 1], "sex": ["f", "m", "m"], "noise": ["no", "no", "yes"]},
        ...     models=["m"],
        ... )
        >>> found = coverage(table, ["sex", "noise"], min_items=1)
        >>> found
        3 of 4 2-way combinations have 1 items or more; 0 are thin, 1 empty
        >>> print(found.empty[0])
        sex = f × noise = yes
    """
    axes = (groups,) if isinstance(groups, str) else groups
    table = as_table(table, [], **columns)
    attributes = [Attribute(axis) if isinstance(axis, str) else axis for axis in axes]
    names = [attribute.column for attribute in attributes]
    if not 1 <= strength <= len(names) or len(set(names)) < len(names) or min_items < 1:
        msg = (
            f"strength={strength}, min_items={min_items} over axes {names}: strength must be between 1"
            " and the number of axes, the axes must differ, and min_items must be at least 1"
        )
        raise ArgumentError(msg)
    tables = _counted(table, attributes, strength, synthetic)
    singles, subsets = tables[: len(names)], tables[len(names) :]
    found = {name: _values(cells, name) for name, cells in zip(names, singles, strict=True)}
    wanted = {name: _levels(name, found[name], levels) for name in names}
    total = sum(math.prod(len(wanted[a]) for a in s) for s in combinations(names, strength))
    if total > _MOST_CELLS:
        msg = (
            f"{total:,} cells; group the values of the axes into bands, or lower"
            f" strength={strength}"
        )
        raise ArgumentError(msg)
    cells: list[CoverageCell] = []
    for subset, counted in zip(combinations(names, strength), subsets, strict=True):
        cells += _cells(subset, counted, wanted, impossible)
    unknown = {
        name: int(sum(n for v, n in zip(cells_[name].to_pylist(), cells_[_REAL].to_pylist(), strict=True) if v is None))
        for name, cells_ in zip(names, singles, strict=True)
    }  # fmt: skip
    return Coverage(
        wanted, strength, min_items, tuple(cells), unknown, tuple(impossible),
        tuple(_notes(found, wanted, unknown)),
    )  # fmt: skip


def _counted(
    table: Table, attributes: Sequence[Attribute], strength: int, synthetic: str | None
) -> "list[pa.Table]":
    import ibis
    import pyarrow.compute as pc

    rows, label = table.rows, table.truth()
    rows = rows if label is None else rows.filter(label.notnull())
    sums = {_SYNTHETIC: ibis.literal(0)}
    if synthetic is not None:
        if synthetic not in rows.columns:
            raise MissingColumnError.of(synthetic, rows.columns, "the mark of synthetic items")
        flag = rows[synthetic].cast("boolean").fill_null(False)
        sums = {_SYNTHETIC: flag.cast("int32")}
    keys = {a.column: a.key(rows) for a in attributes}
    margins = [*((name,) for name in keys), *combinations(keys, strength)]
    (found,) = counted_rows(rows, once(Ask(sums, keys, margins)))
    return [
        cells.append_column(_REAL, [pc.subtract(cells[N], cells[_SYNTHETIC]).combine_chunks()])
        for cells in found
    ]


def _values(cells: "pa.Table", name: str) -> list[object]:
    return sorted((v for v in cells[name].to_pylist() if v is not None), key=_order)


def _levels(
    name: str, found: Sequence[object], levels: Mapping[str, Sequence[object]] | None
) -> tuple[object, ...]:
    """Declared values first, then other values that occur."""
    declared = list((levels or {}).get(name, ()))
    return tuple(dict.fromkeys([*declared, *found]))


def _cells(
    subset: tuple[str, ...],
    counted: "pa.Table",
    levels: Mapping[str, tuple[object, ...]],
    impossible: Sequence[Mapping[str, object]],
) -> list[CoverageCell]:
    columns = [counted[name].to_pylist() for name in (*subset, _REAL, _SYNTHETIC)]
    at = {tuple(row[:-2]): row[-2:] for row in zip(*columns, strict=True)}
    barred = [b for b in impossible if set(b) <= set(subset)]
    cells = []
    for values in product(*(levels[axis] for axis in subset)):
        place = dict(zip(subset, values, strict=True))
        if any(b.items() <= place.items() for b in barred):
            continue
        n, synthetic = map(int, at.get(values, (0, 0)))
        cells.append(CoverageCell(subset, values, n, synthetic))
    return cells


def _notes(
    found: Mapping[str, Sequence[object]],
    levels: Mapping[str, tuple[object, ...]],
    unknown: Mapping[str, int],
) -> list[str]:
    notes = [
        f"{axis} has one value only, so it forms no combinations."
        for axis, values in levels.items()
        if len(values) == 1
    ]
    notes += [f"{axis} has no known value." for axis, values in levels.items() if not values]
    for axis, values in levels.items():
        absent = [str(v) for v in values if v not in found[axis]]
        if absent:
            notes.append(f"{axis}: declared but never observed: {', '.join(absent)}.")
        if unknown[axis]:
            notes.append(
                f"{axis} is unknown for {unknown[axis]:,} items; they cover no cell of that axis."
            )
    return notes


def _order(value: object) -> tuple[object, ...]:
    number = value if isinstance(value, int | float) else 0
    return isinstance(value, str), number, str(value)
