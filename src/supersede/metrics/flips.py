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
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from supersede.errors import ArgumentError
from supersede.metrics.bootstrap import cluster_variances
from supersede.metrics.cells import count_cells
from supersede.metrics.intervals import mcnemar, paired_difference, wilson
from supersede.metrics.moments import Moments, ratio
from supersede.table.outcomes import plain
from supersede.table.table import Table

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["Flips", "count_flips"]

Floats = npt.NDArray[np.float64]
_VALUES = ("old", "new", "negative", "positive", "gain", "cost")


@dataclass(frozen=True)
class Flips:
    """Flips by slice, as sums that merge; everything else is derived from them.

    Attributes:
        keys: One row a slice: what it is; no columns for the whole.
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
    def gain_n(self) -> Floats:
        """Effective sizes for an interval of the gain."""
        return self.gain.effective_n(self.nfr + self.pfr - (self.pfr - self.nfr) ** 2)

    def nfr_interval(self, confidence: float = 0.95) -> tuple[Floats, Floats]:
        """Wilson intervals of the negative flip rates."""
        return wilson(self.nfr, self.negative.share_n, confidence)

    def pfr_interval(self, confidence: float = 0.95) -> tuple[Floats, Floats]:
        """Wilson intervals of the positive flip rates."""
        return wilson(self.pfr, self.positive.share_n, confidence)

    def gain_interval(self, confidence: float = 0.95) -> tuple[Floats, Floats]:
        """Paired intervals of the gain in accuracy."""
        return paired_difference(self.nfr, self.pfr, self.gain_n, confidence)

    @property
    def mcnemar(self) -> Floats:
        """McNemar's mid-p values, from the effective numbers of flips."""
        return mcnemar(self.nfr * self.gain_n, self.pfr * self.gain_n)

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
        named = {name: getattr(self, name) for name in _VALUES}
        return {name: moments for name, moments in named.items() if moments is not None}

    def to_dict(self) -> dict[str, list[object]]:
        """Columns by name: the keys, then sizes, rates and intervals."""
        low, high = self.nfr_interval()
        gain_low, gain_high = self.gain_interval()
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
        return {**self.keys.to_pydict(), **{k: v.tolist() for k, v in numbers.items()}}


def count_flips(
    table: Table,
    old: str,
    new: str,
    margins: Sequence[Sequence[str]] = ((),),
    *,
    keys: "Mapping[str, ir.Value] | None" = None,
    inclusion: str | None = None,
    agreement_known: bool = False,
    draws: int = 1000,
    seed: int = 0,
) -> list[Flips]:
    """Count the flips between two models, by slice; only sums leave the engine.

    Items that are not labelled (or, for graded outcomes, not graded for both models) do not count.

    Args:
        table: The predictions.
        old: The model in service.
        new: The model that may take its place.
        margins: For each result, the keys it is split by; ``()`` is the whole.
        keys: Further keys than the table's columns, by name.
        inclusion: Column with each labelled item's probability of having been chosen for
            labelling; items then count inversely to it.
        agreement_known: Whether items on which both models give the same class count without a
            label too: whatever their label, they do not flip. Plans that compare models label
            few or none of them. Accuracies are NaN where none of them is labelled.
        draws: Bootstrap draws, used where the table has clusters.
        seed: Seed of the bootstrap.

    Returns:
        One result a margin.

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
    right = {"old": table.right(old), "new": table.right(new)}
    rows = table.rows.mutate(
        **{f"__{name}": value for name, value in right.items()}, __weight=table.weighing(inclusion)
    )
    labelled = rows["__old"].notnull() & rows["__new"].notnull()
    if agreement_known:
        rows = _with_agreement(rows, table, old, new, labelled)
    else:
        rows = rows.filter(labelled)
    named = {
        name: table.rows[name] for margin in margins for name in margin if name in rows.columns
    }
    named |= dict(keys or {})
    if agreement_known:
        sums = _sums_with_agreement(rows)
    else:
        sums = _sums(rows, table, weighted=table.weight is not None or inclusion is not None)
    if table.cluster is None:
        counted = count_cells(rows, named, sums, margins)
        return [_from_cells(cells, margin) for cells, margin in zip(counted, margins, strict=True)]
    named["__cluster"] = table.rows[table.cluster]
    split = [(*margin, "__cluster") for margin in margins]
    counted = [count_cells(rows, named, sums, [margin])[0] for margin in split]
    return [
        _with_clusters(cells, margin, draws, seed)
        for cells, margin in zip(counted, margins, strict=True)
    ]


def _sums(rows: "ir.Table", table: Table, *, weighted: bool) -> dict[str, "ir.Value"]:
    """The sums that flips need; four counts where items are right or wrong and weigh the same."""
    old, new, weight = rows["__old"], rows["__new"], rows["__weight"]
    lost, gained = old * (1 - new), (1 - old) * new
    if not weighted and old.type().is_integer() and new.type().is_integer() and table.cost is None:
        both = {"both": (old * new).sum(), "negative": lost.sum(), "positive": gained.sum()}
        return {"n": rows.count(), **both}
    values = {"old": old, "new": new, "negative": lost, "positive": gained, "gain": new - old}
    if table.cost is not None:
        values["cost"] = lost * plain(rows[table.cost])
    sums = {"n": rows.count(), "w": weight.sum(), "w2": (weight * weight).sum()}
    for name, value in values.items():
        sums[f"{name}.x"] = (weight * value).sum()
        sums[f"{name}.w2x"] = (weight * weight * value).sum()
        sums[f"{name}.w2xx"] = (weight * weight * value * value).sum()
    return sums


def _with_agreement(
    rows: "ir.Table", table: Table, old: str, new: str, labelled: "ir.Value"
) -> "ir.Table":
    """The items whose flip is known: labelled ones, and those with the same answer twice."""
    before, after = table.answer(old), table.answer(new)
    if before is None or after is None or table.cluster is not None or table.cost is not None:
        msg = (
            "labels of a plan serve tables of classes without clusters or costs; label a random"
            " sample for others"
        )
        raise ArgumentError(msg)
    rows = rows.mutate(
        __labelled=labelled.ifelse(1, 0),
        __agree=(before == after).ifelse(1, 0),
        __plain=table.weighing(),
    )
    return rows.filter((rows["__labelled"] == 1) | (rows["__agree"] == 1))


def _sums_with_agreement(rows: "ir.Table") -> dict[str, "ir.Value"]:
    """Sums of flips over all known items, and of accuracies over labelled ones alone."""
    labelled, agree = rows["__labelled"], rows["__agree"]
    old, new = (rows[f"__{name}"].fill_null(0) for name in ("old", "new"))
    known = (agree == 1).ifelse(rows["__plain"], rows["__weight"])
    graded = (labelled == 1).ifelse(rows["__weight"], 0)
    lost, gained = old * (1 - new) * labelled, (1 - old) * new * labelled
    values = {
        "old": (graded, old),
        "new": (graded, new),
        "negative": (known, lost),
        "positive": (known, gained),
        "gain": (known, gained - lost),
    }
    sums = {"n": labelled.sum(), "agree": agree.sum(), "agree labelled": (agree * labelled).sum()}
    for name, (weight, value) in values.items():
        sums[f"{name}.w"] = weight.sum()
        sums[f"{name}.w2"] = (weight * weight).sum()
        sums[f"{name}.x"] = (weight * value).sum()
        sums[f"{name}.w2x"] = (weight * weight * value).sum()
        sums[f"{name}.w2xx"] = (weight * weight * value * value).sum()
    return sums


def _from_cells(cells: pa.Table, keys: Sequence[str]) -> Flips:
    column = {
        name: np.nan_to_num(cells[name].to_numpy().astype(float))
        for name in cells.column_names
        if name not in keys and name != "__cluster"
    }
    n = column["n"]
    if "both" in column:  # right or wrong, all weigh the same: squares are the counts themselves
        lost, gained = column["negative"], column["positive"]
        counts = {
            "old": column["both"] + lost,
            "new": column["both"] + gained,
            "negative": lost,
            "positive": gained,
        }
        moments = {name: Moments(n, n, n, x, x, x) for name, x in counts.items()}
        moments["gain"] = Moments(n, n, n, gained - lost, gained - lost, gained + lost)
    else:
        moments = {
            name: Moments(
                n,
                column[f"{name}.w" if f"{name}.w" in column else "w"],
                column[f"{name}.w2" if f"{name}.w2" in column else "w2"],
                *(column[f"{name}.{sum_}"] for sum_ in ("x", "w2x", "w2xx")),
            )
            for name in _VALUES
            if f"{name}.x" in column
        }
    if "agree" in column:  # accuracies say nothing where no item of agreement is labelled
        hidden = (column["agree"] > 0) & (column["agree labelled"] == 0)
        for name in ("old", "new"):
            moments[name] = replace(moments[name], x=np.where(hidden, np.nan, moments[name].x))
    return Flips(cells.select(list(keys)), **moments)


def _with_clusters(cells: pa.Table, keys: Sequence[str], draws: int, seed: int) -> Flips:
    """Add up cells by slice and cluster, with variances from a bootstrap of the clusters."""
    parts = _from_cells(cells, keys)
    number = np.asarray(cells["__cluster"].combine_chunks().dictionary_encode("encode").indices)
    slices = pa.table({"slice": _numbered(cells, keys)})["slice"].to_numpy()
    first = np.unique(slices, return_index=True)[1]
    names = [name for name in _VALUES if getattr(parts, name) is not None]
    variances = cluster_variances(
        number,
        slices,
        parts.negative.w,
        [getattr(parts, name).x for name in names],
        draws=draws,
        seed=seed,
    )
    count = len(first)

    def total(values: Floats) -> Floats:
        return np.bincount(slices, values, count).astype(float)

    moments = {}
    for name, variance in zip(names, variances, strict=True):
        part: Moments = getattr(parts, name)
        summed = Moments(
            *(total(v) for v in (part.n, part.w, part.w2, part.x, part.w2x, part.w2xx))
        )
        moments[name] = replace(summed, resampled=variance)
    return Flips(parts.keys.take(first), **moments)


def _numbered(cells: pa.Table, keys: Sequence[str]) -> npt.NDArray[np.intp]:
    """Number the combinations of keys in order of first appearance."""
    numbers: dict[tuple[object, ...], int] = {}
    rows = zip(*(cells[key].to_pylist() for key in keys), strict=True) if keys else None
    if rows is None:
        return np.zeros(len(cells), np.intp)
    return np.array([numbers.setdefault(row, len(numbers)) for row in rows], np.intp)
