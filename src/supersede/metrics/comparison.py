"""A metric of two models on the same items: what every kind of metric has in common.

Rates, means, averages over classes and areas under the curve are estimated differently, but a check
asks them the same two questions: how high is the new model's value, and by how much does it differ
from the old one's, each with an interval at any confidence.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from supersede.table.outcomes import plain
from supersede.table.table import Table

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = [
    "Better",
    "Comparison",
    "Floats",
    "Interval",
    "Sample",
    "Unit",
    "numbered",
    "paired_share",
    "student",
]

Floats = npt.NDArray[np.float64]
Interval = tuple[Floats, Floats]
Better = Literal["more", "less"]
Unit = Literal["share", "amount"]
Places = npt.NDArray[np.intp]


class Comparison(Protocol):
    """A metric of an old and a new model, one entry per slice.

    Ends of intervals are NaN where the items cannot support an interval.
    """

    @property
    def keys(self) -> pa.Table:
        """One row per slice: what it is; no columns for the whole."""

    @property
    def n(self) -> Floats:
        """Items behind the metric, shape ``(k,)``: for a recall, those of the class."""

    @property
    def old(self) -> Floats:
        """The old model's value, shape ``(k,)``; NaN where nothing was counted."""

    @property
    def new(self) -> Floats:
        """The new model's value, shape ``(k,)``."""

    def level(self, confidence: float) -> Interval:
        """Interval of the new model's value."""

    def change(self, confidence: float) -> Interval:
        """Paired interval of ``new - old``."""


@dataclass(frozen=True)
class Sample:
    """The labelled items on which two models are compared, and how they are split.

    Attributes:
        table: The predictions.
        old: The model in service.
        new: The candidate.
        margins: For each result, the columns that it is split by; ``()`` is the whole.
        inclusion: Column with each item's probability of having been chosen for labelling.
    """

    table: Table
    old: str
    new: str
    margins: tuple[tuple[str, ...], ...] = ((),)
    inclusion: str | None = None

    @property
    def weighted(self) -> bool:
        """Whether items count differently."""
        return self.table.weight is not None or self.inclusion is not None

    @property
    def weight(self) -> "ir.Value":
        """What each item counts for."""
        return self.table.weighing(self.inclusion).cast("float64")

    @property
    def keys(self) -> "dict[str, ir.Value]":
        """What the items are split by, and the cluster as ``g``.

        The names are our own, so that no column of the user's can collide with a sum: ``k0`` … for
        `columns`.
        """
        rows = self.table.rows
        keys = {f"k{i}": rows[name] for i, name in enumerate(self.columns)}
        return keys if self.table.cluster is None else keys | {"g": rows[self.table.cluster]}

    @property
    def units(self) -> tuple[str, ...]:
        """The key of clusters, where there are any."""
        return () if self.table.cluster is None else ("g",)

    @property
    def columns(self) -> list[str]:
        """All columns that the items are split by."""
        return list(dict.fromkeys(name for margin in self.margins for name in margin))

    def key_names(self, margin: Sequence[str]) -> list[str]:
        """The names in `keys` of a margin's columns."""
        return [f"k{self.columns.index(name)}" for name in margin]

    def score(self, model: str) -> "ir.Value | None":
        """The model's score as a number; None where the table has none."""
        score = self.table.score(model)
        return None if score is None else plain(score).cast("float64")


def student(kish: Floats, confidence: float) -> Floats:
    """Student's two-sided quantile with an effective size less one degrees of freedom."""
    from scipy.special import stdtrit

    return np.asarray(stdtrit(np.maximum(np.nan_to_num(kish) - 1, 1.0), 0.5 + confidence / 2))


def paired_share(difference: Floats, variance: Floats, n: Floats, quantile: Floats) -> Interval:
    """Bonett and Price's interval of a paired difference, from its variance.

    One item more on either side keeps a difference without variance from looking certain.

    Args:
        difference: Differences of two shares in [-1, 1].
        variance: Their variances.
        n: Sizes, or effective sizes; 0 gives [-1, 1].
        quantile: Two-sided quantile of the normal or of Student's distribution.

    Returns:
        Lower and upper ends, within [-1, 1].

    References:
        Bonett & Price (2012), J. Educ. Behav. Stat. 37, 479-488.
    """
    shrunk = n / (n + 2)
    half = quantile * np.sqrt(np.maximum(variance, 0) * shrunk**2 + 2 / (n + 2) ** 2)
    centre = np.nan_to_num(difference) * shrunk
    known = (n > 0) & ~np.isnan(difference)
    low = np.where(known, np.clip(centre - half, -1, 1), -1.0)
    return low, np.where(known, np.clip(centre + half, -1, 1), 1.0)


def numbered(columns: Sequence[pa.ChunkedArray], rows: int) -> tuple[Places, Places]:
    """Number the combinations of values in order of first appearance; and where each appears."""
    if not columns:
        return np.zeros(rows, np.intp), np.zeros(1, np.intp)
    seen: dict[tuple[object, ...], int] = {}
    values = zip(*(column.to_pylist() for column in columns), strict=True)
    number = np.array([seen.setdefault(row, len(seen)) for row in values], np.intp)
    return number, np.unique(number, return_index=True)[1].astype(np.intp)
