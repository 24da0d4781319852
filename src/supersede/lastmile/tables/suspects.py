"""Which column moved, and how: a site's rows against rows that the model was accepted on.

Each column is tested alone: numbers by the Kolmogorov-Smirnov distance, categories by Pearson's
chi-square, categories and values that are new or missing by exact counts. A column is a suspect only
if its p-value holds after Bonferroni's correction over all columns. The change is then explained by
the simplest transformation that makes the column look as before: a known ratio of units, a shift, a
factor, a new name; where none does, the suspect is named without an explanation, and no repair is made.

References:
    Smirnov (1948), Annals of Mathematical Statistics 19: the distribution of the distance.
    Rabanser, Günnemann & Lipton (2019), Failing loudly, NeurIPS: univariate tests with Bonferroni.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from supersede.bounty.artefacts import Column, columns_of
from supersede.bounty.sample import as_columns
from supersede.errors import ArgumentError
from supersede.look.numbers import share as in_percent

__all__ = ["Kind", "Suspect", "find_suspects"]

Floats = npt.NDArray[np.float64]
Kind = Literal["unit", "shift", "factor", "renamed", "new category", "missing values", "missing column", "type", "distribution"]  # fmt: skip
_FEWEST = 30  # rows
_PLACES = np.array([0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])  # quantiles that are compared
_LEVEL = 0.02  # chance of naming any column of clean rows
_NEAR = 0.25  # logarithm of a ratio within which a unit may explain a factor
_SAME = 0.01  # p-value from which a transformed column looks as before
UNITS = (
    (1000, "thousands"), (100, "hundredths"), (60, "minutes and hours"), (12, "months and years"),
    (52, "weeks and years"), (365, "days and years"), (7, "days and weeks"), (24, "hours and days"),
    (2.54, "inches and centimetres"), (2.2046, "pounds and kilograms"), (1.6093, "miles and kilometres"),
    (3.2808, "feet and metres"), (10, "a decimal place"), (3600, "seconds and hours"),
    (28.3495, "ounces and grams"), (3.7854, "gallons and litres"), (18.0156, "mg/dl and mmol/l of glucose"),
    (10_000, "four decimal places"), (1_000_000, "millions"),
)  # fmt: skip
"""Ratios of units that are mixed up, and what they are ratios of; each also upside down."""


@dataclass(frozen=True)
class Suspect:
    """One column that is not as it was.

    Attributes:
        column: The column.
        kind: What explains it; ``distribution`` where nothing simple does.
        log_p: Natural logarithm of its p-value, before the correction.
        effect: Distance of the distributions, in [0, 1].
        factor: For a unit or a factor: what the numbers were multiplied by.
        by: For a shift: what was added.
        names: For a renamed category: the known name and the new one.
        explanation: The change in words.
        certain: Whether one explanation alone fits.
    """

    column: str
    kind: Kind
    log_p: float
    effect: float
    factor: float | None = None
    by: float | None = None
    names: tuple[str, str] | None = None
    explanation: str = ""
    certain: bool = True

    @property
    def repairable(self) -> bool:
        """Whether the change can be undone."""
        return self.certain and self.kind in {"unit", "shift", "factor", "renamed"}

    def undo(self, columns: Mapping[str, Any]) -> dict[str, Column]:
        """The columns with the change undone.

        Raises:
            ArgumentError: It cannot be undone.
        """
        from supersede.lastmile.tables.conditions import Renamed, Rescaled, Shifted

        if not self.repairable:
            msg = (
                f"column {self.column!r}: {self.explanation}; this cannot be undone from the values"
            )
            raise ArgumentError(msg)
        if self.factor is not None:
            return Rescaled(self.column, 1 / self.factor).apply(columns)
        if self.by is not None:
            return Shifted(self.column, -self.by).apply(columns)
        known, new = self.names or ("", "")
        return Renamed(self.column, new, known).apply(columns)


def find_suspects(reference: object, site: object, *, level: float = _LEVEL) -> list[Suspect]:
    """Columns of a site that are not as in the reference, the most certain first.

    Args:
        reference: Rows that the model was accepted on: columns by name, as arrays or a frame.
        site: The site's rows; more columns are ignored, missing ones are suspects.
        level: Chance of naming any column if none has changed.

    Returns:
        The suspects; none where rows may be draws from the same source.

    Raises:
        ArgumentError: There are fewer than 30 rows, or no column.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> before = {"hours": rng.normal(40, 5, 2000), "age": rng.integers(18, 80, 2000)}
        >>> after = {"hours": rng.normal(40, 5, 300) * 60, "age": rng.integers(18, 80, 300)}
        >>> [(found.column, found.kind, found.factor) for found in find_suspects(before, after)]
        [('hours', 'unit', 60.0)]

    Assumes: rows are independent draws. A site whose people differ has suspects too: whether that
    is an error is for the reader to decide.
    """
    known, met = columns_of(as_columns(reference)), columns_of(as_columns(site))
    rows = min((len(c) for c in (*known.values(), *met.values())), default=0)
    if not known or rows < _FEWEST:
        msg = f"{rows} rows; expected at least {_FEWEST} of the reference and of the site"
        raise ArgumentError(msg)
    limit = np.log(level / len(known))
    found = [s for name, column in known.items() for s in _judged(name, column, met.get(name))]
    return sorted(
        (s for s in found if s.log_p < limit), key=lambda s: (s.log_p, -s.effect, s.column)
    )


def _judged(name: str, known: Column, met: Column | None) -> Iterator[Suspect]:
    if met is None:
        yield Suspect(name, "missing column", -np.inf, 1.0, explanation="the column is not there")
        return
    gone = _missing(met)
    usual = _missing(known)
    if gone.all() and not usual.all():
        yield Suspect(name, "missing column", -np.inf, 1.0, explanation="every value is missing")
        return
    if usual.all():
        return
    if {known.kind, met.kind} == {"number", "text"} or "unknown" in {known.kind, met.kind}:
        yield Suspect(
            name, "type", -np.inf, 1.0, explanation=f"holds {met.kind}s instead of {known.kind}s"
        )
        return
    parts = [_lost(name, usual, gone)]
    if known.kind == "text":
        parts.append(_categories(name, known.texts()[~usual], met.texts()[~gone]))
    else:
        a, b = known.numbers()[~usual], met.numbers()[~gone]
        parts.append(_numbers(name, a, b))
        common = _common(a)
        if common is not None:  # most rows are 0, say: compare the others by themselves
            parts.append(_numbers(name, a[a != common], b[b != common]))
    best = min(parts, key=lambda s: (s.log_p, -s.effect))
    yield replace(best, log_p=float(best.log_p + np.log(len(parts))))


def _lost(name: str, usual: npt.NDArray[np.bool_], gone: npt.NDArray[np.bool_]) -> Suspect:
    table = np.array([[usual.sum(), (~usual).sum()], [gone.sum(), (~gone).sum()]], float)
    difference = float(gone.mean() - usual.mean())
    words = f"{in_percent(float(gone.mean()))} of the values are missing, {in_percent(float(usual.mean()))} before"
    return Suspect(name, "missing values", _chi_square(table), abs(difference), explanation=words)


def _numbers(name: str, known: Floats, met: Floats) -> Suspect:
    distance, log_p = _smirnov(known, met)
    if not len(known) or not len(met):
        return Suspect(name, "distribution", 0.0, 0.0)
    fits = [e for e in _explanations(known, met) if _looks_as_before(known, met, e)]
    if fits:
        kind, factor, by, words = fits[0]
        units = [e for e in fits if e[0] == "unit"]
        if len(units) > 1:
            words = (
                f"a unit error, times {units[0][1]:.4g} or {units[1][1]:.4g}: too few rows to tell"
            )
        shift = kind == "shift"
        return Suspect(
            name, kind, log_p, distance, None if shift else factor, by if shift else None, None, words,
            certain=len(units) < 2,
        )  # fmt: skip
    low, high = (float(np.median(v)) for v in (known, met))
    return Suspect(
        name,
        "distribution",
        log_p,
        distance,
        explanation=f"another distribution: median {low:g} before, {high:g} here",
    )


def _common(values: Floats) -> float | None:
    """The value of most rows, if there is one."""
    middle = float(np.median(values)) if len(values) else np.nan
    return middle if np.mean(values == middle) > 0.5 else None


def _looks_as_before(known: Floats, met: Floats, how: tuple[Kind, float, float, str]) -> bool:
    _, factor, by, _ = how
    return bool(_smirnov(known, (met - by) / factor)[1] > np.log(_SAME))


def _explanations(known: Floats, met: Floats) -> Iterator[tuple[Kind, float, float, str]]:
    """Transformations that may explain a change, the simplest first."""
    factor = _factor(known, met)
    by = _shift(known, met)
    if factor is not None:
        near = sorted((abs(np.log(factor / f)), f, words) for u, words in UNITS for f in (u, 1 / u))
        for gap, unit, words in near:
            if gap < _NEAR:
                yield "unit", float(unit), 0.0, f"a unit error, times {unit:.4g}: {words}"
    if by:
        yield "shift", 1.0, by, f"shifted by {by:+.4g}"
    if factor is not None:
        yield "factor", factor, 0.0, f"multiplied by {factor:.4g}"


def _factor(known: Floats, met: Floats) -> float | None:
    """The ratio of the sizes of values other than 0, where both have the same sign."""
    a, b = known[known != 0], met[met != 0]
    if len(a) < 5 or len(b) < 5:
        return None
    ratios = np.quantile(np.abs(b), _PLACES) / np.quantile(np.abs(a), _PLACES)
    found = float(np.exp(np.median(np.log(ratios))))
    same = np.sign(np.median(a)) == np.sign(np.median(b))
    return (found if same else -found) if abs(found - 1) > 0.01 and same else None


def _shift(known: Floats, met: Floats) -> float:
    steps = np.quantile(met, _PLACES) - np.quantile(known, _PLACES)
    found = float(np.median(steps))
    whole = bool(np.all(known == np.rint(known)) and np.all(met == np.rint(met)))
    if whole:
        return float(np.rint(found))
    # numbers on a grid keep their decimals: the shift lies between two values of the grid
    ends = met.min() - known.min()
    return float(ends) if abs(ends - found) <= 0.02 * (np.abs(steps).max() + 1e-12) else found


def _categories(name: str, known: npt.NDArray[Any], met: npt.NDArray[Any]) -> Suspect:
    labels, place = np.unique(np.concatenate([known, met]).astype(str), return_inverse=True)
    counts = np.stack([np.bincount(place[: len(known)], minlength=len(labels)),
                       np.bincount(place[len(known) :], minlength=len(labels))]).astype(float)  # fmt: skip
    shares = counts / counts.sum(axis=1, keepdims=True)
    effect = float(np.abs(shares[0] - shares[1]).sum() / 2)
    new = np.flatnonzero((counts[0] == 0) & (counts[1] > 0))
    if len(new):
        # all of the rows with these categories lie on this side
        arrived = float(counts[1, new].sum())
        log_new = arrived * np.log(len(met) / (len(known) + len(met)))
        log_p = min(_chi_square(counts), log_new) + np.log(2)
        suspect = _new_names(labels, counts, shares, new)
        if suspect is not None:
            return Suspect(name, "renamed", log_p, effect, names=suspect,
                           explanation=f"{suspect[0]!r} is called {suspect[1]!r}")  # fmt: skip
        listed = ", ".join(repr(str(labels[i])) for i in new[:3])
        words = f"unknown {'category' if len(new) == 1 else 'categories'} {listed}, {in_percent(arrived / len(met))} of the rows"
        return Suspect(name, "new category", log_p, effect, explanation=words)
    most = int(np.argmax(np.abs(shares[0] - shares[1])))
    words = f"other shares: {str(labels[most])!r} {in_percent(float(shares[0, most]))} before, {in_percent(float(shares[1, most]))} here"
    return Suspect(name, "distribution", _chi_square(counts), effect, explanation=words)


def _new_names(
    labels: npt.NDArray[Any], counts: Floats, shares: Floats, new: npt.NDArray[np.intp]
) -> tuple[str, str] | None:
    """A known category that is gone and an unknown one that came with its share; unless several fit."""
    gone = [i for i in np.flatnonzero(counts[1] == 0) if counts[0, i] > 0]
    n = counts.sum(axis=1)
    fits = []
    for j in new:
        for i in gone:
            both = np.array(
                [[counts[0, i], n[0] - counts[0, i]], [counts[1, j], n[1] - counts[1, j]]]
            )
            # it must be missed: with its share, no row at all would be a surprise
            missed = n[1] * np.log1p(-min(shares[0, i], 0.999999)) < np.log(_SAME)
            if missed and _chi_square(both) > np.log(_SAME):
                fits.append((str(labels[i]), str(labels[j])))
    return fits[0] if len(fits) == 1 else None


def _smirnov(a: Floats, b: Floats) -> tuple[float, float]:
    """Distance of two samples, and the logarithm of its asymptotic p-value."""
    if not len(a) or not len(b):
        return 0.0, 0.0
    # rounding must not separate equal values, as after a division
    scale = max(float(np.abs(a).max()), 1e-300)
    a, b = (np.sort(np.round(v / scale, 10)) for v in (a, b))
    both = np.unique(np.concatenate([a, b]))
    distance = float(np.abs(np.searchsorted(a, both, "right") / len(a) - np.searchsorted(b, both, "right") / len(b)).max())  # fmt: skip
    size = len(a) * len(b) / (len(a) + len(b))
    return distance, min(0.0, float(np.log(2) - 2 * size * distance**2))


def _chi_square(counts: Floats) -> float:
    """Logarithm of the p-value of a 2 × k table; rare columns are pooled."""
    from scipy.special import chdtrc

    total = counts.sum()
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0) / total
    rare = expected.min(axis=0) < 5
    pooled = (
        np.column_stack([counts[:, ~rare], counts[:, rare].sum(axis=1)]) if rare.any() else counts
    )
    pooled = pooled[:, pooled.sum(axis=0) > 0]
    if pooled.shape[1] < 2:
        return 0.0
    expected = pooled.sum(axis=1, keepdims=True) * pooled.sum(axis=0) / total
    statistic = float(((pooled - expected) ** 2 / expected).sum())
    freedom = pooled.shape[1] - 1
    if expected.min() < 1:
        return 0.0
    p = float(chdtrc(freedom, statistic))
    return float(np.log(p)) if p > 1e-290 else -statistic / 2


def _missing(column: Column) -> npt.NDArray[np.bool_]:
    return (
        np.zeros(len(column), bool) if column.missing is None else np.asarray(column.missing, bool)
    )
