"""Edits between what was said and what was recognised: counts that merge, and rates from them.

A rate of a group is the sum of its edits over the sum of its words. The mean of the utterances' own
rates is another number, dominated by short utterances, and is nowhere reported as a word error rate.

Reference:
    Morris, Maier & Green (2004), From WER and RIL to MER and WIL, Interspeech, equations 1 and 2.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from supersede.errors import ArgumentError, MissingExtraError

__all__ = ["EditCounts", "Unit", "count_edits", "recognised_words"]

Ints = npt.NDArray[np.int64]
Unit = Literal["word", "character"]
_CHUNK = 20_000  # pairs aligned at a time: bounds the memory of their alignments


@dataclass(frozen=True)
class EditCounts:
    """Hits, substitutions, deletions and insertions of each utterance, shape ``(n,)``.

    Example:
        >>> counts = count_edits(["give ten drops", "stop"], ["give two drops now", ""])
        >>> counts.substitutions.tolist(), counts.deletions.tolist(), counts.insertions.tolist()
        ([1, 0], [0, 1], [1, 0])
        >>> counts.error_rate, counts.match_error_rate
        (0.75, 0.6)
    """

    hits: Ints
    substitutions: Ints
    deletions: Ints
    insertions: Ints

    def __len__(self) -> int:
        return len(self.hits)

    @property
    def errors(self) -> Ints:
        """Substitutions, deletions and insertions of each utterance."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def spoken(self) -> Ints:
        """Words (or characters) of each reference."""
        return self.hits + self.substitutions + self.deletions

    @property
    def aligned(self) -> Ints:
        """Hits and errors of each utterance: what a match error rate is out of."""
        return self.hits + self.errors

    @property
    def error_rate(self) -> float:
        """Errors over words spoken, pooled: WER or CER; NaN where nothing was spoken."""
        spoken = int(self.spoken.sum())
        return float(self.errors.sum()) / spoken if spoken else float("nan")

    @property
    def match_error_rate(self) -> float:
        """Errors over errors and hits, pooled, in [0, 1]; NaN where there is neither."""
        aligned = int(self.aligned.sum())
        return float(self.errors.sum()) / aligned if aligned else float("nan")

    def take(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> "EditCounts":
        """Some of the utterances."""
        return EditCounts(*(part[rows] for part in self._parts))

    @property
    def _parts(self) -> tuple[Ints, Ints, Ints, Ints]:
        return self.hits, self.substitutions, self.deletions, self.insertions


def count_edits(
    references: Sequence[str], hypotheses: Sequence[str], unit: Unit = "word"
) -> EditCounts:
    """Count the edits of each pair along an alignment with the fewest errors.

    The number of errors is unique; how they divide into substitutions, deletions and insertions is
    not, where several alignments have as few. jiwer chooses one, always the same.

    Args:
        references: What was said, normalised; words are what white space separates.
        hypotheses: What was recognised, likewise.
        unit: Words, or characters (white space between words counts as a character).

    Raises:
        ArgumentError: The lists differ in length.
        MissingExtraError: jiwer is not installed.
    """
    if len(references) != len(hypotheses):
        msg = f"{len(references)} references and {len(hypotheses)} hypotheses; expected one each"
        raise ArgumentError(msg)
    counts = np.zeros((4, len(references)), np.int64)
    different = []
    for i, (said, heard) in enumerate(zip(references, hypotheses, strict=True)):
        # what equals, or has an empty side, needs no alignment
        if said == heard:
            counts[0, i] = _length(said, unit)
        elif not heard or not said:
            counts[2, i], counts[3, i] = _length(said, unit), _length(heard, unit)
        else:
            different.append(i)
    for start in range(0, len(different), _CHUNK):
        block = different[start : start + _CHUNK]
        _count_block(counts, block, references, hypotheses, unit)
    return EditCounts(*counts)


def recognised_words(reference: str, hypothesis: str) -> list[bool]:
    """For each word of a reference whether it was recognised, with nothing inserted at it.

    An insertion belongs to the word that follows it, at the end to the last one; where nothing was
    said, one grade says whether nothing was recognised. So no error is without a grade.

    Example:
        >>> recognised_words("give ten drops", "give two drops now"), recognised_words("", "no")
        ([True, False, False], [False])
    """
    said = reference.split()
    if reference == hypothesis or not said or not hypothesis.split():
        return [reference.split() == hypothesis.split()] * max(len(said), 1)
    (chunks,) = _jiwer().process_words([reference], [hypothesis]).alignments
    found, spoiled = [False] * len(said), []
    for chunk in chunks:
        start, end = chunk.ref_start_idx, chunk.ref_end_idx
        if chunk.type == "equal":
            found[start:end] = [True] * (end - start)
        elif chunk.type == "insert":
            spoiled.append(min(start, len(said) - 1))
    for at in spoiled:
        found[at] = False
    return found


def _count_block(
    counts: Ints, block: list[int], references: Sequence[str], hypotheses: Sequence[str], unit: Unit
) -> None:
    jiwer = _jiwer()
    align = jiwer.process_words if unit == "word" else jiwer.process_characters
    said, heard = [references[i] for i in block], [hypotheses[i] for i in block]
    for i, chunks in zip(block, align(said, heard).alignments, strict=True):
        for chunk in chunks:
            spoken = chunk.ref_end_idx - chunk.ref_start_idx
            if chunk.type == "equal":
                counts[0, i] += spoken
            elif chunk.type == "substitute":
                counts[1, i] += spoken
            elif chunk.type == "delete":
                counts[2, i] += spoken
            else:
                counts[3, i] += chunk.hyp_end_idx - chunk.hyp_start_idx


def _length(text: str, unit: Unit) -> int:
    return len(text.split()) if unit == "word" else len(text)


def _jiwer() -> Any:
    try:
        import jiwer
    except ImportError as error:
        raise MissingExtraError.of(
            package="jiwer", extra="speech", purpose="a word error rate"
        ) from error
    return jiwer
