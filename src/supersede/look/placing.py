"""Where the texts of a figure go when only the browser knows the figure's width.

Positions across are in per cent of the width while letters keep their size, so two texts that are
apart on a wide screen may meet on a narrow one. A text is placed only where it meets no other text
at any of the widths that a page has. Where names do not fit beside what they name, the figure shows
numbers, and a list below it the names: a list wraps, a figure does not.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

__all__ = [
    "AROUND",
    "AT_END",
    "FURTHER",
    "Anchor",
    "Spot",
    "Text",
    "elided",
    "place",
    "stacked",
    "thinned",
]

WIDTHS = (320, 358, 440, 560, 698)  # of a figure: from the narrowest phone to the page's full width
_LETTER, _WIDE_LETTER = 6.9, 11.0  # of an axis text in pixels, a little more than most fonts need
_ASCENT, _DESCENT, _GAP, _LINE = 9, 3, 3, 15

Anchor = Literal["start", "middle", "end"]
Box = tuple[float, float, float, float]

Offsets = tuple[tuple[float, float, Anchor], ...]


AROUND: Offsets = (
    (12, 4, "start"), (-12, 4, "end"), (0, -11, "middle"), (0, 19, "middle"),
    (8, -9, "start"), (-8, -9, "end"), (8, 17, "start"), (-8, 17, "end"),
)  # fmt: skip
"""Places of a text around its point, the best first: an offset across and down in pixels, and the
side on which the text keeps its place."""

FURTHER: Offsets = tuple((dx, dy, "middle") for dy in (-25, 33, -39, 47) for dx in (0, 12, -12))
"""Places for a number, which is so short that it may stand further away."""

AT_END: Offsets = ((12, 4, "start"), (4, -9, "end"), (4, 18, "end"))
"""Places at the right end of a line, which runs to its left."""


class _Drawn(Protocol):
    def box(self, width: float) -> Box:
        """Left, right, top and bottom in pixels, in a figure of this width."""


@dataclass(frozen=True)
class Spot:
    """A point that no text may hide; `x` in per cent, the others in pixels."""

    x: float
    y: float
    radius: float = 4

    def box(self, width: float) -> Box:
        """The square around it."""
        x = self.x / 100 * width
        return x - self.radius, x + self.radius, self.y - self.radius, self.y + self.radius


@dataclass(frozen=True)
class Text:
    """A line of text; `x` in per cent of the width, `dx` and the baseline `y` in pixels."""

    words: str
    x: float
    y: float
    dx: float = 0.0
    anchor: Anchor = "start"

    def box(self, width: float) -> Box:
        """The rectangle of its letters."""
        long = _length(self.words)
        before = {"start": 0.0, "middle": long / 2, "end": long}[self.anchor]
        left = self.x / 100 * width + self.dx - before
        return left, left + long, self.y - _ASCENT, self.y + _DESCENT


def place(
    points: Sequence[tuple[float, float, str]],
    taken: Sequence[_Drawn],
    height: float,
    offsets: Offsets = AROUND,
) -> list[Text | None]:
    """A text beside each point, apart from each other and from what is there already.

    Args:
        points: Position across in per cent, position down in pixels, and the words; points that
            come first choose first.
        taken: Texts and points that must stay readable.
        height: Height of the figure in pixels.
        offsets: The places to try, in this order.

    Returns:
        One text per point, None where no place is free.

    Example:
        >>> place([(50, 40, "a"), (50, 40, "b")], [Spot(50, 40)], 80)
        [Text(words='a', x=50, y=44, dx=12, anchor='start'), Text(words='b', x=50, y=44, dx=-12, anchor='end')]
    """
    there = list(taken)
    found: list[Text | None] = []
    for x, y, words in points:
        tried = (Text(words, x, y + dy, dx, anchor) for dx, dy, anchor in offsets)
        free = next((text for text in tried if _fits(text, there, height)), None)
        found.append(free)
        if free is not None:
            there.append(free)
    return found


def stacked(points: Sequence[tuple[float, float, str]], height: float) -> list[Text]:
    """A short text to the right of each point, in the order of the points from top to bottom.

    Example:
        >>> [(text.words, text.y) for text in stacked([(88, 50, "1"), (88, 52, "2")], 200)]
        [('1', 54), ('2', 69)]
    """
    downs: list[float] = []
    for _, y, _ in points:
        downs.append(max(y + 4, downs[-1] + _LINE) if downs else y + 4)
    lowest = height - _DESCENT
    for i in reversed(range(len(downs))):
        downs[i] = min(downs[i], lowest)
        lowest = downs[i] - _LINE
    return [Text(words, x, y, 12) for (x, _, words), y in zip(points, downs, strict=True)]


def thinned(labels: Sequence[tuple[float, str]], y: float) -> list[Text]:
    """Labels along an axis, without those that would meet one before them.

    The outermost stay inside of the figure.

    Example:
        >>> [text.words for text in thinned([(i, f"trial {i}") for i in range(0, 101, 10)], 12)]
        ['trial 0', 'trial 30', 'trial 50', 'trial 70', 'trial 90']
    """
    kept: list[Text] = []
    for x, words in labels:
        if not words:
            continue
        room = WIDTHS[0] * min(x, 100 - x) / 100
        inside = _length(words) / 2 <= room
        text = Text(words, x, y, 0.0, "middle" if inside else "start" if x < 50 else "end")
        if all(_apart(text, other) for other in kept):
            kept.append(text)
    return kept


def elided(words: str, room: float) -> str:
    """The beginning of a text that fits into this many pixels.

    Example:
        >>> elided("an improbably long name", 80)
        'an improba…'
    """
    if _length(words) <= room:
        return words
    while words and _length(words) + _LETTER > room:
        words = words[:-1]
    return words.rstrip() + "…"


def _length(words: str) -> float:
    return sum(
        _WIDE_LETTER if unicodedata.east_asian_width(letter) in "WF" else _LETTER
        for letter in words
        if not unicodedata.combining(letter)
    )


def _fits(text: Text, there: Sequence[_Drawn], height: float) -> bool:
    for width in WIDTHS:
        left, right, top, bottom = text.box(width)
        if left < 0 or right > width or top < 0 or bottom > height:
            return False
    return all(_apart(text, other) for other in there)


def _apart(one: _Drawn, other: _Drawn) -> bool:
    for width in WIDTHS:
        a, b = one.box(width), other.box(width)
        if a[0] < b[1] + _GAP and b[0] < a[1] + _GAP and a[2] < b[3] and b[2] < a[3]:
            return False
    return True
