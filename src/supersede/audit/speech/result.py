"""The result of an audit of speech: pooled error rates of cells, and interactions."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from supersede.audit.result import Audit
from supersede.audit.speech.interaction import Interaction
from supersede.errors import ArgumentError
from supersede.look.json_values import json_values
from supersede.look.result import ResultMixin, frame_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["SpeechAudit", "SpeechCell"]


@dataclass(frozen=True)
class SpeechCell:
    """The pooled error rates of one group, one condition, or one combination of both.

    Attributes:
        group: The group, as ``accent = north``; empty for all speakers.
        condition: The condition, as ``noise = street``; empty for all conditions.
        speakers: Speakers (or utterances, where no column of speakers is named).
        utterances: Utterances.
        words: Words of their references.
        hits: Words recognised.
        substitutions: Words taken for others.
        deletions: Words missed.
        insertions: Words that nobody said.
        wer: Errors over words; NaN where there are no words.
        low: Lower end of its interval alone; NaN where the speakers do not support one.
        high: Upper end.
        mer: Errors over errors and hits, in [0, 1].
        cer: Errors over characters, counted in characters.
        old_wer: The old recogniser's word error rate; NaN without one.
        enough: Whether there are enough utterances to be compared.
    """

    group: str
    condition: str
    speakers: int
    utterances: int
    words: int
    hits: int
    substitutions: int
    deletions: int
    insertions: int
    wer: float
    low: float
    high: float
    mer: float
    cer: float
    old_wer: float
    enough: bool

    @property
    def name(self) -> str:
        """Group and condition in words."""
        return " × ".join(part for part in (self.group, self.condition) if part) or "all utterances"


@dataclass(frozen=True)
class SpeechAudit(ResultMixin, named="an audit of speech"):
    """The error rates of a recogniser by group and condition.

    Attributes:
        model: The recogniser's column of hypotheses.
        old: The one that it is compared with; None without one.
        normaliser: Name and version of the rules that both sides went through.
        cells: All utterances first, then groups, conditions, and combinations.
        interactions: How much more each condition hurts each group than the others.
        audit: Gaps, joint intervals and paired changes of the word error rate.
        confidence: Two-sided confidence of every interval.
        clustered: The column of speakers; None if utterances were taken as independent.
        notes: Caveats.
        synthetic: The audit of synthetic utterances, which are in no number here.
        made_up: Whether these utterances are synthetic themselves.
    """

    model: str
    old: str | None
    normaliser: str
    cells: tuple[SpeechCell, ...] = field(repr=False)
    interactions: tuple[Interaction, ...] = field(repr=False)
    audit: Audit = field(repr=False)
    confidence: float = 0.95
    clustered: str | None = None
    notes: tuple[str, ...] = ()
    synthetic: "SpeechAudit | None" = None
    made_up: bool = False

    @property
    def overall(self) -> SpeechCell:
        """All utterances."""
        return self.cells[0]

    def cell(self, group: str = "", condition: str = "") -> SpeechCell:
        """One cell, by its group and condition as ``"accent = north"``.

        Raises:
            ArgumentError: There is no such cell.
        """
        for found in self.cells:
            if (found.group, found.condition) == (group, condition):
                return found
        listed = ", ".join(repr(cell.name) for cell in self.cells[:8])
        msg = f"no cell {group!r} × {condition!r}; there are {listed}{' …' if len(self.cells) > 8 else ''}"
        raise ArgumentError(msg)

    def __str__(self) -> str:
        from supersede.audit.speech.report import summary

        return summary(self)

    def to_dict(self) -> dict[str, Any]:
        """The audit as JSON values; the interactions say which stand out."""
        return {
            **super().to_dict(),
            "interactions": json_values([found.to_dict() for found in self.interactions]),
            "audit": self.audit.to_dict(),
            "synthetic": self.synthetic.to_dict() if self.synthetic else None,
        }

    def to_frame(self) -> "pa.Table":
        """One record per cell, synthetic ones marked."""
        records = [{**vars(cell), "synthetic": self.made_up} for cell in self.cells]
        if self.synthetic is not None:
            records += [{**vars(cell), "synthetic": True} for cell in self.synthetic.cells]
        return frame_of(records)

    def to_html(self) -> str:
        """One page: rates, interactions, a heat map and the numbers."""
        from supersede.audit.speech.report import page

        return page(self)
