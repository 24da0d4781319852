"""What happened to a column of numbers: a unit, a shift, a factor, a code, or nothing simple."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from supersede.lastmile.tables.distances import (
    Floats,
    enriched,
    smirnov,
    smirnov_log_p,
    spread_log_p,
)
from supersede.lastmile.tables.suspect import SAME, Kind, Suspect
from supersede.look.numbers import share as in_percent

__all__ = ["moved_numbers"]

_PLACES = np.array([0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])  # quantiles that are compared
_NEAR = 0.25  # logarithm of a ratio within which a unit may explain a factor
_MATTERS = 0.1  # standard deviations by which two explanations differ, if both cannot be taken
_CLEAR = 0.5  # distance from which a factor is undone that is not one of the units
_PART = (0.03, 0.97)  # share of rows with another unit
_APART = (
    0.9  # distance of a column from itself in another unit, from which a mixture is recognisable
)
UNITS = (
    (1000, "thousands"), (100, "hundredths"), (60, "minutes and hours"), (12, "months and years"),
    (52, "weeks and years"), (365, "days and years"), (7, "days and weeks"), (24, "hours and days"),
    (2.54, "inches and centimetres"), (2.2046, "pounds and kilograms"), (1.6093, "miles and kilometres"),
    (3.2808, "feet and metres"), (10, "a decimal place"), (3600, "seconds and hours"),
    (28.3495, "ounces and grams"), (3.7854, "gallons and litres"), (18.0156, "mg/dl and mmol/l of glucose"),
    (10_000, "four decimal places"), (1_000_000, "millions"),
)  # fmt: skip
"""Ratios of units that are mixed up, and what they are ratios of; each also upside down."""

_SCALES = {"Celsius": (1.0, 0.0), "Fahrenheit": (1.8, 32.0), "kelvin": (1.0, 273.15)}
_LOWEST, _HIGHEST = -90.0, 150.0  # degrees Celsius of a column that may be a temperature


@dataclass(frozen=True)
class _Change:
    """Numbers times a factor, and then plus a constant."""

    kind: Kind
    factor: float
    by: float
    words: str

    def undone(self, values: Floats) -> Floats:
        return (values - self.by) / self.factor


def moved_numbers(name: str, known: Floats, met: Floats, *, dates: bool = False) -> Suspect:
    """Judge one column of numbers.

    Args:
        name: The column.
        known: Its numbers in the reference, without missing ones.
        met: Its numbers at the site.
        dates: Whether they are days; these are shifted, but in no unit.
    """
    if not len(known) or not len(met):
        return Suspect(name, "distribution", 0.0, 0.0)
    value, before, here, log_spike = enriched(known, met)
    distance, log_p = smirnov(known, met)
    log_p = min(log_p, log_spike) + float(np.log(2))
    effect = max(distance, here - before)
    fits = [c for c in _changes(known, met, dates=dates) if _looks_as_before(known, met, c)]
    if len(fits) and len(np.unique(known)) > 1:
        first = fits[0]
        rival = next((c for c in fits[1:] if _differ(known, met, first, c)), None)
        words = first.words if rival is None else f"{first.words}, or {rival.words}: the values do not tell which"  # fmt: skip
        # a small factor that is not a unit could also be a change of some rows
        clear = first.kind != "factor" or distance > _CLEAR
        return Suspect(
            name, first.kind, log_p, effect, None if first.factor == 1 else first.factor, first.by or None,
            explanation=words, certain=rival is None and clear and not dates,
        )  # fmt: skip
    rest = met[met != value]
    # beside this value, the column is as it was
    if here > before and (len(rest) < len(met) / 2 or smirnov(known[known != value], rest)[1] > SAME):  # fmt: skip
        code = not before and here < 0.5
        words = f"{in_percent(here)} of the values are {value:g}, {in_percent(before)} before{': a code for missing values?' if code else ''}"
        kind: Kind = "missing values" if code else "distribution"
        return Suspect(name, kind, log_p, effect, explanation=words)
    mixed = None if dates else _partly(known, met)
    if mixed is not None:
        factor, words = mixed
        return Suspect(name, "unit", log_p, effect, factor, explanation=words, certain=False)
    low, high = (float(np.median(v)) if len(v) else np.nan for v in (known, met))
    words = f"another distribution: median {low:g} before, {high:g} here"
    return Suspect(name, "distribution", log_p, effect, explanation=words)


def _looks_as_before(known: Floats, met: Floats, change: _Change) -> bool:
    back = change.undone(met)
    places = _decimals(known)
    if places is not None:
        back = np.round(back, places)
    return smirnov(known, back)[1] > SAME and spread_log_p(known, back) > SAME


def _decimals(values: Floats) -> int | None:
    """With how many decimals all of these numbers are written; None for more than four."""
    some = values[:: max(len(values) // 2000, 1)]
    return next((k for k in range(5) if np.allclose(some, np.round(some, k), rtol=0, atol=1e-9)), None)  # fmt: skip


def _differ(known: Floats, met: Floats, one: _Change, other: _Change) -> bool:
    """Whether it matters which of two changes is undone."""
    if one.kind == "unit" and other.kind == "factor":
        return False  # the factor that was estimated is the unit's, up to chance
    gap = np.abs(one.undone(met) - other.undone(met))
    return bool(np.median(gap) > _MATTERS * known.std())


def _changes(known: Floats, met: Floats, *, dates: bool) -> Iterator[_Change]:
    """Changes of all rows that may explain a difference, the simplest first."""
    if not len(known) or not len(met):
        return
    factor = None if dates else _factor(known, met)
    if factor is not None:
        near = sorted((abs(np.log(factor / f)), f, words) for u, words in UNITS for f in (u, 1 / u))
        for gap, unit, words in near:
            if gap < _NEAR:
                yield _Change("unit", float(unit), 0.0, f"a unit error, times {unit:.4g}: {words}")
    if not dates:
        yield from _temperatures(known)
    by = _shift(known, met)
    if by:
        unit_of = " days" if dates else ""
        yield _Change("shift", 1.0, by, f"shifted by {by:+.4g}{unit_of}")
        if met.min() > known.max() or met.max() < known.min():
            # nothing overlaps: counting down from a constant is as likely, as years of birth do
            end = float(np.rint(np.median(met) + np.median(known)))
            yield _Change("distribution", -1.0, end, f"{end:g} minus what it was")
    if factor is not None:
        yield _Change("factor", factor, 0.0, f"multiplied by {factor:.4g}")


def _temperatures(known: Floats) -> Iterator[_Change]:
    for one, (factor, by) in _SCALES.items():
        celsius = (known[[known.argmin(), known.argmax()]] - by) / factor
        if celsius[0] < _LOWEST or celsius[1] > _HIGHEST:
            continue
        for other, (new_factor, new_by) in _SCALES.items():
            if other != one:
                ratio = new_factor / factor
                yield _Change("unit", ratio, new_by - by * ratio, f"{other} instead of {one}")


def _partly(known: Floats, met: Floats) -> tuple[float, str] | None:
    """The unit in which some of the rows are, in words too; only where such rows stand apart."""
    at = np.unique(np.quantile(np.concatenate([known, met]), np.linspace(0, 1, 300)))
    lower, upper = (np.searchsorted(np.sort(v), at, "right") / len(v) for v in (known, met))
    fits = []
    for unit, words in ((f, w) for u, w in UNITS for f in (u, 1 / u)):
        moved = np.searchsorted(np.sort(known * unit), at, "right") / len(known) - lower
        if np.abs(moved).max() < _APART:
            continue
        part = float(moved @ (upper - lower)) / float(moved @ moved)
        distance = float(np.abs(upper - lower - part * moved).max())
        if _PART[0] < part < _PART[1] and smirnov_log_p(distance, len(known), len(met)) > SAME:
            fits.append((distance, unit, part, f"times {unit:.4g}: {words}"))
    if not fits:
        return None
    (_, unit, part, words), *others = sorted(fits)
    words += f", or {others[0][3]}" if others else ""
    return float(unit), f"a unit error in about {in_percent(part)} of the rows, {words}; the values do not tell in which"  # fmt: skip


def _factor(known: Floats, met: Floats) -> float | None:
    """The ratio of the sizes of values other than 0, where both have the same sign."""
    a, b = known[known != 0], met[met != 0]
    if len(a) < 5 or len(b) < 5:
        return None
    ratios = np.quantile(np.abs(b), _PLACES) / np.quantile(np.abs(a), _PLACES)
    found = float(np.exp(np.median(np.log(ratios))))
    same = np.sign(np.median(a)) == np.sign(np.median(b))
    return found if abs(found - 1) > 0.01 and same else None


def _shift(known: Floats, met: Floats) -> float:
    steps = np.quantile(met, _PLACES) - np.quantile(known, _PLACES)
    found = float(np.median(steps))
    whole = bool(np.all(known == np.rint(known)) and np.all(met == np.rint(met)))
    if whole:
        return float(np.rint(found))
    # numbers on a grid keep their decimals: the shift is one of the differences between their values
    tried = [found, float(met.min() - known.min()), *steps.tolist()]
    best: float = min(tried, key=lambda by: smirnov(known, met - by)[0])
    return best
