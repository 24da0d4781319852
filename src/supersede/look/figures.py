"""Figures as inline SVG with fixed text size at any width: positions are in per cent."""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from supersede.look.numbers import count, share
from supersede.look.page import environment

__all__ = [
    "Dot",
    "Line",
    "Mark",
    "Pair",
    "dot_plot",
    "dumbbell",
    "flip_matrix",
    "front_plot",
    "line_plot",
]

Format = Callable[..., str]


@dataclass(frozen=True)
class Dot:
    """One row of a dot plot.

    Attributes:
        label: Name of the row.
        value: The estimate.
        low: Lower end of its interval.
        high: Upper end.
        n: Number of items.
        tone: ``"fail"``, ``"pass"``, ``"undecided"`` or ``"quiet"``.
        note: Text in place of the number, such as "4 items: too few to judge".
    """

    label: str
    value: float
    low: float
    high: float
    n: float
    tone: str = "quiet"
    note: str = ""


@dataclass(frozen=True)
class Pair:
    """One row of a dumbbell plot: a share under the old model and under the new one."""

    label: str
    old: float
    new: float
    n: float


@dataclass(frozen=True)
class Mark:
    """One point of a front: a candidate with two numbers to minimise.

    Attributes:
        label: Name of the candidate.
        x: The first number, such as the error.
        y: The second number, such as the negative flip rate.
        tone: ``"baseline"`` for the reference, otherwise ``"quiet"``.
        chosen: Whether it was chosen; it is then ringed.
        named: Whether its name is shown in the figure; the table below has all names.
    """

    label: str
    x: float
    y: float
    tone: str = "quiet"
    chosen: bool = False
    named: bool = True


@dataclass(frozen=True)
class Line:
    """One line over a few steps.

    Attributes:
        label: Its name, shown at the line's end.
        values: One value per step; None is a gap.
        tone: ``"baseline"`` or ``"quiet"``.
    """

    label: str
    values: Sequence[float | None]
    tone: str = "quiet"


def dot_plot(
    rows: Sequence[Dot],
    *,
    title: str,
    description: str,
    limit: float | None = None,
    limit_word: str = "limit",
    form: Format = share,
) -> Markup:
    """Estimates with their intervals, one below the other, and a vertical line at the limit."""
    # rows that are too small to judge must not compress the axis: their lines are cut off at its ends
    judged = [row for row in rows if not row.note] or rows
    ends = [v for row in judged for v in (row.low, row.high)]
    scale = _Scale.over([*ends, 0.0] if limit is None else [*ends, 0.0, limit])
    # a limit that was set is written as it was; other rules are estimates
    told = {"against": limit} if limit is not None and limit_word == "limit" else {}
    texts = [
        row.note or f"{form(row.value, row.low, row.high, **told)} · n {count(row.n)}"
        for row in rows
    ]
    at = "" if limit is None else form(limit, exact=True) if told else form(limit)
    return _render("dot_plot", rows=rows, texts=texts, title=title, description=description,
                   limit=limit, limit_word=f"{limit_word} {at}", form=form, scale=scale,
                   **_layout([row.label for row in rows], texts))  # fmt: skip


def dumbbell(rows: Sequence[Pair], *, title: str, description: str, form: Format = share) -> Markup:
    """Old and new side by side, by slice; the axis spans the values to make differences visible."""
    scale = _Scale.over([value for row in rows for value in (row.old, row.new)])
    texts = [
        f"{form(row.old, resolution=0.005)} → {form(row.new, resolution=0.005)} · n {count(row.n)}"
        for row in rows
    ]
    return _render("dumbbell", rows=rows, texts=texts, title=title, description=description,
                   scale=scale, form=form, **_layout([row.label for row in rows], texts))  # fmt: skip


_ABREAST = 44  # letters that a row holds on the narrowest screen


def _layout(labels: Sequence[str], texts: Sequence[str]) -> dict[str, int]:
    """Where a row's number and line stand: below its name where both do not fit side by side."""
    pairs = zip(labels, texts, strict=True)
    longest = max((min(len(label), 48) + len(text) for label, text in pairs), default=0)
    below = 16 if longest > _ABREAST else 0
    return {"below": below, "pitch": 40 + below}


def flip_matrix(
    both_right: float, negative: float, positive: float, both_wrong: float, n: float | None
) -> Markup:
    """The four outcomes of an item as areas; the shares sum to one, n is the number of items, if any."""
    return _render("flip_matrix", both_right=both_right, negative=negative, positive=positive,
                   both_wrong=both_wrong, n=n)  # fmt: skip


def front_plot(
    marks: Sequence[Mark],
    *,
    title: str,
    description: str,
    x_name: str,
    y_name: str,
    limit: float | None = None,
    form: Format = share,
) -> Markup:
    """Candidates by two numbers to minimise, the chosen one ringed, with a table.

    The vertical axis starts at zero; the horizontal one spans the values.
    """
    across = _Scale.over([mark.x for mark in marks] + ([] if limit is None else [limit]))
    up = _Scale.over([0.0, *(mark.y for mark in marks)])
    return _render("front_plot", marks=marks, title=title, description=description, x_name=x_name,
                   y_name=y_name, limit=limit, form=form, across=across, up=up)  # fmt: skip


def line_plot(
    lines: Sequence[Line],
    steps: Sequence[str],
    *,
    title: str,
    y_name: str,
    zero: bool = True,
    form: Format = share,
) -> Markup:
    """Values over named steps, with a table; the vertical axis optionally starts at zero.

    A name is placed before the first gap of its line, or at its end.
    """
    known = [value for line in lines for value in line.values if value is not None]
    up = _Scale.over([0.0, *known] if zero else known)
    across = [12 + 76 * step / max(len(steps) - 1, 1) for step in range(len(steps))]
    drawn = [
        [
            None if value is None else (across[step], _TOP + _HEIGHT * (1 - up.at(value) / 100))
            for step, value in enumerate(line.values)
        ]
        for line in lines
    ]
    return _render("line_plot", lines=lines, drawn=drawn, steps=steps, across=across, title=title,
                   y_name=y_name, form=form, up=up, height=_HEIGHT, top=_TOP, names=_names(drawn))  # fmt: skip


_HEIGHT, _TOP, _LETTERS = 220, 30, 15  # of a line plot and of a name in it, in pixels


def _names(drawn: Sequence[Sequence[tuple[float, float] | None]]) -> list[tuple[float, float]]:
    """Positions of the lines' names: at their ends, without overlap."""
    ends = [[point for point in itertools.takewhile(bool, points) if point][-1] for points in drawn]
    placed = [(0.0, 0.0)] * len(ends)
    at = -math.inf
    for number, (x, y) in sorted(enumerate(ends), key=lambda end: end[1][1]):
        at = max(y + 4, at + _LETTERS)
        placed[number] = (x, round(at, 1))
    return placed


@dataclass(frozen=True)
class _Scale:
    """A linear axis; positions are per cent of the width, with a margin for the dots."""

    start: float
    stop: float
    step: float

    @classmethod
    def over(cls, values: Sequence[float]) -> "_Scale":
        finite = [v for v in values if math.isfinite(v)] or [0.0]
        low, high = min(finite), max(finite)
        span = (high - low) or abs(high) or 1.0
        step = 10 ** math.floor(math.log10(span / 3))
        step *= next(m for m in (1, 2, 5, 10) if span / (step * m) <= 5)
        return cls(math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step, step)

    def at(self, value: float) -> float:
        """The position of a value, in per cent of the width."""
        span = (self.stop - self.start) or 1.0
        return round(2 + 96 * min(max((value - self.start) / span, 0), 1), 2)

    @property
    def ticks(self) -> list[float]:
        """Round values along the axis."""
        steps = round((self.stop - self.start) / self.step)
        return [self.start + i * self.step for i in range(steps + 1)]


def _render(figure: str, **values: object) -> Markup:
    module = environment().get_template("look/figures.svg").module
    return Markup(getattr(module, figure)(**values))  # noqa: S704  # escaped by the template
