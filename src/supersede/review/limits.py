"""Limits of checks: one reader for Python and the command line, and one place that says what is allowed.

In Python a number is a share, as everywhere: ``MaxNFR(0.005)`` is 0.5 %. Text has a unit:
``MaxNFR("0.5%")``. On the command line everything is text, and ``--max-nfr 0.5`` could mean half of the
items or half a per cent, so there a bare number of 0.05 or more is refused in favour of ``0.5%`` or
``0.5 share``; a smaller one can only be a share.
"""

import math
import numbers
import re
from decimal import Decimal
from typing import Literal

from supersede.errors import ArgumentError

__all__ = [
    "AMBIGUOUS",
    "Kind",
    "checked_confidence",
    "checked_limit",
    "checked_size",
    "command_line_limit",
]

Kind = Literal["share", "fall", "gain", "cost", "level", "amount", "rise"]
"""A share in (0, 1), a fall in [0, 1), a gain in (-1, 1), a cost above 0; of any metric, a level in
[0, 1], any amount, or a rise of an amount, at least 0."""

AMBIGUOUS = 0.05
"""Bare numbers from here on are refused on the command line."""

_TEXT = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(%|pp|share)?")
_EXPECTED = {
    "share": "a share between 0 and 1, such as 0.005 for 0.5 %",
    "fall": "a fall of at least 0 and below 1, such as 0.02 for two points",
    "gain": "a gain between -1 and 1, such as -0.01 for a loss of one point",
    "cost": "a finite cost per item above 0",
    "level": "a share in [0, 1], such as 0.8 for 80 %",
    "amount": "a finite number",
    "rise": "a finite number of at least 0",
}
_NO_SHARES = {"cost", "amount", "rise"}


def checked_limit(name: str, value: object, kind: Kind) -> float:
    """A limit as a number that makes sense.

    Args:
        name: Whose limit it is, for messages, such as ``MaxNFR`` or ``tolerance=``.
        value: A number, or text with a unit: ``"0.5%"``, ``"2pp"``, ``"0.005 share"``.
        kind: What the limit limits.

    Raises:
        ArgumentError: It is not a number, NaN, a boolean, text without a unit, or out of range.

    Example:
        >>> checked_limit("MaxNFR", "0.5%", "share"), checked_limit("MinGain", -0.01, "gain")
        (0.005, -0.01)
    """
    number = _from_text(name, value, kind) if isinstance(value, str) else _number(name, value, kind)
    inside = {
        "share": 0 < number < 1,
        "fall": 0 <= number < 1,
        "gain": -1 < number < 1,
        "cost": 0 < number < math.inf,
        "level": 0 <= number <= 1,
        "amount": math.isfinite(number),
        "rise": 0 <= number < math.inf,
    }[kind]
    if not inside:
        msg = f"{_said(name, value)}: expected {_EXPECTED[kind]}{_hint(number, kind)}"
        raise ArgumentError(msg)
    return number


def checked_confidence(value: object) -> float:
    """A two-sided confidence, in (0, 1).

    Raises:
        ArgumentError: It is none.
    """
    number = isinstance(value, numbers.Real) and not _boolean(value)
    if not number or not 0 < float(value) < 1:  # type: ignore[arg-type]
        msg = f"confidence={value!r} must be between 0 and 1, such as 0.95"
        raise ArgumentError(msg)
    return float(value)  # type: ignore[arg-type]


def checked_size(name: str, value: object) -> int:
    """A number of items, at least 1.

    Raises:
        ArgumentError: It is none.
    """
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not whole or int(value) < 1:  # type: ignore[call-overload]
        msg = f"{name}={value!r}; expected a whole number of items, at least 1, such as {name}=30"
        raise ArgumentError(msg)
    return int(value)  # type: ignore[call-overload,no-any-return]


def command_line_limit(flag: str, text: str) -> float:
    """A limit as it is typed: ``0.5%``, ``2pp``, ``0.5 share``, or a bare share below 0.05.

    Args:
        flag: The flag, for messages.
        text: What was typed.

    Raises:
        ArgumentError: It is not a limit, or a bare number that could be a share or a percentage.

    Example:
        >>> command_line_limit("--max-nfr", "0.5%"), command_line_limit("--max-nfr", "0.005")
        (0.005, 0.005)
        >>> command_line_limit("--max-nfr", "0.5")
        Traceback (most recent call last):
        ...
        supersede.errors.ArgumentError: --max-nfr 0.5: write 0.5% or, for a share, '0.5 share' (50%)
    """
    text = text.strip()
    found = _TEXT.fullmatch(text)
    if found is None:
        comma = f"; write {text.replace(',', '.')}" if "," in text else ""
        msg = f"{flag} {text}: expected a limit such as 0.5%, 2pp, 0.005 or '0.005 share'{comma}"
        raise ArgumentError(msg)
    number = float(found[1])
    if found[2] is not None:
        return _scaled(number, found[2])
    if AMBIGUOUS <= abs(number) < 1:
        bare = found[1]
        msg = f"{flag} {text}: write {bare}% or, for a share, '{bare} share' ({100 * number:.6g}%)"
        raise ArgumentError(msg)
    if abs(number) >= 1:
        msg = f"{flag} {text}: write {found[1]}%"
        raise ArgumentError(msg)
    return number


def _number(name: str, value: object, kind: Kind) -> float:
    number = isinstance(value, numbers.Real) and not _boolean(value)
    if not number or math.isnan(float(value)):  # type: ignore[arg-type]
        msg = f"{_said(name, value)}: expected {_EXPECTED[kind]}"
        raise ArgumentError(msg)
    return float(value)  # type: ignore[arg-type]


def _said(name: str, value: object) -> str:
    """As it is written: ``MaxNFR(2)``, or ``tolerance=2``."""
    return f"{name}{value!r}" if name.endswith("=") else f"{name}({value!r})"


def _boolean(value: object) -> bool:
    return isinstance(value, bool) or type(value).__name__ in {"bool_", "bool"}  # numpy's too


def _from_text(name: str, text: str, kind: Kind) -> float:
    found = _TEXT.fullmatch(text.strip())
    if kind in _NO_SHARES or found is None or found[2] is None:
        units = (
            "" if kind in _NO_SHARES else "; text needs a unit: '0.5%', '0.5pp' or '0.005 share'"
        )
        msg = f"{_said(name, text)}: expected {_EXPECTED[kind]}{units}"
        raise ArgumentError(msg)
    return _scaled(float(found[1]), found[2])


def _scaled(number: float, unit: str) -> float:
    """In decimal, so that 0.3 % is the number that 0.003 is."""
    return number if unit == "share" else float(Decimal(repr(number)).scaleb(-2))


def _hint(number: float, kind: Kind) -> str:
    if kind == "share" and number == 0:
        return (
            "; no sample shows that nothing at all breaks: list the items that must not, in"
            " MustNotBreak(items=[…]) or --must-not-break"
        )
    if kind in {"share", "level"} and 1 <= number <= 100:
        return f"; {number:g} % is {number / 100:g}"
    if kind in {"fall", "gain"} and 1 <= abs(number) <= 100:
        return f"; {number:g} points are {number / 100:g}"
    if kind in {"fall", "share"} and -1 < number < 0:
        return f"; leave out the sign: {-number:g}"
    return ""
