"""Count once, for everybody: every metric is a sum over cells.

A *cell* is one combination of key values (a class, a sex, a month); its sums are everything that
the metrics need. Cells are small Arrow tables, so shards, engines and days add up by `merge`.

Whoever needs counts is a generator: it yields what it asks for (`Ask`: values of each item, and what
they are split by), gets cells, and returns its result. `counted` runs any number of them in step, so that
all requests of one round are one query. That query groups the rows by the columns themselves, which
engines do fastest, and the sums are taken here, over distinct rows with how often each occurs. Only
where distinct rows are too many (scores or weights of very many items) does the engine add up each
question by itself.
"""

import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from supersede.table.internal import internal
from supersede.table.source import collect
from supersede.table.table import Table

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = [
    "Ask",
    "Counting",
    "N",
    "beside",
    "condensed",
    "counted",
    "counted_rows",
    "few",
    "merge",
    "once",
    "together",
]

N = internal("n")
"""The column with the number of items in each cell."""

_FEW = 200_000  # rows, or cells, that are brought here
_LOOKED_AT = 50_000  # rows by which it is guessed whether distinct rows are few
_ALIKE = 0.1  # of these rows, at most, may be distinct
_TIMES = internal("times")


@dataclass(frozen=True)
class Ask:
    """What is to be counted, as expressions over a table's rows.

    Attributes:
        sums: What each item adds, by the name of the sum.
        keys: What distinguishes items, by name.
        margins: For each result, the names of the keys that it is split by; none for the total.
        where: The items that count; all by default.
        ends: Values whose smallest and largest are wanted, by name: ``<name> low`` and ``<name> high``.
    """

    sums: "Mapping[str, ir.Value]" = field(default_factory=dict)
    keys: "Mapping[str, ir.Value]" = field(default_factory=dict)
    margins: Sequence[Sequence[str]] = ((),)
    where: "ir.BooleanValue | None" = None
    ends: "Mapping[str, ir.Value]" = field(default_factory=dict)


Counting = Generator[Sequence[Ask], Sequence[Sequence[pa.Table]], Any]
"""Yields what it asks for; gets, for each, a table of cells a margin; returns its result."""


def counted(table: Table, *work: Counting) -> list[Any]:
    """Run work in step: the requests of one round are counted together.

    Args:
        table: The table that all of it counts.
        *work: Generators; see `Counting`.

    Returns:
        What they return, in order.
    """
    return _in_step(table.rows, work, few=table.size <= _FEW)


def few(table: Table) -> bool:
    """Whether `counted` adds up the table's rows here, so that cells may be as many as rows."""
    return table.size <= _FEW or _TIMES in table.rows.columns


def counted_rows(rows: "ir.Table", *work: Counting) -> list[Any]:
    """The same for rows that are not a table of predictions, and may be very many."""
    return _in_step(rows, work, few=False)


def together(*work: Counting) -> Counting:
    """Several pieces of work as one, which returns what they return, in order."""
    done: dict[int, Any] = {}
    answers: dict[int, Any] = dict.fromkeys(range(len(work)))
    while answers:
        asked: dict[int, Sequence[Ask]] = {}
        for at, answer in answers.items():
            try:
                asked[at] = work[at].send(answer)
            except StopIteration as stop:
                done[at] = stop.value
        if asked:
            found = iter((yield [ask for asks in asked.values() for ask in asks]))
            answers = {at: [next(found) for _ in asks] for at, asks in asked.items()}
        else:
            answers = {}
    return [done[at] for at in range(len(work))]


def once(ask: Ask) -> Counting:
    """Work that asks once and returns the cells."""
    (found,) = yield [ask]
    return found


def condensed(table: Table, columns: Sequence[str]) -> Table:
    """The same table for `counted`, as distinct rows with how often each occurs, if these are few.

    Args:
        table: The predictions.
        columns: The columns that will be asked about, besides those of models and labels.
    """
    import ibis

    rows = table.rows
    used = {name for outcome in table.models.values() for name in outcome.columns}.union(columns)
    named = used.union([table.label, table.weight, table.cost, table.cluster])
    names = sorted(name for name in named if name is not None and name in rows.columns)
    fractions = any(rows[name].type().is_floating() for name in names)
    nested = any(rows[name].type().is_nested() for name in names)
    if table.size <= _FEW or _TIMES in rows.columns or fractions or nested:
        return table
    some = rows.select(*names).limit(_LOOKED_AT).distinct()
    if collect(some.aggregate(n=some.count()))["n"][0].as_py() > _ALIKE * _LOOKED_AT:
        return table
    found = collect(rows.group_by(names).aggregate(**{_TIMES: rows.count()}).limit(_FEW + 1))
    return table if len(found) > _FEW else replace(table, rows=ibis.memtable(found))


def merge(parts: Sequence[pa.Table], keys: Sequence[str], sums: Sequence[str]) -> pa.Table:
    """Add up cells from several counts, keeping the given keys and summing over all others.

    Args:
        parts: Tables of cells with the same columns.
        keys: The keys that remain.
        sums: The columns that are summed.

    Returns:
        One row a combination of the remaining keys, in order of first appearance.

    Example:
        >>> day = pa.table({"sex": ["f", "m"], "age": [9, 9], "n": [2, 3]})
        >>> merge([day, day], ["sex"], ["n"]).to_pylist()
        [{'sex': 'f', 'n': 4}, {'sex': 'm', 'n': 6}]
    """
    return _merged(pa.concat_tables(parts), keys, dict.fromkeys(sums, "sum"))


def beside(keys: pa.Table, numbers: Mapping[str, list[object]]) -> dict[str, list[object]]:
    """Keys and numbers as columns of one table; a key with a number's name says that it is a key.

    Example:
        >>> beside(pa.table({"n": ["x"], "sex": ["f"]}), {"n": [3]})
        {'n (group)': ['x'], 'sex': ['f'], 'n': [3]}
    """
    named = keys.to_pydict().items()
    taken = {f"{name} (group)" if name in numbers else name: values for name, values in named}
    return {**taken, **numbers}


def _merged(cells: pa.Table, keys: Sequence[str], columns: Mapping[str, str]) -> pa.Table:
    """One row a combination of keys, with each column added up (or its smallest, or its largest)."""
    added = cells.group_by(list(keys), use_threads=False).aggregate(list(columns.items()))
    found = [f"{name}_{how}" for name, how in columns.items()]
    return added.select([*keys, *found]).rename_columns([*keys, *columns])


def _columns(ask: Ask) -> dict[str, str]:
    """The columns of cells besides the keys, and how they merge."""
    ends = {f"{name} {end}": how for name in ask.ends for end, how in _ENDS.items()}
    return {N: "sum", **dict.fromkeys(ask.sums, "sum"), **ends}


_ENDS = {"low": "min", "high": "max"}


def _in_step(rows: "ir.Table", work: Sequence[Counting], *, few: bool) -> list[Any]:
    every = together(*work)
    answers: Any = None
    while True:
        try:
            asked = every.send(answers)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        answers = _count(rows, asked, few=few)


def _count(rows: "ir.Table", asks: Sequence[Ask], *, few: bool) -> list[list[pa.Table]]:
    if not asks:
        return []
    if few or _TIMES in rows.columns:
        found = _here(rows, asks)
        if found is not None:
            return found
    return [_there(rows, ask) for ask in asks]


def _here(rows: "ir.Table", asks: Sequence[Ask]) -> list[list[pa.Table]] | None:
    """All values of all rows in one query, added up here; None where the rows are too many."""
    names: dict[Any, str] = {}

    def named(value: "ir.Value") -> str:
        return names.setdefault(value.op(), f"c{len(names)}")

    wanted = [
        {
            "where": None if ask.where is None else named(ask.where),
            "keys": {key: named(value) for key, value in ask.keys.items()},
            "sums": {key: named(value) for key, value in ask.sums.items()},
            "ends": {key: named(value) for key, value in ask.ends.items()},
        }
        for ask in asks
    ]
    values: dict[str, Any] = {name: op.to_expr() for op, name in names.items()}
    if _TIMES in rows.columns:
        values[_TIMES] = rows[_TIMES]
    if not values:
        values[N] = rows.count().over()
    found = collect(rows.select(**values).limit(_FEW + 1))
    if len(found) > _FEW:
        return None
    return [_added(found, ask, want) for ask, want in zip(asks, wanted, strict=True)]


def _added(rows: pa.Table, ask: Ask, names: Mapping[str, Any]) -> list[pa.Table]:
    if names["where"] is not None:
        rows = rows.filter(rows[names["where"]])  # null is not true
    times: Any = np.ones(len(rows))
    if _TIMES in rows.column_names:
        times = rows[_TIMES].to_numpy().astype(float)
    data = {key: _unsigned_zero(rows[name]) for key, name in names["keys"].items()}
    data[N] = times
    for key, name in names["sums"].items():
        data[key] = np.nan_to_num(_floats(rows[name])) * times
    for key, name in names["ends"].items():
        value = pa.array(_floats(rows[name]), from_pandas=True)
        data |= {f"{key} {end}": value for end in _ENDS}
    if not len(rows) and () in {tuple(margin) for margin in ask.margins}:
        data = {key: pa.nulls(1, pa.table(data)[key].type) for key in data}  # a total of nothing
    cells = pa.table(data)
    return [_merged(cells, margin, _columns(ask)) for margin in ask.margins]


def _unsigned_zero(key: pa.ChunkedArray) -> pa.ChunkedArray:
    """Keys as engines see them: 0 and -0 are one number, which Arrow would keep apart."""
    return pc.add(key, 0.0) if pa.types.is_floating(key.type) else key


def _floats(column: pa.ChunkedArray) -> Any:
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    return column.to_numpy().astype(float)


def _there(rows: "ir.Table", ask: Ask) -> list[pa.Table]:
    """Added up by the engine: all margins from one joint count, if its cells are not too many."""
    used = [name for name in ask.keys if any(name in margin for margin in ask.margins)]
    if len(ask.margins) > 1 and _joint_size(rows, ask, used) <= _FEW:
        joint = _cells(rows, ask, used)
        return [_merged(joint, margin, _columns(ask)) for margin in ask.margins]
    return [_cells(rows, ask, margin) for margin in ask.margins]


def _joint_size(rows: "ir.Table", ask: Ask, keys: Sequence[str]) -> float:
    if not keys:
        return 1
    sizes = collect(rows.aggregate(**{k: ask.keys[k].approx_nunique() for k in keys}))
    return math.prod(1 + (size or 0) for size in sizes.to_pylist()[0].values())


def _cells(rows: "ir.Table", ask: Ask, keys: Sequence[str]) -> pa.Table:
    where = ask.where
    times: Any = rows[_TIMES] if _TIMES in rows.columns else None
    number = rows.count(where=where) if times is None else times.sum(where=where)
    found: dict[str, Any] = {N: number}
    for name, value in ask.sums.items():
        if not hasattr(value, "sum"):  # the same for all items, such as a weight of 1
            found[name] = value * number
            continue
        found[name] = (value if times is None else value * times).sum(where=where)
    for name, value in ask.ends.items():
        same = not hasattr(value, "min")  # for all items
        for end, how in _ENDS.items():
            found[f"{name} {end}"] = (
                value + 0 * number if same else getattr(value, how)(where=where)
            )
    if not keys:
        return collect(rows.aggregate(**found))
    cells = rows.group_by(**{key: ask.keys[key] for key in keys}).aggregate(**found)
    made = collect(cells.filter(cells[N] > 0) if where is not None else cells)
    for at, key in enumerate(made.column_names):
        if key in keys:  # which of 0 and -0 stands for both differs between engines
            made = made.set_column(at, key, _unsigned_zero(made[key]))
    return made
