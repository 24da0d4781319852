"""Limits on metrics as they are written on the command line: ``recall:spam@sex=80%``.

``METRIC=LIMIT``, with ``:CLASS`` after the metric where it is of one class (``:*`` for every class in
turn) and ``@COLUMN`` or ``@COLUMN,COLUMN`` where every group is compared with the limit (``@*`` for
every group of the review). A class whose name holds ``@``, ``=`` or ``:`` stands in double quotes:
``recall:"a@b"=80%``.
"""

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from supersede.errors import ArgumentError

if TYPE_CHECKING:
    from supersede.review.checks import Check

__all__ = ["MetricLimits", "share_limit"]

Texts = Annotated[list[str] | None, Parameter(negative="")]

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


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class MetricLimits:
    """Limits on any metric.

    Attributes:
        min: A metric's least value, as in recall=80%, recall:spam=80% for a class and
            recall:spam@sex=80% for every sex; repeatable. Metrics are accuracy, precision, recall,
            specificity, f1, macro_precision, macro_recall, macro_f1, balanced_accuracy, auc, judge.
        max: The largest value of a metric of which less is better, as in log_loss=0.4: log_loss,
            brier, loss, absolute_error, squared_error, cost, false_positive_rate,
            false_negative_rate.
        max_drop: How far a metric may fall from the old model's, as in f1=2pp.
        max_rise: How far a metric of which less is better may rise, as in log_loss=0.02.
    """

    min: Texts = None
    max: Texts = None
    max_drop: Texts = None
    max_rise: Texts = None

    def checks(self, min_items: int) -> "list[Check]":
        """The checks that the flags ask for.

        Args:
            min_items: Smaller slices can fail but do not hold up the verdict.

        Raises:
            ArgumentError: A limit cannot be read, or makes no sense for its metric.

        Example:
            >>> MetricLimits(min=["recall:1@sex=80%"]).checks(30)
            [MinMetric(metric='recall', limit=0.8, of='1', groups=('sex',), min_items=30)]
        """
        from supersede.review.metric_checks import MaxDrop, MaxMetric, MaxRise, MinMetric

        flags = (
            ("--min", MinMetric, self.min),
            ("--max", MaxMetric, self.max),
            ("--max-drop", MaxDrop, self.max_drop),
            ("--max-rise", MaxRise, self.max_rise),
        )
        checks: list[Check] = []
        for flag, check, texts in flags:
            for text in texts or []:
                found = _read(flag, text)
                metric, of, groups = found["metric"], found["of"], _columns(found["by"])
                limit = _limit(flag, text, metric, found["limit"])
                checks.append(check(metric, limit, of=of, groups=groups, min_items=min_items))
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
    example = ("2pp" if change else "80%") if asked.unit == "share" else "0.3"
    number, unit = _number(f"{flag} {text!r}", written, example)
    if asked.unit == "amount":
        if unit:
            msg = f"{flag} {text!r}: {asked.name} is not a share; write its limit without {unit}"
            raise ArgumentError(msg)
        return number
    return _share(f"{flag} {text!r}", number, unit, bare=not change)


def share_limit(flag: str, text: str, *, bare: bool = False) -> float:
    """A share or a difference of shares as it is typed: ``2pp``, ``10%``, or ``0.02``.

    Args:
        flag: The flag, for messages.
        text: What was typed.
        bare: Whether a bare number can only be a share, however large.

    Raises:
        ArgumentError: It is none, or a bare number that could be points as well as a share.

    Example:
        >>> share_limit("--detect", "2pp"), share_limit("--power", "0.8", bare=True)
        (0.02, 0.8)
    """
    number, unit = _number(f"{flag} {text}", text, "2pp")
    return _share(f"{flag} {text}", number, unit, bare=bare)


def _number(where: str, written: str, example: str) -> tuple[float, str | None]:
    found = _NUMBER.fullmatch(written)
    if found is None or not math.isfinite(float(found["number"])):
        comma = f"; write {written.replace(',', '.')}" if "," in written else ""
        msg = f"{where}: expected a number such as {example}, not {written!r}{comma}"
        raise ArgumentError(msg)
    return float(found["number"]), found["unit"]


def _share(where: str, number: float, unit: str | None, *, bare: bool) -> float:
    if unit:  # in decimal, so that 0.3 % is the number that 0.003 is
        return float(Decimal(repr(number)).scaleb(-2))
    if not bare and number >= _OPEN:
        msg = (
            f"{where}: {number:g} could mean {number:g} or {100 * number:g} points; write {number:g}pp"
            f" or {100 * number:g}pp"
        )
        raise ArgumentError(msg)
    return number
