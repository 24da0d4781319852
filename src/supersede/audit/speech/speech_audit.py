"""Word error rates by group and condition, with the interaction of both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from supersede.audit.attributes import Attribute, refuse_inferred, spelling_notes
from supersede.audit.audit import audit_groups
from supersede.audit.losses import PerUnit
from supersede.audit.result import Audit
from supersede.audit.speech.edits import EditCounts, count_edits
from supersede.audit.speech.interaction import Interaction, interactions
from supersede.audit.speech.normalisers import PLAIN, Normaliser
from supersede.audit.speech.result import SpeechAudit, SpeechCell
from supersede.audit.speech.speaker_bootstrap import Speakers, log_contrast
from supersede.audit.speech.transcripts import Transcripts, read_transcripts
from supersede.errors import ArgumentError
from supersede.look.numbers import items, worded
from supersede.table.coerce import as_names
from supersede.table.read import read
from supersede.table.table import Missing

if TYPE_CHECKING:
    pass

__all__ = ["audit_speech"]

Array = npt.NDArray[Any]
_SEPARATORS = (",", "|", ";", "/", "&", " and ")


def audit_speech(
    table: object,
    hypothesis: str,
    *,
    reference: str,
    old: str | None = None,
    groups: Sequence[str | Attribute] | str = (),
    conditions: Sequence[str | Attribute] | str = (),
    speaker: str | None = None,
    baseline: Mapping[str, str] | None = None,
    normaliser: Normaliser = PLAIN,
    synthetic: str | None = None,
    missing: Missing = "refuse",
    where: str | None = None,
    allow_inferred: bool = False,
    min_items: int = 30,
    confidence: float = 0.95,
    seed: int = 0,
) -> SpeechAudit:
    """Audit a speech recogniser by group and condition.

    Args:
        table: Transcripts, one row per utterance: anything that `supersede.read` reads.
        hypothesis: The column of what the recogniser understood.
        reference: The column of what was said.
        old: The column of another recogniser's hypotheses, on the same utterances.
        groups: Who speaks: columns such as the accent that speakers declared. Null is a group of
            its own, "unknown".
        conditions: Under which circumstances: noise, signal-to-noise ratio, channel, handset.
        speaker: The column of speakers. Without it utterances are taken as independent.
        baseline: The group and condition that interactions compare with, as
            ``{"noise": "quiet"}``; by default all others.
        normaliser: Rules for both sides; recorded with the result.
        synthetic: A column that is true for synthetic utterances; they are reported apart.
        missing: How a null hypothesis is handled; see `supersede.audit.speech.read_transcripts`.
        where: SQL condition; other rows are left out.
        allow_inferred: Accept protected attributes that are marked as inferred.
        min_items: Cells with fewer utterances are shown, but not compared.
        confidence: Two-sided confidence of every interval, in (0, 1).
        seed: Seed of the bootstrap over speakers.

    Returns:
        The audit.

    Raises:
        ArgumentError: An argument is out of range, scripts differ, or a speaker is in two groups.
        InferredAttributeError: A protected attribute is marked as inferred.
        MissingColumnError: A column is missing.
        MissingPredictionError: A reference or a hypothesis is null.

    Example:
        >>> found = audit_speech(
        ...     {"text": ["give ten drops", "Stop!"], "asr": ["give two drops", "stop"],
        ...      "accent": ["north", "south"]},
        ...     "asr", reference="text", groups="accent",
        ... )
        >>> round(found.overall.wer, 3), found.cell("accent = south").wer, found.normaliser
        (0.25, 0.0, 'plain/1')

    Assumes: speakers are independent draws from those the recogniser will meet, references are
    right, and as right for one group as for another.
    """
    who = [_attribute(a) for a in as_list(groups)]
    under = [_attribute(a, protected=False) for a in as_list(conditions)]
    refuse_inferred((a.column for a in who if a.inferred and a.protected), allowed=allow_inferred)
    if not 0 < confidence < 1:
        msg = f"confidence={confidence} must lie between 0 and 1, for example 0.95"
        raise ArgumentError(msg)
    named = [a.column for a in (*who, *under)]
    _check_baseline(baseline, named)
    keep = [*named, *(c for c in (speaker, synthetic) if c is not None)]
    recognisers = [hypothesis] if old is None else [hypothesis, old]
    if len({*recognisers, reference}) < len(recognisers) + 1:
        msg = f"reference={reference!r}, hypothesis={hypothesis!r} and old={old!r} must be different columns"
        raise ArgumentError(msg)
    read_in = read_transcripts(
        table, reference=reference, hypotheses=recognisers, keep=keep, normaliser=normaliser,
        missing=missing, where=where,
    )  # fmt: skip
    job = _Job(who, under, speaker, baseline, min_items, confidence, seed, allow_inferred)
    if synthetic is None:
        return job.run(read_in, hypothesis, old)
    flags = np.array([_is_true(v, synthetic) for v in read_in.columns[synthetic]], bool)
    made = replace(job.run(_taken(read_in, flags), hypothesis, old), made_up=True) if flags.any() else None  # fmt: skip
    if flags.all():
        return made if made is not None else job.run(read_in, hypothesis, old)
    return replace(job.run(_taken(read_in, ~flags), hypothesis, old), synthetic=made)


@dataclass(frozen=True)
class _Job:
    """The settings of an audit, the same for real and for synthetic utterances."""

    who: Sequence[Attribute]
    under: Sequence[Attribute]
    speaker: str | None
    baseline: Mapping[str, str] | None
    min_items: int
    confidence: float
    seed: int
    allow_inferred: bool

    def run(self, read_in: Transcripts, hypothesis: str, old: str | None) -> SpeechAudit:
        words = {m: count_edits(read_in.references, h) for m, h in read_in.hypotheses.items()}
        letters = count_edits(read_in.references, read_in.hypotheses[hypothesis], "character")
        speakers = self._speakers(read_in)
        rates = _Rates(words[hypothesis], letters, None if old is None else words[old], speakers,
                       self.min_items, self.confidence, self.seed)  # fmt: skip
        values = {a.column: _values(a, read_in) for a in (*self.who, *self.under)}
        cells = [rates.cell("", "", np.ones(len(read_in), bool))]
        for a in self.who:
            cells += [rates.cell(_named(a, v), "", values[a.column] == v) for v in _levels(values[a.column])]  # fmt: skip
        for c in self.under:
            cells += [rates.cell("", _named(c, v), values[c.column] == v) for v in _levels(values[c.column])]  # fmt: skip
        for a in self.who:
            for c in self.under:
                cells += [
                    rates.cell(_named(a, g), _named(c, v), (values[a.column] == g) & (values[c.column] == v))
                    for g in _levels(values[a.column])
                    for v in _levels(values[c.column])
                ]  # fmt: skip
        notes = [*read_in.notes, *self._notes(values)]
        return SpeechAudit(
            hypothesis, old, read_in.normaliser, tuple(cells),
            tuple(self._interactions(words[hypothesis], values, speakers)),
            self._audit(read_in, words, hypothesis, old, speakers), self.confidence, self.speaker,
            tuple(notes),
        )  # fmt: skip

    def _speakers(self, read_in: Transcripts) -> Array:
        if self.speaker is None:
            return np.arange(len(read_in)).astype(object)
        found = read_in.columns[self.speaker]
        unknown = sum(v is None for v in found)
        if unknown:
            msg = (
                f"{items(unknown, 'utterance')} without a speaker in column {self.speaker!r}; their"
                " intervals would be too narrow: give each a speaker (one of its own, if unknown)"
            )
            raise ArgumentError(msg)
        return np.array([str(v) for v in found], object)

    def _interactions(
        self, counts: EditCounts, values: Mapping[str, Array], speakers: Array
    ) -> list[Interaction]:
        pairs = [(a, c) for a in self.who for c in self.under]
        several = sum(
            max(len(_levels(values[a.column])), 1) * max(len(_levels(values[c.column])), 1)
            for a, c in pairs
        )
        found = []
        for a, c in pairs:
            if len(_known_levels(values[a.column])) < 2 or len(_known_levels(values[c.column])) < 2:
                continue
            found += interactions(
                counts.errors.astype(float), counts.spoken.astype(float), values[a.column],
                values[c.column], speakers, names=(a.name, c.name), baseline=self.baseline,
                confidence=self.confidence, seed=self.seed, several=several,
            )  # fmt: skip
        return found

    def _audit(
        self, read_in: Transcripts, words: Mapping[str, EditCounts], hypothesis: str,
        old: str | None, speakers: Array,
    ) -> Audit:  # fmt: skip
        """Gaps, joint intervals and changes, by the method that all audits share."""
        import pyarrow as pa

        from supersede.table.outcomes import Losses

        data: dict[str, Any] = {
            c: read_in.columns[c] for c in {a.column for a in (*self.who, *self.under)}
        }
        data |= {f"__errors {m}": counts.errors for m, counts in words.items()}
        data |= {"__words": words[hypothesis].spoken, "__item": np.arange(len(read_in))}
        data["__speaker"] = speakers.astype(str)
        columns = {m: f"__errors {m}" for m in words}
        who: list[str | Attribute] = list(self.who)
        if not (self.who or self.under):
            data["all"] = ["utterances"] * len(read_in)
            who = ["all"]
        table = read(
            pa.table(data), item="__item", cluster="__speaker", labelled=False,
            models={m: Losses(c, tolerance=0) for m, c in columns.items()},
        )  # fmt: skip
        cross = [(a.column, c.column) for a in self.who for c in self.under]
        made = audit_groups(
            table, hypothesis, old=old, loss=PerUnit(columns, "__words"), groups=who,
            conditions=list(self.under), cross=cross, allow_inferred=self.allow_inferred,
            min_items=self.min_items, confidence=self.confidence,
        )  # fmt: skip
        # the reading of a table that was made here would show names that nobody gave
        speakers_in = "" if self.speaker is None else f", speakers {self.speaker!r}"
        said = (
            f"{items(len(read_in), 'utterance')}: hypotheses {hypothesis!r}{speakers_in}, both sides as"
            f" {read_in.normaliser}"
        )
        return replace(made, reading=said)

    def _notes(self, values: Mapping[str, Array]) -> list[str]:
        known = {c: [v for v in _levels(found) if v is not None] for c, found in values.items()}
        notes = spelling_notes(known)
        for a in self.who:
            several = [v for v in known[a.column] if isinstance(v, str) and any(s in v for s in _SEPARATORS)]  # fmt: skip
            if several:
                notes.append(
                    f"{a.column}: {several[0]!r} looks like several groups under one label; its rate"
                    " may hide that of the smaller one."
                )
        if self.speaker is None:
            notes.append(
                "No column of speakers: utterances are taken as independent, which makes intervals"
                " too narrow where several are of one speaker. Name it: speaker= (--cluster)."
            )
        return notes


@dataclass(frozen=True)
class _Rates:
    """The counts of one recogniser, from which each cell is summed."""

    words: EditCounts
    letters: EditCounts
    old: EditCounts | None
    speakers: Array
    min_items: int
    confidence: float
    seed: int

    def cell(self, group: str, condition: str, inside: Array) -> SpeechCell:
        inside = np.asarray(inside, bool)
        counts = self.words.take(inside)
        ids, place = np.unique(self.speakers[inside].astype(str), return_inverse=True)
        sums = [
            np.asarray(np.bincount(place, values, len(ids)), float)[:, None]
            for values in (counts.errors, counts.spoken)
        ]
        speaking = Speakers(sums[0], sums[1], np.ones(1))
        found = log_contrast([speaking], self.confidence, seed=self.seed)
        hits, subs, dels, ins = (int(p.sum()) for p in (counts.hits, counts.substitutions, counts.deletions, counts.insertions))  # fmt: skip
        return SpeechCell(
            group, condition, len(ids), len(counts), int(counts.spoken.sum()), hits, subs, dels, ins,
            counts.error_rate, found.low, found.high, counts.match_error_rate,
            self.letters.take(inside).error_rate,
            float("nan") if self.old is None else self.old.take(inside).error_rate,
            len(counts) >= self.min_items,
        )  # fmt: skip


def as_list(columns: Sequence[str | Attribute] | str | Attribute) -> list[str | Attribute]:
    """A single column is a list of one."""
    if isinstance(columns, str | Attribute):
        return [columns]
    return list(columns)


def _attribute(column: str | Attribute, *, protected: bool = True) -> Attribute:
    return Attribute(column, protected=protected) if isinstance(column, str) else column


def _values(attribute: Attribute, read_in: Transcripts) -> Array:
    out = np.empty(len(read_in), object)
    for i, value in enumerate(read_in.columns[attribute.column]):
        missing = value is None or value != value or value in attribute.unknown
        out[i] = None if missing else value
    return out


def _levels(values: Array) -> list[Any]:
    """The values in order, unknown last."""
    found = list(dict.fromkeys(values))
    return sorted(found, key=lambda v: (v is None, isinstance(v, str), v if isinstance(v, int | float) else 0, str(v)))  # fmt: skip


def _known_levels(values: Array) -> list[Any]:
    return [v for v in _levels(values) if v is not None]


def _named(attribute: Attribute, value: object) -> str:
    return f"{attribute.name} = {worded(value)}"


def _is_true(value: object, column: str) -> bool:
    if value is None or isinstance(value, bool | np.bool_):
        return bool(value)
    if value in (0, 1):
        return bool(value)
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if isinstance(value, str) and value.strip().lower() in words:
        return words[value.strip().lower()]
    msg = f"column {column!r} marks synthetic utterances and must be true or false; found {value!r}"
    raise ArgumentError(msg)


def _taken(read_in: Transcripts, kept: Array) -> Transcripts:
    rows = np.flatnonzero(kept).tolist()

    def take(values: list[Any]) -> list[Any]:
        return [values[i] for i in rows]

    return replace(
        read_in,
        references=take(read_in.references),
        hypotheses={m: take(h) for m, h in read_in.hypotheses.items()},
        columns={c: take(v) for c, v in read_in.columns.items()},
    )


def _check_baseline(baseline: Mapping[str, str] | None, named: Sequence[str]) -> None:
    stray = set(baseline or {}) - set(as_names(list(named), "groups"))
    if stray:
        msg = f"baseline names {sorted(stray)[0]!r}, which is neither a group nor a condition here"
        raise ArgumentError(msg)
