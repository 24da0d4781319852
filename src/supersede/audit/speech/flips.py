"""Old against new recogniser: one row per word, or per utterance, for a review of flips."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from supersede.audit.speech.edits import count_edits, recognised_words
from supersede.audit.speech.normalisers import PLAIN, Normaliser
from supersede.audit.speech.transcripts import Transcripts, read_transcripts
from supersede.errors import ArgumentError
from supersede.table.outcomes import Right
from supersede.table.read import read
from supersede.table.table import Missing, Table

if TYPE_CHECKING:
    pass

__all__ = ["utterance_table", "word_table"]

_OWN = ("item", "utterance", "word")


def word_table(
    source: object,
    *,
    reference: str,
    hypotheses: Sequence[str],
    keep: Sequence[str] = (),
    speaker: str | None = None,
    normaliser: Normaliser = PLAIN,
    missing: Missing = "refuse",
    where: str | None = None,
) -> Table:
    """One row per word that was said: right where a recogniser understood it and inserted nothing.

    An inserted word makes the word that follows it wrong (at the end, the last one); an utterance
    without words has one row, right where nothing was recognised. So no error goes unseen.

    Args:
        source: Transcripts, one row per utterance.
        reference: The column of what was said.
        hypotheses: The columns of what recognisers understood; they become the table's models.
        keep: Columns of the utterance to keep, such as groups.
        speaker: The column of speakers, which becomes the table's cluster; by default words cluster
            by utterance.
        normaliser: Rules for both sides.
        missing: How a null hypothesis is handled.
        where: SQL condition; other rows are left out.

    Returns:
        A table for `supersede.compare`.

    Raises:
        ArgumentError: A kept column has a name that the table needs.

    Example:
        >>> table = word_table(
        ...     {"text": ["give ten drops", "stop"], "v1": ["give ten", "stop"],
        ...      "v2": ["give two drops", "stop"]},
        ...     reference="text", hypotheses=["v1", "v2"],
        ... )
        >>> table.size
        4

    Assumes: words along one alignment; where several have as few errors, jiwer's is taken.
    """
    read_in = _read(source, reference, hypotheses, keep, speaker, normaliser, missing, where)
    said = [text.split() or [""] for text in read_in.references]
    at = [i for i, words in enumerate(said) for _ in words]
    data: dict[str, Any] = {c: [values[i] for i in at] for c, values in read_in.columns.items()}
    data["word"] = [word for words in said for word in words]
    data["utterance"] = at
    data["item"] = [f"{i}:{k}" for i, words in enumerate(said) for k in range(len(words))]
    for model, heard in read_in.hypotheses.items():
        pairs = zip(read_in.references, heard, strict=True)
        data[model] = [hit for one, other in pairs for hit in recognised_words(one, other)]
    return _as_table(data, hypotheses, speaker or "utterance")


def utterance_table(
    source: object,
    *,
    reference: str,
    hypotheses: Sequence[str],
    keep: Sequence[str] = (),
    speaker: str | None = None,
    normaliser: Normaliser = PLAIN,
    missing: Missing = "refuse",
    where: str | None = None,
) -> Table:
    """One row per utterance: right where a recogniser made no error in it.

    The arguments are those of `word_table`.

    Example:
        >>> table = utterance_table(
        ...     {"text": ["give ten drops", "stop"], "v1": ["give ten", "stop"]},
        ...     reference="text", hypotheses=["v1"],
        ... )
        >>> table.size
        2
    """
    read_in = _read(source, reference, hypotheses, keep, speaker, normaliser, missing, where)
    data: dict[str, Any] = dict(read_in.columns)
    data["item"] = list(range(len(read_in)))
    for model, heard in read_in.hypotheses.items():
        data[model] = (count_edits(read_in.references, heard).errors == 0).tolist()
    return _as_table(data, hypotheses, speaker)


def _read(
    source: object,
    reference: str,
    hypotheses: Sequence[str],
    keep: Sequence[str],
    speaker: str | None,
    normaliser: Normaliser,
    missing: Missing,
    where: str | None,
) -> Transcripts:
    taken = [c for c in keep if c in {*_OWN, *hypotheses}]
    if taken:
        msg = f"keep={taken[0]!r} is a name that this table needs itself; rename that column first"
        raise ArgumentError(msg)
    kept = list(dict.fromkeys([*keep, *([speaker] if speaker else [])]))
    return read_transcripts(
        source, reference=reference, hypotheses=hypotheses, keep=kept, normaliser=normaliser,
        missing=missing, where=where,
    )  # fmt: skip


def _as_table(data: dict[str, Any], hypotheses: Sequence[str], cluster: str | None) -> Table:
    import pyarrow as pa

    rows: pa.Table = pa.table(data)
    models = {model: Right(model) for model in hypotheses}
    return read(rows, item="item", labelled=False, models=models, cluster=cluster)
