"""Figures as inline SVG with fixed text size at any width: positions are in per cent."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import dropwhile, pairwise, takewhile

from markupsafe import Markup

from supersede.look.numbers import count, share
from supersede.look.page import environment
from supersede.look.placing import (
    AROUND,
    AT_END,
    FURTHER,
    Spot,
    Text,
    elided,
    place,
    stacked,
    thinned,
)

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
_Named = tuple[float, float, str]  # per cent across, pixels down, name


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

    The vertical axis starts at zero; the horizontal one spans the values. Where the names do not
    fit beside the points, the points are numbered, and a list below has their names.
    """
    # the labels of the vertical axis stand to the left of the first point
    across = replace(
        _Scale.over([mark.x for mark in marks] + ([] if limit is None else [limit])), left=14
    )
    up = _Scale.over([0.0, *(mark.y for mark in marks)])
    at = [(across.at(mark.x), 20 + _FRONT * (1 - up.at(mark.y) / 100)) for mark in marks]
    ticks = _up_axis(up, form, 20, _FRONT)
    # the chosen candidate and the reference take the best places
    named = [i for i, mark in enumerate(marks) if mark.named]
    named.sort(key=lambda i: (not marks[i].chosen, marks[i].tone != "baseline"))
    labels = [(*at[i], marks[i].label) for i in named]
    taken: list[Spot | Text] = [*ticks, *(Spot(*point) for point in at)]
    texts, legend = place(labels, taken, _FRONT + 24), []
    if not all(texts):
        texts = place(_numbered(labels), taken, _FRONT + 24, AROUND + FURTHER)
        legend = [label for *_, label in labels]
    strong = [marks[i].chosen for i in named]
    return _render("front_plot", marks=marks, at=at, title=title, description=description,
                   x_name=x_name, y_name=y_name, limit=limit, form=form, across=across, up=up,
                   ticks=ticks, height=_FRONT, texts=list(zip(texts, strong, strict=True)),
                   legend=legend)  # fmt: skip


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

    A name is placed before the first gap of its line, or at its end; where the names do not fit,
    the lines are numbered, and a list below has their names.
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
    ticks = _up_axis(up, form, _TOP, _HEIGHT)
    ends = [(*_end(at), line.label) for line, at in zip(lines, drawn, strict=True) if any(at)]
    # from top to bottom, so that names of lines that end close together stand in the lines' order
    named = sorted((end for end in ends if end[2]), key=lambda end: end[1])
    bottom, legend = _TOP + _HEIGHT + 4, []
    texts = place(named, [*ticks, *_along(drawn)], bottom, AT_END)
    if not all(texts):
        texts, legend = [*stacked(_numbered(named), bottom)], [name for *_, name in named]
    room = max(_STEP_ROOM / max(sum(map(bool, steps)) - 1, 1), 60)
    below = [(x, elided(step, room)) for x, step in zip(across, steps, strict=True)]
    return _render("line_plot", lines=lines, drawn=drawn, steps=steps, title=title, y_name=y_name,
                   form=form, up=up, ticks=ticks, height=_HEIGHT, top=_TOP, texts=texts,
                   legend=legend, below=thinned(below, _HEIGHT + _TOP + 18))  # fmt: skip


_FRONT = 280  # height of a front in pixels
_HEIGHT, _TOP = 220, 30  # of a line plot
_STEP_ROOM = 230  # pixels for the names of all steps but one, on the narrowest screen


def _end(points: Sequence[tuple[float, float] | None]) -> tuple[float, float]:
    """The last point before the first gap, once the line has begun."""
    begun = dropwhile(lambda point: point is None, points)
    return [point for point in takewhile(bool, begun) if point is not None][-1]


def _along(drawn: Sequence[Sequence[tuple[float, float] | None]]) -> list[Spot]:
    """Points close together on every line, which names must not hide."""
    return [
        Spot(a[0] + (b[0] - a[0]) * part / 8, a[1] + (b[1] - a[1]) * part / 8, 2)
        for points in drawn
        for a, b in pairwise(points)
        if a is not None and b is not None
        for part in range(9)
    ]


def _up_axis(scale: "_Scale", form: Format, top: float, height: float) -> list[Text]:
    """The labels of the vertical axis, each on its grid line."""
    return [
        Text(form(tick, resolution=scale.step), 2, top + height * (1 - scale.at(tick) / 100) - 3)
        for tick in scale.ticks
    ]


def _numbered(points: Sequence[_Named]) -> list[_Named]:
    return [(x, y, str(number)) for number, (x, y, _) in enumerate(points, 1)]


@dataclass(frozen=True)
class _Scale:
    """A linear axis; positions are per cent of the width, with a margin for the dots."""

    start: float
    stop: float
    step: float
    left: float = 2

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
        share_ = min(max((value - self.start) / span, 0), 1)
        return round(self.left + (98 - self.left) * share_, 2)

    def labelled(self, form: Format, y: float) -> list[Text]:
        """The labels of a horizontal axis, as many as fit."""
        return thinned([(self.at(t), form(t, resolution=self.step)) for t in self.ticks], y)

    @property
    def ticks(self) -> list[float]:
        """Round values along the axis."""
        steps = round((self.stop - self.start) / self.step)
        return [self.start + i * self.step for i in range(steps + 1)]


def _render(figure: str, **values: object) -> Markup:
    module = environment().get_template("look/figures.svg").module
    return Markup(getattr(module, figure)(**values))  # noqa: S704  # escaped by the template
