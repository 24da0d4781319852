"""A customer's clips: measure, detect, choose the cheapest repair, and show what it does."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from supersede.audit import audit_losses
from supersede.audit.speech import PLAIN, EditCounts, Normaliser, count_edits
from supersede.audit.speech.transcripts import refuse_other_script
from supersede.errors import ArgumentError, TooFewLabelsError
from supersede.lastmile.audio.clip import Clip
from supersede.lastmile.audio.site import SiteReport, describe_site
from supersede.lastmile.audio.tone_removal import ClipRepair, Notch, SubtractTones
from supersede.look.numbers import worded
from supersede.look.result import ResultMixin, frame_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["AudioRepair", "ChangeRow", "Recogniser", "repair_clips"]

Floats = npt.NDArray[np.float64]
_FEWEST = 6  # clips with a reference


class Recogniser(Protocol):
    """Something that turns a clip into text."""

    @property
    def name(self) -> str:
        """The recogniser and its language model."""

    def transcribe(self, clip: Clip) -> str:
        """What was said."""


@dataclass(frozen=True)
class ChangeRow:
    """The word error rate of one group before and after the repair, on the same clips.

    Attributes:
        group: The group; ``all`` for all clips.
        clips: Clips.
        words: Words of their references.
        before: Word error rate as recorded.
        after: Word error rate after the repair.
        change: The difference.
        low: Lower end of its paired interval; NaN where no variance can be seen.
        high: Upper end.
    """

    group: str
    clips: int
    words: int
    before: float
    after: float
    change: float
    low: float
    high: float


@dataclass(frozen=True)
class AudioRepair(ResultMixin, named="a repair of recordings"):
    """What was found at a site, which repair was chosen, and what it does on held-out clips.

    Attributes:
        recogniser: The recogniser and its language model.
        site: Conditions found.
        repair: The chosen repair; None if none helps.
        tried: Word error rate of each candidate on the validation clips, as recorded first.
        rows: Before and after on the held-out clips, all clips first.
        clean: The same on clips without the condition, where there are any.
        confidence: Two-sided confidence of the intervals.
        synthetic: Whether voices or sounds were made up.
        spectrum: Mean spectrum of the site's clips, and after the repair: hertz, two levels in dB.
    """

    recogniser: str
    site: SiteReport
    repair: ClipRepair | None
    tried: Mapping[str, float]
    rows: tuple[ChangeRow, ...]
    clean: tuple[ChangeRow, ...] = ()
    confidence: float = 0.95
    synthetic: bool = False
    spectrum: tuple[Floats, Floats, Floats] | None = field(default=None, repr=False)

    @property
    def helps(self) -> bool:
        """Whether errors fall over all held-out clips, beyond what chance explains."""
        return self.repair is not None and self.rows[0].high < 0

    def __str__(self) -> str:
        from supersede.lastmile.audio.report import summary

        return summary(self)

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON values; the repair by its name."""
        from supersede.look.json_values import json_values

        found: dict[str, Any] = json_values(
            {
                "recogniser": self.recogniser,
                "conditions": self.site.conditions,
                "tones": [vars(tone) for tone in self.site.tones],
                "repair": None if self.repair is None else self.repair.name,
                "tried": dict(self.tried),
                "rows": [vars(row) for row in self.rows],
                "clean": [vars(row) for row in self.clean],
                "helps": self.helps,
                "confidence": self.confidence,
                "synthetic": self.synthetic,
            }
        )
        return found

    def to_frame(self) -> "pa.Table":
        """One record per group, on clips under the condition and on clean ones."""
        return frame_of(
            {"clips_are": kind, **vars(row), "synthetic": self.synthetic}
            for kind, rows in (("held out", self.rows), ("clean", self.clean))
            for row in rows
        )

    def to_html(self) -> str:
        """One page: what was found, the spectrum, before and after."""
        from supersede.lastmile.audio.report import page

        return page(self)


def repair_clips(
    clips: Sequence[Clip],
    references: Sequence[str | None],
    recogniser: Recogniser,
    *,
    groups: Sequence[object] | None = None,
    clean: Sequence[tuple[Clip, str]] = (),
    clean_groups: Sequence[object] | None = None,
    repairs: Sequence[ClipRepair] = (),
    normaliser: Normaliser = PLAIN,
    synthetic: bool = False,
    confidence: float = 0.95,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> AudioRepair:
    """Find what is unusual about a site's recordings, and repair it if that helps.

    Conditions are detected over all clips, without references. A third of the clips with a
    reference choose the repair, the others measure it, so the figures are not those it was chosen by.

    Args:
        clips: The site's clips, at one rate.
        references: What was said in each; None where that is unknown.
        recogniser: The recogniser in service.
        groups: The group of each clip; None is unknown, and a row of its own.
        clean: Clips without the condition and what was said, to see whether the repair does harm.
        clean_groups: Their groups.
        repairs: Further repairs to try, cheapest first; they follow those for tones found.
        normaliser: Rules for both sides.
        synthetic: Whether voices or sounds were made up; the result is then marked.
        confidence: Two-sided confidence of the intervals.
        seed: Seed of the split.
        progress: Called with a line of text before each step.

    Raises:
        ArgumentError: Lengths differ, no reference has a word, or the recogniser writes another script.
        TooFewLabelsError: Fewer than six clips have a reference.

    Assumes: clips are independent draws from the site.
    """
    known = [i for i, text in enumerate(references) if text is not None]
    if len(references) != len(clips) or (groups is not None and len(groups) != len(clips)):
        msg = f"{len(clips)} clips, {len(references)} references and {len(groups or clips)} groups; expected one each"
        raise ArgumentError(msg)
    if len(known) < _FEWEST:
        msg = f"{len(known)} clips have a reference; at least {_FEWEST} are needed to choose a repair and to measure it"
        raise TooFewLabelsError(msg)
    if not any(normaliser(references[i] or "") for i in known):
        msg = f"every reference is empty after {normaliser.label}; a word error rate needs words"
        raise ArgumentError(msg)
    if clean_groups is not None and len(clean_groups) != len(clean):
        msg = (
            f"{len(clean)} clean clips and {len(clean_groups)} groups of theirs; expected one each"
        )
        raise ArgumentError(msg)
    say = progress or (lambda _: None)
    say("looking for tones, noise, clipping")
    site = describe_site(clips)
    named = [""] * len(clips) if groups is None else list(map(worded, groups))
    choosing, measuring = _split(known, named, seed)
    candidates: list[ClipRepair] = []
    if site.tones:
        candidates += [SubtractTones(site.tones), Notch(site.tones)]
    candidates += repairs
    job = _Job(recogniser, normaliser)
    said = [references[i] or "" for i in choosing]
    tried = {}
    if candidates:
        say(f"choosing among {len(candidates)} repairs on {len(choosing)} clips")
        tried["as recorded"] = job.edits([clips[i] for i in choosing], said).error_rate
        for repair in candidates:
            fixed = [repair.apply(clips[i]) for i in choosing]
            tried[repair.name] = job.edits(fixed, said).error_rate
    best = min(tried.values(), default=math.nan)
    # the first, which is the cheapest, of those that are best
    chosen = next((r for r in candidates if tried[r.name] == best and best < tried["as recorded"]), None)  # fmt: skip
    say(f"measuring on {len(measuring)} held-out clips")
    rows = job.rows([clips[i] for i in measuring], [references[i] or "" for i in measuring],
                    [named[i] for i in measuring], chosen, confidence)  # fmt: skip
    unhurt: list[ChangeRow] = []
    if clean and chosen is not None:
        say(f"looking for harm on {len(clean)} clean clips")
        homes = [""] * len(clean) if clean_groups is None else list(map(worded, clean_groups))
        unhurt = job.rows([c for c, _ in clean], [t for _, t in clean], homes, chosen, confidence)
    return AudioRepair(
        recogniser.name, site, chosen, tried, tuple(rows), tuple(unhurt), confidence, synthetic,
        _spectra(clips, chosen),
    )  # fmt: skip


@dataclass(frozen=True)
class _Job:
    recogniser: Recogniser
    normaliser: Normaliser

    def edits(self, clips: Sequence[Clip], said: Sequence[str]) -> EditCounts:
        heard = [self.normaliser(self.recogniser.transcribe(clip)) for clip in clips]
        spoken = [self.normaliser(text) for text in said]
        refuse_other_script(spoken, heard, "the references", self.recogniser.name)
        return count_edits(spoken, heard)

    def rows(
        self, clips: Sequence[Clip], said: Sequence[str], groups: Sequence[str],
        repair: ClipRepair | None, confidence: float,
    ) -> list[ChangeRow]:  # fmt: skip
        before = self.edits(clips, said)
        after = before if repair is None else self.edits([repair.apply(c) for c in clips], said)
        home = np.array(groups, object)
        cells = [("all", np.ones(len(home), bool))]
        if len(set(groups)) > 1:
            cells += [(name, np.asarray(home == name, bool)) for name in sorted(set(groups))]
        return [_row(name, before.take(i), after.take(i), confidence) for name, i in cells]


def _row(name: str, before: EditCounts, after: EditCounts, confidence: float) -> ChangeRow:
    words = int(before.spoken.sum())
    low = high = math.nan
    if words and len(before) > 1:
        paired = audit_losses(
            after.errors, {"all": np.zeros(len(after), int)}, old=before.errors,
            out_of=before.spoken, unit="amount", confidence=confidence,
        ).overall  # fmt: skip
        low, high = paired.change_low, paired.change_high
    return ChangeRow(
        name, len(before), words, before.error_rate, after.error_rate,
        after.error_rate - before.error_rate, low, high,
    )  # fmt: skip


def _split(known: Sequence[int], groups: Sequence[str], seed: int) -> tuple[list[int], list[int]]:
    """A third of the labelled clips of each group, and the others."""
    rng = np.random.default_rng(seed)
    choosing: list[int] = []
    measuring: list[int] = []
    for name in sorted({groups[i] for i in known}):
        mine = rng.permutation([i for i in known if groups[i] == name]).tolist()
        cut = len(mine) // 3
        choosing += mine[:cut]
        measuring += mine[cut:]
    if not choosing:
        order = rng.permutation(known).tolist()
        choosing, measuring = order[: len(order) // 3], order[len(order) // 3 :]
    return sorted(choosing), sorted(measuring)


def _spectra(clips: Sequence[Clip], repair: ClipRepair | None) -> tuple[Floats, Floats, Floats]:
    from supersede.lastmile.audio.tones import mean_spectrum

    f, level = mean_spectrum(clips)
    after = level if repair is None else mean_spectrum([repair.apply(c) for c in clips])[1]
    return f, level, after
