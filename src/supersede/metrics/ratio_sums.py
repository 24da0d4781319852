"""The sums behind `Ratios`: what is added up, in an engine or here, and where each sum lies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from supersede.metrics.cells import Ask, Counting, N, counted_rows, merge
from supersede.metrics.ratios import Part, Ratios

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["count_ratios", "ratios_counted", "sum_ratios"]

Floats = npt.NDArray[np.float64]
_CLUSTER = "__cluster"


def count_ratios(
    rows: "ir.Table",
    parts: Sequence[Part],
    keys: Mapping[str, "ir.Value"],
    margins: Sequence[Sequence[str]],
    *,
    weight: "ir.Value | None" = None,
    cluster: "ir.Value | None" = None,
) -> list[Ratios]:
    """Count losses in the engine that holds the rows.

    Args:
        rows: The items.
        parts: One loss per model, as expressions over the rows.
        keys: What distinguishes the items, by name.
        margins: For each result, the names of the keys that it is split by; ``()`` is the whole.
        weight: Non-negative weight of each item.
        cluster: The cluster of each item, where items are not independent.

    Returns:
        One `Ratios` a margin, with a row for every group, null (unknown) among them. An item counts
        only where it is graded for all models.
    """
    work = ratios_counted(parts, keys, margins, weight=weight, cluster=cluster)
    return counted_rows(rows, work)[0]  # type: ignore[no-any-return]


def ratios_counted(
    parts: Sequence[Part],
    keys: Mapping[str, "ir.Value"],
    margins: Sequence[Sequence[str]],
    *,
    weight: "ir.Value | None" = None,
    cluster: "ir.Value | None" = None,
    graded_only: bool = False,
) -> Counting:
    """The work of `count_ratios`, whose arguments these are; perhaps without groups of no grade."""
    layout = _Layout.of(parts, weighted=weight is not None)
    values = [value for part in parts for value in (part.numerator, part.denominator)]
    graded = _all([value.notnull() for value in values if value is not None])
    known = [_masked(part, graded) for part in parts]
    columns = layout.columns(known, weight if weight is None else graded.ifelse(weight, 0))
    sums = {"__n": layout.counted_items(known, graded).cast("int32")}
    where = graded if graded_only else None
    if cluster is None:
        (found,) = yield [Ask(sums | columns, keys, margins, where)]
        return [layout.ratios(cells, m) for cells, m in zip(found, margins, strict=True)]
    sums |= {name: value for name, value in columns.items() if "." not in name}
    split = [(*margin, _CLUSTER) for margin in ((), *margins)]
    ((totals, *found),) = yield [Ask(sums, {**keys, _CLUSTER: cluster}, split, where)]
    return [layout.clustered(cells, m, totals) for cells, m in zip(found, margins, strict=True)]


def sum_ratios(
    parts: Sequence[Part],
    keys: Mapping[str, pa.Array],
    margins: Sequence[Sequence[str]],
    *,
    weight: Floats | None = None,
    cluster: pa.Array | None = None,
) -> list[Ratios]:
    """Count losses that are arrays here; the arguments are those of `count_ratios`.

    Args:
        parts: One loss per model; arrays of shape ``(n,)``, NaN where an item is not graded.
        keys: Arrow arrays of shape ``(n,)``; null is unknown.
        margins: The names of the keys that each result is split by.
        weight: Non-negative weights, shape ``(n,)``.
        cluster: The cluster of each item.

    Returns:
        One `Ratios` a margin.

    Example:
        >>> import numpy as np, pyarrow as pa
        >>> lost = Part(np.array([1.0, 0.0, 1.0, 1.0]), binary=True)
        >>> (by_sex,) = sum_ratios([lost], {"sex": pa.array(["f", "f", "m", None])}, [("sex",)])
        >>> by_sex.keys["sex"].to_pylist(), by_sex.moments().mean.tolist()
        (['f', 'm', None], [0.5, 1.0, 1.0])
    """
    layout = _Layout.of(parts, weighted=weight is not None)
    values = [part.numerator for part in parts]
    values += [part.denominator for part in parts if part.denominator is not None]
    graded = ~np.isnan(np.sum(values, axis=0))
    if not graded.all():
        parts = [_filled(part, graded) for part in parts]
        weight = None if weight is None else np.where(graded, weight, 0.0)
    columns = layout.columns(parts, weight)
    n = layout.counted_items(parts, graded)
    data = {N: np.ones(len(graded)), "__n": n.astype(float), **columns}
    if cluster is not None:
        keys = {**keys, _CLUSTER: cluster}
        data = {name: value for name, value in data.items() if "." not in name}
    cells = pa.table({**keys, **data})
    if cluster is None:
        return [layout.ratios(merge([cells], m, list(data)), m) for m in margins]
    totals = merge([cells], [_CLUSTER], list(data))
    return [
        layout.clustered(merge([cells], [*m, _CLUSTER], list(data)), m, totals) for m in margins
    ]


@dataclass(frozen=True)
class _Layout:
    """Which columns are summed, and where each of the sums lies.

    Where every item counts one and weighs one, the denominators' sums are counts, and products with
    them are the numerators themselves; where numerators are 0 or 1, so are their squares. What
    follows from other sums is not summed again.
    """

    models: int
    plain: bool
    binary: bool

    @classmethod
    def of(cls, parts: Sequence[Part], *, weighted: bool) -> "_Layout":
        plain = not weighted and all(part.denominator is None for part in parts)
        return cls(len(parts), plain, plain and all(part.binary for part in parts))

    def columns(self, parts: Sequence[Part], weight: Any) -> dict[str, Any]:
        """Columns to be summed: ``s0`` is a sum, ``p0.1`` a product."""
        values = [part.numerator for part in parts]
        if not self.plain:
            ones = [part.numerator * 0 + 1 for part in parts]
            values += [
                one if part.denominator is None else part.denominator
                for part, one in zip(parts, ones, strict=True)
            ]
        if weight is not None:
            values = [value * weight for value in values]
        named = {f"s{i}": value for i, value in enumerate(values)}
        for i, first in enumerate(values):
            for j, second in enumerate(values[i:], start=i):
                if not (self.binary and i == j):
                    named[f"p{i}.{j}"] = first * second
        return named

    def counted_items(self, parts: Sequence[Part], graded: Any) -> Any:
        """Which items count: those that are graded, and add to a numerator or a denominator."""
        if any(part.denominator is None for part in parts):
            return graded
        adds = [part.numerator != 0 for part in parts] + [part.denominator != 0 for part in parts]
        return graded & _any(adds)

    def ratios(self, cells: pa.Table, margin: Sequence[str]) -> Ratios:
        """Sums by cell as arrays."""

        def column(name: str) -> Floats:
            return np.asarray(np.nan_to_num(cells[name].to_numpy().astype(float)))

        m = self.models
        items, n = column(N), column("__n")
        sums, products = np.empty((len(n), 2 * m)), np.empty((len(n), 2 * m, 2 * m))
        for i in range(2 * m):
            counts_one = self.plain and i >= m
            sums[:, i] = n if counts_one else column(f"s{i}")
            for j in range(i + 1):
                if counts_one:  # a product with one
                    value = sums[:, j]
                elif self.binary and i == j:
                    value = sums[:, i]
                else:
                    value = column(f"p{j}.{i}")
                products[:, i, j] = products[:, j, i] = value
        return Ratios(cells.select(list(margin)), items, n, n, sums, products, self.binary, n)

    def clustered(self, cells: pa.Table, margin: Sequence[str], totals: pa.Table) -> Ratios:
        """Sums by group and cluster as sums by group, with products of clusters' sums."""
        m = self.models
        names = [f"s{i}" for i in range(m if self.plain else 2 * m)]
        parts = _stacked(cells, names, m)
        place = _places(totals[_CLUSTER], cells[_CLUSTER])
        whole = _stacked(totals, names, m)[place]
        n = cells["__n"].to_numpy().astype(float)
        alone = (n > 0) & (n == totals["__n"].to_numpy()[place])
        data = {N: cells[N], "__n": n, "__units": (n > 0).astype(float)}
        data["__closed"] = alone.astype(float)
        for i in range(2 * m):
            data[f"s{i}"] = parts[:, i]
            for j in range(2 * m):
                data[f"p{i}.{j}"] = parts[:, i] * parts[:, j]
                data[f"x{i}.{j}"] = parts[:, i] * whole[:, j]
        for i in range(m):
            e, d = parts[:, i], parts[:, m + i]
            data |= {f"f{i}.{power}": d ** (4 - power) * e**power for power in range(5)}
        kept = {name: cells[name] for name in margin}
        added = merge([pa.table({**kept, **data})], margin, list(data))
        column = {name: added[name].to_numpy().astype(float) for name in data}
        order = range(2 * m)
        sums = np.stack([column[f"s{i}"] for i in order], axis=1)
        products, shared = (
            np.stack([np.stack([column[f"{p}{i}.{j}"] for j in order], 1) for i in order], 1)
            for p in "px"
        )
        fourth = np.stack(
            [np.stack([column[f"f{i}.{power}"] for power in range(5)], 1) for i in range(m)], 1
        )
        return Ratios(
            added.select(list(margin)),
            column[N], column["__n"], column["__units"],
            sums, products, False, column["__closed"], shared, fourth,
        )  # fmt: skip


def _stacked(cells: pa.Table, names: Sequence[str], models: int) -> Floats:
    columns = [np.nan_to_num(cells[name].to_numpy().astype(float)) for name in names]
    if len(names) == models:  # every item counts one
        columns += [cells["__n"].to_numpy().astype(float)] * models
    return np.stack(columns, axis=1)


def _places(known: pa.ChunkedArray, wanted: pa.ChunkedArray) -> npt.NDArray[np.intp]:
    """Where each wanted value lies among the known ones; null is a value."""
    import pyarrow.compute as pc

    found = pc.index_in(wanted.combine_chunks(), value_set=known.combine_chunks())
    return np.asarray(found.to_numpy(zero_copy_only=False), np.intp)


def _masked(part: Part, graded: "ir.Value") -> Part:
    denominator = None if part.denominator is None else graded.ifelse(part.denominator, 0)
    return Part(graded.ifelse(part.numerator, 0), denominator, part.binary)


def _filled(part: Part, graded: npt.NDArray[np.bool_]) -> Part:
    denominator = None
    if part.denominator is not None:
        denominator = np.where(graded, part.denominator, 0.0)
    return Part(np.where(graded, part.numerator, 0.0), denominator, part.binary)


def _all(values: Sequence[Any]) -> Any:
    joined = values[0]
    for value in values[1:]:
        joined &= value
    return joined


def _any(values: Sequence[Any]) -> Any:
    joined = values[0]
    for value in values[1:]:
        joined |= value
    return joined
