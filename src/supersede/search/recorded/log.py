"""What readers ask for and return: the trials of a search, as its tool wrote them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from supersede.errors import HistoryError
from supersede.search.recorded.columns import parameter, plain_value
from supersede.search.recorded.files import Table
from supersede.search.stopping import Float, History, Int, Parameter, ParameterSpace, State, Trial

__all__ = ["Log", "Reader", "Row", "Wanted", "describe", "direction", "metric"]


@dataclass(frozen=True)
class Wanted:
    """What the user says about a file.

    Args:
        value: The metric that the search optimises; None for the tool's own, or the only one.
        maximize: Whether larger values are better; None if the tool says it.
        parameters: The searched parameters; empty for those that the tool marks.
    """

    value: str | None = None
    maximize: bool | None = None
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """One trial.

    Args:
        params: Texts by parameter; an empty text means that the parameter does not apply.
        value: The metric.
        state: Its state.
        ended: When it ended, on any scale on which later is larger; None to keep the file's order.
        seconds: Its cost.
        folds: Fold scores.
        standard_error: Standard error of the value.
    """

    params: Mapping[str, str]
    value: float | None
    state: State = State.COMPLETE
    ended: float | None = None
    seconds: float | None = None
    folds: Sequence[float] | None = None
    standard_error: float | None = None


@dataclass(frozen=True)
class Log:
    """A search.

    Args:
        tool: Name of the tool.
        value: Name of the metric.
        maximize: Whether larger values are better.
        rows: One per trial.
        notes: What was left out or inferred, in words.
        declared: Parameters whose ranges the tool declares; those of others are their columns'.
    """

    tool: str
    value: str
    maximize: bool
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    declared: Mapping[str, Parameter] = field(default_factory=dict)

    def history(self) -> History:
        """The trials in the order in which they ended; pending ones last.

        Raises:
            HistoryError: There is no trial, or no parameter.
        """
        if not self.rows:
            msg = f"the file of {self.tool} has no trials; expected at least one"
            raise HistoryError(msg)
        names = list(dict.fromkeys(name for row in self.rows for name in row.params))
        texts = {name: [row.params.get(name, "") for row in self.rows] for name in names}
        parameters = {
            name: self.declared.get(name) or parameter(name, found) for name, found in texts.items()
        }
        if not parameters:
            msg = f"the file of {self.tool} has no parameters; name their columns with --param"
            raise HistoryError(msg)

        def order(row: Row) -> tuple[bool, float]:
            return row.state == State.PENDING, math.inf if row.ended is None else row.ended

        rows = sorted(self.rows, key=order)
        return History(
            ParameterSpace(parameters),
            tuple(_trial(row, parameters) for row in rows),
            self.maximize,
        )


class Reader(Protocol):
    """Reads what one tool writes."""

    name: str
    flag: str

    def recognises(self, table: Table) -> bool:
        """Whether the columns of a file are this tool's."""
        ...

    def read(self, table: Table, wanted: Wanted) -> Log:
        """The search in it."""
        ...


def _trial(row: Row, parameters: Mapping[str, Parameter]) -> Trial:
    return Trial(
        {
            name: plain_value(text, parameters[name])
            for name, text in row.params.items()
            if text != ""
        },
        row.value,
        folds=row.folds,
        standard_error=row.standard_error,
        seconds=row.seconds,
        state=row.state,
    )


def direction(wanted: Wanted, value: str, said: bool | None = None) -> bool:
    """Whether larger values are better, as the user or the tool says.

    Raises:
        HistoryError: Neither says it.
    """
    if wanted.maximize is not None:
        return wanted.maximize
    if said is None:
        msg = f"the file does not say whether a larger {value!r} is better; add --maximize or --minimize"
        raise HistoryError(msg)
    return said


def metric(wanted: Wanted, metrics: Iterable[str], tool: str) -> str:
    """The metric that is judged: the one named, or the only one.

    Raises:
        HistoryError: There is no such metric, or there are several and none is named.
    """
    known = list(metrics)
    if wanted.value is not None:
        if wanted.value in known:
            return wanted.value
        msg = f"{tool} has no metric {wanted.value!r}; it has {_some(known)}"
        raise HistoryError(msg)
    if len(known) != 1:
        msg = f"{tool} has {len(known)} metrics; name the one that was optimised with --value: {_some(known)}"
        raise HistoryError(msg)
    return known[0]


def _some(names: Sequence[str], most: int = 12) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return (", ".join(names[:most]) or "none") + more


def describe(log: Log, history: History) -> str:
    """How a file was read, in one sentence: what decides the answer and cannot be seen in it."""
    counts = [
        f"{sum(t.state == state for t in history.trials)} {state}"
        for state in State
        if any(t.state == state for t in history.trials)
    ]
    better = "larger" if log.maximize else "smaller"
    listed = ", ".join(f"{name} {_range(p)}" for name, p in history.space.parameters.items())
    notes = "".join(f"; {note}" for note in log.notes)
    return (
        f"read {len(history.trials)} trials ({', '.join(counts)}) of {log.tool}: {log.value},"
        f" {better} is better; parameters: {listed}{notes}"
    )


def _range(parameter_: Parameter) -> str:
    if isinstance(parameter_, Float | Int):
        log = ", log" if parameter_.log else ""
        return f"({parameter_.low:g} to {parameter_.high:g}{log})"
    return f"({len(parameter_.choices)} choices)"
