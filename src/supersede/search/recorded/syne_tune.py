"""Experiments of Syne Tune: the folder, or its ``results.csv.zip``, beside ``metadata.json``.

Parameters have the prefix ``config_``. A trial has one row per report; the last one counts. The
metadata name the metric and its direction.
"""

from collections.abc import Mapping
from typing import Any

from supersede.errors import HistoryError
from supersede.search.recorded.cells import at_line, text_of
from supersede.search.recorded.columns import number
from supersede.search.recorded.files import Table
from supersede.search.recorded.log import Log, Row, Wanted, direction, metric
from supersede.search.stopping import State

__all__ = ["SyneTune"]

_PARAM = "config_"
_STATES = {
    "Completed": State.COMPLETE,
    "Stopped": State.PRUNED,
    "Stopping": State.PRUNED,
    "Paused": State.PRUNED,
    "Failed": State.FAILED,
    "InProgress": State.PENDING,
    "In_progress": State.PENDING,
}


class SyneTune:
    """The reader."""

    name = "Syne Tune"
    flag = "syne-tune"

    def recognises(self, table: Table) -> bool:
        """By its columns of decisions and times."""
        return {"trial_id", "st_tuner_time"} <= set(table.names)

    def read(self, table: Table, wanted: Wanted) -> Log:
        """The trials, in the order in which they ended."""
        named = [n.removeprefix(_PARAM) for n in wanted.parameters]
        marked = named or [n.removeprefix(_PARAM) for n in table.names if n.startswith(_PARAM)]
        plain = [
            n for n in table.names
            if n and n != "trial_id" and not n.startswith((_PARAM, "st_"))
        ]  # fmt: skip
        told = [str(name) for name in table.about.get("metric_names", []) if name in plain]
        if wanted.value is None and len(told) == 1:
            wanted = Wanted(told[0], wanted.maximize, wanted.parameters)
        value = metric(wanted, plain, self.name)
        last: dict[str, tuple[int, float, Mapping[str, str]]] = {}
        decided: dict[str, str] = {}
        for i, row in enumerate(table.rows):
            with at_line(i + 2, table.path):
                at = number(row["st_tuner_time"])
                if at is None:
                    msg = "st_tuner_time is empty, so reports cannot be ordered in time"
                    raise HistoryError(msg)
                known = last.get(row["trial_id"])
                if known is None or at >= known[1]:
                    last[row["trial_id"]] = (i, at, row)
                    decided[row["trial_id"]] = row.get("st_decision", "")
        rows = []
        for trial, (i, at, row) in last.items():
            with at_line(i + 2, table.path):
                rows.append(
                    Row(
                        {name: text_of(row, _PARAM + name) for name in marked},
                        number(row.get(value)),
                        _state(row, decided[trial]),
                        at,
                        number(row.get("st_worker_time")),
                    )
                )
        reports = len(table.rows)
        notes = (f"the last of {reports} reports counts for each trial",)
        return Log(
            self.name,
            value,
            direction(wanted, value, _maximized(table.about, value)),
            tuple(rows),
            notes,
        )


def _state(row: Mapping[str, str], decision: str) -> State:
    if decision == "STOP":
        return State.PRUNED
    status = row.get("st_status", "Completed").removeprefix("Status.").capitalize() or "Completed"
    found = _STATES.get(status)
    if found is None:
        msg = f"got the status {row['st_status']!r}; expected {', '.join(_STATES)}"
        raise HistoryError(msg)
    return found


def _maximized(about: Mapping[str, Any], value: str) -> bool | None:
    """The direction in the metadata: one for all metrics, or one per metric."""
    mode, names = about.get("metric_mode"), list(about.get("metric_names", []))
    if isinstance(mode, list):
        mode = mode[names.index(value)] if value in names and len(mode) == len(names) else None
    return {"min": False, "max": True}.get(str(mode))
