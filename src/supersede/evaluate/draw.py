"""Bring the chosen items out of the engine: those whose permanent random number is small enough."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from supersede.errors import ArgumentError, ItemError
from supersede.evaluate.clusters import CLUSTER, cluster_of
from supersede.evaluate.counting import locate, packed, words
from supersede.evaluate.numbers import limit, numbers
from supersede.evaluate.patterns import Patterns
from supersede.evaluate.weights import weight_of
from supersede.table.source import collect

if TYPE_CHECKING:
    from supersede.table.table import Table

__all__ = ["Drawn", "draw"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_WEIGHT = "__amount"


@dataclass(frozen=True)
class Drawn:
    """Items in order of their numbers.

    Attributes:
        item: Their ids.
        number: Their permanent random numbers, 32 hexadecimal digits.
        pattern: Their patterns, shape ``(n,)``.
        weight: What they count for, shape ``(n,)``; None where every item counts once.
        cluster: The numbers of their clusters, shape ``(n,)``; None where items are independent.
    """

    item: pa.Array
    number: list[str]
    pattern: Ints
    weight: Floats | None = None
    cluster: Ints | None = None

    def __len__(self) -> int:
        return len(self.number)


def draw(table: "Table", item: str, key: str, patterns: Patterns, share: Floats) -> Drawn:
    """Items of each pattern whose number is within the smallest share of all numbers.

    Args:
        table: The predictions.
        item: The column of ids.
        key: The key of the numbers.
        patterns: The patterns of this table.
        share: Share of all numbers that is drawn, by pattern, shape ``(h,)``; 1 for all.

    Returns:
        On average that share of each pattern's items. Only these leave the engine.

    Raises:
        ItemError: An id occurs twice among them.
    """
    import ibis

    number = numbers(table.rows, item, key)
    named = words(table, patterns)
    top = limit(float(share.max(initial=0.0)))
    rows = table.rows.filter(number < top)
    uses = {} if patterns.weights is None else {_WEIGHT: weight_of(table)}
    if patterns.clusters is not None:
        uses |= {CLUSTER: cluster_of(table)}
    rows = rows.select(__item=rows[item], __number=numbers(rows, item, key), **named, **uses)
    if len(np.unique(share)) > 1:
        wanted = share > 0
        limits = {name: word[wanted] for name, word in zip(named, packed(patterns), strict=True)}
        texts = np.array([limit(s) for s in np.unique(share)])
        at = np.searchsorted(np.unique(share), share[wanted])
        small = ibis.memtable(pa.table({**limits, "__limit": texts[at]}))
        rows = rows.join(small, list(named))
        rows = rows.filter(rows["__number"] < rows["__limit"])
    found = collect(rows.select("__item", "__number", *named, *uses)).combine_chunks()
    found = found.sort_by([("__number", "ascending"), ("__item", "ascending")])
    ids, text = found["__item"].combine_chunks(), found["__number"].to_pylist()
    _refuse_twice(ids, text, item)
    columns = [found[name].to_numpy().astype(np.int64) for name in named]
    pattern = locate(patterns, columns) if len(text) else np.zeros(0, np.int64)
    weight = cluster = None
    if patterns.weights is not None:
        weight = found[_WEIGHT].to_numpy() / patterns.weights.unit
    if patterns.clusters is not None:
        named_so = {name: at for at, name in enumerate(patterns.clusters.names)}
        cluster = np.array([named_so[name] for name in found[CLUSTER].to_pylist()], np.int64)
    return Drawn(ids, text, pattern, weight, cluster)


def item_column(table: "Table", item: str | None) -> str:
    """The column of item ids.

    Raises:
        ArgumentError: The table has none.
    """
    found = item or table.item
    if found is None:
        msg = (
            "the table has no item ids, so the items to label cannot be named; name their column:"
            " supersede.read(…, item='<column>') or plan(…, item='<column>')"
        )
        raise ArgumentError(msg)
    return found


def _refuse_twice(ids: pa.Array, number: list[str], item: str) -> None:
    """An id that occurs twice has one number, so after sorting its two rows are adjacent."""
    for at in range(1, len(number)):
        if number[at] == number[at - 1] and ids[at].equals(ids[at - 1]):
            msg = f"item id {ids[at].as_py()!r} occurs twice in column {item!r}; ids must be unique"
            raise ItemError(msg)
