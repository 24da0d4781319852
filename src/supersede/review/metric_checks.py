"""Limits on any metric: how high it must be, and how far it may fall from the old model's.

`MinMetric` and `MaxMetric` hold the new model's value against a limit, `MaxDrop` and `MaxRise` its
change from the old model's on the same items. Each is for all items, for one class, for every class,
or for every value of some columns. As with all checks, the whole interval must keep the limit to
pass and break it to fail; among several slices, one fails only by Holm's adjusted p value.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
import numpy.typing as npt

from supersede.errors import ArgumentError, MissingColumnError
from supersede.look.numbers import amount, count, points, share
from supersede.metrics.cells import Counting, counted, together
from supersede.metrics.comparison import Comparison, Floats, Interval, Sample
from supersede.metrics.intervals import holm, z
from supersede.metrics.measures import EVERY, Measure, every_class, measure
from supersede.review import limits
from supersede.review.evidence import CLASS, Evidence, slice_name, slice_sizes, unlabelled
from supersede.review.finding import Finding, SliceFinding, Verdict, combined
from supersede.review.more_labels import CHANCE
from supersede.review.slice_checks import MIN_ITEMS
from supersede.review.slice_verdicts import SHOWN, Unlabelled, unlabelled_step, unlabelled_words
from supersede.table.coerce import as_names

__all__ = ["EVERY_GROUP", "MaxDrop", "MaxMetric", "MaxRise", "MinMetric"]

EVERY_GROUP = "*"
"""As `groups`: every group column and combination of the review."""

_TAILS = 0.5 / 1.5 ** np.arange(1, 56)  # down to 1e-10
Kind = Literal["min", "max", "max_drop", "max_rise"]


@dataclass(frozen=True)
class MinMetric:
    """A metric of the new model must be at least `limit`.

    Attributes:
        metric: The metric: a name from `supersede.metrics.measures.NAMES`, or a `Measure`.
        limit: The least value: a share in [0, 1] (0.8 for 80 %), or an amount.
        of: The class, for metrics of one class; ``"*"`` is every class in turn.
        groups: The columns whose values, or combinations of values, are held against the limit one by
            one; ``"*"`` is every group of the review. None for all items together.
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

    metric: str | Measure
    limit: float
    of: object = None
    groups: str | Sequence[str] | None = None
    min_items: int = MIN_ITEMS

    def __post_init__(self) -> None:
        _settle(self, "min")

    def judge(self, evidence: Evidence) -> Finding:
        """Hold the metric's interval against the limit."""
        return counted(evidence.counting, self.judging(evidence))[0]  # type: ignore[no-any-return]

    def judging(self, evidence: Evidence) -> Counting:
        """The work of `judge`, which asks for its counts together with other checks."""
        return _judge(self, "min", evidence)


@dataclass(frozen=True)
class MaxMetric:
    """A metric of which less is better may be at most `limit`; attributes as for `MinMetric`."""

    metric: str | Measure
    limit: float
    of: object = None
    groups: str | Sequence[str] | None = None
    min_items: int = MIN_ITEMS

    def __post_init__(self) -> None:
        _settle(self, "max")

    def judge(self, evidence: Evidence) -> Finding:
        """Hold the metric's interval against the limit."""
        return counted(evidence.counting, self.judging(evidence))[0]  # type: ignore[no-any-return]

    def judging(self, evidence: Evidence) -> Counting:
        """The work of `judge`, which asks for its counts together with other checks."""
        return _judge(self, "max", evidence)


@dataclass(frozen=True)
class MaxDrop:
    """A metric may fall by at most `limit` from the old model's (0.02 is two points).

    The interval is paired: both models are held against the same labels of the same items. Other
    attributes as for `MinMetric`.
    """

    metric: str | Measure
    limit: float
    of: object = None
    groups: str | Sequence[str] | None = None
    min_items: int = MIN_ITEMS

    def __post_init__(self) -> None:
        _settle(self, "max_drop")

    def judge(self, evidence: Evidence) -> Finding:
        """Hold the interval of the change against minus the limit."""
        return counted(evidence.counting, self.judging(evidence))[0]  # type: ignore[no-any-return]

    def judging(self, evidence: Evidence) -> Counting:
        """The work of `judge`, which asks for its counts together with other checks."""
        return _judge(self, "max_drop", evidence)


@dataclass(frozen=True)
class MaxRise:
    """A metric of which less is better may rise by at most `limit`; otherwise as `MaxDrop`."""

    metric: str | Measure
    limit: float
    of: object = None
    groups: str | Sequence[str] | None = None
    min_items: int = MIN_ITEMS

    def __post_init__(self) -> None:
        _settle(self, "max_rise")

    def judge(self, evidence: Evidence) -> Finding:
        """Hold the interval of the change against the limit."""
        return counted(evidence.counting, self.judging(evidence))[0]  # type: ignore[no-any-return]

    def judging(self, evidence: Evidence) -> Counting:
        """The work of `judge`, which asks for its counts together with other checks."""
        return _judge(self, "max_rise", evidence)


_Check = MinMetric | MaxMetric | MaxDrop | MaxRise
_OTHER = {"min": "max", "max": "min", "max_drop": "max_rise", "max_rise": "max_drop"}
_CLASSES: dict[str, str] = {
    "min": "MinMetric", "max": "MaxMetric", "max_drop": "MaxDrop", "max_rise": "MaxRise",
}  # fmt: skip


def _settle(check: "_Check", kind: Kind) -> None:
    """Refuse what makes no sense, and take the limit as a number and `groups` as columns."""
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


def _judge(check: _Check, kind: Kind, evidence: Evidence) -> Counting:
    if evidence.planned:
        msg = (
            f"{_CLASSES[kind]}: labels that a plan asked for answer the plan's questions only; label"
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
    form = _Form.of(kind, asked, check)
    if check.groups is None and check.of != EVERY:
        return _whole(form, slices[0][0], evidence)
    silent: list[Unlabelled] = []
    if check.groups is not None and evidence.labelled < evidence.table.size:
        sizes = yield from slice_sizes(evidence.counting, margins)
        for margin, every in zip(margins, sizes, strict=True):
            known = {tuple(values[c] for c in margin) for _, found in slices for values in found
                     if set(margin) <= set(values)}  # fmt: skip
            silent += [s for s in unlabelled(margin, every, known) if s[1] >= check.min_items]
    return _by_slice(form, slices, silent, check.min_items, evidence)


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


@dataclass(frozen=True)
class _Form:
    """How a check compares, and how it speaks."""

    kind: Kind
    measure: Measure
    check: str
    bound: float
    unit: Literal["share", "points", "amount"]

    @classmethod
    def of(cls, kind: Kind, measure: Measure, check: _Check) -> "_Form":
        bound = -check.limit if kind == "max_drop" else check.limit
        changes = kind in {"max_drop", "max_rise"}
        unit = "amount" if measure.unit == "amount" else "points" if changes else "share"
        metric = check.metric if isinstance(check.metric, str) else measure.name
        name = f"{kind} {metric}" + (f":{check.of}" if check.of is not None else "")
        if check.groups is not None:
            name += "@" + (
                check.groups if isinstance(check.groups, str) else ",".join(check.groups)
            )
        return cls(kind, measure, name, bound, unit)  # type: ignore[arg-type]

    @property
    def changes(self) -> bool:
        """Whether it is the change that is held against the limit."""
        return self.kind in {"max_drop", "max_rise"}

    @property
    def at_least(self) -> bool:
        """Whether the estimate must lie above the bound, or below it."""
        return self.kind in {"min", "max_drop"}

    def estimate(self, compared: Comparison) -> Floats:
        """What is held against the bound."""
        return compared.new - compared.old if self.changes else compared.new

    def interval(self, compared: Comparison, confidence: float) -> Interval:
        """Its interval."""
        return compared.change(confidence) if self.changes else compared.level(confidence)

    def verdicts(self, low: Floats, high: Floats) -> list[Verdict]:
        """Pass only where the whole interval keeps the limit, fail where all of it breaks it."""
        keeps = low >= self.bound if self.at_least else high <= self.bound
        breaks = high < self.bound if self.at_least else low > self.bound
        return [
            "pass" if k else "fail" if b else "undecided"
            for k, b in zip(keeps, breaks, strict=True)
        ]

    def p_value(self, compared: Comparison) -> Floats:
        """One-sided p values of "the limit is kept": the smallest tail whose interval excludes it.

        Tails are tried in steps of a factor 1.5, and the larger one counts.
        """
        p = np.ones(len(compared.n))
        for tail in _TAILS:
            low, high = self.interval(compared, 1 - 2 * tail)
            breaks = high < self.bound if self.at_least else low > self.bound
            p = np.where(breaks, tail, p)
        return p

    def written(self, value: float, low: float = np.nan, high: float = np.nan) -> str:
        """The estimate in words, with its interval where there is one."""
        form = {"share": share, "points": points, "amount": amount}[self.unit]
        signed = form(value, low, high)
        return f"+{signed}" if self.unit == "amount" and self.changes and value > 0 else signed

    @property
    def rule(self) -> str:
        """The limit in words."""
        limit = abs(self.bound) if self.changes else self.bound
        form = {"share": share, "points": share, "amount": amount}[self.unit]
        written = form(limit).replace("%", "pp") if self.unit == "points" else form(limit)
        return {
            "min": f"at least {written} is required",
            "max": f"at most {written} is allowed",
            "max_drop": f"it may fall by at most {written}",
            "max_rise": f"it may rise by at most {written}",
        }[self.kind]

    @property
    def question(self) -> str:
        """What the check asks."""
        name = self.measure.name
        if self.kind in {"max_drop", "max_rise"}:
            return f"Does the {name} get worse?"
        return f"Is the {name} good enough?"


def _whole(form: _Form, compared: Comparison, evidence: Evidence) -> Finding:
    """The finding of a check on all items together."""
    estimate = form.estimate(compared)
    low, high = form.interval(compared, evidence.confidence)
    value, below, above = float(estimate[0]), float(low[0]), float(high[0])
    verdict = form.verdicts(low, high)[0] if value == value else "undecided"
    name = form.measure.name
    name = name[0].upper() + name[1:]
    written = form.written(value, below, above)
    if form.changes:
        level = share if form.measure.unit == "share" else amount
        before, after = level(float(compared.old[0])), level(float(compared.new[0]))
        reason = f"{name} changes by {written}, from {before} to {after}; {form.rule}."
    else:
        reason = f"{name} is {written}; {form.rule}."
    if value != value:
        reason = f"{name}: nothing was counted, so there is no value; {form.rule}."
    elif below != below:
        reason += (
            " A few items make up most of the variance (or none of them differs), so there is no"
            " interval."
        )
    more = None
    if verdict == "undecided":
        more = _more(form, value, below, above, evidence.labelled, evidence.confidence)
    return Finding(
        check=form.check,
        question=form.question,
        verdict=verdict,
        reason=reason,
        estimate=value,
        low=below,
        high=above,
        limit=form.bound,
        unit=form.unit,
        more_labels=more,
        more_labels_random=more,
        steps=_steps(form, more, below, above, "") if verdict == "undecided" else (),
    )


def _by_slice(
    form: _Form,
    compared: Sequence[tuple[Comparison, list[dict[str, object]]]],
    silent: Sequence[Unlabelled],
    min_items: int,
    evidence: Evidence,
) -> Finding:
    """The finding of a check on every slice; one fails only by Holm's adjusted p value."""
    slices = [values for _, found in compared for values in found]
    names = [slice_name(values) for values in slices]
    estimate = np.concatenate([form.estimate(c) for c, _ in compared])
    n = np.concatenate([c.n for c, _ in compared])
    ends = [form.interval(c, evidence.confidence) for c, _ in compared]
    low, high = (np.concatenate([end[side] for end in ends]) for side in (0, 1))
    adjusted = holm(np.concatenate([form.p_value(c) for c, _ in compared]))
    fails = adjusted < (1 - evidence.confidence) / 2
    alone = np.array(form.verdicts(low, high))
    # few labels do not make a slice small: what counts is how many items they stand for
    stands_for = evidence.table.size / evidence.labelled
    small = (n * stands_for < min_items) | np.isnan(estimate)
    verdicts = np.select(
        [fails & ~np.isnan(estimate), small, alone == "pass"], ["fail", "", "pass"], "undecided"
    )
    excess = (form.bound - estimate) * (1 if form.at_least else -1)
    rank = np.select([verdicts == "fail", verdicts == "undecided"], [0, 1], 2)
    order = np.lexsort((-n, np.where(np.isnan(excess), np.inf, -excess), rank))
    verdict = combined(v for v in ("fail", "undecided") if v in verdicts)
    if verdict == "pass" and (silent or not set(verdicts) - {""}):
        verdict = "undecided"
    chosen = random = None
    open_ = np.flatnonzero(verdicts == "undecided")
    if verdict == "undecided" and len(open_):
        overlap = len(compared) > 1 or compared[0][0].keys.num_columns == 0
        chosen, random = _labels(form, (estimate, low, high, n), excess, open_, evidence, overlap)
    worst = order[0]
    steps = [unlabelled_step(form.check, silent)] if silent else []
    if len(open_):
        where = f"in {names[worst]}, "
        steps += _steps(form, chosen, float(low[worst]), float(high[worst]), where)
    elif small.all():
        steps.append(f"{form.check}: compare slices of {min_items} items, or lower min_items.")
    return Finding(
        check=form.check,
        question=form.question,
        verdict=verdict,
        reason=_slices_reason(
            form, verdicts, silent, names[worst], (estimate, low, high, n), worst
        ),
        estimate=float(estimate[worst]),
        low=float(low[worst]),
        high=float(high[worst]),
        limit=form.bound,
        unit=form.unit,
        more_labels=chosen,
        more_labels_random=random,
        steps=tuple(steps) if verdict == "undecided" else (),
        slices=tuple(
            SliceFinding(
                slice=names[i],
                n=int(n[i]),
                estimate=float(estimate[i]),
                low=float(low[i]),
                high=float(high[i]),
                verdict=str(verdicts[i]) or None,  # type: ignore[arg-type]
                p_adjusted=float(adjusted[i]),
                values=slices[i],
            )
            for i in order[:SHOWN]
        ),
        slice_count=len(names),
    )


def _slices_reason(
    form: _Form,
    verdicts: npt.NDArray[np.str_],
    silent: Sequence[Unlabelled],
    name: str,
    columns: tuple[Floats, Floats, Floats, Floats],
    worst: int,
) -> str:
    total = count(len(verdicts))
    failed, open_, small = (int((verdicts == v).sum()) for v in ("fail", "undecided", ""))
    said = [
        f"{count(number)} of {total} slices {words}"
        for number, words in ((failed, "break the limit"), (open_, "cannot be decided yet"))
        if number
    ] or [f"all {count(len(verdicts) - small)} slices keep the limit"]
    if small == len(verdicts):
        said = ["no slice has enough items to judge"]
    if silent:
        said.append(unlabelled_words(silent))
    estimate, low, high, n = (float(column[worst]) for column in columns)
    text = "; ".join(said)
    few = f" Too small to judge: {count(small)}." if small else ""
    metric = form.measure.name[0].upper() + form.measure.name[1:]
    return (
        f"{text[0].upper()}{text[1:]} ({metric}: {form.rule}); the furthest is {name} with"
        f" {form.written(estimate, low, high)} ({count(n)} items).{few}"
    )


def _labels(
    form: _Form,
    columns: tuple[Floats, Floats, Floats, Floats],
    excess: Floats,
    open_: npt.NDArray[np.intp],
    evidence: Evidence,
    overlap: bool,
) -> tuple[int | None, int | None]:
    """Labels that decide the open slices: chosen from these, and drawn at random from all.

    One that lies beyond the limit decides the check once it fails; otherwise all of them must pass.
    Chosen labels are offered where slices share no items and an unlabelled item's slice is known.
    """
    estimate, low, high, n = columns
    beyond = [i for i in open_ if excess[i] > 0]
    one = CHANCE if beyond else CHANCE ** (1 / len(open_))
    needs = {}
    for i in map(int, beyond or open_):
        value, below, above = (float(column[i]) for column in (estimate, low, high))
        needs[i] = _more(form, value, below, above, int(n[i]), evidence.confidence, one)
    known = {i: need for i, need in needs.items() if need is not None}
    if not known or (not beyond and len(known) < len(needs)):
        return None, None
    decide = min if beyond else max
    random = decide(
        int(np.ceil(need * evidence.labelled / max(n[i], 1.0))) for i, need in known.items()
    )
    if overlap:
        return random, random
    return min(random, min(known.values()) if beyond else sum(known.values())), random


def _steps(form: _Form, more: int | None, low: float, high: float, where: str) -> tuple[str, ...]:
    """What to do besides labelling."""
    end = low if form.at_least else high
    if end != end:
        return (f"{form.check}: without an interval, labels cannot decide it; take it out.",)
    none = "" if more is not None else "no number of labels will do, the estimate is at the limit; "
    risk = f"the change of the {form.measure.name}" if form.changes else f"the {form.measure.name}"
    return (
        f"{form.check}: {none}accept it with a named risk: {where}{risk} may be"
        f" {form.written(end)}.",
    )


def _more(
    form: _Form,
    value: float,
    low: float,
    high: float,
    n: int,
    confidence: float,
    chance: float = CHANCE,
) -> int | None:
    """Labels that decide with this chance, if the true value is the one observed.

    Assumes: the interval shrinks with the root of the number of labels, and the estimate is normal.
    """
    distance = value - form.bound
    half = value - low if distance > 0 else high - value
    if not np.isfinite(half) or not distance or not np.isfinite(distance):
        return None
    spare = 1 + NormalDist().inv_cdf(chance) / z(confidence)
    return max(1, int(np.ceil(n * min((spare * half / distance) ** 2, 1e12))) - n)
