"""What a model's column means: from its name, its type and its values, never from the name alone.

A column called ``target`` may be the label or a reference answer that no model's answer equals; a
column of 0 and 1 may hold predicted classes or grades. The values tell. Where they allow two
meanings, reading refuses and names the flag that decides, because a verdict must not rest on a
guess.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from supersede.errors import (
    ArgumentError,
    ColumnTypeError,
    MissingColumnError,
    TableError,
)
from supersede.table.grades import PARTLY
from supersede.table.outcomes import Classes, LabelSets, Outcome, Right, Scores
from supersede.table.same import Same, fold
from supersede.table.values import Values, profile

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["meanings"]

_MANY = 5  # more label words than this, none of them an answer, are not permuted class names
_SHOWN = 4  # words in a message


@dataclass(frozen=True)
class _Label:
    """The label of one table, and what the caller has said of it."""

    values: Values | None
    declared: bool
    same: Same


def meanings(
    rows: "ir.Table",
    models: Mapping[str, str],
    *,
    label: str | None,
    declared: bool,
    labelled: bool,
    same: Same,
) -> tuple[dict[str, Outcome], str | None]:
    """How to grade models that are given by their columns alone.

    Args:
        rows: The table.
        models: Column by model.
        label: The label's column, if there is one.
        declared: Whether the caller named it; otherwise it was found by its name.
        labelled: Whether the models' answers can be graded now.
        same: Words that count as equal.

    Returns:
        The outcomes, and why the label is not used (None where it is).

    Raises:
        ColumnTypeError: A column's values fit no meaning.
        ArgumentError: They fit two; the message names the flags that decide.
        MissingColumnError: There are classes, and no label.
    """
    if not models:
        return {}, None
    columns = list(dict.fromkeys([*models.values(), *([label] if label else [])]))
    found = profile(rows, columns)
    for model, column in models.items():
        _refuse_records(model, found[column])
    answers = [found[column] for column in models.values()]
    truth = found[label] if label else None
    if not labelled:
        return {model: _unlabelled(model, found[c]) for model, c in models.items()}, None
    if truth is None:
        return {model: _without_label(model, found[c]) for model, c in models.items()}, None
    given = _Label(truth, declared, same)
    if all(values.are_grades for values in answers) and _are_grades_not_classes(answers, given):
        _refuse_opposite(answers)
        for model, column in models.items():
            _refuse_partly(model, found[column])
        why = f"no model ever says one of the {truth.shown} in it"
        return {model: Right(column) for model, column in models.items()}, why
    outcomes = {model: _labelled(model, found[c], given) for model, c in models.items()}
    if all(isinstance(outcome, Classes) for outcome in outcomes.values()):
        _refuse_strangers(answers, given)
    return outcomes, None


def _refuse_strangers(answers: Sequence[Values], given: _Label) -> None:
    """Refuse classes of which no model ever says one that is a label.

    Raises:
        ArgumentError: There is not one word in common.
    """
    truth = given.values
    if given.same or given.declared or truth is None or truth.words is None:
        return
    if any(values.words is None for values in answers):
        return
    labels = {_comparable(word) for word in truth.words}
    said = {_comparable(w) for v in answers for w in v.words or ()}
    binary = labels | said <= {0, 1}  # of two classes one may never occur
    if labels and not labels & said and not binary:
        msg = (
            f"no answer in {_names(answers)} ({answers[0].shown}) is ever one of the labels in"
            f" {truth.name!r} ({truth.shown}). Is another column the label (--label)? Otherwise say"
            f" which words are the same: --same '{_example(truth, answers[0])}' for each, or a file of"
            " them (in Python: same={…}); or --grades, if the answers are grades"
        )
        raise ArgumentError(msg)


def _refuse_records(model: str, values: Values) -> None:
    if values.kind == "records":
        msg = (
            f"model {model!r}: column {values.name!r} holds records ({values.type}); name one of"
            f" their keys, as in {values.name}.answer"
        )
        raise ColumnTypeError(msg)


def _are_grades_not_classes(answers: Sequence[Values], given: _Label) -> bool:
    """Whether columns that could be grades are not classes, because the label's words differ.

    Raises:
        ArgumentError: They could be either.
    """
    truth, said = given.values, {_comparable(w) for v in answers for w in v.words or ()}
    assert truth is not None  # noqa: S101  # the caller has looked
    if given.same or given.declared:
        return False  # whoever names the label, or words that are the same, means classes
    labels = None if truth.words is None else {_comparable(w) for w in truth.words}
    if truth.kind == "nothing" or (labels is not None and labels <= said):
        return False
    if (
        labels is not None
        and {str(w) for w in labels} & {str(w) for w in said}
        and (truth.kind != answers[0].kind)
    ):
        return False  # the same words as another type, which is refused with its own remedy
    if truth.are_grades and truth.kind == "whole" and all(v.kind == "whole" for v in answers):
        return False  # the classes 1 and 0, of which one may never occur
    if labels is not None and labels & said and truth.are_grades:
        return False  # two classes with names such as yes and no
    shared = labels is not None and bool(labels & said)
    if truth.kind in {"sets", "fractions", "other"} or (
        not shared and (labels is None or len(labels) > _MANY)
    ):
        return True
    first = answers[0]
    msg = (
        f"the answers in {_names(answers)} are {first.shown}, which may be grades (right or wrong) or"
        f" predicted classes, and column {truth.name!r} holds {truth.shown}. If they are grades, say"
        f" --grades (in Python: models={{{first.name!r}: supersede.table.Right({first.name!r}), …}});"
        f" if they are classes, say --label {truth.name}"
        + ("" if shared else f" and which words are the same: --same '{_example(truth, first)}'")
        + " (in Python: label=… and same=…)"
    )
    raise ArgumentError(msg)


def _comparable(word: object) -> object:
    """Booleans and whole floats as integers, so that 1, 1.0 and True are one word."""
    return int(word) if isinstance(word, bool | float) else word


def _example(truth: Values, answer: Values) -> str:
    word = min(truth.words or {"label"}, key=str)
    other = min(answer.words or {"answer"}, key=str)
    return f"{word}={other}"


def _names(answers: Sequence[Values]) -> str:
    return " and ".join(repr(values.name) for values in answers[:3])


def _unlabelled(model: str, values: Values) -> Outcome:
    """An answer whose label is still to come."""
    if values.kind == "fractions":
        return _probabilities(model, values, both_sides=False)
    return LabelSets(values.name) if values.kind == "sets" else Classes(values.name)


_OPPOSITE = re.compile(
    r"(^|[^a-z])(err|errors?|wrong|fail(ed|ures?|s)?|incorrect|mistakes?|miss(es|ed)?|loss(es)?|bad"
    r"|violat(es|ed|ions?)|hallucinat(es|ed|ions?)|broken|crash(es|ed)?)([^a-z]|$)"
)
"""Names that say that 1 is wrong, where grades say that it is right."""


def _refuse_opposite(answers: Sequence[Values]) -> None:
    """Refuse 1 and 0 in a column whose name says that 1 is wrong.

    Raises:
        ArgumentError: There is one.
    """
    for values in answers:
        said = {str(word).strip().lower() for word in values.words or ()}
        plain_grades = values.kind == "whole" or said <= {
            "true",
            "false",
            "yes",
            "no",
            "t",
            "f",
            "y",
            "n",
        }
        if plain_grades and _OPPOSITE.search(
            re.sub("(?<=[a-z])(?=[A-Z])", "_", values.name).lower()
        ):
            msg = (
                f"column {values.name!r} holds {values.shown}, and its name says that 1 is wrong. If 0 is"
                f" right, say --loss 0 (in Python: supersede.table.Losses({values.name!r}, 0)); if 1 is"
                f" right, say --grades (in Python: supersede.table.Right({values.name!r}))"
            )
            raise ArgumentError(msg)


def _without_label(model: str, values: Values) -> Outcome:
    """A column in a table without labels: it must hold grades."""
    if values.kind == "nothing":
        return Right(values.name)  # `validate` says that it is empty
    if values.are_grades:
        _refuse_partly(model, values)
        _refuse_opposite([values])
        return Right(values.name)
    raise _question(model, values, "and there is no label column")


def _refuse_partly(model: str, values: Values) -> None:
    if values.words and any(
        isinstance(w, str) and w.strip().lower() in PARTLY for w in values.words
    ):
        msg = (
            f"model {model!r}: column {values.name!r} has grades that are partly right"
            f" ({values.shown}). Say what counts as right: --judge --threshold 1 (only fully right)"
            " or --judge --threshold 0.5 (partly right too); or compare mean grades: --judge (in"
            f" Python: supersede.table.Judge({values.name!r}, threshold=1))"
        )
        raise ArgumentError(msg)


def _labelled(model: str, values: Values, given: _Label) -> Outcome:
    """A column beside a label."""
    truth = given.values
    assert truth is not None  # noqa: S101  # the caller has looked
    if "nothing" in {truth.kind, values.kind}:
        return Classes(values.name)  # `validate` says that it is empty
    if (values.kind == "sets") != (truth.kind == "sets"):
        msg = (
            f"model {model!r}: column {values.name!r} is {values.type} but label {truth.name!r} is"
            f" {truth.type}; sets of labels are compared with sets"
        )
        raise ColumnTypeError(msg)
    if values.kind == "sets":
        return LabelSets(values.name)
    if values.kind == "fractions":
        binary = truth.words is not None and {_comparable(w) for w in truth.words} <= {0, 1}
        if binary:
            return _probabilities(model, values)
        raise _question(model, values, f"and label {truth.name!r} holds {truth.shown}")
    numbers = {"whole", "fractions"}
    if (values.kind in numbers) != (truth.kind in numbers) and not given.same.accepts:
        msg = (
            f"model {model!r}: column {values.name!r} is {values.type} ({values.shown}) but label"
            f" {truth.name!r} is {truth.type} ({truth.shown}), so they would never be equal; cast one"
            " of them to the other's type, or say which words are the same: --same"
            f" '{_example(truth, values)}'; or --grades, if the column holds grades"
        )
        raise ColumnTypeError(msg)
    _refuse_other_spelling(values, given)
    return Classes(values.name)


def _refuse_other_spelling(values: Values, given: _Label) -> None:
    """Refuse answers that equal labels but for case, space or separators.

    Raises:
        ArgumentError: Some do.
    """
    truth = given.values
    if given.same or truth is None or values.words is None or truth.words is None:
        return
    said = {word for word in values.words if isinstance(word, str)}
    labels = {word for word in truth.words if isinstance(word, str)}
    near = {fold(word): word for word in labels - said}
    pairs = [(near[fold(word)], word) for word in sorted(said - labels) if fold(word) in near]
    if pairs:
        shown = ", ".join(f"{label!r} and {answer!r}" for label, answer in pairs[:_SHOWN])
        msg = (
            f"the label {truth.name!r} and the answers of {values.name!r} spell words differently:"
            f" {shown}. If these are the same, say --same folded (compare without case, surrounding"
            f" space, and - or _), or --same '{pairs[0][0]}={pairs[0][1]}'; if they are different"
            f" classes, rename them (in Python: same=…)"
        )
        raise ArgumentError(msg)


def _probabilities(model: str, values: Values, *, both_sides: bool = True) -> Scores:
    """Scores that are cut at 0.5, if they can be probabilities.

    Raises:
        ArgumentError: They cannot, so that only the caller knows where to cut.
    """
    low, high = values.low or 0.0, values.high or 0.0
    why = None
    if low < 0 or high > 1:
        why = "so they are not probabilities"
    elif both_sides and (high < 0.5 or low >= 0.5):
        why = "all on one side of 0.5, so cutting there would predict a single class"
    if why:
        msg = (
            f"model {model!r}: the scores in column {values.name!r} go from {low:g} to {high:g},"
            f" {why}. Say from which score on class 1 is predicted, as in --threshold"
            f" {_middle(low, high):g} (in Python: supersede.table.Scores({values.name!r},"
            " threshold=…)); or, if they are a judge's scores, say --judge"
        )
        raise ArgumentError(msg)
    return Scores(values.name)


def _middle(low: float, high: float) -> float:
    return float(f"{(low + high) / 2:.2g}")


def _question(model: str, values: Values, context: str) -> TableError | ArgumentError:
    """The error for a column that may mean several things, with the flag for each."""
    column = values.name
    if values.kind in {"text", "sets", "other"}:
        msg = (
            f"model {model!r}: column {column!r} holds {values.shown}, {context}; answers are graded"
            " against a label: pass label='<column>' (--label), or the grades themselves"
        )
        return MissingColumnError(msg)
    span = f"from {values.low:g} to {values.high:g}" if values.low is not None else ""
    msg = (
        f"model {model!r}: column {column!r} holds numbers {span} {context}. Say what they are:"
        " --judge for scores where more is better (with --threshold T where a score from T on is"
        " right), --loss T for losses that are right up to T, --runs COLUMN for numbers of runs that"
        " went right, --within T for predictions that should come close to the label"
        f" (in Python: models={{{model!r}: supersede.table.Judge({column!r})}}, or Losses, Runs, Within)"
    )
    return ColumnTypeError(msg) if values.kind == "fractions" else ArgumentError(msg)
