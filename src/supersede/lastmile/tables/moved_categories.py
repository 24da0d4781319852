"""What happened to a column of categories: other shares, new names, another spelling."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from supersede.lastmile.tables.distances import Floats, chi_square, newcomers
from supersede.lastmile.tables.suspect import SAME, Suspect
from supersede.look.numbers import share as in_percent

__all__ = ["moved_categories", "written_as_missing"]

Texts = npt.NDArray[np.object_]
Pair = tuple[str, str]


def moved_categories(name: str, known: Texts, met: Texts) -> Suspect:
    """Judge one column of texts.

    Args:
        name: The column.
        known: Its texts in the reference, without missing ones.
        met: Its texts at the site.
    """
    if not len(known) or not len(met):
        return Suspect(name, "distribution", 0.0, 0.0)
    labels, counts = _counted(known, met)
    shares = counts / counts.sum(axis=1, keepdims=True)
    effect = float(np.abs(shares[0] - shares[1]).sum() / 2)
    log_p = min(chi_square(counts), newcomers(counts)) + np.log(2)
    new = [labels[i] for i in np.flatnonzero(counts[0] == 0)]
    if not new:
        most = int(np.argmax(np.abs(shares[0] - shares[1])))
        words = f"other shares: {labels[most]!r} {in_percent(float(shares[0, most]))} before, {in_percent(float(shares[1, most]))} here"
        return Suspect(name, "distribution", chi_square(counts), effect, explanation=words)
    pairs = _spellings(labels, counts) or _by_share(labels, counts)
    if pairs:
        back = {now: before for before, now in pairs}
        as_known = _counted(known, np.array([back.get(t, t) for t in met.tolist()], object))[1]
        left = len(new) - len(pairs)
        words = ", ".join(f"{before!r} is called {now!r}" for before, now in pairs[:3])
        words += f" and {len(pairs) - 3} more" if len(pairs) > 3 else ""
        words += f"; {left} further unknown" if left else ""
        same = min(chi_square(as_known), newcomers(as_known)) > SAME
        return Suspect(name, "renamed", log_p, effect, names=tuple(pairs), explanation=words, certain=same)  # fmt: skip
    arrived = float(shares[1, counts[0] == 0].sum())
    listed = ", ".join(map(repr, new[:3]))
    words = f"unknown {'category' if len(new) == 1 else 'categories'} {listed}, {in_percent(arrived)} of the rows"
    return Suspect(name, "new category", log_p, effect, explanation=words)


def written_as_missing(known: Texts, met: Texts, gone: int) -> str | None:
    """A known category that is not met, and as frequent as the values that are missing instead."""
    labels, counts = _counted(known, met)
    rows = float(len(met) + gone)
    fits = [
        labels[i] for i in np.flatnonzero(counts[1] == 0)
        if chi_square(np.array([[counts[0, i], len(known) - counts[0, i]], [gone, rows - gone]])) > SAME
    ]  # fmt: skip
    return fits[0] if len(fits) == 1 else None


def _counted(known: Texts, met: Texts) -> tuple[list[str], Floats]:
    labels, place = np.unique(np.concatenate([known, met]).astype(str), return_inverse=True)
    sides = (place[: len(known)], place[len(known) :])
    counts = np.stack([np.bincount(side, minlength=len(labels)) for side in sides]).astype(float)
    return labels.tolist(), counts


def _spellings(labels: list[str], counts: Floats) -> list[Pair]:
    """New names that differ from one known name only by case, spaces, hyphens or underscores."""
    known = [labels[i] for i in np.flatnonzero(counts[0] > 0)]
    new = [labels[i] for i in np.flatnonzero(counts[0] == 0)]
    homes = {_plain(label): label for label in known}
    taken = Counter(map(_plain, known))
    return [(homes[_plain(label)], label) for label in new if taken[_plain(label)] == 1]


def _plain(label: str) -> str:
    """Letters in one case with one space between words; signs and digits stay as they are."""
    folded = unicodedata.normalize("NFKC", label).casefold().strip()
    return re.sub(r"(?<=[^\W\d_])[\s_-]+(?=[^\W\d_])", " ", folded)


def _by_share(labels: list[str], counts: Floats) -> list[Pair]:
    """Known categories that are gone and unknown ones that came with their shares, one to one."""
    n = counts.sum(axis=1)
    lost = np.flatnonzero((counts[1] == 0) & (counts[0] > 0))
    # a category must be missed: with its share, no row at all would be a surprise
    gone = [i for i in lost if n[1] * np.log1p(-min(counts[0, i] / n[0], 0.999999)) < SAME]
    new = np.flatnonzero(counts[0] == 0)
    fits = [
        (int(i), int(j)) for j in new for i in gone
        if chi_square(np.array([[counts[0, i], n[0] - counts[0, i]], [counts[1, j], n[1] - counts[1, j]]])) > SAME
    ]  # fmt: skip
    if not (_once(i for i, _ in fits) and _once(j for _, j in fits)):
        return []
    return [(labels[i], labels[j]) for i, j in fits]


def _once(values: Iterable[int]) -> bool:
    return max(Counter(values).values(), default=0) <= 1
