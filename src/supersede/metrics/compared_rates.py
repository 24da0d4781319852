"""Rates of two models: accuracy, precision, recall, specificity, F1, as ratios of sums.

The engine adds up numerators, denominators and their products (`ratios`). A level gets Agresti and
Coull's interval at the effective size, a change Bonett and Price's paired one at the smaller of the
two denominators.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from supersede.metrics.agresti_coull import agresti_coull
from supersede.metrics.cells import Counting
from supersede.metrics.comparison import Floats, Interval, Sample, paired_share, student
from supersede.metrics.ratio_sums import ratios_counted
from supersede.metrics.ratios import Part, Ratios

__all__ = ["ComparedRates", "compare_rates"]

_DUST = 1e-12  # of a variance; anything below is rounding, not variance


@dataclass(frozen=True)
class ComparedRates:
    """A rate of the old (0) and the new model (1), by slice.

    Attributes:
        keys: One row per slice.
        ratios: The sums of both models.

    Assumes: independent units; the variance of a ratio is linearised (Särndal, Swensson & Wretman
    1992, eq. 5.7.10 and section 8.7).
    """

    keys: pa.Table
    ratios: Ratios

    @property
    def n(self) -> Floats:
        """Items that count for either model."""
        return self.ratios.n

    @property
    def old(self) -> Floats:
        """The old model's rate."""
        return self.ratios.moments(0).mean

    @property
    def new(self) -> Floats:
        """The new model's rate."""
        return self.ratios.moments(1).mean

    def level(self, confidence: float) -> Interval:
        """Agresti and Coull's interval of the new model's rate.

        Nominal 95 % covers at least 94.5 % on average (see the benchmark of metric checks).
        """
        moments = self.ratios.moments(1)
        p = np.nan_to_num(moments.mean)
        alike = p * (1 - p)
        known = (alike > _DUST) & (moments.variance > _DUST * alike)
        n = np.divide(alike, moments.variance, out=moments.kish.copy(), where=known)
        # a variance between clusters rests on fewer of them than there are
        size = np.minimum(moments.kish, moments.freedom + 1)
        return agresti_coull(p, n, student(size, confidence))

    def change(self, confidence: float) -> Interval:
        """Bonett and Price's paired interval."""
        before, after = self.ratios.moments(0), self.ratios.moments(1)
        slopes = self.ratios.slopes(1) - self.ratios.slopes(0)
        variance = np.einsum("ki,kij,kj->k", slopes, self.ratios.products, slopes)
        if not self.ratios.counted:
            u = self.ratios.units
            variance *= np.divide(u, u - 1, out=np.ones(len(u)), where=u > 1)
        n = np.minimum(before.kish, after.kish)
        return paired_share(after.mean - before.mean, variance, n, student(n, confidence))


def compare_rates(sample: Sample, parts: Sequence[Part]) -> Counting:
    """Count a rate of both models.

    Args:
        sample: The items.
        parts: The rate of the old and of the new model, as expressions over the table's rows.

    Returns:
        One comparison per margin.
    """
    keys = sample.keys
    cluster = keys.pop("g", None)
    found = yield from ratios_counted(
        parts, keys, [sample.key_names(margin) for margin in sample.margins],
        weight=sample.weight if sample.weighted else None, cluster=cluster, graded_only=True,
    )  # fmt: skip
    return [
        ComparedRates(ratios.keys.rename_columns(list(margin)), ratios)
        for ratios, margin in zip(found, sample.margins, strict=True)
    ]
