"""The format of numbers: no more digits than their interval supports."""

import math

__all__ = ["amount", "count", "points", "share"]

THIN = "\N{NARROW NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"


def count(value: float) -> str:
    """A count in full, with separated thousands.

    Example:
        >>> count(12345).replace(THIN, "_")
        '12_345'
    """
    return f"{round(value):,}".replace(",", THIN).replace("-", MINUS)


def share(
    value: float,
    low: float | None = None,
    high: float | None = None,
    *,
    resolution: float | None = None,
) -> str:
    """A share in per cent, with its interval if there is one.

    Args:
        value: The share.
        low: Lower end of its interval.
        high: Upper end.
        resolution: Without an interval, the smallest difference that the digits must show.

    Example:
        >>> share(0.0153, 0.013, 0.0171).replace(THIN, "_")
        '1.5_% [1.3, 1.7]'
        >>> share(0.8312).replace(THIN, "_")
        '83_%'
        >>> share(0.8312, resolution=0.002).replace(THIN, "_")
        '83.1_%'
    """
    return _scaled(value, low, high, resolution, 100, f"{THIN}%", signed=False)


def points(
    value: float,
    low: float | None = None,
    high: float | None = None,
    *,
    resolution: float | None = None,
) -> str:
    """A difference of shares, in percentage points; arguments as for `share`.

    Example:
        >>> points(-0.0153, -0.02, -0.01).replace(THIN, "_")
        '−1.5_pp [−2.0, −1.0]'
    """
    return _scaled(value, low, high, resolution, 100, f"{THIN}pp", signed=True)


def amount(
    value: float,
    low: float | None = None,
    high: float | None = None,
    *,
    resolution: float | None = None,
) -> str:
    """A number without a unit, such as a cost; arguments as for `share`."""
    return _scaled(value, low, high, resolution, 1, "", signed=False)


def _scaled(
    value: float,
    low: float | None,
    high: float | None,
    resolution: float | None,
    factor: float,
    unit: str,
    *,
    signed: bool,
) -> str:
    if math.isnan(value):
        return "–"
    if low is not None and high is not None and not math.isnan(high - low):
        digits = _digits((high - low) * factor)
        middle, *ends = (_fixed(v * factor, digits, signed=signed) for v in (value, low, high))
        return f"{middle}{unit} [{', '.join(ends)}]"
    if resolution is not None:
        return _fixed(value * factor, _digits(resolution * factor), signed=signed) + unit
    text = _fixed(value * factor, _digits(abs(value * factor) / 10), signed=signed)
    return (text.rstrip("0").rstrip(".") if "." in text else text) + unit


def _fixed(value: float, digits: int, *, signed: bool) -> str:
    rounded = round(value, digits) + 0.0  # adding 0 turns minus zero into zero
    return f"{rounded:{'+' if signed and rounded else ''}.{digits}f}".replace("-", MINUS)


def _digits(scale: float) -> int:
    """Number of decimals for this resolution."""
    if scale <= 0 or not math.isfinite(scale):
        return 0
    return min(6, max(0, math.floor(-math.log10(scale) + 1e-9) + 1))
