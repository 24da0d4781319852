"""Flips: what changes for each item when a new model takes the place of an old one.

An item that only the old model gets right is a negative flip; one that only the new model gets
right, a positive flip. With c the share right of each model on an item (0 or 1, or a share over
several runs), an item counts ``c_old * (1 - c_new)`` negative and ``(1 - c_old) * c_new`` positive flips:
the chance that a user who got a right answer gets a wrong one, and the reverse. Hence, exactly,
``error_new = error_old - PFR + NFR``.

References:
    Yan et al. (2021), Positive-congruent training, CVPR, sections 1 and 3: NFR, PFR, relative NFR.
    Xie et al. (2021), Regression bugs are in your model!, ACL: negative flip impact (NFI).
    Bansal et al. (2019), AAAI, and Srivastava et al. (2020), KDD: backward trust compatibility
    (BTC) and backward error compatibility (BEC), as in the package backwardcompatibilityml.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Unpack

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from supersede.errors import ArgumentError
from supersede.metrics.cells import Ask, Counting, beside, condensed, counted
from supersede.metrics.flip_sums import (
    VALUES,
    clustered,
    from_cells,
    plain_sums,
    sums_with_agreement,
)
from supersede.metrics.intervals import mcnemar, paired_difference, student_tail
from supersede.metrics.moments import Moments, ratio
from supersede.table.coerce import Columns, as_names, as_table
from supersede.table.internal import internal
from supersede.table.table import Table

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["Flips", "count_flips", "flips_counted"]

Floats = npt.NDArray[np.float64]
_CLUSTER = internal("cluster")


@dataclass(frozen=True)
class Flips:
    """Flips by slice, as sums that merge; everything else is derived from them.

    Attributes:
        keys: One row per slice: what it is; no columns for the whole.
        old: How often the old model is right.
        new: How often the new model is right.
        negative: Negative flips.
        positive: Positive flips.
        gain: The new model's share right minus the old's, item by item.
        cost: The cost of negative flips, in the table's unit; None without a cost column.
    """

    keys: pa.Table
    old: Moments
    new: Moments
    negative: Moments
    positive: Moments
    gain: Moments
    cost: Moments | None = None

    def __len__(self) -> int:
        return len(self.n)

    @property
    def n(self) -> Floats:
        """Labelled items in each slice."""
        return self.negative.n

    @cached_property
    def nfr(self) -> Floats:
        """Negative flip rate: negative flips as a share of all items."""
        return self.negative.mean

    @cached_property
    def pfr(self) -> Floats:
        """Positive flip rate: positive flips as a share of all items."""
        return self.positive.mean

    @property
    def relative_nfr(self) -> Floats:
        """NFR as a share of what it would be if the two models erred independently.

        Equals ``NFR / ((1 - error_old) * error_new)`` (Yan et al. 2021): 1 for independent errors.
        """
        return ratio(self.nfr, self.old.mean * (1 - self.new.mean))

    @property
    def nfi(self) -> Floats:
        """Negative flip impact: the share of the new model's errors that are negative flips."""
        return ratio(self.nfr, 1 - self.new.mean)

    @property
    def btc(self) -> Floats:
        """Backward trust compatibility: of what the old model got right, the share still right."""
        return 1 - ratio(self.nfr, self.old.mean)

    @property
    def bec(self) -> Floats:
        """Backward error compatibility: of what the old model got wrong, the share still wrong."""
        return 1 - ratio(self.pfr, 1 - self.old.mean)

    @property
    def gain_variance(self) -> Floats:
        """Variance of one item's gain, from the rates of flips."""
        return self.nfr + self.pfr - (self.pfr - self.nfr) ** 2

    def nfr_interval(self, confidence: float) -> tuple[Floats, Floats]:
        """Intervals of the negative flip rates; see `Moments.share_interval`."""
        return self.negative.share_interval(confidence)

    def pfr_interval(self, confidence: float) -> tuple[Floats, Floats]:
        """Intervals of the positive flip rates; see `Moments.share_interval`."""
        return self.positive.share_interval(confidence)

    def gain_interval(
        self, confidence: float, rates: tuple[Floats, Floats] | None = None, times: float = 1.0
    ) -> tuple[Floats, Floats]:
        """Paired intervals of the gain in accuracy, at the sizes of `Moments.sizes`.

        Args:
            confidence: Two-sided confidence, in (0, 1).
            rates: Rates of negative and positive flips to look at in place of those observed.
            times: For this many times as many units of the same kind.
        """
        lost, gained = (self.nfr, self.pfr) if rates is None else rates
        n = self.gain.sizes(self.gain_variance, confidence, times)
        return paired_difference(lost, gained, n, confidence)

    @property
    def mcnemar(self) -> Floats:
        """McNemar's mid-p values, from the effective numbers of flips."""
        n = self.gain.effective_n(self.gain_variance)
        tail = student_tail(mcnemar(self.nfr * n, self.pfr * n) / 2, self.gain.freedom)
        return np.asarray(np.minimum(2 * tail, 1.0))

    def __add__(self, other: "Flips") -> "Flips":
        """Add another part (a shard, a day) with the same slices in the same order."""
        theirs = other._moments()
        return Flips(self.keys, **{name: m + theirs[name] for name, m in self._moments().items()})

    def take(self, rows: npt.NDArray[np.intp]) -> "Flips":
        """Some of the slices, in the order asked for."""
        kept = {name: moments.take(rows) for name, moments in self._moments().items()}
        return Flips(self.keys.take(rows), **kept)

    def total(self) -> "Flips":
        """All slices, which must not overlap, as one."""
        return Flips(pa.table({}), **{name: m.total() for name, m in self._moments().items()})

    def _moments(self) -> dict[str, Moments]:
        named = {name: getattr(self, name) for name in VALUES}
        return {name: moments for name, moments in named.items() if moments is not None}

    def to_dict(self, confidence: float) -> dict[str, list[object]]:
        """Columns by name: the keys, then sizes, rates and intervals.

        Args:
            confidence: Two-sided confidence of the intervals, in (0, 1).
        """
        low, high = self.nfr_interval(confidence)
        gain_low, gain_high = self.gain_interval(confidence)
        numbers = {
            "n": self.n,
            "accuracy_old": self.old.mean,
            "accuracy_new": self.new.mean,
            "gain": self.gain.mean,
            "gain_low": gain_low,
            "gain_high": gain_high,
            "nfr": self.nfr,
            "nfr_low": low,
            "nfr_high": high,
            "pfr": self.pfr,
            "relative_nfr": self.relative_nfr,
            "nfi": self.nfi,
            "btc": self.btc,
            "bec": self.bec,
            "mcnemar_p": self.mcnemar,
        }
        return beside(self.keys, {name: values.tolist() for name, values in numbers.items()})


def count_flips(
    table: object,
    old: str,
    new: str,
    margins: Sequence[Sequence[str]] = ((),),
    *,
    keys: "Mapping[str, ir.Value] | None" = None,
    inclusion: str | None = None,
    agreement_known: bool = False,
    **columns: Unpack[Columns],
) -> list[Flips]:
    """Count the flips between two models, by slice; only sums leave the engine.

    Items that are not labelled (or, for graded outcomes, not graded for both models) do not count.

    Args:
        table: The predictions: a `Table`, or anything that `supersede.read` reads.
        old: The model in service.
        new: The model that may take its place.
        margins: For each result, the keys it is split by; ``()`` is the whole.
        keys: Further keys than the table's columns, by name.
        inclusion: Column with each labelled item's probability of having been chosen for
            labelling; items then count inversely to it.
        agreement_known: Whether items on which both models give the same class count without a
            label too: whatever their label, they do not flip. Plans that compare models label
            few or none of them. Accuracies are NaN where none of them is labelled.
        **columns: What `supersede.read` needs to know of a source that is not yet a `Table`.

    Returns:
        One result per margin.

    Example:
        >>> import supersede
        >>> table = supersede.read(
        ...     {"y": [1, 1, 0, 0], "a": [1, 1, 0, 1], "b": [1, 0, 0, 0], "sex": [1, 2, 1, 2]},
        ...     models=["a", "b"],
        ... )
        >>> whole, by_sex = count_flips(table, "a", "b", [(), ("sex",)])
        >>> whole.nfr.tolist(), whole.pfr.tolist()
        ([0.25], [0.25])
    """
    table = as_table(table, [old, new], **columns)
    if not keys:  # which are over the table's own rows
        used = [name for margin in margins for name in as_names(margin, "margins")]
        table = condensed(table, used if inclusion is None else [*used, inclusion])
    work = flips_counted(
        table, old, new, margins, keys=keys or {}, inclusion=inclusion,
        agreement_known=agreement_known,
    )  # fmt: skip
    return counted(table, work)[0]  # type: ignore[no-any-return]


def flips_counted(
    table: Table,
    old: str,
    new: str,
    margins: Sequence[Sequence[str]],
    *,
    keys: "Mapping[str, ir.Value]",
    inclusion: str | None = None,
    agreement_known: bool = False,
) -> Counting:
    """The work of `count_flips`, whose arguments these are."""
    before, after = table.compared(old, new)
    graded = before.notnull() & after.notnull()
    if agreement_known:
        same = _agreement(table, old, new)
        where = graded | same
        sums = sums_with_agreement(table, before, after, same, inclusion)
    else:
        where, sums = graded, plain_sums(table, before, after, inclusion)
    margins = [as_names(margin, "margins") for margin in margins]
    rows = table.rows
    named = {name: rows[name] for margin in margins for name in margin if name in rows.columns}
    named |= dict(keys)
    units: tuple[str, ...] = ()
    if table.cluster is not None:
        units, named[_CLUSTER] = (_CLUSTER,), rows[table.cluster]
    (found,) = yield [Ask(sums, named, [(*margin, *units) for margin in margins], where)]
    if units:
        return [_by_slice(cells, margin) for cells, margin in zip(found, margins, strict=True)]
    return [
        Flips(cells.select(list(margin)), **from_cells(cells))
        for cells, margin in zip(found, margins, strict=True)
    ]


def _agreement(table: Table, old: str, new: str) -> "ir.BooleanValue":
    """Where both models give the same answer: their flip is known without a label."""
    before, after = table.answer(old), table.answer(new)
    if before is None or after is None or table.cluster is not None or table.cost is not None:
        msg = (
            "labels of a plan serve tables of classes without clusters or costs; label a random"
            " sample for others"
        )
        raise ArgumentError(msg)
    return (before == after).fill_null(False)


def _by_slice(cells: pa.Table, keys: Sequence[str]) -> Flips:
    """Cells by slice and cluster, added up by slice."""
    slices = _numbered(cells, keys)
    first = np.unique(slices, return_index=True)[1]
    moments = clustered(from_cells(cells), slices, len(first))
    return Flips(cells.select(list(keys)).take(first), **moments)


def _numbered(cells: pa.Table, keys: Sequence[str]) -> npt.NDArray[np.intp]:
    """Number the combinations of keys in order of first appearance."""
    numbers: dict[tuple[object, ...], int] = {}
    rows = zip(*(cells[key].to_pylist() for key in keys), strict=True) if keys else None
    if rows is None:
        return np.zeros(len(cells), np.intp)
    return np.array([numbers.setdefault(row, len(numbers)) for row in rows], np.intp)
