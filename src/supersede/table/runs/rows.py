"""Rows whose columns have no fixed names: which column is the item, the answer, the grade.

What the user names wins. Otherwise columns are found by name, exactly, and a file in which two
columns could be the same thing is refused, with the flag that decides.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from supersede.errors import ArgumentError, EmptyTableError, MissingColumnError
from supersede.table.runs.attempt import Attempt, RunColumns, RunLog, fingerprint

__all__ = ["flat", "found_columns", "read_rows"]

_ITEM = ("item", "item_id", "id", "example_id", "sample_id", "question_id", "instance_id", "doc_id",
         "case_id", "test_id", "uid")  # fmt: skip
_LABEL = ("label", "y", "y_true", "target", "targets", "expected", "expected_output", "gold",
          "ground_truth", "reference")  # fmt: skip
_ANSWER = ("prediction", "pred", "predicted", "y_pred", "answer", "output", "outputs", "response",
           "completion")  # fmt: skip
_GRADE = ("correct", "is_correct", "right", "passed", "pass", "resolved", "grade", "verdict")
_MAYBE_GRADE = ("success", "outcome", "result", "status")  # often of the call, not of the answer
_SCORE = ("score", "probability", "proba")
_ATTEMPT = ("attempt", "epoch", "trial", "repeat", "repetition")
_BY = ("model", "model_name", "model_id", "system", "version", "run", "provider")
_QUESTION = ("question", "prompt", "input", "inputs", "query")
_ERROR = ("error", "exception")
_METRIC_PARTS = ("scores.", "metrics.", "score.", "grades.")


def flat(row: Mapping[str, Any], at: str = "") -> dict[str, Any]:
    """A nested record with its keys joined by dots.

    Example:
        >>> flat({"id": 1, "scores": {"exact": True}, "tags": ["a"]})
        {'id': 1, 'scores.exact': True, 'tags': ['a']}
    """
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{at}{name}.")
        else:
            found[f"{at}{name}"] = value
    return found


def found_columns(
    there: Sequence[str], columns: RunColumns
) -> tuple[str | None, str | None, str | None]:
    """Item, label and answer among columns, as far as they are named or can be found by name.

    Example:
        >>> found_columns(["id", "y", "pred", "site"], RunColumns())
        ('id', 'y', 'pred')
    """
    answers = _answers(there)
    return (
        columns.item or _first(_ITEM, there),
        columns.label or _first(_LABEL, there),
        columns.answer or (answers[0] if len(answers) == 1 else None),
    )


def read_rows(
    rows: Sequence[Mapping[str, Any]], columns: RunColumns, *, tool: str, name: str
) -> RunLog:
    """The attempts of plain rows.

    Args:
        rows: The rows, flat.
        columns: What the user named.
        tool: What to call the format.
        name: The source's name, for messages.

    Returns:
        The log.

    Raises:
        EmptyTableError: There are no rows.
        MissingColumnError: No column of items is there, or a named one is not.
        ArgumentError: Two columns could be the same thing.
    """
    if not rows:
        msg = f"{name} has no rows; nothing can be reviewed"
        raise EmptyTableError(msg)
    there = list(dict.fromkeys(column for row in rows for column in row))
    for flag, column in vars(columns).items():
        if column is not None and column not in there and flag != "metric":
            raise MissingColumnError.of(column, there, f"--{flag} in {name}")
    item, label, _ = found_columns(there, columns)
    question = _first(_QUESTION, there)
    if item is None and question is None:
        listed = ", ".join(map(repr, there[:20]))
        msg = f"{name}: no column of item ids is found (it has: {listed}); name it: --item COLUMN"
        raise MissingColumnError(msg)
    by = columns.by or _telling_apart(rows, _first(_BY, there), item or question)
    attempt = columns.attempt or _first(_ATTEMPT, there)
    error = _first(_ERROR, there)
    answer = None if columns.metric else columns.answer or _only_answer(there, name)
    metrics = [] if columns.answer else _metrics(columns, there, answer, label)
    _refuse_doubtful(columns, there, name, found=bool(metrics) or None not in {answer, label})
    used = {item, label, by, attempt, error, question, answer, *metrics}
    groups = [column for column in there if column not in used]
    return RunLog(
        tool=tool,
        attempts=[
            Attempt(
                item=None if item is None else _plain(row.get(item)),
                grades={m: row[m] for m in metrics if row.get(m) is not None},
                answer=None if answer is None or metrics else _plain(row.get(answer)),
                label=None if label is None else _plain(row.get(label)),
                groups=_groups(row, groups),
                question=_question(row, item, question),
                error=_words(row.get(error)) if error else None,
                model=None if by is None or row.get(by) is None else str(row[by]),
            )
            for row in rows
        ],
        repeats=attempt is not None,
    )


def _first(names: Iterable[str], there: Sequence[str]) -> str | None:
    folded = {column.casefold(): column for column in reversed(there)}
    return next((folded[name] for name in names if name in folded), None)


def _telling_apart(
    rows: Sequence[Mapping[str, Any]], by: str | None, item: str | None
) -> str | None:
    """The column of models, where it has several values for one item; otherwise it is a group."""
    first: dict[str, object] = {}
    if by is not None and item is not None:
        for row in rows:
            if first.setdefault(str(row.get(item)), row.get(by)) != row.get(by):
                return by
    return None


def _refuse_doubtful(columns: RunColumns, there: Sequence[str], name: str, *, found: bool) -> None:
    doubtful = _first(_MAYBE_GRADE, there)
    if doubtful is not None and not found and not (columns.metric or columns.answer):
        msg = (
            f"{name}: column {doubtful!r} may say whether the answer is right, or whether the call"
            f" went through; if it is a grade, say --metric {doubtful}"
        )
        raise ArgumentError(msg)


def _answers(there: Sequence[str]) -> list[str]:
    return [
        column
        for column in there
        if (name := column.casefold()) in _ANSWER
        or name.startswith(("pred_", "prediction_"))
        or name.endswith(("_pred", "_prediction"))
    ]


def _only_answer(there: Sequence[str], name: str) -> str | None:
    found = _answers(there)
    if len(found) > 1:
        listed = ", ".join(map(repr, found))
        msg = f"{name}: {listed} could all be the model's answer; name one: --answer COLUMN"
        raise ArgumentError(msg)
    return found[0] if found else None


def _metrics(
    columns: RunColumns, there: Sequence[str], answer: str | None, label: str | None
) -> list[str]:
    if columns.metric is not None and columns.metric in there:
        return [columns.metric]
    found = [
        column
        for column in there
        if column.casefold() in _GRADE or column.casefold().startswith(_METRIC_PARTS)
    ]
    if found or (answer is not None and label is not None):
        return found
    return [column for column in there if column.casefold() in _SCORE]


def _question(row: Mapping[str, Any], item: str | None, question: str | None) -> str | None:
    if question is None or row.get(question) is None:
        return None
    return fingerprint(row[question]) if item is not None else str(row[question])


def _groups(row: Mapping[str, Any], names: Sequence[str]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name in names:
        value = row.get(name)
        if isinstance(value, list) and all(isinstance(part, str) for part in value):
            value = ", ".join(sorted(value))
        if isinstance(value, bool | int | float | str):
            found[name] = value
    return found


def _plain(value: Any) -> Any:
    """The value; a NaN is none."""
    if isinstance(value, float) and value != value:
        return None
    return value


def _words(error: object) -> str | None:
    if isinstance(error, int | float) and not isinstance(error, bool):
        return None  # an error that is measured, such as a word error rate
    if error in (None, False, "", [], {}):
        return None
    return str(error).strip().split("\n")[0] or None
