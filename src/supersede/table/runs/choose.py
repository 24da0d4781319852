"""Which metric grades the items, and what its values say."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from supersede.errors import ArgumentError, ColumnTypeError, MissingColumnError
from supersede.table.grades import NO_ANSWER, grade
from supersede.table.runs.attempt import RunLog

__all__ = ["UNANSWERED", "Metric", "choose_metric", "points"]

UNANSWERED = object()
"""What a grade says where the tool wrote that there was no answer."""

_SHOWN = 12
_LESS_IS_BETTER = re.compile(
    r"error|loss|fail|toxic|hallucinat|perplex|latency|bias|harm|violat|refus|\b[wc]er\b", re.I
)


@dataclass(frozen=True)
class Metric:
    """The metric that was taken.

    Attributes:
        name: Its name; None where answers are compared with labels.
        others: Metrics that every run has and that were not taken.
        why: Why this one.
    """

    name: str | None
    others: tuple[str, ...] = ()
    why: str = ""


def choose_metric(
    logs: Mapping[str, RunLog], wanted: str | None, *, inverted: bool = False
) -> Metric:
    """The metric that all runs have and that is meant.

    Args:
        logs: The runs, by name.
        wanted: The metric that the user named.
        inverted: Whether the user has said that it is a loss.

    Returns:
        The metric; without a name where the runs hold answers and no grades.

    Raises:
        MissingColumnError: A run has no such metric, or nothing that could be compared.
        ArgumentError: Several metrics could be meant, or runs have none in common.
    """
    by_run = {name: _metrics(log) for name, log in logs.items()}
    common = [
        m for m in next(iter(by_run.values())) if all(m in found for found in by_run.values())
    ]
    if wanted is not None:
        for name, found in by_run.items():
            if wanted not in found:
                raise _unknown(wanted, name, found)
        return Metric(wanted, tuple(m for m in common if m != wanted), "named")
    if not any(by_run.values()):
        if all(any(a.answer is not None for a in log.attempts) for log in logs.values()):
            return Metric(None)
        bare = [n for n, log in logs.items() if all(a.answer is None for a in log.attempts)]
        msg = (
            f"{', '.join(bare)}: no grade and no answer is found; name a column: --metric COLUMN for a"
            " grade or score, --answer COLUMN for what is compared with the label"
        )
        raise MissingColumnError(msg)
    if not common:
        listed = "; ".join(f"{n}: {', '.join(found) or 'none'}" for n, found in by_run.items())
        msg = f"the runs have no metric in common ({listed}); grade both alike"
        raise ArgumentError(msg)
    primary = {log.primary for log in logs.values()}
    if len(common) == 1:
        if not inverted:
            _refuse_inverted(common[0])
        return Metric(common[0], (), "the only one")
    if len(primary) == 1 and (first := primary.pop()) in common:
        tool = next(iter(logs.values())).tool
        return Metric(first, tuple(m for m in common if m != first), f"{tool}'s own verdict")
    listed = ", ".join(map(repr, common[:_SHOWN])) + (", …" if len(common) > _SHOWN else "")
    msg = f"the runs have several metrics ({listed}); say which decides: --metric NAME"
    raise ArgumentError(msg)


def _refuse_inverted(name: str) -> None:
    """Refuse to take 1 for right where the name says that less is better."""
    if _LESS_IS_BETTER.search(name):
        msg = (
            f"the only metric is {name!r}, of which less may be better: --loss 0 takes 0 for right;"
            f" --metric {name} says that 1 is right"
        )
        raise ArgumentError(msg)


def _metrics(log: RunLog) -> list[str]:
    """Metrics with a plain value on some item, in the order of the file."""
    found: dict[str, None] = {}
    for attempt in log.attempts:
        for name, value in attempt.grades.items():
            if isinstance(value, bool | int | float | str):
                found.setdefault(name)
    return list(found)


def _unknown(wanted: str, run: str, found: Sequence[str]) -> MissingColumnError:
    near = difflib.get_close_matches(wanted, found, n=3, cutoff=0.5)
    meant = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
    listed = ", ".join(map(repr, found[:_SHOWN])) or "none"
    return MissingColumnError(f"run {run!r} has no metric {wanted!r}{meant} (it has: {listed})")


def points(value: object, metric: str, threshold: float | None) -> object:
    """What a metric's value says: 0 to 1, `UNANSWERED`, or None where nobody graded the answer.

    Args:
        value: The value.
        metric: The metric's name, for messages.
        threshold: From where on a number counts as right.

    Returns:
        1.0 right, 0.0 wrong, `UNANSWERED` or None.

    Raises:
        ColumnTypeError: The value is neither a grade nor, with a threshold, a number.
    """
    if isinstance(value, str) and value.strip().casefold() in NO_ANSWER:
        return UNANSWERED
    if value is None or (isinstance(value, float) and value != value):
        return None
    number: float | None
    if threshold is not None and isinstance(value, int | float):
        return float(value >= threshold)
    try:
        number = grade(value)
    except KeyError:
        number = None if isinstance(value, str) else float("nan")
        if number is None:
            msg = (
                f"metric {metric!r} says {value!r}, which is not a grade (as pass and fail, C and I, 1"
                " and 0 are); name another metric: --metric NAME, or, for an answer that is compared"
                " with the label, --answer COLUMN"
            )
            raise ColumnTypeError(msg) from None
    if number is not None and threshold is not None:
        return float(number >= threshold)
    if number is not None and number not in {0.0, 1.0}:
        msg = (
            f"metric {metric!r} says {value!r}: partly right, or a score; from where on is an item"
            " right? --threshold X (as in --threshold 0.5) says it; --judge compares mean scores; or name"
            " another metric: --metric NAME"
        )
        raise ColumnTypeError(msg)
    return number
