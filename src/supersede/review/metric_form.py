"""How a limit on a metric compares, and how it speaks."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from supersede.look.numbers import amount, points, share
from supersede.metrics.comparison import Comparison, Floats, Interval
from supersede.metrics.measures import Measure
from supersede.review.finding import Verdict

__all__ = ["Kind", "MetricForm"]

_TAILS = 0.5 / 1.5 ** np.arange(1, 56)  # down to 1e-10
Kind = Literal["min", "max", "max_drop", "max_rise"]
"""How high a metric must be, or may be; how far it may fall, or rise."""


@dataclass(frozen=True)
class MetricForm:
    """How a check compares, and how it speaks.

    Attributes:
        kind: What is compared with the limit, and on which side it must stay.
        measure: The metric.
        check: The check's name, as on the command line.
        bound: What the value, or the change, is compared with.
        unit: Of the value, or of the change.
    """

    kind: Kind
    measure: Measure
    check: str
    bound: float
    unit: Literal["share", "points", "amount"]

    @property
    def changes(self) -> bool:
        """Whether the change, not the level, is compared with the limit."""
        return self.kind in {"max_drop", "max_rise"}

    @property
    def at_least(self) -> bool:
        """Whether the estimate must lie above the bound, or below it."""
        return self.kind in {"min", "max_drop"}

    def estimate(self, compared: Comparison) -> Floats:
        """What is compared with the bound."""
        return compared.new - compared.old if self.changes else compared.new

    def interval(self, compared: Comparison, confidence: float) -> Interval:
        """Its interval."""
        return compared.change(confidence) if self.changes else compared.level(confidence)

    def verdicts(self, low: Floats, high: Floats) -> list[Verdict]:
        """Pass only where the whole interval keeps the limit, fail where all of it breaks it."""
        keeps = low >= self.bound if self.at_least else high <= self.bound
        breaks = high < self.bound if self.at_least else low > self.bound
        return [
            "pass" if k else "fail" if b else "undecided"
            for k, b in zip(keeps, breaks, strict=True)
        ]

    def p_value(self, compared: Comparison) -> Floats:
        """One-sided p values of "the limit is kept": the smallest tail whose interval excludes it.

        Tails are tried in steps of a factor 1.5, and the larger one counts.
        """
        p = np.ones(len(compared.n))
        for tail in _TAILS:
            low, high = self.interval(compared, 1 - 2 * tail)
            breaks = high < self.bound if self.at_least else low > self.bound
            p = np.where(breaks, tail, p)
        return p

    def written(self, value: float, low: float = np.nan, high: float = np.nan) -> str:
        """The estimate in words, with its interval where there is one."""
        form = {"share": share, "points": points, "amount": amount}[self.unit]
        signed = form(value, low, high)
        return f"+{signed}" if self.unit == "amount" and self.changes and value > 0 else signed

    @property
    def rule(self) -> str:
        """The limit in words."""
        limit = abs(self.bound) if self.changes else self.bound
        form = {"share": share, "points": share, "amount": amount}[self.unit]
        written = form(limit).replace("%", "pp") if self.unit == "points" else form(limit)
        return {
            "min": f"at least {written} is required",
            "max": f"at most {written} is allowed",
            "max_drop": f"it may fall by at most {written}",
            "max_rise": f"it may rise by at most {written}",
        }[self.kind]

    @property
    def question(self) -> str:
        """What the check asks."""
        name = self.measure.name
        if self.kind in {"max_drop", "max_rise"}:
            return f"Does the {name} get worse?"
        return f"Is the {name} good enough?"
