"""A search's history from a CSV file."""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from supersede.errors import HistoryError, MissingColumnError
from supersede.search.stopping import (
    Categorical,
    Float,
    History,
    Int,
    Parameter,
    Space,
    State,
    Trial,
)

__all__ = ["read_csv"]


def read_csv(path: Path, *, value: str = "value", maximize: bool = False) -> History:
    """A history from a CSV file; each parameter's range is that of its column.

    Args:
        path: A file with a header.
        value: The column of values.
        maximize: Whether larger values are better.

    Returns:
        The trials, in the order of the rows.

    Raises:
        HistoryError: The file is missing, empty, or a number in it cannot be read.
        MissingColumnError: It has no column of values.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            rows, names = list(reader), list(reader.fieldnames or [])
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        msg = f"cannot read {path}: {problem}; for an Optuna study, pass --storage as well"
        raise HistoryError(msg) from problem
    if value not in names:
        raise MissingColumnError.of(
            value, names, "the values of the trials", "or name the column: --value"
        )
    if not rows:
        msg = f"{path} has no rows; expected one per trial"
        raise HistoryError(msg)
    folds = [n for n in names if n.startswith("fold_") and n[5:].isdigit()]
    known = {value, "standard_error", "seconds", "state", "trial", "number", "test", *folds}
    parameters = {n: _parameter([row[n] for row in rows]) for n in names if n and n not in known}
    trials = [_trial(row, i + 2, value, folds, parameters) for i, row in enumerate(rows)]
    return History(Space(parameters), tuple(trials), maximize)


def _trial(
    row: Mapping[str, str],
    line: int,
    value: str,
    folds: Sequence[str],
    parameters: Mapping[str, Parameter],
) -> Trial:
    state = (row.get("state") or "complete").strip().lower()
    state = {"fail": "failed", "running": "pending"}.get(state, state)
    if state not in set(State):
        msg = f"line {line}: got the state {state!r}; expected {', '.join(State)}"
        raise HistoryError(msg)
    scores = [_number(row, fold, line) for fold in folds]
    present = [score for score in scores if score is not None]
    return Trial(
        {n: _value(row[n], parameters[n]) for n in parameters if row[n] not in ("", None)},
        _number(row, value, line),
        folds=present if len(present) > 1 else None,
        standard_error=_number(row, "standard_error", line),
        seconds=_number(row, "seconds", line),
        state=State(state),
    )


def _number(row: Mapping[str, str], name: str, line: int) -> float | None:
    text = (row.get(name) or "").strip()
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        msg = f"line {line}, column {name!r}: got {text!r}; expected a number, or an empty cell"
        raise HistoryError(msg) from None


def _parameter(texts: Sequence[str | None]) -> Parameter:
    """The parameter type of a column's texts: integers, numbers, or choices."""
    present = [text.strip() for text in texts if text not in ("", None)]
    try:
        numbers = [float(text) for text in present]
        if not numbers or not all(map(math.isfinite, numbers)):
            raise ValueError
    except ValueError:
        return Categorical(tuple(dict.fromkeys(present)) or ("",))
    low, high = min(numbers), max(numbers)
    # a range of three powers of ten or more is conventionally searched on a logarithmic scale
    log = low > 0 and high / low >= 1000
    if all(text.lstrip("+-").isdigit() for text in present):
        return Int(int(low), int(high), log)
    return Float(low, high, log)


def _value(text: str, parameter: Parameter) -> object:
    return text.strip() if isinstance(parameter, Categorical) else float(text)
