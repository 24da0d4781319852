"""Flags of transcripts: columns of text that are compared word by word."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from cyclopts import Parameter

from supersede.errors import ArgumentError

if TYPE_CHECKING:
    from supersede.table.table import Table

__all__ = ["TranscriptFlags"]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class TranscriptFlags:
    """How transcripts of two recognisers become rows of a review.

    Attributes:
        reference: The column of what was said; --old and --new are then columns of what recognisers
            understood.
        level: One row per word, or one per utterance (right if all of its words are).
        normaliser: Rules for both sides: verbatim, plain or english.
    """

    reference: str | None = None
    level: Literal["word", "utterance"] = "word"
    normaliser: str = "plain"

    def table(
        self, source: object, models: Sequence[str], refused: Mapping[str, Any], **settings: Any
    ) -> "Table":
        """The rows that are reviewed.

        Raises:
            ArgumentError: A flag does not go with transcripts, or there is no table.
        """
        from supersede.audit.speech import find_normaliser, utterance_table, word_table

        for flag, value in refused.items():
            if value:
                msg = f"{flag} does not go with --reference; leave it out"
                raise ArgumentError(msg)
        if source is None or not all(isinstance(model, str) for model in models):
            msg = "--reference needs one table, and the columns of both recognisers: --old, --new"
            raise ArgumentError(msg)
        make = word_table if self.level == "word" else utterance_table
        return make(
            source, reference=str(self.reference), hypotheses=models,
            normaliser=find_normaliser(self.normaliser), **settings,
        )  # fmt: skip
