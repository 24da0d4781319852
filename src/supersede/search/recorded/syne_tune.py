"""Experiments of Syne Tune: the folder, or its ``results.csv.zip``, beside ``metadata.json``.

Parameters have the prefix ``config_``. A trial has one row per report; the last one counts. The
metadata name the metric, its direction and the searched ranges. The status in a row is that at the time
of the report, so a trial that ended is "InProgress" in its last row: trials with fewer reports than the
longest were stopped early, and count as pruned.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from supersede.errors import HistoryError
from supersede.search.recorded.cells import at_line, text_of
from supersede.search.recorded.columns import number
from supersede.search.recorded.files import Table
from supersede.search.recorded.log import Log, Row, Wanted, direction, metric
from supersede.search.stopping import Categorical, Float, Int, Parameter, State

__all__ = ["SyneTune"]

_PARAM = "config_"
_PRUNED = {"Stopped", "Stopping", "Paused"}
_DECIDED = {"STOP", "PAUSE"}


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
            n for n in table.names if n and n != "trial_id" and not n.startswith((_PARAM, "st_"))
        ]
        told = [str(name) for name in table.about.get("metric_names", []) if name in plain]
        if wanted.value is None and len(told) == 1:
            wanted = Wanted(told[0], wanted.maximize, wanted.parameters)
        value = metric(wanted, plain, self.name)
        last: dict[str, tuple[int, float, Mapping[str, str]]] = {}
        counts: Counter[str] = Counter()
        for i, row in enumerate(table.rows):
            with at_line(i + 2, table.path):
                at = number(row["st_tuner_time"])
                if at is None:
                    msg = "st_tuner_time is empty, so reports cannot be ordered in time"
                    raise HistoryError(msg)
                counts[row["trial_id"]] += 1
                known = last.get(row["trial_id"])
                if known is None or at >= known[1]:
                    last[row["trial_id"]] = (i, at, row)
        longest = max(counts.values())
        rows = []
        for trial, (i, at, row) in last.items():
            with at_line(i + 2, table.path):
                rows.append(
                    Row(
                        {name: text_of(row, _PARAM + name) for name in marked},
                        number(row.get(value)),
                        _state(row, short=counts[trial] < longest),
                        at,
                        number(row.get("st_worker_time")),
                    )
                )
        pruned = sum(row.state == State.PRUNED for row in rows)
        notes = [f"the last of up to {longest} reports counts for each trial"]
        notes += [f"{pruned} that were stopped early count as pruned"] if pruned else []
        maximize = direction(wanted, value, _maximized(table.about, value))
        space = _space(table.about, marked)
        return Log(self.name, value, maximize, tuple(rows), tuple(notes), space)


def _state(row: Mapping[str, str], *, short: bool) -> State:
    status = row.get("st_status", "").removeprefix("Status.")
    if status == "Failed":
        return State.FAILED
    stopped = status in _PRUNED or row.get("st_decision") in _DECIDED
    return State.PRUNED if short or stopped else State.COMPLETE


def _space(about: Mapping[str, Any], names: Sequence[str]) -> dict[str, Parameter]:
    """The ranges that the metadata declare for these parameters; constants have none."""
    try:
        declared = json.loads(about.get("config_space", "{}"))
    except (TypeError, ValueError):
        return {}
    found: dict[str, Parameter] = {}
    for name in names:
        domain = declared.get(name)
        if not isinstance(domain, dict):
            continue
        kind, told = domain.get("domain_cls"), domain.get("domain_kwargs", {})
        log = "Log" in str(domain.get("sampler_cls"))
        if kind == "Categorical":
            found[name] = Categorical(tuple(map(str, told["categories"])))
        elif kind == "Integer":
            found[name] = Int(told["lower"], told["upper"], log)
        elif kind == "Float":
            found[name] = Float(told["lower"], told["upper"], log)
    return found


def _maximized(about: Mapping[str, Any], value: str) -> bool | None:
    """The direction in the metadata: one for all metrics, or one per metric."""
    mode, names = about.get("metric_mode"), list(about.get("metric_names", []))
    if isinstance(mode, list):
        mode = mode[names.index(value)] if value in names and len(mode) == len(names) else None
    return {"min": False, "max": True}.get(str(mode))
