"""Count in the engine, merge here: every metric is a sum over cells.

A *cell* is one combination of key values (a class, a sex, a month); its sums are everything that
the metrics need. Cells are small Arrow tables, so shards, engines and days add up by `merge`.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from supersede.table.source import collect

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["beside", "count_cells", "merge"]

# Up to so many cells, all margins are derived from one joint count; beyond, each is counted alone.
_JOINT_CELLS = 200_000


def count_cells(
    rows: "ir.Table",
    keys: Mapping[str, "ir.Value"],
    sums: Mapping[str, "ir.Value"],
    margins: Sequence[Sequence[str]],
) -> list[pa.Table]:
    """Sums for every combination of values of some keys, for each of several margins.

    Args:
        rows: The rows to count.
        keys: What rows are told apart by, by name.
        sums: What is summed, by name: one aggregate expression each.
        margins: For each result, the names of the keys that it is split by; none for the total.

    Returns:
        One Arrow table a margin: the key columns, then one column a sum, one row a cell. A null
        key is a cell of its own.
    """
    used = [name for name in keys if any(name in margin for margin in margins)]
    if len(margins) > 1 and _joint_size(rows, {name: keys[name] for name in used}) <= _JOINT_CELLS:
        joint = _count(rows, {name: keys[name] for name in used}, sums)
        return [merge([joint], margin, list(sums)) for margin in margins]
    return [_count(rows, {name: keys[name] for name in margin}, sums) for margin in margins]


def merge(parts: Sequence[pa.Table], keys: Sequence[str], sums: Sequence[str]) -> pa.Table:
    """Add up cells from several counts, keeping the given keys and summing over all others.

    Args:
        parts: Results of `count_cells` with the same columns.
        keys: The keys that remain.
        sums: The columns that are summed.

    Returns:
        One row a combination of the remaining keys, in order of first appearance.

    Example:
        >>> day = pa.table({"sex": ["f", "m"], "age": [9, 9], "n": [2, 3]})
        >>> merge([day, day], ["sex"], ["n"]).to_pylist()
        [{'sex': 'f', 'n': 4}, {'sex': 'm', 'n': 6}]
    """
    cells = pa.concat_tables(parts)
    added = cells.group_by(list(keys), use_threads=False).aggregate([(s, "sum") for s in sums])
    return added.select([*keys, *(f"{s}_sum" for s in sums)]).rename_columns([*keys, *sums])


def beside(keys: pa.Table, numbers: Mapping[str, list[object]]) -> dict[str, list[object]]:
    """Keys and numbers as columns of one table; a key with a number's name says that it is a key.

    Example:
        >>> beside(pa.table({"n": ["x"], "sex": ["f"]}), {"n": [3]})
        {'n (group)': ['x'], 'sex': ['f'], 'n': [3]}
    """
    named = keys.to_pydict().items()
    taken = {f"{name} (group)" if name in numbers else name: values for name, values in named}
    return {**taken, **numbers}


def _joint_size(rows: "ir.Table", keys: Mapping[str, "ir.Value"]) -> float:
    if not keys:
        return 1
    sizes = collect(rows.aggregate(**{k: v.approx_nunique() for k, v in keys.items()}))
    return math.prod(1 + (size or 0) for size in sizes.to_pylist()[0].values())


def _count(
    rows: "ir.Table", keys: Mapping[str, "ir.Value"], sums: Mapping[str, "ir.Value"]
) -> pa.Table:
    if not keys:
        return collect(rows.aggregate(**sums))
    return collect(rows.group_by(**keys).aggregate(**sums))
