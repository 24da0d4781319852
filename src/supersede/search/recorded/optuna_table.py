"""Trials of Optuna as ``study.trials_dataframe().to_csv`` writes them.

Parameters have the prefix ``params_``. The table does not hold the study's direction; the study
itself does, and its storage is the better source (``--storage``).
"""

from supersede.errors import HistoryError
from supersede.search.recorded.cells import at_line, text_of
from supersede.search.recorded.columns import moment, number
from supersede.search.recorded.files import Table
from supersede.search.recorded.log import Log, Row, Wanted, direction
from supersede.search.stopping import State

__all__ = ["OptunaTable"]

_PARAM = "params_"
_STATES = {
    "COMPLETE": State.COMPLETE,
    "PRUNED": State.PRUNED,
    "FAIL": State.FAILED,
    "RUNNING": State.PENDING,
    "WAITING": State.PENDING,
}


class OptunaTable:
    """The reader."""

    name = "Optuna"
    flag = "optuna"

    def recognises(self, table: Table) -> bool:
        """By its columns of numbers, states and completion."""
        return {"number", "state", "datetime_complete"} <= set(table.names)

    def read(self, table: Table, wanted: Wanted) -> Log:
        """The trials, in the order in which they ended."""
        several = [n for n in table.names if n.startswith("values_")]
        if several:
            msg = f"the study has {len(several)} objectives; expected one, since there is no single best value"
            raise HistoryError(msg)
        named = [n.removeprefix(_PARAM) for n in wanted.parameters]
        marked = named or [n.removeprefix(_PARAM) for n in table.names if n.startswith(_PARAM)]
        rows = []
        for i, row in enumerate(table.rows):
            with at_line(i + 2, table.path):
                state = _STATES.get(row["state"].removeprefix("TrialState."))
                if state is None:
                    msg = f"got the state {row['state']!r}; expected {', '.join(_STATES)}"
                    raise HistoryError(msg)
                start, end = moment(row.get("datetime_start")), moment(row["datetime_complete"])
                rows.append(
                    Row(
                        {name: text_of(row, _PARAM + name) for name in marked},
                        number(row.get("value")) if state == State.COMPLETE else None,
                        state,
                        end,
                        None if start is None or end is None else end - start,
                    )
                )
        return Log(self.name, "value", direction(wanted, "value"), tuple(rows))
