"""A submission that can be judged: what needs no holdout has been checked."""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from supersede.bounty.artefacts.check_model import check_model
from supersede.bounty.artefacts.columns import ALIKE
from supersede.bounty.artefacts.models import Model
from supersede.bounty.certificate import certify
from supersede.bounty.decision_list import DecisionList, judged_answers
from supersede.bounty.log import digest_of
from supersede.bounty.losses import RowLoss
from supersede.bounty.routing import Group, as_group
from supersede.bounty.sample import Sample
from supersede.bounty.saving import read_back, record_of
from supersede.errors import MissingColumnError, SubmissionError

__all__ = ["Submission", "check_name", "check_text", "prepared", "screen"]

_LONGEST_NAME, _LONGEST_NOTE = 100, 2000  # characters
# letters and marks that are drawn as nothing: fillers, joiners, variation selectors, empty Braille
_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | {
    chr(c)
    for r in (range(0x180B, 0x1810), range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))
    for c in r
}


@dataclass(frozen=True)
class Submission:
    """A group and a model for it, as they will be read from the log.

    Attributes:
        team: The submitting team.
        group: The group.
        answer: The model.
        note: A text of the team.
        base: Hash of the model that it was made against; None for whichever is current.
        record: The model as plain data, which the log keeps.
        files: Its ONNX file, if any, by SHA-256.
        hash: Hash of group and model.
    """

    team: str
    group: Group
    answer: Model
    note: str
    base: str | None
    record: Mapping[str, Any]
    files: Mapping[str, bytes]
    hash: str


def prepared(
    team: str,
    group: Group | str,
    answer: Model,
    *,
    columns: Iterable[str],
    model: DecisionList,
    base: str | None = None,
    note: str = "",
) -> Submission:
    """Check names, texts, columns and possible answers.

    Args:
        team: The submitting team.
        group: The group, or its text.
        answer: The model for that group.
        columns: Columns of the rows.
        model: The model that would be patched.
        base: Hash of the model that it was made against.
        note: A text of the team.

    Raises:
        SubmissionError: The team's name or the note is refused.
        AnswerError: The model can give an answer that is not allowed, for some row.
        ArtefactError: The group or the model cannot be read back from what is written of it.
        MissingColumnError: It reads a column that is not in the rows.
    """
    if not isinstance(team, str) or not isinstance(note, str):
        msg = f"a team's name and a note must be texts, not {type(team).__name__} and {type(note).__name__}"
        raise SubmissionError(msg)
    if base is not None and not isinstance(base, str):
        msg = f"base is the hash of a model, a text, not {type(base).__name__}"
        raise SubmissionError(msg)
    if not team.strip():
        msg = "a submission must name its team, so that it can be rewarded"
        raise SubmissionError(msg)
    check_name(team)
    check_text("a note", note, _LONGEST_NOTE)
    if isinstance(answer, type) or not all(hasattr(answer, n) for n in ("predict", "to_dict")):
        msg = (
            f"an answer is a Constant, Tree, Linear or OnnxModel, not {type(answer).__name__};"
            " `from_sklearn` converts estimators"
        )
        raise SubmissionError(msg)
    group, answer = read_back(as_group(group), answer)  # what is judged is what can be read again
    known = list(columns)
    for name in (*group.columns, *answer.columns):
        if name not in known:
            raise MissingColumnError.of(name, known, "a submission")
    check_model(answer, model.answers)
    record, files = record_of(answer)
    named = digest_of({"group": str(group), "answer": record})
    return Submission(team, group, answer, note, base, record, files, named)


def screen(group: Group, answer: Model, public: Sample, model: DecisionList, loss: RowLoss) -> None:
    """Refuse a submission without gain on public rows.

    Raises:
        SubmissionError: No public row is in the group, or there is no gain; with the figures.
    """
    mask = group.mask(public.columns)
    if not mask.any():
        msg = f"no row of {public.name} is in the group"
        raise SubmissionError(msg)
    everyone = np.ones(len(public), bool)
    current = model.predict(public.columns)
    proposed = judged_answers(answer, public.columns, everyone, model.answers)
    found = certify(public, loss, group=mask, current=current, proposed=proposed)
    if not found.holds:
        msg = f"no gain: {found}; a submission must gain on {public.name} to be judged"
        raise SubmissionError(msg)


def check_twin(team: str, others: Iterable[str]) -> None:
    """Refuse a name that differs from another team's only in case or in letters that look alike.

    Raises:
        SubmissionError: It does.

    Example:
        >>> check_twin("Ada", ["Bob", "Ada"])
        >>> check_twin("ADA", ["Bob"])
    """
    known = set(others)
    if team in known:
        return
    for other in sorted(known):
        if _drawn(other) == _drawn(team):
            msg = f"the team {team!r} could be taken for {other!r}, which takes part; write its name exactly, or choose another one"
            raise SubmissionError(msg)


def _drawn(name: str) -> str:
    """The name as it looks: in one case, in Latin letters where others are drawn like them."""
    return unicodedata.normalize("NFKC", name).translate(ALIKE).casefold()


def check_text(what: str, text: str, longest: int) -> None:
    """Refuse a text that is too long or not valid Unicode.

    Raises:
        SubmissionError: It is one of these.
    """
    if len(text) > longest:
        msg = f"{what} must have at most {longest} characters; got {len(text)}"
        raise SubmissionError(msg)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        msg = f"{what} has a lone surrogate at position {error.start}; send valid UTF-8"
        raise SubmissionError(msg) from error


def check_name(team: str, what: str = "a team's name") -> None:
    """Refuse names that can be drawn like another one, or that break a receipt's line.

    Args:
        team: The name.
        what: What it names, for the message.

    Raises:
        SubmissionError: It is too long, has invisible characters or could be written in another way.
    """
    check_text(what, team, _LONGEST_NAME)
    for place, c in enumerate(team):
        if (unicodedata.category(c)[0] in "CZ" and c != " ") or c in _UNSEEN:
            msg = (
                f"{what} has the invisible character U+{ord(c):04X} at position {place};"
                " leave it out"
            )
            raise SubmissionError(msg)
    plain = " ".join(unicodedata.normalize("NFC", team).split())
    if plain != team:
        msg = f"write {what.replace('a team', 'the team')} as {plain!r}: composed characters and single spaces"
        raise SubmissionError(msg)
