"""Runs of Weights & Biases: the table exported from its page, or from its API.

The page's table has no prefixes, so the parameters must be named. The table of the documented API
recipe has the columns ``summary`` and ``config``, each a dictionary per run. Both list the newest
run first.
"""

import ast
import math
from collections.abc import Mapping

from supersede.errors import HistoryError
from supersede.search.recorded.cells import at_line, text_of
from supersede.search.recorded.columns import moment, number
from supersede.search.recorded.files import Table
from supersede.search.recorded.log import Log, Row, Wanted, direction, metric
from supersede.search.stopping import State

__all__ = ["WandB"]

_STATES = {
    "finished": State.COMPLETE,
    "crashed": State.FAILED,
    "failed": State.FAILED,
    "killed": State.FAILED,
    "preempted": State.FAILED,
    "preempting": State.PENDING,
    "running": State.PENDING,
    "pending": State.PENDING,
}
_OWN = {
    "Name",
    "State",
    "Notes",
    "User",
    "Username",
    "Tags",
    "Created",
    "Updated",
    "End Time",
    "Runtime",
    "Sweep",
    "Group",
    "Job Type",
    "ID",
    "Hostname",
    "Host",
    "OS",
    "Python Version",
    "GPU Type",
    "GPU Count",
    "CPU Count",
    "Commit",
    "GitHub",
    "Git Commit",
    "Git Repository",
    "Description",
    "Agent",
    "Report",
    "State (sweep)",
    "Relative Time (Process)",
}


class WandB:
    """The reader."""

    name = "Weights & Biases"
    flag = "wandb"

    def recognises(self, table: Table) -> bool:
        """By the columns of the page, or of the recipe."""
        names = set(table.names)
        return {"summary", "config"} <= names or len(
            names & {"Name", "State", "Created", "Runtime"}
        ) > 2

    def read(self, table: Table, wanted: Wanted) -> Log:
        """The runs, in the order in which they ended."""
        if {"summary", "config"} <= set(table.names):
            return self._recipe(table, wanted)
        return self._page(table, wanted)

    def _page(self, table: Table, wanted: Wanted) -> Log:
        for needed in ("Created", "State"):
            if needed not in table.names:
                msg = (
                    f"the table has no column {needed!r}, so {_WHY[needed]}; show that column in the"
                    " table of runs and export it again"
                )
                raise HistoryError(msg)
        others = [n for n in table.names if n and n not in _OWN and not n.startswith("_")]
        if not wanted.parameters:
            msg = (
                "the table of Weights & Biases does not tell parameters from results; name the"
                f" parameters with --param, of: {', '.join(others)}"
            )
            raise HistoryError(msg)
        value = metric(wanted, [n for n in others if n not in wanted.parameters], self.name)
        rows = []
        for i, row in enumerate(table.rows):
            with at_line(i + 2, table.path):
                start, seconds = moment(row["Created"]), number(row.get("Runtime"))
                state = _STATES.get(row["State"].strip().lower())
                if state is None:
                    msg = f"got the state {row['State']!r}; expected {', '.join(_STATES)}"
                    raise HistoryError(msg)
                rows.append(
                    Row(
                        {name: text_of(row, name) for name in wanted.parameters},
                        number(row.get(value)),
                        state,
                        None if start is None else start + (seconds or 0.0),
                        seconds,
                    )
                )
        return Log(self.name, value, direction(wanted, value), tuple(rows))

    def _recipe(self, table: Table, wanted: Wanted) -> Log:
        summaries, configs = [], []
        for i, row in enumerate(table.rows):
            with at_line(i + 2, table.path):
                summaries.append(_dictionary(row["summary"]))
                configs.append(_dictionary(row["config"]))
        marked = dict.fromkeys(k for c in configs for k in c if not k.startswith("_"))
        known = {k for s in summaries for k, v in s.items() if _measured(k, v)}
        value = metric(wanted, sorted(known), self.name)
        rows = []
        for i, (summary, config) in enumerate(zip(summaries, configs, strict=True)):
            ended = _number(summary.get("_timestamp"))
            if ended is None:
                msg = f"line {i + 2}: the summary has no _timestamp, so runs cannot be ordered in time"
                raise HistoryError(msg)
            params = {k: _plain(config.get(k)) for k in wanted.parameters or marked}
            got = _number(summary.get(value))
            state = State.FAILED if got is None else State.COMPLETE
            if table.column("state")[i]:
                state = _STATES.get(table.column("state")[i].lower(), state)
            rows.append(Row(params, got, state, ended, _number(summary.get("_runtime"))))
        return Log(self.name, value, direction(wanted, value), tuple(rows))


_WHY = {
    "Created": "runs cannot be ordered in time (the export lists the newest first)",
    "State": "crashed and running runs cannot be distinguished from finished ones",
}


def _measured(name: str, value: object) -> bool:
    return _number(value) is not None and not name.startswith("_")


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _plain(value: object) -> str:
    return "" if value is None else str(value)


def _dictionary(text: str) -> Mapping[str, object]:
    """A dictionary as Python prints it; ``nan`` and ``inf`` are not literals, so they become None."""
    tree = ast.parse(text.strip() or "{}", mode="eval")
    for node in ast.walk(tree):
        for name, child in ast.iter_fields(node):
            if isinstance(child, list):
                setattr(node, name, [_none(item) for item in child])
            elif isinstance(child, ast.AST):
                setattr(node, name, _none(child))
    found = ast.literal_eval(tree)
    if not isinstance(found, dict):
        msg = f"got {text[:40]!r}; expected a dictionary"
        raise ValueError(msg)
    return {str(k): v for k, v in found.items() if not (isinstance(v, float) and math.isnan(v))}


def _none(node: object) -> object:
    if isinstance(node, ast.Name) and node.id in {"nan", "inf"}:
        return ast.Constant(None)
    return node
