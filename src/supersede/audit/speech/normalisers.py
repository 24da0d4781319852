"""What counts as the same word: named, versioned rules that both sides of a comparison go through.

A word error rate means nothing without its normaliser: case, punctuation and the spelling of numbers
can move it by more than a new model does. Rules are never changed under the same version, so a rate
that was measured with ``plain/1`` can be compared with any other one measured with ``plain/1``.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from supersede.errors import ArgumentError

__all__ = ["ENGLISH", "PLAIN", "VERBATIM", "Normaliser", "find_normaliser"]

_NUMBER = re.compile(r"(?<![\w.,])(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?![\w]|[.,]\d)")
_SMALL = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["_", "_", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_LARGE = ((10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred"))
_MOST_DIGITS = 12


@dataclass(frozen=True)
class Normaliser:
    """Rules that are applied in order to references and hypotheses alike.

    Attributes:
        name: Its name.
        version: Raised when any rule changes.
        rules: Functions from text to text.

    Example:
        >>> PLAIN("It’s  CAFE\u0301-time, isn't it?"), PLAIN.label
        ("it's café time isn't it", 'plain/1')
        >>> ENGLISH("Take 25 of 1,250.5 mg")
        'take twenty five of one thousand two hundred fifty point five mg'
    """

    name: str
    version: int
    rules: tuple[Callable[[str], str], ...]

    @property
    def label(self) -> str:
        """Name and version, as ``plain/1``; every rate that is reported names it."""
        return f"{self.name}/{self.version}"

    def __call__(self, text: str) -> str:
        """The text after all rules."""
        for rule in self.rules:
            text = rule(text)
        return " ".join(text.split())


def _composed(text: str) -> str:
    """One form for each character: é is é, whether as one code point or as e with an accent."""
    return unicodedata.normalize("NFKC", text)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text.casefold())


def _without_punctuation(text: str) -> str:
    """Punctuation and symbols become spaces; apostrophes inside words and all marks stay.

    Vowel signs of Indic and Arabic scripts are marks: dropping them would merge words.
    """
    text = text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").replace(
        "\N{MODIFIER LETTER APOSTROPHE}", "'"
    )
    out = []
    for at, character in enumerate(text):
        inside = 0 < at < len(text) - 1 and text[at - 1].isalnum() and text[at + 1].isalnum()
        if character == "'" and inside:
            out.append(character)
        elif unicodedata.category(character) == "Cf":
            continue  # joiners and soft hyphens lie inside words
        elif unicodedata.category(character)[0] in "PSC":
            out.append(" ")
        else:
            out.append(character)
    return "".join(out)


def _numbers_in_words(text: str) -> str:
    return _NUMBER.sub(lambda found: _in_words(found.group()), text)


def _in_words(number: str) -> str:
    whole, _, fraction = number.replace(",", "").partition(".")
    if len(whole) > _MOST_DIGITS or (len(whole) > 1 and whole[0] == "0"):
        said = " ".join(_SMALL[int(digit)] for digit in whole)  # a code: digit by digit
    else:
        said = _cardinal(int(whole))
    if fraction:
        said += " point " + " ".join(_SMALL[int(digit)] for digit in fraction)
    return said


def _cardinal(n: int) -> str:
    if n < len(_SMALL):
        return _SMALL[n]
    if n < 100:
        tens, ones = divmod(n, 10)
        return _TENS[tens] + (f" {_SMALL[ones]}" if ones else "")
    size, word = next(pair for pair in _LARGE if n >= pair[0])
    head, rest = divmod(n, size)
    return f"{_cardinal(head)} {word}" + (f" {_cardinal(rest)}" if rest else "")


VERBATIM = Normaliser("verbatim", 1, ())
"""Nothing but white space: case and punctuation count as errors."""

PLAIN = Normaliser("plain", 1, (_composed, _folded, _without_punctuation))
"""Case and punctuation do not count, and one character has one form; for any language."""

ENGLISH = Normaliser("english", 1, (_composed, _folded, _numbers_in_words, _without_punctuation))
"""As ``plain``, and digits are spelled as cardinal numbers (``25`` is ``twenty five``).

Years, ordinals, currencies and abbreviations are left alone: ``1999`` reads as a cardinal.
"""


def find_normaliser(label: str) -> Normaliser:
    """A normaliser by its name, with or without its version.

    Raises:
        ArgumentError: There is none of that name and version.

    Example:
        >>> find_normaliser("plain").label, find_normaliser("english/1").name
        ('plain/1', 'english')
    """
    known = (VERBATIM, PLAIN, ENGLISH)
    for normaliser in known:
        if label in {normaliser.name, normaliser.label}:
            return normaliser
    msg = f"no normaliser {label!r}; there are {', '.join(n.label for n in known)}"
    raise ArgumentError(msg)
