"""The format of numbers: no more digits than their interval supports.

Two rules take precedence. A limit is written as it was set, and an estimate that is compared with a
limit has as many digits as are needed to show on which side of it its ends lie.
"""

import math
from decimal import Decimal

__all__ = ["amount", "count", "items", "level", "points", "rate", "share", "worded"]

THIN = "\N{NARROW NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"


def count(value: float) -> str:
    """A count in full, with separated thousands.

    Example:
        >>> count(12345).replace(THIN, "_")
        '12_345'
    """
    return f"{round(value):,}".replace(",", THIN).replace("-", MINUS)


def items(number: float, noun: str = "item") -> str:
    """A count with its noun, in the singular for one.

    Example:
        >>> items(1), items(2, "label")
        ('1 item', '2 labels')
    """
    return f"{count(number)} {noun}{'' if round(number) == 1 else 's'}"


def level(confidence: float) -> str:
    """A level of confidence in per cent, in full: no level is rounded to 100 %.

    Example:
        >>> level(0.95).replace(THIN, "_"), level(0.9995).replace(THIN, "_")
        ('95_%', '99.95_%')
    """
    percent = (Decimal(repr(float(confidence))) * 100).normalize()
    return f"{percent:f}{THIN}%"


def worded(value: object) -> str:
    """A value of a column in words; nothing but a null is unknown.

    Example:
        >>> worded("f"), worded(None), worded("unknown")
        ('f', 'unknown', "'unknown'")
    """
    return "unknown" if value is None else repr(value) if value == "unknown" else str(value)


def share(
    value: float,
    low: float | None = None,
    high: float | None = None,
    *,
    resolution: float | None = None,
    against: float | None = None,
    exact: bool = False,
) -> str:
    """A share in per cent, with its interval if there is one.

    Args:
        value: The share.
        low: Lower end of its interval.
        high: Upper end.
        resolution: Without an interval, the smallest difference that the digits must show.
        against: A limit; there are as many digits as show on which side of it the numbers lie.
        exact: Whether the number is written as it is, as limits are.

    Example:
        >>> share(0.0153, 0.013, 0.0171).replace(THIN, "_")
        '1.5_% [1.3, 1.7]'
        >>> share(0.8312).replace(THIN, "_")
        '83_%'
        >>> share(0.8312, resolution=0.002).replace(THIN, "_")
        '83.1_%'
        >>> share(0.06, 0.0502, 0.07, against=0.05).replace(THIN, "_")
        '6.00_% [5.02, 7.00]'
        >>> share(0.0205, exact=True).replace(THIN, "_")
        '2.05_%'
    """
    return _scaled(
        (value, low, high), resolution, 100, f"{THIN}%", against=against, exact=exact, signed=False
    )


def points(
    value: float,
    low: float | None = None,
    high: float | None = None,
    *,
    resolution: float | None = None,
    against: float | None = None,
    exact: bool = False,
) -> str:
    """A difference of shares, in percentage points; arguments as for `share`.

    Example:
        >>> points(-0.0153, -0.02, -0.01).replace(THIN, "_")
        '−1.5_pp [−2.0, −1.0]'
    """
    return _scaled(
        (value, low, high), resolution, 100, f"{THIN}pp", against=against, exact=exact, signed=True
    )


def amount(
    value: float,
    low: float | None = None,
    high: float | None = None,
    *,
    resolution: float | None = None,
    against: float | None = None,
    exact: bool = False,
) -> str:
    """A number without a unit, such as a cost; arguments as for `share`.

    Example:
        >>> amount(0.848, 0.785, 0.910)
        '0.85 [0.79, 0.91]'
    """
    return _scaled((value, low, high), resolution, 1, "", against=against, exact=exact)


def rate(
    value: float,
    low: float | None = None,
    high: float | None = None,
    *,
    resolution: float | None = None,
    against: float | None = None,
    exact: bool = False,
) -> str:
    """An error rate in per cent, with the decimals that recognisers are compared by.

    Two decimals below 10 %, one above; other arguments as for `share`.

    Example:
        >>> rate(0.0084, 0.0078, 0.0091).replace(THIN, "_"), rate(0.31, 0.2, 1.1).replace(THIN, "_")
        ('0.84_% [0.78, 0.91]', '31.0_% [20.0, 110.0]')
    """
    if math.isnan(value):
        return "–"
    if exact:
        return share(value, exact=True)
    digits = 2 if abs(value) < 0.1 else 1
    digits = _telling((value,), against, 100, digits)
    middle = _fixed(value * 100, digits, signed=False)
    if low is None or high is None or math.isnan(high - low):
        return f"{middle}{THIN}%"
    ends = ", ".join(_fixed(end * 100, digits, signed=False) for end in (low, high))
    return f"{middle}{THIN}% [{ends}]"


def _scaled(
    numbers: tuple[float, float | None, float | None],
    resolution: float | None,
    factor: float,
    unit: str,
    *,
    against: float | None,
    exact: bool,
    signed: bool = False,
) -> str:
    value, low, high = numbers
    if math.isnan(value):
        return "–"
    if exact:
        return _trimmed(_fixed(value * factor, _MOST, signed=signed)) + unit
    if low is not None and high is not None and not math.isnan(high - low):
        digits = _digits((high - low) * factor)
        if factor == 1:  # amounts have a scale of their own, so one digit more
            digits = min(_MOST, digits + 1)
        digits = _telling((value, low, high), against, factor, digits)
        middle, *ends = (_fixed(v * factor, digits, signed=signed) for v in (value, low, high))
        return f"{middle}{unit} [{', '.join(ends)}]"
    if resolution is not None:
        digits = _telling((value,), against, factor, _digits(resolution * factor))
        return _fixed(value * factor, digits, signed=signed) + unit
    digits = _telling((value,), against, factor, _digits(abs(value * factor) / 10))
    return _trimmed(_fixed(value * factor, digits, signed=signed)) + unit


_MOST = 6  # decimals


def _telling(values: tuple[float, ...], against: float | None, factor: float, digits: int) -> int:
    """So many decimals that the rounded numbers lie on the same side of a limit as the numbers."""

    def told(value: float, limit: float) -> bool:
        shown = round(value * factor, digits) - round(limit * factor, _MOST)
        return (shown > 0) - (shown < 0) == (value > limit) - (value < limit)

    if against is not None:
        while digits < _MOST and not all(told(value, against) for value in values):
            digits += 1
    return digits


def _trimmed(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def _fixed(value: float, digits: int, *, signed: bool) -> str:
    rounded = round(value, digits) + 0.0  # adding 0 turns minus zero into zero
    return f"{rounded:{'+' if signed and rounded else ''}.{digits}f}".replace("-", MINUS)


def _digits(scale: float) -> int:
    """Number of decimals for this resolution."""
    if scale <= 0 or not math.isfinite(scale):
        return 0
    return min(_MOST, max(0, math.floor(-math.log10(scale) + 1e-9) + 1))
