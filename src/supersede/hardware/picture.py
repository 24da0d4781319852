"""Figures of costs: estimates against measurements, and a network by layer before and after."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, isnan, log10
from typing import TYPE_CHECKING

from markupsafe import Markup

from supersede.look.numbers import MINUS, share
from supersede.look.page import environment

if TYPE_CHECKING:
    from supersede.hardware.estimation.accuracy import Accuracy

__all__ = ["Bar", "before_after", "milliseconds", "scatter", "shortened", "signed"]


@dataclass(frozen=True)
class Bar:
    """One row of `before_after`: a part of a network, and its seconds; `after` None is left out.

    The last two are the values in words, where they are not seconds.
    """

    label: str
    before: float
    after: float | None
    before_words: str = ""
    after_words: str = ""

    @property
    def words(self) -> str:
        """Both values as they are shown."""
        before = self.before_words or milliseconds(self.before)
        if self.after is None:
            return before
        return f"{before} → {self.after_words or milliseconds(self.after)}"


def milliseconds(seconds: float) -> str:
    """Seconds in milliseconds, three significant digits.

    Example:
        >>> milliseconds(0.0012345), milliseconds(0.0000021)
        ('1.23 ms', '0.0021 ms')
    """
    value = seconds * 1000
    if value == 0:
        return "0 ms"
    digits = max(0, 2 - floor(log10(abs(value))))
    text = f"{value:.{min(digits, 6)}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) + " ms"


def signed(change: float) -> str:
    r"""A relative change with its sign.

    Example:
        >>> signed(-0.1234).replace("\u202f", " ")
        '−12 %'
    """
    if isnan(change):
        return "not judged"
    return ("+" if change > 0 else MINUS if change < 0 else "") + share(abs(change))


def shortened(name: str, length: int = 28) -> str:
    """A name with its middle left out where it is too long; both ends distinguish layers.

    Example:
        >>> shortened("features/stage3/block12/depthwise/convolution")
        'features/stag…se/convolution'
    """
    if len(name) <= length:
        return name
    tail = length // 2
    return f"{name[: length - tail - 1]}…{name[-tail:]}"


def scatter(accuracy: "Accuracy") -> Markup:
    """Each network's estimate against its measurement, both from zero."""
    top = max(*accuracy.measured, *accuracy.estimated)
    step = 10 ** floor(log10(top / 3))
    step *= next(m for m in (1, 2, 5, 10) if top / (step * m) <= 5)
    end = ceil(top / step) * step
    count = round(end / step)
    dots = [
        {
            "x": measured / end,
            "y": estimated / end,
            "flagged": isnan(low),
            "label": f"measured {milliseconds(measured)}, estimated {milliseconds(estimated)}",
        }
        for measured, estimated, low in zip(
            accuracy.measured, accuracy.estimated, accuracy.low, strict=True
        )
    ]
    return _render(
        "scatter",
        dots=dots,
        ticks=[{"at": i / count, "label": f"{i * step * 1000:g}"} for i in range(count + 1)],
        title="Estimates against measurements",
        description=str(accuracy),
    )


def before_after(rows: Sequence[Bar], *, title: str, description: str) -> Markup:
    """Bars of one scale: before in grey, after in colour below it."""
    longest = max([*(row.before for row in rows), *(row.after or 0 for row in rows)]) or 1.0
    drawn = [
        {
            "label": shortened(row.label),
            "name": row.label,
            "before": row.before / longest,
            "after": None if row.after is None else row.after / longest,
            "words": row.words,
        }
        for row in rows
    ]
    return _render("before_after", rows=drawn, title=title, description=description)


def _render(figure: str, **values: object) -> Markup:
    module = environment().get_template("hardware/figures.svg").module
    return Markup(getattr(module, figure)(**values))  # noqa: S704  # escaped by the template
