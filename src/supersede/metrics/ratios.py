"""Losses of any kind, by group, as sums that merge.

A loss of a group is a **ratio of two sums** over its items, ``R = Σ w e / Σ w d``: wrong answers over
items, false positives over negatives, word errors over words spoken, costs over cases. So one kind of
count serves them all. What is kept of each group is the vector of sums of all numerators and
denominators and the matrix of the sums of their products; means, paired differences between models and
their variances follow from these by linearisation (Särndal, Swensson & Wretman 1992, eq. 5.7.10), and
parts (shards, days) add up. Where items come in clusters (utterances of a speaker), the products are
of the clusters' sums (the same, section 8.7, as if clusters were drawn with replacement).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from supersede.metrics.moments import Moments

__all__ = ["Part", "Ratios"]

Floats = npt.NDArray[np.float64]


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
