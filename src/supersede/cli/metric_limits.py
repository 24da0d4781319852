"""Limits on metrics as they are written on the command line: ``recall:spam@sex=80%``.

``METRIC=LIMIT``, with ``:CLASS`` after the metric where it is of one class (``:*`` for every class in
turn) and ``@COLUMN`` or ``@COLUMN,COLUMN`` where every group is held against the limit (``@*`` for
every group of the review). A class whose name holds ``@``, ``=`` or ``:`` stands in double quotes:
``recall:"a@b"=80%``.
"""

import math
import re
from typing import TYPE_CHECKING

from supersede.errors import ArgumentError

if TYPE_CHECKING:
    from supersede.review.checks import Check

__all__ = ["metric_checks"]

_SHAPE = re.compile(
    r"""\s*(?P<metric>[\w-]+)
    (?: : (?: "(?P<quoted>(?:[^"]|"")*)" | (?P<of>[^@=]+) ) )?
    (?: @ (?P<by>[^=]+) )?
    = (?P<limit>.+)""",
    re.VERBOSE,
)
_NUMBER = re.compile(
    r"\s*(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(?P<unit>%|pp)?\s*"
)
_OPEN = 0.05  # a bare number from here on could be points as well as a share


def metric_checks(
    *,
    min: list[str] | None,
    max: list[str] | None,
    max_drop: list[str] | None,
    max_rise: list[str] | None,
    min_items: int,
) -> "list[Check]":
    """Checks from the flags ``--min``, ``--max``, ``--max-drop`` and ``--max-rise``.

    Raises:
        ArgumentError: A limit cannot be read, or makes no sense for its metric.

    Example:
        >>> metric_checks(min=["recall:1@sex=80%"], max=None, max_drop=None, max_rise=None,
        ...     min_items=30)
        [MinMetric(metric='recall', limit=0.8, of='1', by=('sex',), min_items=30)]
    """
    from supersede.review.metric_checks import MaxDrop, MaxMetric, MaxRise, MinMetric

    flags = (
        ("--min", MinMetric, min),
        ("--max", MaxMetric, max),
        ("--max-drop", MaxDrop, max_drop),
        ("--max-rise", MaxRise, max_rise),
    )
    checks: list[Check] = []
    for flag, check, texts in flags:
        for text in texts or []:
            found = _read(flag, text)
            metric, of, by = found["metric"], found["of"], _columns(found["by"])
            limit = _limit(flag, text, metric, found["limit"])
            checks.append(check(metric, limit, of=of, by=by, min_items=min_items))
    return checks


def _read(flag: str, text: str) -> dict[str, str]:
    shape = _SHAPE.fullmatch(text)
    if shape is None:
        msg = (
            f"{flag} {text!r}: write METRIC=LIMIT, as in recall=80%; recall:spam=80% for a class,"
            " recall:spam@sex=80% for every sex; a class with @, = or : in its name in double quotes"
        )
        raise ArgumentError(msg)
    found = shape.groupdict()
    if found["quoted"] is not None:
        found["of"] = found["quoted"].replace('""', '"')
    elif found["of"] is not None:
        found["of"] = found["of"].strip()
    return found


def _columns(text: str | None) -> str | tuple[str, ...] | None:
    if text is None or text.strip() == "*":
        return None if text is None else "*"
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _limit(flag: str, text: str, metric: str, written: str) -> float:
    from supersede.metrics.measures import measure

    asked = measure(metric)
    change = flag in {"--max-drop", "--max-rise"}
    found = _NUMBER.fullmatch(written)
    if found is None or not math.isfinite(float(found["number"])):
        example = "2pp" if change else "80%"
        msg = f"{flag} {text!r}: {written!r} is no limit; write {example if asked.unit == 'share' else '0.3'}"
        raise ArgumentError(msg)
    number, unit = float(found["number"]), found["unit"]
    if asked.unit == "amount":
        if unit:
            msg = f"{flag} {text!r}: {asked.name} is no share; write its limit without {unit}"
            raise ArgumentError(msg)
        return number
    if unit:
        return number / 100
    if change and number >= _OPEN:
        msg = (
            f"{flag} {text!r}: {written.strip()} could mean {number:g} or {100 * number:g} points;"
            f" write {number:g}pp or {100 * number:g}pp"
        )
        raise ArgumentError(msg)
    return number
