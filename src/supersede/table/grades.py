"""Grades: right or wrong as somebody decided, in the words that evaluation tools use.

A grade is a boolean, a 0 or 1, or a word. Words are compared without case and surrounding space.
Three more kinds of word say that there is no such decision: *partly right* counts for the share that
the tool gives it, *no answer* means that the model failed to produce one (an error, a time-out), and
*not graded* means that nobody judged the answer.
"""

from collections.abc import Iterable

__all__ = ["NOT_GRADED", "NO_ANSWER", "PARTLY", "RIGHT", "WRONG", "all_grades", "grade"]

RIGHT = frozenset(
    [
        "c",
        "correct",
        "right",
        "pass",
        "passed",
        "passing",
        "ok",
        "okay",
        "success",
        "successful",
        "succeeded",
        "resolved",
        "true",
        "t",
        "yes",
        "y",
        "win",
        "won",
        "accept",
        "accepted",
        "good",
        "1",
    ]
)
WRONG = frozenset(
    [
        "i",
        "incorrect",
        "wrong",
        "fail",
        "failed",
        "failing",
        "failure",
        "unresolved",
        "false",
        "f",
        "no",
        "n",
        "loss",
        "lost",
        "not_resolved",
        "reject",
        "rejected",
        "bad",
        "0",
    ]
) | {"not resolved", "not correct"}
PARTLY = {"p": 0.5, "partial": 0.5, "partially correct": 0.5, "partially_correct": 0.5}
"""Half a point, as Inspect's ``P`` gives."""

NO_ANSWER = frozenset(
    ["error", "errored", "timeout", "crashed", "crash", "broken", "aborted", "unanswered"]
) | {
    "timed out",
    "no answer",
    "no_answer",
    "noanswer",
}
NOT_GRADED = frozenset(["skip", "skipped", "ungraded", "pending", "xfail", "xfailed"]) | {
    "not graded"
}

_VALUES: dict[str, float | None] = {
    **dict.fromkeys(RIGHT, 1.0),
    **dict.fromkeys(WRONG, 0.0),
    **dict.fromkeys(NO_ANSWER | NOT_GRADED),
    **PARTLY,
}


def grade(value: object) -> float | None:
    """The grade that a value states: 1 right, 0 wrong, a share for partly right, None for neither.

    Raises:
        KeyError: The value is not a grade.

    Example:
        >>> [grade(v) for v in (True, 0, "C", " failed ", "P", "timeout")]
        [1.0, 0.0, 1.0, 0.0, 0.5, None]
    """
    if isinstance(value, bool | int | float) and value in {0, 1}:
        return float(value)
    if isinstance(value, str):
        return _VALUES[value.strip().casefold()]
    raise KeyError(value)


def all_grades(values: Iterable[object]) -> bool:
    """Whether every value is a grade, at least one of them *right* or *wrong*.

    Example:
        >>> all_grades(["C", "I", "I"]), all_grades(["A", "B", "C"]), all_grades(["error"])
        (True, False, False)
        >>> all_grades(["y", "x"])
        False
    """
    try:
        grades = [grade(value) for value in values]  # all of them, before any is judged
    except KeyError:
        return False
    return any(value is not None for value in grades)
