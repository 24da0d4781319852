"""How good an estimator is, on networks that it has not seen."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from supersede.look.numbers import share
from supersede.look.page import figure_page
from supersede.look.result import ResultMixin, frame_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Accuracy"]


@dataclass(frozen=True)
class Accuracy(ResultMixin, named="the accuracy of an estimator"):
    """Estimates beside measurements.

    Args:
        target: Fingerprint of the target.
        learnt_from: Networks that the estimator was fitted to.
        measured: Latency of each fresh network, in seconds.
        estimated: What the estimator said.
        low: Lower ends of its intervals; not a number where the network was flagged as outside.
        high: Upper ends.
        macs: Multiply-adds of each, for comparison.
    """

    target: str
    learnt_from: int
    measured: tuple[float, ...]
    estimated: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    macs: tuple[int, ...]

    @cached_property
    def _errors(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        missed = np.array(self.estimated) / np.array(self.measured) - 1
        return np.asarray(np.abs(missed))

    @property
    def mape(self) -> float:
        """Mean absolute relative error."""
        return float(self._errors.mean())

    @property
    def worst(self) -> float:
        """Largest relative error."""
        return float(self._errors.max())

    @property
    def within_tenth(self) -> float:
        """Share of networks whose estimate is within 10 %."""
        return float((self._errors <= 0.1).mean())

    @property
    def rank_correlation(self) -> float:
        """Spearman's correlation of estimates and measurements."""
        from scipy.stats import spearmanr

        return float(spearmanr(self.estimated, self.measured)[0])

    @property
    def covered(self) -> float:
        """Share of networks within their 90 % interval, of those that have one."""
        low, high, value = np.array(self.low), np.array(self.high), np.array(self.measured)
        known = np.isfinite(low)
        return float(((low <= value) & (value <= high))[known].mean())

    @property
    def flagged(self) -> int:
        """Networks flagged as outside of what was measured."""
        return int(np.isnan(self.low).sum())

    @property
    def flops_mape(self) -> float:
        """Error of the best power law of multiply-adds, fitted to these very networks."""
        x, y = np.log(self.macs), np.log(self.measured)
        slope, start = np.polyfit(x, y, 1)
        return float(np.abs(np.exp(start + slope * x - y) - 1).mean())

    def to_dict(self) -> dict[str, Any]:
        """The figures, and the points they come from."""
        return {
            "target": self.target,
            "learnt_from": self.learnt_from,
            "networks": len(self.measured),
            "mape": self.mape,
            "within_tenth": self.within_tenth,
            "rank_correlation": self.rank_correlation,
            "worst": self.worst,
            "covered": self.covered,
            "flagged": self.flagged,
            "flops_mape": self.flops_mape,
            "measured": list(self.measured),
            "estimated": list(self.estimated),
        }

    def to_frame(self) -> "pa.Table":
        """One row per fresh network, in seconds."""
        names = ("measured", "estimated", "low", "high", "macs")
        columns = zip(*(getattr(self, name) for name in names), strict=True)
        return frame_of(dict(zip(names, row, strict=True)) for row in columns)

    def __str__(self) -> str:
        return (
            f"{len(self.measured)} fresh networks, learnt from {self.learnt_from}: mean error"
            f" {self.mape:.1%}, {self.within_tenth:.0%} within 10 %, rank correlation"
            f" {self.rank_correlation:.4f}, worst {self.worst:.0%}; multiply-adds alone miss by"
            f" {self.flops_mape:.0%}"
        )

    def to_html(self) -> str:
        """A page with a picture: each network's estimate against its measurement."""
        from supersede.hardware.picture import scatter

        title = f"Estimates miss by {share(self.mape)} on average"
        return figure_page(title, f"On {self.target}: {self}.", scatter(self))
