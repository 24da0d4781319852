"""From runs to the wide table: one row per item, and per run its answer, grade or score."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from supersede.errors import ArgumentError, ColumnTypeError
from supersede.table.grades import NO_ANSWER
from supersede.table.outcomes import Judge, Losses, Outcome, Right, Runs, Scores
from supersede.table.runs.attempt import Attempt
from supersede.table.runs.choose import UNANSWERED, Metric, points
from supersede.table.runs.run import Run

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ITEM", "LABEL", "Counted", "as_text", "count_attempts", "wide_table"]

ITEM, LABEL = "item", "label"
_LABEL_NAMES = (
    "label",
    "y",
    "y_true",
    "target",
)  # metadata of these names is not a label of the table


@dataclass
class Counted:
    """What came of the attempts of one run at one item.

    Attributes:
        attempts: How many there were; an item that the run lacks counts as one.
        lost: Those without an answer.
        ungraded: Those with an answer that nobody graded.
        total: The sum of what the others got: 1 for a right one, or their scores.
    """

    attempts: int
    lost: int = 0
    ungraded: int = 0
    total: float = 0.0

    @property
    def graded(self) -> int:
        """How many attempts were graded."""
        return self.attempts - self.lost - self.ungraded


def count_attempts(
    run: Run, items: Sequence[object], metric: Metric, outcome: Outcome | None
) -> dict[object, Counted]:
    """Count the attempts at each item.

    Args:
        run: The run.
        items: The items.
        metric: What grades them.
        outcome: How the metric's values are read, where the caller says it.

    Returns:
        The counts by item.

    Raises:
        ArgumentError: The outcome is none of a metric.
        ColumnTypeError: A value is not a grade, or not a number where one is needed.
    """
    if metric.name is not None and not isinstance(outcome, Judge | Losses | Right | Scores | None):
        kind = type(outcome).__name__
        msg = (
            f"run {run.name!r} is graded by {metric.name!r}, of which {kind} says nothing; to compare"
            " answers with labels instead, name their column: --answer COLUMN"
        )
        raise ArgumentError(msg)
    found = {}
    for item in items:
        attempts = run.items.get(item, ())
        counted = found[item] = Counted(attempts=max(len(attempts), 1), lost=int(not attempts))
        for attempt in attempts:
            said = _said(attempt, metric, outcome)
            if said is UNANSWERED:
                counted.lost += 1
            elif said is None:
                counted.ungraded += 1
            else:
                counted.total += said
    return found


def _said(attempt: Attempt, metric: Metric, outcome: Outcome | None) -> Any:
    if attempt.error is not None or attempt.skipped:
        return UNANSWERED
    if metric.name is None:
        if attempt.answer is None or attempt.answer == "":
            return UNANSWERED
        return None if attempt.label is None else float(_same(attempt.answer, attempt.label))
    value = attempt.grades.get(metric.name)
    if isinstance(outcome, Judge | Losses):
        return _number(value, metric.name)
    return points(value, metric.name, outcome.threshold if isinstance(outcome, Scores) else None)


def _same(answer: object, label: object) -> bool:
    return answer == label or as_text(answer) == as_text(label)


def as_text(value: object) -> str | None:
    """A value as text, 1.0 as 1; None where there is none.

    Example:
        >>> as_text(1.0), as_text("1"), as_text(None)
        ('1', '1', None)
    """
    whole = isinstance(value, float) and value.is_integer()
    return None if value is None else str(int(value) if whole else value)  # type: ignore[call-overload]


def _number(value: object, metric: str) -> Any:
    if isinstance(value, str) and value.strip().casefold() in NO_ANSWER:
        return UNANSWERED
    if value is None or value != value:  # NaN
        return None
    if isinstance(value, int | float):
        return float(value)
    graded = points(value, metric, None)
    if graded is None or graded is UNANSWERED:
        return graded
    msg = f"metric {metric!r} says {value!r}, and a number is wanted; name another: --metric NAME"
    raise ColumnTypeError(msg)


def wide_table(
    runs: Sequence[Run],
    items: Sequence[object],
    counts: Mapping[str, Mapping[object, Counted]],
    metric: Metric,
    outcomes: Mapping[str, Outcome],
    missing: str,
) -> "tuple[pa.Table, dict[str, str | Outcome]]":
    """The wide table, and how each run's columns are graded.

    Args:
        runs: The runs.
        items: The items that are kept.
        counts: What came of their attempts, by run and item.
        metric: What grades them.
        outcomes: What the caller says of each run's values.
        missing: What a missing answer counts as.

    Returns:
        One row per item: its id, a column for each run (two for several attempts), the label where
        answers are compared with it, and anything else that is known of the item.
    """
    import pyarrow as pa

    columns: dict[str, list[Any]] = {ITEM: list(items)}
    models: dict[str, str | Outcome] = {}
    several = any(run.repeats(item) for run in runs for item in items)
    if several and not any(isinstance(o, Judge | Losses) for o in outcomes.values()):
        if metric.name is None:
            _refuse_strange_answers(counts, items)
        for name, found in counts.items():
            kept = [found[item] for item in items]
            tried = [c.graded + (0 if missing == "drop" else c.lost) for c in kept]
            columns |= {f"{name} right": [round(c.total) for c in kept], f"{name} runs": tried}
            models[name] = Runs(f"{name} right", f"{name} runs")
    elif metric.name is None:
        said = [[_answer(run, item) for item in items] for run in runs]
        *answers, truth = _alike([*said, [_first_label(runs, item) for item in items]])
        for run, values in zip(runs, answers, strict=True):
            columns[run.name] = values
            outcome = outcomes.get(run.name)
            models[run.name] = _of_column(outcome, run.name) if outcome else run.name
        if any(value is not None for value in truth):
            columns[LABEL] = truth
    else:
        for name, found in counts.items():
            outcome = outcomes.get(name)
            numeric = isinstance(outcome, Judge | Losses)
            columns[name] = [_value(found[item], numeric, missing) for item in items]
            models[name] = _of_column(outcome, name) if outcome and numeric else Right(name)
    taken = {name.casefold() for name in (*columns, *_LABEL_NAMES)}
    for name, values in _known(runs, items).items():
        free = name
        while free.casefold() in taken:
            free += " (metadata)"
        taken.add(free.casefold())
        columns[free] = values
    return pa.table({name: _array(values) for name, values in columns.items()}), models


def _of_column(outcome: Outcome, column: str) -> Outcome:
    return replace(outcome, column=column)  # type: ignore[type-var]


def _value(counted: Counted, numeric: bool, missing: str) -> float | int | None:
    """The grade or the mean score; none where there is none, or not all of it."""
    if numeric:
        whole = counted.graded and not (counted.lost and missing != "drop")
        return counted.total / counted.graded if whole else None
    if counted.graded:
        return int(counted.total)
    return 0 if counted.lost and missing == "wrong" else None


def _refuse_strange_answers(
    counts: Mapping[str, Mapping[object, Counted]], items: Sequence[object]
) -> None:
    if not any(found[item].total for found in counts.values() for item in items):
        msg = (
            "no answer of any run ever equals its label, over several attempts at each item; name a"
            " column of grades instead (--metric COLUMN), or another label (--label COLUMN)"
        )
        raise ArgumentError(msg)


def _answer(run: Run, item: object) -> object:
    attempts = run.items.get(item, ())
    return attempts[0].answer if attempts and attempts[0].error is None else None


def _first_label(runs: Sequence[Run], item: object) -> object:
    said = (a.label for run in runs for a in run.items.get(item, ()))
    return next((label for label in said if label is not None), None)


def _known(runs: Sequence[Run], items: Sequence[object]) -> dict[str, list[object]]:
    """What is known of the items, from the first run that knows it."""
    known: list[dict[str, object]] = []
    for item in items:
        found: dict[str, object] = {}
        for run in reversed(runs):
            for attempt in run.items.get(item, ())[:1]:
                found |= attempt.groups
        known.append(found)
    names = dict.fromkeys(name for found in known for name in found)
    return {name: [found.get(name) for found in known] for name in names}


def _alike(columns: Sequence[Sequence[object]]) -> list[list[object]]:
    """Columns of one type: text, where any value of any of them is text."""
    kinds = {type(value) for column in columns for value in column if value is not None}
    if len(kinds) <= 1:
        return [list(column) for column in columns]
    if kinds <= {bool, int, float}:
        return [[int(v) if isinstance(v, bool) else v for v in column] for column in columns]
    return [[as_text(v) for v in column] for column in columns]


def _array(values: Sequence[object]) -> "pa.Array":
    import pyarrow as pa

    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pa.array([None if v is None else str(v) for v in values])
