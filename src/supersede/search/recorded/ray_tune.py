"""Trials of Ray Tune: ``ResultGrid.get_dataframe().to_csv``, or the folder of the experiment.

Parameters have the prefix ``config/``. A trial has one row per report; the last one counts. Trials
with fewer iterations than the longest were stopped early and count as pruned.
"""

from collections.abc import Mapping

from supersede.errors import HistoryError
from supersede.search.recorded.cells import at_line, text_of
from supersede.search.recorded.columns import moment, number
from supersede.search.recorded.files import Table
from supersede.search.recorded.log import Log, Row, Wanted, direction, metric
from supersede.search.stopping import State

__all__ = ["RayTune"]

_PARAM = "config/"
_OWN = {
    "timestamp",
    "checkpoint_dir_name",
    "done",
    "training_iteration",
    "trial_id",
    "date",
    "pid",
    "time_this_iter_s",
    "time_total_s",
    "hostname",
    "node_ip",
    "time_since_restore",
    "error",
    "iterations_since_restore",
    "logdir",
    "should_checkpoint",
    "experiment_tag",
    "experiment_id",
    "timesteps_since_restore",
    "timesteps_total",
    "episodes_total",
    "warmup_time",
}


class RayTune:
    """The reader."""

    name = "Ray Tune"
    flag = "ray"

    def recognises(self, table: Table) -> bool:
        """By its columns of trials."""
        return {"trial_id", "training_iteration"} <= set(table.names)

    def read(self, table: Table, wanted: Wanted) -> Log:
        """The trials, in the order in which they ended."""
        marked = [n.removeprefix(_PARAM) for n in table.names if n.startswith(_PARAM)]
        named = [n.removeprefix(_PARAM) for n in wanted.parameters]
        if not marked:
            msg = (
                "no column has the prefix 'config/': the progress of one trial is not a search; pass"
                " the folder of the experiment, or ResultGrid.get_dataframe() as CSV"
            )
            raise HistoryError(msg)
        plain = [n for n in table.names if n and n not in _OWN and not n.startswith(_PARAM)]
        measured = [n for n in plain if _numeric(table.column(n))]
        value = metric(wanted, measured, self.name)
        last: dict[str, tuple[int, Mapping[str, str]]] = {}
        for i, row in enumerate(table.rows):
            with at_line(i + 2, table.path):
                known = last.get(row["trial_id"])
                if known is None or _iteration(row) >= _iteration(known[1]):
                    last[row["trial_id"]] = (i, row)
        longest = max(_iteration(row) for _, row in last.values())
        rows, short = [], 0
        for i, row in last.values():
            with at_line(i + 2, table.path):
                state = State.COMPLETE
                if row.get("error"):
                    state = State.FAILED
                elif _iteration(row) < longest:
                    state, short = State.PRUNED, short + 1
                rows.append(
                    Row(
                        {name: text_of(row, _PARAM + name) for name in named or marked},
                        number(row.get(value)),
                        state,
                        moment(row.get("timestamp")),
                        number(row.get("time_total_s")),
                    )
                )
        notes = (f"{short} with fewer than {longest} iterations count as pruned",) if short else ()
        return Log(self.name, value, direction(wanted, value), tuple(rows), notes)


def _iteration(row: Mapping[str, str]) -> int:
    return int(number(row["training_iteration"]) or 0)


def _numeric(texts: list[str]) -> bool:
    try:
        return any(number(text) is not None for text in texts)
    except ValueError:
        return False
