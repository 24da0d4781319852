"""Which column moved, and how: a site's rows against rows that the model was accepted on.

Each column is tested alone: numbers by the Kolmogorov-Smirnov distance and by the value that has
become more frequent, categories by Pearson's chi-square and by rows with new ones, missing values by
counts. A column is a suspect only if its p-value holds after Bonferroni's correction over all columns.
The change is then explained by the simplest transformation that makes the column look as before: a
known ratio of units, a shift, a factor, a new name; where none does, or several do, the suspect is
named, and no repair is made.

References:
    Smirnov (1948), Annals of Mathematical Statistics 19: the distribution of the distance.
    Rabanser, Günnemann & Lipton (2019), Failing loudly, NeurIPS: univariate tests with Bonferroni.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from supersede.bounty.artefacts import Column
from supersede.errors import ArgumentError
from supersede.lastmile.tables.distances import Floats, chi_square, newcomers
from supersede.lastmile.tables.moved_categories import moved_categories, written_as_missing
from supersede.lastmile.tables.moved_numbers import moved_numbers
from supersede.lastmile.tables.readable import readable
from supersede.lastmile.tables.suspect import Kind, Suspect
from supersede.look.numbers import share as in_percent

__all__ = ["Kind", "Suspect", "find_suspects"]

_FEWEST = 30  # rows
_LEVEL = 0.02  # chance of naming any column of clean rows
_COLLISIONS = 5.0  # expected by chance, from which none at all means that a column counts rows


def find_suspects(reference: object, site: object, *, level: float = _LEVEL) -> list[Suspect]:
    """Columns of a site that are not as in the reference, the most certain first.

    Columns that number or name the rows, without any value twice, are not compared.

    Args:
        reference: Rows that the model was accepted on: columns by name, as arrays or a frame.
        site: The site's rows; more columns are ignored, missing ones are suspects.
        level: Chance of naming any column if none has changed, in (0, 1).

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
    if not 0 < level < 1:
        msg = f"level={level}: expected the chance of a false suspect, between 0 and 1"
        raise ArgumentError(msg)
    (known, dates), (met, other_dates) = readable(reference), readable(site)
    for columns, whose in ((known, "reference"), (met, "site")):
        rows = min((len(c) for c in columns.values()), default=0)
        if rows < _FEWEST:
            msg = f"{rows} rows of the {whose}; expected at least {_FEWEST} of the reference and of the site"
            raise ArgumentError(msg)
    found = []
    for name, column in known.items():
        if name not in met:
            found.append(_not_there(name, met))
        elif (name in dates) != (name in other_dates) and not _empty(column, met[name]):
            words = "holds dates in one table alone: read the column alike in both"
            found.append(Suspect(name, "type", -np.inf, 1.0, explanation=words))
        else:
            found += _judged(name, column, met[name], dates=name in dates)
    limit = np.log(level / len(known))
    return sorted(
        (s for s in found if s.log_p < limit), key=lambda s: (s.log_p, -s.effect, s.column)
    )


def _not_there(name: str, met: Mapping[str, Column]) -> Suspect:
    alike = next((other for other in met if other.strip().casefold() == name.strip().casefold()), None)  # fmt: skip
    words = "the column is not there" + (f", but {alike!r} is: another spelling?" if alike else "")
    return Suspect(name, "missing column", -np.inf, 1.0, explanation=words)


def _empty(*columns: Column) -> bool:
    return any(_missing(column).all() for column in columns)


def _judged(name: str, known: Column, met: Column, *, dates: bool) -> Iterator[Suspect]:
    usual, gone = _missing(known), _missing(met)
    if usual.all():
        return
    if gone.all():
        yield Suspect(name, "missing column", -np.inf, 1.0, explanation="every value is missing")
        return
    if not _comparable(known, met):
        yield Suspect(name, "type", -np.inf, 1.0, explanation=_other_type(known, met))
        return
    if _counts_rows(known) and _counts_rows(met):
        return
    lost = _lost(name, usual, gone, infinite=bool(np.isinf(met.numbers()).any()))
    parts = [lost]
    if known.kind == "text":
        a, b = known.texts()[~usual], met.texts()[~gone]
        category = written_as_missing(a, b, int(gone.sum())) if not usual.any() else None
        if category is not None:
            parts = [replace(lost, explanation=f"{lost.explanation}: {category!r} is written as missing?")]  # fmt: skip
        parts.append(moved_categories(name, a, b))
    else:
        numbers, others = known.numbers()[~usual], met.numbers()[~gone]
        parts.append(moved_numbers(name, numbers, others, dates=dates))
        common = _common(numbers)
        if common is not None:  # most rows are 0, say: compare the others by themselves
            parts.append(moved_numbers(name, numbers[numbers != common], others[others != common]))
    best = min(parts, key=lambda s: (s.log_p, -s.effect))
    yield replace(best, log_p=float(best.log_p + np.log(len(parts))))


def _comparable(known: Column, met: Column) -> bool:
    """Whether both hold texts, or both numbers; booleans are comparable with 0 and 1."""
    if known.kind == met.kind:
        return True
    kinds = {known.kind, met.kind}
    return kinds == {"number", "boolean"} and all(set(np.unique(c.numbers()[~_missing(c)])) <= {0, 1} for c in (known, met))  # fmt: skip


def _other_type(known: Column, met: Column) -> str:
    words = f"holds {met.kind}s instead of {known.kind}s"
    texts, other = (known, met) if known.kind == "text" else (met, known)
    if texts.kind == "text" and other.kind == "number" and all(map(_is_number, texts.categories)):
        words += ", but each text is a number: read the column alike in both tables"
    return words


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _counts_rows(column: Column) -> bool:
    """Whether no value occurs twice, though values drawn at random from their range would."""
    values = column.values[~_missing(column)]
    n = len(values)
    if column.kind == "boolean" or len(np.unique(values)) < n:
        return False
    if column.kind == "text":
        return n >= _FEWEST
    if not np.array_equal(values, np.rint(values)):
        return False
    return n * n / 2 > _COLLISIONS * (float(values.max()) - float(values.min()) + 1)


def _lost(
    name: str, usual: npt.NDArray[np.bool_], gone: npt.NDArray[np.bool_], *, infinite: bool
) -> Suspect:
    table = np.array([[usual.sum(), (~usual).sum()], [gone.sum(), (~gone).sum()]], float)
    log_p = min(chi_square(table), newcomers(table)) + float(np.log(2))
    difference = float(gone.mean() - usual.mean())
    words = f"{in_percent(float(gone.mean()))} of the values are missing{' or infinite' if infinite else ''}, {in_percent(float(usual.mean()))} before"
    return Suspect(name, "missing values", log_p, abs(difference), explanation=words)


def _common(values: Floats) -> float | None:
    """The value of most rows, if there is one."""
    middle = float(np.median(values)) if len(values) else np.nan
    return middle if np.mean(values == middle) > 0.5 else None


def _missing(column: Column) -> npt.NDArray[np.bool_]:
    """Values that are missing or infinite."""
    found = np.zeros(len(column), bool) if column.missing is None else column.missing
    return np.asarray(found | ~np.isfinite(column.values.astype(float)), bool)
