"""Limits on any metric: how high it must be, and how far it may fall from the old model's.

`MinMetric` and `MaxMetric` hold the new model's value against a limit, `MaxDrop` and `MaxRise` its
change from the old model's on the same items. Each is for all items, for one class, for every class,
or for every value of some columns. As with all checks, the whole interval must keep the limit to
pass and break it to fail; among several slices, one fails only by Holm's adjusted p value.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from supersede.errors import ArgumentError, MissingColumnError
from supersede.metrics.cells import Counting, counted, together
from supersede.metrics.comparison import Comparison, Sample
from supersede.metrics.measures import EVERY, Measure, every_class, measure
from supersede.review import limits
from supersede.review.evidence import CLASS, Evidence, slice_sizes, unlabelled
from supersede.review.finding import Finding
from supersede.review.metric_findings import metric_by_slice, metric_of_all
from supersede.review.metric_form import Kind, MetricForm
from supersede.review.slice_checks import MIN_ITEMS
from supersede.review.slice_verdicts import Unlabelled
from supersede.table.coerce import as_names

__all__ = ["EVERY_GROUP", "MaxDrop", "MaxMetric", "MaxRise", "MinMetric"]

EVERY_GROUP = "*"
"""As `groups`: every group column and combination of the review."""


@dataclass(frozen=True)
class _MetricLimit:
    """A limit on a metric, of one of the four kinds."""

    metric: str | Measure
    limit: float
    of: object = None
    groups: str | Sequence[str] | None = None
    min_items: int = MIN_ITEMS

    kind: ClassVar[Kind]

    def __post_init__(self) -> None:
        _settle(self)

    def judge(self, evidence: Evidence) -> Finding:
        """Hold the metric's interval, or that of its change, against the limit."""
        return counted(evidence.counting, self.judging(evidence))[0]  # type: ignore[no-any-return]

    def judging(self, evidence: Evidence) -> Counting:
        """The work of `judge`, which asks for its counts together with other checks."""
        return _judge(self, evidence)


class MinMetric(_MetricLimit):
    """A metric of the new model must be at least `limit`.

    Attributes:
        metric: The metric: a name from `supersede.metrics.measures.NAMES`, or a `Measure`.
        limit: The least value: a share in [0, 1] (0.8 for 80 %), or an amount.
        of: The class, for metrics of one class; ``"*"`` is every class in turn.
        groups: The columns whose values, or combinations of values, are each compared with the
            limit; ``"*"`` is every group of the review. None for all items together.
        min_items: Smaller slices can fail but do not hold up the verdict.

    Example:
        >>> import supersede
        >>> from supersede.review import MinMetric
        >>> rows = {"y": [1] * 400 + [0] * 400, "a": [1, 0] * 400, "b": [1] * 390 + [0] * 410}
        >>> checks = [MinMetric("recall", 0.9), MinMetric("accuracy", 0.9)]
        >>> supersede.compare(rows, old="a", new="b", label="y", checks=checks).verdict
        'pass'

    Assumes: labelled items are independent draws, or drawn in the table's clusters.
    """

    kind = "min"


class MaxMetric(_MetricLimit):
    """A metric of which less is better may be at most `limit`; attributes as for `MinMetric`."""

    kind = "max"


class MaxDrop(_MetricLimit):
    """A metric may fall by at most `limit` from the old model's (0.02 is two points).

    The interval is paired: both models are compared with the same labels of the same items. Other
    attributes as for `MinMetric`.
    """

    kind = "max_drop"


class MaxRise(_MetricLimit):
    """A metric of which less is better may rise by at most `limit`; otherwise as `MaxDrop`."""

    kind = "max_rise"


_OTHER = {"min": "max", "max": "min", "max_drop": "max_rise", "max_rise": "max_drop"}
_CLASSES: dict[str, str] = {
    "min": "MinMetric", "max": "MaxMetric", "max_drop": "MaxDrop", "max_rise": "MaxRise",
}  # fmt: skip


def _settle(check: _MetricLimit) -> None:
    """Refuse what makes no sense, and take the limit as a number and `groups` as columns."""
    kind = check.kind
    if not (isinstance(check.metric, str) or hasattr(check.metric, "compare")):
        msg = f"{_CLASSES[kind]}: metric={check.metric!r}; expected a name, such as 'recall', or a Measure"
        raise ArgumentError(msg)
    asked = _measure(check.metric, None if check.of == EVERY else check.of)
    flag, other = kind.replace("_", "-"), _OTHER[kind]
    wanted = "more" if kind in {"min", "max_drop"} else "less"
    if asked.better != wanted:
        msg = (
            f"{_CLASSES[kind]} (--{flag}): {asked.name} is better when it is"
            f" {'smaller' if asked.better == 'less' else 'larger'}; use {_CLASSES[other]}"
            f" (--{other.replace('_', '-')})"
        )
        raise ArgumentError(msg)
    changes = kind in {"max_drop", "max_rise"}
    allowed: limits.Kind = "level" if asked.unit == "share" else "rise" if changes else "amount"
    name = f"{_CLASSES[kind]} (--{flag}) {asked.name}: limit="
    limit = limits.checked_limit(name, check.limit, allowed)
    object.__setattr__(check, "limit", limit)
    limits.checked_size("min_items", check.min_items)
    if check.groups is not None and check.groups != EVERY_GROUP:
        columns = as_names(check.groups, "groups")
        if not columns:
            msg = "groups=() names no column; leave groups= out to judge all items together"
            raise ArgumentError(msg)
        object.__setattr__(check, "groups", columns)


def _measure(metric: str | Measure, of: object) -> Measure:
    return measure(metric, of) if isinstance(metric, str) else metric


def _judge(check: _MetricLimit, evidence: Evidence) -> Counting:
    if evidence.planned:
        msg = (
            f"{_CLASSES[check.kind]}: labels that a plan asked for answer the plan's questions only; label"
            " a random sample, or estimate the metric from the plan: supersede estimate"
        )
        raise ArgumentError(msg)
    margins = _margins(check.groups, evidence)
    sample = Sample(evidence.counting, evidence.old, evidence.new, margins, evidence.inclusion)
    if check.of == EVERY:
        measures = yield from every_class(check.metric, sample)
    else:
        measures = {"": _measure(check.metric, check.of)}
    found = yield from together(*(_compared(asked, sample) for asked in measures.values()))
    slices = [
        (compared, _slices(word, compared, margin))
        for word, comparisons in zip(measures, found, strict=True)
        for compared, margin in zip(comparisons, margins, strict=True)
    ]
    asked = _measure(check.metric, None if check.of == EVERY else check.of)
    form = _form(check, asked)
    if check.groups is None and check.of != EVERY:
        return metric_of_all(form, slices[0][0], evidence)
    silent: list[Unlabelled] = []
    if check.groups is not None and evidence.labelled < evidence.table.size:
        sizes = yield from slice_sizes(evidence.counting, margins)
        for margin, every in zip(margins, sizes, strict=True):
            known = {
                tuple(values[column] for column in margin)
                for _, found in slices
                for values in found
                if set(margin) <= set(values)
            }
            silent += [s for s in unlabelled(margin, every, known) if s[1] >= check.min_items]
    return metric_by_slice(form, slices, silent, check.min_items, evidence)


def _compared(asked: Measure, sample: Sample) -> Counting:
    """What a measure finds; one that counts by itself may simply return it."""
    found = asked.compare(sample)
    return (yield from found) if isinstance(found, Generator) else found


def _margins(groups: str | Sequence[str] | None, evidence: Evidence) -> tuple[tuple[str, ...], ...]:
    if groups is None:
        return ((),)
    if groups == EVERY_GROUP:
        found = tuple(m.columns for m in evidence.margins if m.columns != (CLASS,))
        if not found:
            msg = "@* is every group of the review, and it has none; name some: --group <column>"
            raise ArgumentError(msg)
        return found
    columns = as_names(groups, "groups")
    for column in columns:
        if column not in evidence.table.rows.columns:
            raise MissingColumnError.of(column, evidence.table.rows.columns, "a group (@)")
    return (columns,)


def _slices(word: str, compared: Comparison, margin: tuple[str, ...]) -> list[dict[str, object]]:
    """Each slice as columns and values."""
    columns = [compared.keys[column].to_pylist() for column in margin]
    rows = zip(*columns, strict=True) if columns else [()] * len(compared.n)
    of: dict[str, object] = {"class": word} if word else {}
    return [of | dict(zip(margin, row, strict=True)) for row in rows]


def _form(check: _MetricLimit, asked: Measure) -> MetricForm:
    changes = check.kind in {"max_drop", "max_rise"}
    metric = check.metric if isinstance(check.metric, str) else asked.name
    name = f"{check.kind} {metric}" + (f":{check.of}" if check.of is not None else "")
    if check.groups is not None:
        name += "@" + (check.groups if isinstance(check.groups, str) else ",".join(check.groups))
    return MetricForm(
        kind=check.kind,
        measure=asked,
        check=name,
        bound=-check.limit if check.kind == "max_drop" else check.limit,
        unit="amount" if asked.unit == "amount" else "points" if changes else "share",
    )
