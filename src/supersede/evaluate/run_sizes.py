"""The regressions that a run of a given size can show, as text, data and a picture."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from supersede.evaluate.run_power import CheckedBy, Power
from supersede.look.numbers import THIN, count, points, share
from supersede.look.page import figure_page
from supersede.look.result import ResultMixin

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["RunSize", "RunSizes"]

_STEPS = 7  # of the curve


@dataclass(frozen=True)
class RunSize:
    """What a run can show of all items, or of one group.

    Attributes:
        group: The group, such as ``sex = f``; None for all items.
        share: Its share of the items.
        disagreement: Share of its items on which exactly one model is right.
        low: Lower end of the disagreement's interval; the disagreement itself where it is assumed.
        high: Upper end.
        design_effect: By how much clusters and weights multiply variances.
        items: Items of the group in a run of the given size; None if no size is given.
        shows: For each power, the smallest regression that these items show; None where none does.
        needs: For each power, the items **of the group** that show the regression asked about.
        at_most: The same at the upper end of the disagreement.
        to_pass: For each power, the items on which a model as good as the old one is seen to have
            lost no more than that regression; empty where the limit is one of negative flips.
    """

    group: str | None
    share: float
    disagreement: float
    low: float
    high: float
    design_effect: float
    items: int | None
    shows: Mapping[float, float | None]
    needs: Mapping[float, int | None]
    at_most: Mapping[float, int | None]
    to_pass: Mapping[float, int | None]

    def in_all(self, power: float) -> int | None:
        """Items of the whole run, so that enough of them fall into the group."""
        needed = self.needs.get(power)
        return None if needed is None else int(np.ceil(needed / self.share))


@dataclass(frozen=True)
class RunSizes(ResultMixin, named="run sizes", height="36rem"):
    """How large a run must be, or how small a regression it shows.

    Attributes:
        check: The check that decides: ``"min_gain"`` or ``"max_nfr"``.
        limit: Its limit.
        regression: The regression asked about: points of accuracy below the limit, or of negative
            flips above it; None where only items were given.
        powers: With which chances it is shown.
        confidence: Two-sided confidence of the review's intervals.
        assumed: Whether the disagreement is assumed rather than counted.
        rows: All items, then the groups.
    """

    check: CheckedBy
    limit: float
    regression: float | None
    powers: tuple[float, ...]
    confidence: float
    assumed: bool
    rows: tuple[RunSize, ...]

    @property
    def whole(self) -> RunSize:
        """All items."""
        return self.rows[0]

    def power(self, row: RunSize) -> Power:
        """The arithmetic behind a row."""
        return Power(self.check, self.limit, row.disagreement, row.design_effect, self.confidence)

    def __str__(self) -> str:
        what = "accuracy" if self.check == "min_gain" else "negative flips"
        flag = f"--{self.check.replace('_', '-')} {100 * self.limit:g}pp"
        known = "assumed" if self.assumed else "counted"
        lines = [f"{what} against {flag}; the models disagree ({known}) on:"]
        for row in self.rows:
            ends = "" if self.assumed else f" [{share(row.low)}, {share(row.high)}]"
            more = f", design effect {row.design_effect:.2g}" if row.design_effect > 1.005 else ""
            lines.append(f"  {row.group or 'all items'}: {share(row.disagreement)}{ends}{more}")
            lines += [f"    {line}" for line in self._lines(row)]
        return "\n".join(lines)

    def _lines(self, row: RunSize) -> list[str]:
        lines = []
        if row.items is not None:
            shown = [
                f"{'none at all' if (least := row.shows[p]) is None else _pp(least)} ({share(p)} power)"
                for p in self.powers
            ]
            lines.append(f"{count(row.items)} items show a regression of {', '.join(shown)}")
        if self.regression is not None:
            asked = _pp(self.regression)
            needs = [
                f"{_items(row.needs[p])} ({share(p)} power"
                + ("" if self.assumed else f"; up to {_items(row.at_most[p])}")
                + ("" if row.group is None else f"; {_items(row.in_all(p))} in all")
                + ")"
                for p in self.powers
            ]
            lines.append(f"a regression of {asked} is shown by {', '.join(needs)}")
            if row.to_pass:
                passes = [f"{_items(row.to_pass[p])} ({share(p)} power)" for p in self.powers]
                lines.append(
                    f"a model as good as the old one passes --min-gain -{asked.replace(THIN, '')} on"
                    f" {', '.join(passes)}"
                )
        return lines

    __repr__ = __str__

    def to_frame(self) -> "pa.Table":
        """One row per group and power, as an Arrow table."""
        import pyarrow as pa

        return pa.Table.from_pylist(
            [
                {
                    "group": row.group,
                    "share": row.share,
                    "disagreement": row.disagreement,
                    "design_effect": row.design_effect,
                    "power": power,
                    "items": row.items,
                    "shows": row.shows.get(power),
                    "needs": row.needs.get(power),
                    "needs_at_most": row.at_most.get(power),
                    "needs_in_all": row.in_all(power),
                    "to_pass": row.to_pass.get(power),
                }
                for row in self.rows
                for power in self.powers
            ]
        )

    def to_html(self) -> str:
        """The regression that is shown against the number of items, as a page."""
        from supersede.look.figures import Line, line_plot

        power, steps = self.power(self.whole), self._steps()
        curves = [[power.regression_shown(n, p) for n in steps] for p in self.powers]
        # so few items that some curve has not begun are left out
        kept = [at for at in range(_STEPS) if all(curve[at] is not None for curve in curves)]
        what = "accuracy below the limit" if self.check == "min_gain" else "flips above the limit"
        figure = line_plot(
            [
                Line(share(p), [curve[at] for at in kept])
                for p, curve in zip(self.powers, curves, strict=True)
            ],
            [count(steps[at]) for at in kept],
            title="Smallest regression that is shown, by labelled items",
            y_name=f"points of {what}, by power",
            form=_pp,
        )
        lead = [self._sentence(row) for row in self.rows]
        return figure_page(self._title(), " ".join(lead), figure)

    def _sentence(self, row: RunSize) -> str:
        text = "; ".join(self._lines(row)) + "."
        return f"{text[0].upper()}{text[1:]}" if row.group is None else f"{row.group}: {text}"

    def _title(self) -> str:
        row, power = self.whole, self.powers[0]
        if self.regression is not None:
            return f"{_items(row.needs[power])} show a regression of {_pp(self.regression)}"
        least = row.shows[power]
        shown = "no regression" if least is None else f"a regression of {_pp(least)}"
        return f"{count(row.items or 0)} items show {shown}"

    def _steps(self) -> list[int]:
        """Numbers of items around those asked about, a factor of two apart, of two digits."""
        row = self.whole
        middle = row.items or row.needs.get(self.powers[0]) or 1000
        return [int(float(f"{max(40, middle / 8) * 2**k:.2g}")) for k in range(_STEPS)]


def _pp(
    value: float, low: float | None = None, high: float | None = None, *,
    resolution: float | None = None,
) -> str:  # fmt: skip
    """Points without a plus sign."""
    return points(value, low, high, resolution=resolution).removeprefix("+")


def _items(number: int | None) -> str:
    return "more than 100 million items" if number is None else f"{count(number)} items"
