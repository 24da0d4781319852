"""A CSV file of one's own: a column of values, and one column per parameter.

Rows are in the order in which trials ended. Known columns: ``fold_0``, ``fold_1``, … (scores of the
folds), ``standard_error``, ``seconds``, ``state``, ``trial``, ``number``, ``test``. Other columns are
parameters, unless they look like something else; then the parameters must be named.
"""

from collections.abc import Mapping

from supersede.errors import HistoryError, MissingColumnError
from supersede.search.recorded.cells import text_of
from supersede.search.recorded.columns import doubtful, follows, number
from supersede.search.recorded.files import Table
from supersede.search.recorded.log import Log, Row, Wanted
from supersede.search.stopping import State

__all__ = ["PlainTable"]

_KNOWN = {"standard_error", "seconds", "state", "trial", "number", "test"}
_STATES = {"fail": "failed", "running": "pending"}


class PlainTable:
    """The reader."""

    name = "a table"
    flag = "csv"

    def recognises(self, table: Table) -> bool:
        """Any table."""
        return bool(table.names)

    def read(self, table: Table, wanted: Wanted) -> Log:
        """The trials, in the order of the rows; smaller values are better unless it is said."""
        value = wanted.value or "value"
        if value not in table.names:
            raise MissingColumnError.of(
                value, list(table.names), "the values of the trials", "or name the column: --value"
            )
        folds = [n for n in table.names if n.startswith("fold_") and n[5:].isdigit()]
        others = [n for n in table.names if n and n not in {*_KNOWN, value, *folds}]
        if not wanted.parameters:
            values = table.column(value)
            doubts = [d for n in others if (d := _doubt(n, table, values, alone=len(others) == 1))]
            if doubts:
                msg = (
                    f"{table.path.name}: not every column is a parameter: {'; '.join(doubts[:4])}. Name the"
                    " parameters with --param, once each, or say which tool wrote the file with --from"
                )
                raise HistoryError(msg)
        rows = []
        for i, row in enumerate(table.rows):
            line = i + 2
            state = (row.get("state") or "complete").strip().lower()
            state = _STATES.get(state, state)
            if state not in set(State):
                msg = f"line {line}: got the state {state!r}; expected {', '.join(State)}"
                raise HistoryError(msg)
            scores = [_cell(row, fold, line) for fold in folds]
            present = [score for score in scores if score is not None]
            rows.append(
                Row(
                    {n: text_of(row, n) for n in wanted.parameters or others},
                    _cell(row, value, line),
                    State(state),
                    seconds=_cell(row, "seconds", line),
                    folds=present if len(present) > 1 else None,
                    standard_error=_cell(row, "standard_error", line),
                )
            )
        return Log(self.name, value, bool(wanted.maximize), tuple(rows))


def _doubt(name: str, table: Table, values: list[str], *, alone: bool) -> str | None:
    """Why a column is perhaps not a parameter; a single column is one, however the values follow it."""
    column = table.column(name)
    return doubtful(name, column) or (None if alone else follows(name, column, values))


def _cell(row: Mapping[str, str], name: str, line: int) -> float | None:
    text = (row.get(name) or "").strip()
    try:
        return number(text)
    except ValueError:
        msg = f"line {line}, column {name!r}: got {text!r}; expected a number, or an empty cell"
        raise HistoryError(msg) from None
