"""Is the label really what the answers are compared with? Evidence that it is not.

A column can be named as the label and still not be it: reference answers beside grades, codes in
another order, words that are spelt differently. Both models are then wrong on most items, no flip is
seen, and every limit is kept. So a review whose label and answers have nothing to do with each other
never passes; nor does one whose label is the new model's own prediction, which is never wrong.
"""

from dataclasses import dataclass

import numpy as np

from supersede.errors import ArgumentError
from supersede.look.numbers import count, share
from supersede.metrics.classification import Confusion
from supersede.review.evidence import CLASS, Evidence

__all__ = ["doubts", "refuse_a_guessed_label"]

_ENOUGH = 30  # items; with fewer nothing passes in any case
_UNRELATED = 3.0  # standard errors above chance that an agreement must reach to mean something
_MOST = 0.5
_SOME = 0.1
_SHOWN = 8


@dataclass(frozen=True)
class _Agreement:
    """How often a model's answers equal the labels, against chance.

    Attributes:
        errors: Standard errors above what independent answers would give; negative below.
        constant: Whether the model always says the same.
    """

    errors: float
    constant: bool


def doubts(evidence: Evidence) -> tuple[str, ...]:
    """Reasons to doubt that the label is what the answers should be compared with.

    Args:
        evidence: What was counted.

    Returns:
        Sentences, each with what to do; with any of them a review is undecided at best.

    Assumes: independent answers agree with labels as often as their marginal frequencies say
    (Cohen 1960); the standard error is the one under independence.
    """
    found = [
        *_answers_as_label(evidence),
        *_unknown_labels(evidence),
        *_words_for_nothing(evidence),
    ]
    agreements = _agreements(evidence)
    if agreements:
        inverted = [model for model, a in agreements.items() if a.errors < -_UNRELATED]
        if inverted:
            found.append(
                f"{' and '.join(inverted)} agrees with the labels less often than chance would: are"
                " codes or classes in another order than the labels', or scores those of the other"
                " class? Say which words are the same (--same), or correct the column."
            )
        elif all(a.errors < _UNRELATED for a in agreements.values()):
            found.append(
                "Neither model's answers agree with the labels more often than chance would: is"
                f" {evidence.table.label!r} the label of these items (--label)? If the columns are"
                " grades, say --grades."
            )
    return tuple(found)


def refuse_a_guessed_label(evidence: Evidence) -> None:
    """Refuse a label that was found by its name and has nothing to do with any answer.

    Raises:
        ArgumentError: So it is; the message names the flags that decide.
    """
    agreements = _agreements(evidence)
    table = evidence.table
    if table.label_declared or not agreements:
        return
    if all(abs(a.errors) < _UNRELATED and not a.constant for a in agreements.values()):
        msg = (
            f"column {table.label!r} was taken for the label because of its name, but neither"
            f" {evidence.old!r} nor {evidence.new!r} agrees with it more often than chance would. If"
            f" it is the label, say so: --label {table.label}; if the columns are grades, say --grades"
            f" (in Python: label={table.label!r}, or"
            f" models={{{evidence.old!r}: supersede.table.Right({evidence.old!r}), …}})"
        )
        raise ArgumentError(msg)


def _answers_as_label(evidence: Evidence) -> list[str]:
    """The new model is right on every item: the label may be its own prediction."""
    table, new = evidence.table, evidence.new
    graded = table.outcome(new).needs_label and table.answer(new) is not None
    if not graded or evidence.labelled < _ENOUGH or evidence.whole.new.mean[0] != 1:
        return []
    return [
        f"Column {table.label!r} equals the predictions of {new!r} on all {count(evidence.labelled)}"
        " labelled items: is it that model's prediction under another name? If it is not, and the"
        " model is right on every item, review columns of grades (1 and 0): --grades, in Python"
        " supersede.table.Right('<column>')."
    ]


def _unknown_labels(evidence: Evidence) -> list[str]:
    """Most items, or most classes and many items, have a label that no model ever predicts."""
    classes = evidence.classes
    if classes is None or not classes.never_predicted:
        return []
    by_class = next(m.flips for m in evidence.margins if m.columns == (CLASS,))
    labels = by_class.keys[CLASS].to_pylist()
    never = set(classes.never_predicted)
    items = sum(n for n, label in zip(by_class.n, labels, strict=True) if label in never)
    part, kinds = items / max(by_class.n.sum(), 1.0), len(never) / len(labels)
    if part <= _MOST and not (kinds > _MOST and part > _SOME):
        return []
    listed = ", ".join(map(str, classes.never_predicted[:_SHOWN]))
    more = ", …" if len(never) > _SHOWN else ""
    return [
        f"{share(part)} of the labelled items have one of {count(len(never))} labels that neither"
        f" model ever predicts ({listed}{more}), so no flip can be seen on them. Say which words are"
        " the same: --same 'LABEL=ANSWER', or --same folded where only the spelling differs;"
        " or --grades, if the columns are grades."
    ]


_NOTHING = frozenset(
    [
        "-1",
        "?",
        "-",
        "--",
        ".",
        "999",
        "9999",
        "-999",
        "n/a",
        "na",
        "nan",
        "none",
        "null",
        "unknown",
        "unlabeled",
        "unlabelled",
        "unset",
        "missing",
        "pending",
        "tbd",
        "todo",
        "skip",
        "skipped",
    ]
)


def _words_for_nothing(evidence: Evidence) -> list[str]:
    """Labels such as -1 or "unknown" that no model predicts, and that often mean *no label*."""
    classes = evidence.classes
    if classes is None:
        return []
    words = [word for word in classes.never_predicted if str(word).strip().lower() in _NOTHING]
    if not words:
        return []
    by_class = next(m.flips for m in evidence.margins if m.columns == (CLASS,))
    labels = by_class.keys[CLASS].to_pylist()
    items = sum(n for n, label in zip(by_class.n, labels, strict=True) if label in set(words))
    label, word = evidence.table.label, words[0]
    shown = f"'{word}'" if isinstance(word, str) else str(word)
    return [
        f"{count(items)} items have the label {shown}, which neither model ever predicts: does it mean"
        " that there is no label? Both models count as wrong there, which hides flips; leave these"
        f' items out: --where "{label} <> {shown}".'
    ]


def _agreements(evidence: Evidence) -> dict[str, _Agreement]:
    if evidence.by_class is None or evidence.labelled < _ENOUGH:
        return {}
    found = {
        model: _agreement(confusion, evidence.labelled)
        for model, confusion in zip((evidence.old, evidence.new), evidence.by_class, strict=True)
    }
    return {model: a for model, a in found.items() if a is not None}


def _agreement(confusion: Confusion, items: int) -> _Agreement | None:
    """Agreement of one model with the labels; None where all labels are the same."""
    labels, answers = confusion.tp + confusion.fn, confusion.tp + confusion.fp
    total = labels.sum()
    if total <= 0 or np.isclose(labels.max(), total):
        return None
    constant = bool(np.isclose(answers.max(), answers.sum()))
    observed = confusion.tp.sum() / total
    chance = float((labels * answers).sum() / (total * max(answers.sum(), 1e-300)))
    spread = np.sqrt(chance * (1 - chance) / items)
    errors = float((observed - chance) / spread) if spread > 0 and not constant else 0.0
    return _Agreement(errors, constant)
