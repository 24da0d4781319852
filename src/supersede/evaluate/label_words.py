"""What the word of a label stands for: a class, a grade, or nothing yet.

A label counts only as a class that some model predicts or that the caller names. A word such as
``yes`` for 1, a typing error, a probability or several classes are refused, because counting them
as *another class* would turn them silently into a number.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from supersede.errors import LabelError
from supersede.table.grades import grade
from supersede.table.same import Same, fold

__all__ = ["blank", "class_of", "grade_of", "refuse_marked", "refuse_words", "skips"]

_SHOWN = 6
_NO_LABEL = {
    "status": {"draft", "discarded", "pending", "rejected", "skipped"},  # Argilla, Labelbox
    "answer": {"reject", "ignore"},  # Prodigy
    "human-annotated": {"no", "false"},  # Ground Truth
    "was_cancelled": {"true", "1", "yes"},  # Label Studio
}
"""Words of annotation tools for labels that do not count, by column."""
_SKIPPED = {True: {"true", "1", "1.0", "yes"}, False: {"false", "0", "0.0", "no", "", "nan"}}


def blank(value: object) -> bool:
    """Whether a label is still to come: None, NaN, or a text of spaces.

    Example:
        >>> [blank(v) for v in (None, float("nan"), " ", 0, "NA")]
        [True, True, True, False, False]
    """
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, float) and value != value)


def class_of(value: object, known: Sequence[Any], same: Same) -> Any:
    """The class that a label stands for; None if it stands for none.

    Files convert numbers to text, integers beside an empty cell to floats, and flags to booleans,
    so ``"1"``, 1.0 and True are the class 1 if no class is spelt like that itself.

    Args:
        value: A label.
        known: The classes that a label may be.
        same: Words that count as equal.

    Example:
        >>> class_of("1", (0, 1), Same()), class_of("yes", (0, 1), Same())
        (1, None)
        >>> class_of("yes", (0, 1), Same({"1": ("yes",)}))
        1
    """
    for word in _spellings(value):
        found = _known(word, known, same)
        if found is not None:
            return found
    return None


def _spellings(value: object) -> list[object]:
    """A value, and how a file may have changed it."""
    plain = value.item() if isinstance(value, np.generic) else value
    if isinstance(plain, bool):
        return [int(plain), str(plain), str(plain).lower(), str(int(plain))]
    if isinstance(plain, int | float) and float(plain).is_integer():
        return [plain, str(int(plain))]
    if isinstance(plain, str):
        return [plain, plain.strip(), plain.strip().removesuffix(".0")]
    # no list, set or mapping is one class
    return [] if isinstance(plain, Iterable) else [plain]


def _known(word: object, known: Sequence[Any], same: Same) -> Any:
    for name in known:
        if type(name) is not str and type(word) is not str and name == word:
            return int(name) if isinstance(name, bool) else name
    text = str(word)
    exact = [name for name in known if str(name) == text]
    near = exact or [name for name in known if _spelt(str(name), same) == _spelt(text, same)]
    if not near:
        meant = _meant(_spelt(text, same), same)
        near = [name for name in known if _spelt(str(name), same) in meant]
    return near[0] if len(near) == 1 else None


def _meant(text: str, same: Same) -> set[str]:
    """The words for which a word stands, in either direction."""
    found: set[str] = set()
    for name, others in same.accepts.items():
        listed = {_spelt(other, same) for other in others}
        if text in listed:
            found.add(_spelt(name, same))
        elif text == _spelt(name, same):
            found |= listed
    return found


def _spelt(word: str, same: Same) -> str:
    return fold(word) if same.folded else word


def grade_of(value: object) -> int | None:
    """1 for right and 0 for wrong, in the words of evaluation tools; None for anything else.

    Example:
        >>> [grade_of(v) for v in (True, "wrong", 0.7, "partial", "maybe", [1])]
        [1, 0, None, None, None, None]
    """
    try:
        found = grade(value.item() if isinstance(value, np.generic) else value)
    except (KeyError, TypeError):
        return None
    return int(found) if found in {0.0, 1.0} else None


def skips(value: object) -> bool:
    """Whether a cell of the column ``skipped`` says so.

    Raises:
        LabelError: It says neither yes nor no.

    Example:
        >>> skips("yes"), skips(1.0), skips(None)
        (True, True, False)
    """
    text = "" if value is None else str(value).strip().lower()
    for answer, words in _SKIPPED.items():
        if text in words:
            return answer
    msg = f"column 'skipped' holds {value!r}; expected true or false (or empty)"
    raise LabelError(msg)


def refuse_marked(rows: Mapping[str, Sequence[Any]]) -> None:
    """Refuse labels that an annotation tool marks as no label of a person.

    Args:
        rows: The columns beside the labels, by name.

    Raises:
        LabelError: Some are drafts, rejected, ignored, or made by a machine.

    Example:
        >>> refuse_marked({"item": [1, 2], "label": [0, 1], "status": ["submitted", "submitted"]})
    """
    for column, words in _NO_LABEL.items():
        marks = [str(value).strip().lower() for value in rows.get(column, ())]
        found = Counter(mark for mark in marks if mark in words)
        if found:
            shown = ", ".join(f"{mark} ({n:,} ×)" for mark, n in found.most_common(_SHOWN))
            msg = (
                f"column {column!r} says of some labels that they are none: {shown}. Empty their cells in the"
                " column of labels (not labelled yet), or mark them in a column 'skipped' (given up), and"
                f" leave out the column {column!r}"
            )
            raise LabelError(msg)


def refuse_words(words: Sequence[object], of: int, known: Sequence[Any], *, more: bool) -> None:
    """Refuse labels that are not a class of the plan, with their words and what to do.

    Args:
        words: The labels that are none.
        of: How many labels there are.
        known: The classes that a label may be.
        more: Whether the plan leaves room for classes that no model predicts.

    Raises:
        LabelError: There are such words.
    """
    if not words:
        return
    counted = Counter(map(repr, words))
    shown = ", ".join(f"{word} ({n:,} ×)" for word, n in counted.most_common(_SHOWN))
    shown += ", …" if len(counted) > _SHOWN else ""
    first = next(iter(words))
    advice = [_respell(first, known)]
    if isinstance(first, Iterable) and not isinstance(first, str):
        advice = ["a plan takes one class per item: settle on one"]
    elif more:
        advice.append(
            f"if it is a class that no model predicts, pass classes=[{first!r}] (--classes {first})"
        )
    else:
        advice.append(
            "if it is a class that no model predicts, plan again with classes="
            f"[{', '.join(map(repr, [*known[:_SHOWN], first]))}] and after=<this plan>, which"
            " keeps the labels"
        )
    msg = (
        f"{len(words):,} of {of:,} labels are not a class of this plan: {shown}. Expected one of"
        f" {', '.join(map(repr, known[:20]))}{', …' if len(known) > 20 else ''} (what the models"
        f" predict, or classes= names), and nothing where an item is not labelled yet;"
        f" {'; '.join(advice)}"
    )
    raise LabelError(msg)


def _respell(word: object, known: Sequence[Any]) -> str:
    """How to say that a word stands for a class."""
    near = [name for name in known if isinstance(word, str) and fold(word) == fold(str(name))]
    if near:
        return "if only case, space or - and _ differ, pass same='folded' (--same folded)"
    name = known[-1] if known else 1
    example: Mapping[str, list[str]] = {str(name): [str(word)]}
    return f"if it stands for a class, pass same={example} (--same '{name}={word}')"
