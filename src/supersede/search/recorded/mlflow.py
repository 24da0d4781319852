"""Runs of MLflow, as ``mlflow.search_runs(…).to_csv`` and the page's *Download CSV* write them.

``search_runs`` marks parameters (``params.``) and metrics (``metrics.``) and lists the newest run
first. A run that only contains others, such as the one around a search, is left out.
"""

from supersede.errors import HistoryError
from supersede.search.recorded.cells import at_line, text_of
from supersede.search.recorded.columns import moment, number
from supersede.search.recorded.files import Table
from supersede.search.recorded.log import Log, Row, Wanted, direction, metric
from supersede.search.stopping import State

__all__ = ["MLflow"]

_PARAM, _METRIC, _PARENT = "params.", "metrics.", "tags.mlflow.parentRunId"
_STATES = {
    "FINISHED": State.COMPLETE,
    "FAILED": State.FAILED,
    "KILLED": State.FAILED,
    "RUNNING": State.PENDING,
    "SCHEDULED": State.PENDING,
}


class MLflow:
    """The reader."""

    name = "MLflow"
    flag = "mlflow"

    def recognises(self, table: Table) -> bool:
        """By its columns of runs."""
        names = set(table.names)
        return {"run_id", "status"} <= names or {"Run ID", "Start Time", "Status"} <= names

    def read(self, table: Table, wanted: Wanted) -> Log:
        """The runs, in the order in which they ended."""
        if "run_id" not in table.names:
            msg = (
                "the page's download does not tell parameters from metrics; write the runs with"
                " mlflow.search_runs(experiment_names=[…]).to_csv('runs.csv', index=False)"
            )
            raise HistoryError(msg)
        metrics = [n.removeprefix(_METRIC) for n in table.names if n.startswith(_METRIC)]
        if wanted.value is not None:
            wanted = Wanted(wanted.value.removeprefix(_METRIC), wanted.maximize, wanted.parameters)
        value = metric(wanted, metrics, self.name)
        named = [n.removeprefix(_PARAM) for n in wanted.parameters]
        marked = named or [n.removeprefix(_PARAM) for n in table.names if n.startswith(_PARAM)]
        parents = set(table.column(_PARENT))
        rows = []
        for i, row in enumerate(table.rows):
            if row["run_id"] in parents:
                continue
            with at_line(i + 2, table.path):
                state = _STATES.get(row["status"].strip())
                if state is None:
                    msg = f"got the status {row['status']!r}; expected {', '.join(_STATES)}"
                    raise HistoryError(msg)
                start, end = moment(row.get("start_time")), moment(row.get("end_time"))
                rows.append(
                    Row(
                        {name: text_of(row, _PARAM + name) for name in marked},
                        number(row.get(_METRIC + value)),
                        state,
                        end,
                        None if start is None or end is None else end - start,
                    )
                )
        away = len(table.rows) - len(rows)
        notes = (f"{away} runs that contain others are left out",) if away else ()
        return Log(self.name, value, direction(wanted, value), tuple(rows), notes)
