"""Undeclared slices: search for concentrated losses, then test the finds on fresh rows.

The search is SliceLine's: all conjunctions of a few conditions, pruned by bounds, scored by mean loss
and size. Every find looks bad on the rows on which it was found. So the items are split first, by
their permanent random numbers: the search uses one half, and the finds are audited on the other,
with intervals that hold for all of them at once.

References:
    Sagadeeva & Boehm (2021), SliceLine: fast, linear-algebra-based slice finding, SIGMOD; its
    package `sliceline` does the search.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import numpy.typing as npt

from supersede.audit.audit import audit_groups
from supersede.audit.groups import Condition, Group
from supersede.audit.losses import Loss, ZeroOne
from supersede.audit.result import Audit, GroupRow
from supersede.errors import ArgumentError, MissingColumnError, MissingExtraError, TooFewLabelsError
from supersede.evaluate.numbers import limit as number_limit
from supersede.evaluate.numbers import numbers
from supersede.look.json_values import json_object
from supersede.look.result import ResultMixin, frame_of
from supersede.table.coerce import Columns, as_names, as_table
from supersede.table.source import collect
from supersede.table.table import Table

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

__all__ = ["SliceSearch", "find_slices"]

Ints = npt.NDArray[np.int64]
_MANY = 12  # distinct numbers from which a column is binned
_WEIGHT_OF_LOSS = (
    0.95  # SliceLine's alpha: loss against size; its default of .6 finds large slices only
)


@dataclass(frozen=True)
class SliceSearch(ResultMixin, named="a search for slices"):
    """The result of a search for slices.

    Attributes:
        groups: The finds as declared groups, the highest score first.
        audit: The finds on fresh rows; None if nothing was found.
        searched: Number of items that were searched.
        looked_at: Number of conditions that were combined.
    """

    groups: tuple[Group, ...]
    audit: Audit | None
    searched: int
    looked_at: int

    @property
    def confirmed(self) -> tuple[Group, ...]:
        """Finds that are worse than all items on fresh rows too; declare these."""
        return tuple(group for group, row in self._judged() if row.stands_out)

    def _judged(self) -> list[tuple[Group, GroupRow]]:
        rows = [] if self.audit is None else [row for row in self.audit.rows if row.known]
        return list(zip(self.groups, rows, strict=True))

    def to_dict(self) -> dict[str, Any]:
        """The finds, the confirmed ones, and their audit, as JSON values."""
        return json_object({
            "searched": self.searched,
            "looked_at": self.looked_at,
            "groups": [group.to_dict() for group in self.groups],
            "confirmed": [group.to_dict() for group in self.confirmed],
            "audit": None if self.audit is None else self.audit.to_dict(),
        })  # fmt: skip

    def to_frame(self) -> "pa.Table":
        """One row per find: its loss on fresh rows, that of all items, and whether it holds."""
        return frame_of(
            (
                {
                    "group": str(group), "items": row.n, "value": row.value,
                    "overall": row.value - row.gap, "gap": row.gap, "gap_low": row.gap_joint_low,
                    "gap_high": row.gap_joint_high, "confirmed": row.stands_out,
                }
                for group, row in self._judged()
            ),
            ["group", "items", "value", "overall", "gap", "gap_low", "gap_high", "confirmed"],
        )  # fmt: skip

    def to_html(self) -> str:
        """A page with the finds, as audited on fresh rows."""
        from supersede.audit.report import group_plot
        from supersede.look.table_page import table_page

        title = f"{len(self.confirmed)} of {len(self.groups)} finds are confirmed on fresh rows"
        lead = f"{self.searched} items were searched; {self.looked_at} conditions were combined."
        figure = "" if self.audit is None else group_plot(self.audit)
        return table_page(title, lead, self.to_frame(), figure=figure)

    def __repr__(self) -> str:
        lines = [f"{len(self.confirmed)} of {len(self.groups)} finds are confirmed on fresh rows"]
        lines += [
            f"  {'✓' if row.stands_out else '·'} {group}: {row.value:.3f} against"
            f" {row.value - row.gap:.3f} overall, n {row.n}"
            for group, row in self._judged()
        ]
        return "\n".join(lines)


def find_slices(
    table: object,
    model: str,
    groups: Sequence[str],
    *,
    loss: Loss | None = None,
    fresh: object | None = None,
    max_slices: int = 10,
    max_conditions: int = 2,
    min_share: float = 0.01,
    bins: int = 5,
    confidence: float = 0.95,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
    **columns: Unpack[Columns],
) -> SliceSearch:
    """Search for groups that a model fails, and test the finds on rows not used by the search.

    Args:
        table: The predictions, with item ids unless `fresh` is given: a `Table`, or anything that
            `supersede.read` reads.
        model: The model.
        groups: Columns whose values (or ranges) make up the slices.
        loss: The loss of an item; by default 1 where the answer is wrong.
        fresh: Other items on which to test the finds; by default half of the table's items are held
            out.
        max_slices: Largest number of slices to find.
        max_conditions: The largest number of conditions in a slice.
        min_share: The smallest slice, as a share of the items that are searched.
        bins: Number of bins, with equal numbers of items, for a column of many numbers.
        confidence: Two-sided confidence, for all finds at once.
        seed: Key of the permanent random numbers that split the items.
        progress: Function that is called with a line of text before each step.
        **columns: Arguments of `supersede.read` for a source that is not yet a `Table`.

    Returns:
        The finds, and their audit on fresh rows.

    Raises:
        ArgumentError: The table has no ids and there are no fresh items, or an argument is out of
            range or not one of the allowed values.
        MissingColumnError: A feature is not in the table.
        MissingExtraError: The package sliceline is not installed.
        TooFewLabelsError: There are too few graded items to search.

    Assumes: fresh items are draws from the same population as those searched.
    """
    loss = ZeroOne() if loss is None else loss
    features = as_names(groups, "groups")
    table = as_table(table, [model], **columns)
    fresh = None if fresh is None else as_table(fresh, [model], **columns)
    if not (
        features and max_slices >= 1 and max_conditions >= 1 and 0 < min_share < 1 and bins >= 2
    ):
        msg = (
            f"groups={list(features)}, max_slices={max_slices}, max_conditions={max_conditions},"
            f" min_share={min_share}, bins={bins}: name at least one column; min_share must lie in"
            " (0, 1), bins be at least 2, and the others at least 1"
        )
        raise ArgumentError(msg)
    for feature in features:
        if feature not in table.rows.columns:
            raise MissingColumnError.of(feature, table.rows.columns, "a feature of slices")
    seen, unseen = (table, fresh) if fresh is not None else _set_apart(table, seed)
    if progress:
        progress("reading the items to search")
    lost, held = _rows(seen, model, loss, features)
    if len(lost) * min_share < 2:
        msg = (
            f"{len(lost)} graded items are searched, so a slice of {min_share:.1%} of them has fewer"
            " than 2 items; label more, or raise min_share="
        )
        raise TooFewLabelsError(msg)
    choices = {name: _conditions(name, column, bins) for name, column in held.items()}
    coded = np.column_stack([_coded(held[name], choices[name]) for name in features])
    if progress:
        progress(f"searching {len(lost):,} items for slices")
    found = _search(coded, lost, max_slices, max_conditions, max(2, int(min_share * len(lost))))
    finds = tuple(_group([choices[f] for f in features], slice_) for slice_ in found)
    audit = None
    if finds:
        audit = audit_groups(
            unseen, model, loss=loss, groups=finds, confidence=confidence, progress=progress
        )
    looked_at = sum(len(listed) for listed in choices.values())
    return SliceSearch(finds, audit, len(lost), looked_at)


def _set_apart(table: Table, seed: int) -> tuple[Table, Table]:
    """Two halves, which do not depend on the day, the order of rows or the engine."""
    if table.item is None:
        msg = (
            "finds must be tested on rows not used by the search, and items without ids cannot be"
            " split reproducibly; name the column of ids (item=) or pass fresh=<other items>"
        )
        raise ArgumentError(msg)
    first = numbers(table.rows, table.item, f"slices {seed}") < number_limit(0.5)
    return (
        replace(table, rows=table.rows.filter(first)),
        replace(table, rows=table.rows.filter(~first)),
    )


def _rows(
    table: Table, model: str, loss: Loss, features: Sequence[str]
) -> "tuple[npt.NDArray[np.float64], dict[str, pa.ChunkedArray]]":
    """The searched items: the loss of each (for a success, one minus it), and its features."""
    part = loss.part(table, model)
    lost: ir.Value = part.numerator
    if part.denominator is not None:
        lost = lost / part.denominator.nullif(0)
    named = {f"f{i}": table.rows[feature] for i, feature in enumerate(features)}
    rows = table.rows.select(__lost=lost, **named)
    cells = collect(rows.filter(rows["__lost"].notnull()))
    columns = {feature: cells[f"f{i}"] for i, feature in enumerate(features)}
    lost_here = cells["__lost"].to_numpy().astype(float)
    return lost_here if loss.worse == "more" else 1 - lost_here, columns


def _conditions(name: str, column: "pa.ChunkedArray", bins: int) -> list[tuple[Condition, ...]]:
    """The conditions on a column: each value, or ranges if there are many numbers."""
    import pyarrow as pa

    values = column.drop_null().unique().to_pylist()
    number = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
    if not number or len(values) <= _MANY:
        return [(Condition(name, "==", value),) for value in sorted(values, key=str)]
    known = column.drop_null().to_numpy().astype(float)
    cuts = np.unique(np.nanquantile(known, np.linspace(0, 1, bins + 1)[1:-1], method="nearest"))
    edges: list[float | None] = [None, *(_tidy(cut) for cut in cuts), None]
    ranges = []
    for low, high in pairwise(edges):
        ends = [Condition(name, ">=", low)] if low is not None else []
        ends += [Condition(name, "<", high)] if high is not None else []
        ranges.append(tuple(ends))
    return ranges


def _coded(column: "pa.ChunkedArray", choices: Sequence[tuple[Condition, ...]]) -> Ints:
    """The index of each item's choice, from 1; 0 where it is unknown."""
    coded = np.zeros(len(column), np.int64)
    if choices and choices[0][0].operation == "==":
        place = {choice[0].value: i for i, choice in enumerate(choices, start=1)}
        encoded = column.combine_chunks().dictionary_encode()
        codes = np.array([place[v] for v in encoded.dictionary.to_pylist()] + [0], np.int64)
        places = np.nan_to_num(encoded.indices.to_numpy(zero_copy_only=False), nan=-1).astype(int)
        return np.asarray(codes[places])
    known = column.to_numpy().astype(float)
    cuts = [choice[0].value for choice in choices[1:]]
    inside = ~np.isnan(known)
    coded[inside] = 1 + np.searchsorted(cuts, known[inside], side="right")
    return coded


def _search(
    coded: Ints, lost: npt.NDArray[np.float64], most: int, conditions: int, least: int
) -> list[list[int | None]]:
    try:
        from sliceline.slicefinder import Slicefinder
    except ImportError as error:
        raise MissingExtraError.of(
            package="sliceline", extra="slices", purpose="the search for slices"
        ) from error
    if not lost.any():
        return []
    finder = Slicefinder(
        alpha=_WEIGHT_OF_LOSS, k=most, max_l=conditions, min_sup=least, verbose=False
    )
    finder.fit(coded, lost)
    found = [[None if v is None else int(v) for v in row] for row in finder.top_slices_]
    # unknown values do not define a group
    return [row for row in found if 0 not in row]


def _group(choices: Sequence[Sequence[tuple[Condition, ...]]], found: Sequence[Any]) -> Group:
    where = tuple(
        condition
        for listed, place in zip(choices, found, strict=True)
        if place is not None
        for condition in listed[place - 1]
    )
    return Group(" and ".join(map(str, where)), where)


def _tidy(cut: float) -> float:
    return int(cut) if cut == int(cut) else float(cut)
