"""Transcripts out of any table: what was said, what was recognised, and who spoke where."""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from supersede.audit.speech.normalisers import Normaliser
from supersede.errors import (
    ArgumentError,
    EmptyTableError,
    MissingColumnError,
    MissingPredictionError,
)
from supersede.look.numbers import items
from supersede.table.condition import where as rows_where
from supersede.table.source import collect, open_source
from supersede.table.table import Missing, Table

__all__ = ["Transcripts", "read_transcripts", "refuse_other_script"]

_ALIEN = 0.5  # share of utterances in another script from which a comparison is refused


@dataclass(frozen=True)
class Transcripts:
    """Normalised transcripts with the columns that describe their utterances.

    Attributes:
        references: What was said, normalised; ``n`` texts.
        hypotheses: What each recogniser understood, normalised, by the name of its column.
        columns: Other columns as they are, by name.
        normaliser: Name and version of the normaliser.
        notes: Caveats: empty references, missing hypotheses, foreign scripts.
        source: Where they come from.
    """

    references: list[str]
    hypotheses: dict[str, list[str]]
    columns: dict[str, list[Any]]
    normaliser: str
    notes: tuple[str, ...] = ()
    source: str = ""

    def __len__(self) -> int:
        return len(self.references)


def read_transcripts(
    source: object,
    *,
    reference: str,
    hypotheses: Sequence[str],
    keep: Sequence[str],
    normaliser: Normaliser,
    missing: Missing = "refuse",
    where: str | None = None,
) -> Transcripts:
    """Read transcripts and normalise both sides by the same rules.

    Args:
        source: Anything that `supersede.read` reads, one row per utterance.
        reference: The column of what was said.
        hypotheses: The columns of what recognisers understood.
        keep: Other columns to keep.
        normaliser: Rules for both sides.
        missing: A null hypothesis is refused, counts as an empty one (``"wrong"``: every word is
            deleted), or its utterance is left out for all recognisers (``"drop"``).
        where: SQL condition on the table's columns; other rows are left out.

    Raises:
        ArgumentError: References and hypotheses are written in different scripts.
        EmptyTableError: No row is left.
        MissingColumnError: A column is missing.
        MissingPredictionError: A reference or a hypothesis is null.
    """
    used = list(dict.fromkeys([reference, *hypotheses, *keep]))
    opened = source if isinstance(source, Table) else open_source(source)
    columns = opened.rows.columns if isinstance(opened, Table) else opened.columns
    for column in used:
        if column not in columns:
            use = "what was said" if column == reference else "what was recognised" if column in hypotheses else "the audit"  # fmt: skip
            raise MissingColumnError.of(column, columns, use)
    if isinstance(opened, Table):
        rows, name = opened.rows, opened.source
    else:
        name = opened.name
        rows = opened.rows(list(columns) if where else used, exact=[reference, *hypotheses])
    if where is not None:
        rows = rows_where(rows, where)
    texts = {c: rows[c].cast("string") for c in dict.fromkeys([reference, *hypotheses])}
    data = collect(rows.select(**{c: rows[c] for c in used} | texts)).to_pydict()
    if not data[reference]:
        msg = f"{name} has no utterance{' on which the condition holds' if where else ''}"
        raise EmptyTableError(msg)
    data, notes = _complete(data, reference, hypotheses, missing)
    said = [normaliser(text) for text in data[reference]]
    heard = {c: [normaliser(text) for text in data[c]] for c in hypotheses}
    empty = sum(not text for text in said)
    if empty == len(said):
        msg = f"every reference in column {reference!r} is empty after {normaliser.label}; a word error rate needs words"
        raise ArgumentError(msg)
    if empty:
        notes.append(
            f"{items(empty, 'utterance')} with an empty reference: words recognised there count as"
            " insertions, out of no words."
        )
    for column in hypotheses:
        notes += refuse_other_script(said, heard[column], reference, column)
    others = {c: data[c] for c in keep}
    return Transcripts(said, heard, others, normaliser.label, tuple(notes), name)


def _complete(
    data: dict[str, list[Any]], reference: str, hypotheses: Sequence[str], missing: Missing
) -> tuple[dict[str, list[Any]], list[str]]:
    """Refuse, fill or drop utterances without a hypothesis; one without a reference is refused."""
    unsaid = [i for i, text in enumerate(data[reference]) if text is None]
    if unsaid:
        msg = (
            f"{items(len(unsaid), 'utterance')} without a reference in column {reference!r}, the"
            f' first in row {unsaid[0]}; leave them out with a condition (where="{reference} is not'
            ' null"), or write an empty text if nothing was said'
        )
        raise MissingPredictionError(msg)
    lost = np.array([any(data[c][i] is None for c in hypotheses) for i in range(len(data[reference]))], bool)  # fmt: skip
    if not lost.any():
        return data, []
    if missing == "refuse":
        column = next(c for c in hypotheses if any(text is None for text in data[c]))
        msg = (
            f"{items(int(lost.sum()), 'utterance')} without a hypothesis, the first in column"
            f" {column!r}, row {int(np.flatnonzero(lost)[0])}; if the recogniser returned nothing"
            " there, missing='wrong' (--missing wrong) counts all words as deleted; missing='drop'"
            " leaves these utterances out"
        )
        raise MissingPredictionError(msg)
    if missing == "wrong":
        filled = {c: [text or "" for text in data[c]] for c in hypotheses}
        return data | filled, [f"{items(int(lost.sum()), 'missing hypothesis')} counted as empty: every word deleted."]  # fmt: skip
    kept = np.flatnonzero(~lost).tolist()
    if not kept:
        msg = "no utterance has a hypothesis, so none is left"
        raise EmptyTableError(msg)
    left = {c: [values[i] for i in kept] for c, values in data.items()}
    return left, [f"{items(int(lost.sum()), 'utterance')} without a hypothesis left out."]


def refuse_other_script(
    said: Sequence[str], heard: Sequence[str], reference: str, column: str
) -> list[str]:
    """Refuse transcripts in another script than the references; note single ones."""
    both = [(a, b) for a, b in ((_script(s), _script(h)) for s, h in zip(said, heard, strict=True)) if a and b]  # fmt: skip
    foreign = [(a, b) for a, b in both if a != b]
    if not foreign:
        return []
    (a, b), _ = Counter(foreign).most_common(1)[0]
    told = f"{items(len(foreign), 'utterance')} of {len(both)} recognised by {column!r} in another script than {reference!r} ({b.lower()}, not {a.lower()})"  # fmt: skip
    if len(foreign) > _ALIEN * len(both):
        msg = f"{told}; every word would be an error. Transliterate one side first, or name the column that is meant"
        raise ArgumentError(msg)
    return [f"{told}: all their words count as errors."]


def _script(text: str) -> str:
    """The script of most letters, by the first word of their Unicode names; empty without letters."""
    found = Counter(
        unicodedata.name(c, "").split(" ")[0].split("-")[0] for c in set(text) if c.isalpha()
    )
    # Japanese mixes three scripts
    for kana in ("HIRAGANA", "KATAKANA"):
        if kana in found:
            found["CJK"] += found.pop(kana)
    return found.most_common(1)[0][0] if found else ""
