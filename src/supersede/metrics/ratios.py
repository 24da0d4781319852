"""Losses of any kind, by group, as sums that merge.

A loss of a group is a **ratio of two sums** over its items, ``R = Σ w e / Σ w d``: wrong answers over
items, false positives over negatives, word errors over words spoken, costs over cases. So one kind of
count serves them all. What is kept of each group is the vector of sums of all numerators and
denominators and the matrix of the sums of their products; means, paired differences between models and
their variances follow from these by linearisation (Särndal, Swensson & Wretman 1992, eq. 5.7.10), and
parts (shards, days) add up. Where items come in clusters (utterances of a speaker), the products are
of the clusters' sums (the same, section 8.7, as if clusters were drawn with replacement).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from supersede.metrics.cells import Ask, Counting, N, counted_rows, merge
from supersede.metrics.moments import Moments

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["Part", "Ratios", "count_ratios", "ratios_counted", "sum_ratios"]

Floats = npt.NDArray[np.float64]
_CLUSTER = "__cluster"


@dataclass(frozen=True)
class Part:
    """A loss on every item, as an expression of an engine or as an array.

    Attributes:
        numerator: What is lost on the item; null (NaN) where it is not graded.
        denominator: What it is divided by, in sum; None where every item counts one.
        binary: Whether all numerators are 0 or 1 and there is no denominator.
    """

    numerator: Any
    denominator: Any = None
    binary: bool = False


@dataclass(frozen=True)
class Ratios:
    """Sums over the items of each group, for one or several models (`m` of them).

    Attributes:
        keys: One row per group: what it is.
        items: All items, graded or not, shape ``(k,)``.
        n: Graded items that count (a recall counts the items with a positive label), ``(k,)``.
        units: Independent units behind them: clusters, otherwise items, shape ``(k,)``.
        sums: Weighted sums of the `m` numerators, then of the `m` denominators, ``(k, 2m)``.
        products: Sums of products of these, unit by unit, shape ``(k, 2m, 2m)``.
        counted: Whether every item weighs one and is right or wrong, so that sums are counts.
        closed: Units that lie in the group as a whole, shape ``(k,)``; all of them without clusters.
        shared: With clusters, the sums of products of the group's part of a cluster with all of
            that cluster, shape ``(k, 2m, 2m)``; None without clusters.
        fourth: With clusters, each model's sums of ``d⁴, d³e, d²e², de³, e⁴`` over them, from which
            the degrees of freedom follow (see `Moments`), shape ``(k, m, 5)``; None where unknown.

    Assumes: units are independent draws; the numbers of items in the groups are given.
    """

    keys: pa.Table
    items: Floats
    n: Floats
    units: Floats
    sums: Floats
    products: Floats
    counted: bool
    closed: Floats
    shared: Floats | None = None
    fourth: Floats | None = None

    def __len__(self) -> int:
        return len(self.n)

    @property
    def models(self) -> int:
        """The number of models."""
        return int(self.sums.shape[1]) // 2

    def moments(self, model: int = 0) -> Moments:
        """One model's means and variances."""
        e, d = model, self.models + model
        return Moments(
            n=self.n,
            w=self.sums[:, d],
            w2=self.products[:, d, d],
            x=self.sums[:, e],
            w2x=self.products[:, e, d],
            w2xx=self.products[:, e, e],
            units=None if self.counted else self.units,
            fourth=None if self.fourth is None else self.fourth[:, model],
        )

    def slopes(self, model: int = 0) -> Floats:
        """How a model's ratio moves with the sums, shape ``(k, 2m)``: ``(1, -R) / Σ w d``."""
        slopes = np.zeros_like(self.sums)
        total = self.sums[:, self.models + model]
        inverse = np.divide(1.0, total, out=np.zeros(len(self)), where=total > 0)
        slopes[:, model] = inverse
        slopes[:, self.models + model] = -(inverse**2) * self.sums[:, model]
        return slopes

    def rest(self, whole: "Ratios") -> "Ratios":
        """Everybody who is not in the group, for every group."""
        products = whole.products - self.products
        if self.shared is not None:
            crossed = self.shared + self.shared.transpose(0, 2, 1)
            products = whole.products - crossed + self.products
        return Ratios(
            self.keys,
            whole.items - self.items,
            whole.n - self.n,
            whole.units - self.closed,  # a cluster that lies on both sides counts on both
            np.maximum(whole.sums - self.sums, 0),
            products,
            self.counted,
            whole.units - self.units,
        )

    def __add__(self, other: "Ratios") -> "Ratios":
        """Add another part with the same groups in the same order and no cluster in common."""
        shared: Floats | None = None
        fourth: Floats | None = None
        if self.shared is not None and other.shared is not None:
            shared = self.shared + other.shared
        if self.fourth is not None and other.fourth is not None:
            fourth = self.fourth + other.fourth
        return Ratios(
            self.keys,
            self.items + other.items,
            self.n + other.n,
            self.units + other.units,
            self.sums + other.sums,
            self.products + other.products,
            self.counted and other.counted,
            self.closed + other.closed,
            shared,
            fourth,
        )

    def take(self, rows: npt.NDArray[np.intp]) -> "Ratios":
        """Some of the groups, in the order asked for."""
        fields = (self.items, self.n, self.units, self.sums, self.products, self.closed)
        items, n, units, sums, products, closed = (field[rows] for field in fields)
        shared = None if self.shared is None else self.shared[rows]
        fourth = None if self.fourth is None else self.fourth[rows]
        keys = self.keys.take(rows)
        return Ratios(keys, items, n, units, sums, products, self.counted, closed, shared, fourth)

    def nothing(self) -> "Ratios":
        """One group of nobody, counted like these."""
        empty = np.zeros((1, *self.sums.shape[1:]))
        square = np.zeros((1, *self.products.shape[1:]))
        none = np.zeros(1)
        shared = None if self.shared is None else square
        fourth = None if self.fourth is None else np.zeros((1, *self.fourth.shape[1:]))
        return Ratios(
            pa.table({}), none, none, none, empty, square, self.counted, none, shared, fourth
        )

    @staticmethod
    def stacked(parts: Sequence["Ratios"]) -> "Ratios":
        """The groups of several counts below each other; their keys are left behind."""

        def joined(field: str) -> Floats:
            return np.concatenate([getattr(part, field) for part in parts])

        return Ratios(
            pa.table({}),
            joined("items"),
            joined("n"),
            joined("units"),
            joined("sums"),
            joined("products"),
            all(part.counted for part in parts),
            joined("closed"),
            joined("shared") if parts[0].shared is not None else None,
            joined("fourth") if all(part.fourth is not None for part in parts) else None,
        )


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
    sums = {"__n": layout.counted_items(known, graded).cast("int64")}
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
