"""Estimates from labels: value and interval of every estimand of a plan."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from supersede.errors import ArgumentError, LabelError, TooFewLabelsError
from supersede.evaluate.belief import Calibration, recalibrate
from supersede.evaluate.design import Plan, Sample
from supersede.evaluate.difference_estimator import Observed, Result, difference_estimate
from supersede.evaluate.estimands import Estimand
from supersede.evaluate.hypergeometric import check_confidence, exact_interval, sequence_interval
from supersede.evaluate.judge_quality import JudgeQuality, judge_quality
from supersede.evaluate.labels import Disagreement, Settled, Words, read_labels, settle
from supersede.evaluate.linear import Linear, linearise
from supersede.look.json_values import json_object
from supersede.look.result import ResultMixin, frame_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Estimate", "Estimates", "estimate"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_DOUBT = 0.3  # relative standard error of a denominator beyond which a ratio is refused
_LEAST = 2  # fewest labels from which a variance can be estimated


@dataclass(frozen=True)
class Estimate:
    """An estimand's value and interval.

    Attributes:
        name: The estimand.
        value: The estimate; None where it is refused.
        low: Lower end of the interval.
        high: Upper end.
        labels: Number of labels that it is based on.
        how: ``"exact"``, ``"difference"`` or ``"none"``.
        note: Why it is refused, or a caveat; empty otherwise.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    labels: int
    how: str
    note: str = ""

    @property
    def half_width(self) -> float:
        """Half the interval's width; infinite where there is none."""
        if self.low is None or self.high is None:
            return float("inf")
        return (self.high - self.low) / 2

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True)
class Estimates(ResultMixin, named="estimates"):
    """Estimates of all estimands of a plan.

    Attributes:
        plan: The plan.
        each: The estimates, in the plan's order.
        calibration: How well the labels agree with the models' answers; a second plan uses it.
        labels: Labels that were used.
        missing: Planned items that have no label yet.
        skipped: Items that annotators could not label, replaced by the next in line.
        unasked: Ids that were labelled although they are not in the plan; they are not used.
        disputed: Items on which annotators disagreed.
        agreement: Share of items with several annotators on which all agreed; None without such.
        judges: How often the plan's judges are right, overall and by group, and whether they count.
    """

    plan: Plan
    each: tuple[Estimate, ...]
    calibration: Calibration
    labels: int
    missing: int
    skipped: int
    unasked: tuple[Any, ...] = ()
    disputed: tuple[Any, ...] = ()
    agreement: float | None = None
    judges: tuple[JudgeQuality, ...] = ()

    def __iter__(self) -> Iterator[Estimate]:
        return iter(self.each)

    def __getitem__(self, name: str | Estimand) -> Estimate:
        """An estimate by its estimand.

        Raises:
            ArgumentError: The plan has no such estimand.
            TooFewLabelsError: The labels cannot support it.
        """
        wanted = name.name if isinstance(name, Estimand) else name
        for found in self.each:
            if found.name == wanted:
                if found.value is None:
                    msg = f"{found.name}: {found.note}"
                    raise TooFewLabelsError(msg)
                return found
        msg = f"no estimand {wanted!r}; the plan has {', '.join(e.name for e in self.each)}"
        raise ArgumentError(msg)

    def to_dict(self) -> dict[str, Any]:
        """The estimates, and which labels they come from, as JSON values."""
        return json_object({
            "design": self.plan.design, "labels": self.labels, "missing": self.missing,
            "skipped": self.skipped, "unasked": self.unasked, "disputed": self.disputed,
            "agreement": self.agreement, "estimates": [e.to_dict() for e in self.each],
            "judges": [judge.to_dict() for judge in self.judges],
        })  # fmt: skip

    def to_frame(self) -> "pa.Table":
        """One row per estimand."""
        return frame_of(e.to_dict() for e in self.each)

    def to_html(self) -> str:
        """A page: a dot and an interval per estimate."""
        from supersede.evaluate.pictures import estimates_picture

        return estimates_picture(self)

    def __repr__(self) -> str:
        lines = [f"Estimates from {self.labels:,} labels (design {self.plan.design})"]
        for e in self.each:
            if e.value is None:
                lines.append(f"  {e.name}: refused: {e.note}")
            else:
                tail = f"  ({e.note})" if e.note else ""
                lines.append(f"  {e.name}: {e.value:.3f} [{e.low:.3f}, {e.high:.3f}]{tail}")
        lines += [f"  {judge}" for judge in self.judges]
        if self.missing:
            lines.append(f"  {self.missing:,} planned items have no label yet")
        if self.skipped:
            lines.append(f"  {self.skipped:,} items were skipped and replaced by the next in line")
        if self.unasked:
            lines.append(
                f"  {len(self.unasked):,} labels for items outside the plan are left out: their"
                " inclusion probability is unknown"
            )
        if self.disputed:
            lines.append(f"  {len(self.disputed):,} items with contradicting labels, by majority")
        return "\n".join(lines)


def estimate(
    plan: Plan,
    labels: object,
    *,
    disagreement: Disagreement = "refuse",
    anytime: bool = False,
    confidence: float | None = None,
    classes: Sequence[Any] = (),
    same: Words = None,
    progress: Callable[[str], None] | None = None,
) -> Estimates:
    """Estimate a plan's estimands from the labels received.

    Args:
        plan: The plan that chose the items.
        labels: Labels as `read_labels` takes them: a file, a frame, or ``{"item": …, "label": …}``.
            They may be incomplete as long as they follow the plan's order.
        disagreement: What to do where annotators disagree: ``"refuse"`` or ``"majority"``.
        anytime: Intervals that hold for all numbers of labels at once, so that labelling can stop
            as soon as they are satisfactory. Only available if every estimand is a share with a
            random sample of its own (``"coordinated"`` and ``"independent"``); see
            `supersede.evaluate.follow` for all plans.
        confidence: Confidence of the intervals, if not the plan's.
        classes: Classes that labels may have although no model predicts them (and `plan` did not
            name them).
        same: Which words of labels and models count as equal, as in `supersede.read`:
            ``{"1": ["yes"], "0": ["no"]}``, or ``"folded"``.
        progress: Function that is called with a line of text before each step.

    Returns:
        Value and interval of each estimand, or why it is refused.

    Raises:
        LabelError: The labels are for another design, contradict each other, are not a class of the
            plan, or there are none.
        ArgumentError: Anytime-valid intervals are requested for a plan that has none, or the
            confidence is outside (0, 1).

    Example:
        >>> import supersede
        >>> from supersede.evaluate import plan, precision
        >>> table = supersede.read(
        ...     {"id": list(range(40)), "a": [1, 0] * 20}, models=["a"], labelled=False
        ... )
        >>> chosen = plan(table, precision("a"), margin=0.2, method="coordinated")
        >>> ids = chosen.items["item"].to_pylist()
        >>> labels = {"item": ids, "label": [int(i % 8 != 0) for i in ids]}
        >>> print(estimate(chosen, labels))
        Estimates from 12 labels (design ...)
          precision(a): 0.833 [0.650, 0.900]

    Assumes: labels are right; items are skipped for reasons that do not depend on their label.
    """
    say = progress or (lambda _: None)
    say("reading the labels")
    given = read_labels(labels, models=plan.patterns.graded)
    settled = settle(plan, given, disagreement, classes=classes, same=same)
    if not settled.labelled.any():
        asked = plan.items["item"].to_pylist()[:3]
        msg = (
            f"none of the {len(given):,} labels is for an item of this plan (design {plan.design}),"
            f" which needs {', '.join(map(repr, asked))}, …"
        )
        raise LabelError(msg)
    rows = [usable(plan, sample, settled) for sample in plan.samples]
    level = plan.confidence if confidence is None else confidence
    check_confidence(level)
    say("estimating")
    each, calibration, judges = _estimates(plan, settled, rows, level, anytime=anytime)
    reserve = plan.items["reserve"].to_numpy(zero_copy_only=False)
    waiting = (settled.state < -1) & ~reserve
    return Estimates(
        plan=plan,
        each=tuple(each),
        calibration=calibration,
        labels=len(np.unique(np.concatenate(rows))),
        missing=int(waiting.sum()),
        skipped=int(settled.skipped.sum()),
        unasked=settled.unasked,
        disputed=settled.disputed,
        agreement=settled.agreement,
        judges=judges,
    )


def usable(plan: Plan, sample: Sample, settled: Settled) -> Ints:
    """Labelled rows of a sample in the plan's order, up to the first without an answer.

    Skipped rows are replaced by the next number in line. A label beyond the first gap is left out,
    because the sample is random only if items are used in the order of their numbers. Samples of
    the parent/child method need no order: they are in random order, and any of their labels count.
    """
    if plan.method == "parent_child":
        return sample.rows[settled.state[sample.rows] >= 0]
    state = settled.state[sample.rows]
    gap = np.flatnonzero(state < -1)
    known = sample.rows[: gap[0]] if len(gap) else sample.rows
    return known[settled.state[known] >= 0][: sample.take]


def _estimates(
    plan: Plan, settled: Settled, rows: list[Ints], confidence: float, *, anytime: bool
) -> tuple[list[Estimate], Calibration, tuple[JudgeQuality, ...]]:
    if plan.method == "allocated":
        if anytime:
            msg = "an allocated plan has no exact sequence; use supersede.evaluate.follow(plan, …)"
            raise ArgumentError(msg)
        return _stratified(plan, settled, rows, confidence)
    each = []
    calibration = plan.calibration
    for k, estimand in enumerate(plan.estimands):
        linear = linearise(estimand, plan.patterns, plan.belief)
        if not len(rows[k]):
            each.append(_without(estimand, linear, plan, 0))
        elif linear.exact is not None:
            each.append(_exact(plan, k, linear, settled, rows[k], confidence, anytime=anytime))
        elif anytime:
            msg = (
                f"{estimand.name} is not a share of a random sample; estimate it with anytime=False"
            )
            raise ArgumentError(msg)
        else:
            of = np.where(linear.domain, 0, -1)
            sizes = np.array([plan.samples[k].of])
            observed = _observed(plan, settled, [rows[k]], sizes, of)
            found, _ = assisted(plan, [estimand], observed, confidence)
            each += found
    return each, calibration, ()


def _stratified(
    plan: Plan, settled: Settled, rows: list[Ints], confidence: float
) -> tuple[list[Estimate], Calibration, tuple[JudgeQuality, ...]]:
    short = [
        g
        for g, (s, found) in enumerate(zip(plan.samples, rows, strict=True))
        if len(found) < min(_LEAST, s.of)
    ]
    if short:
        wanted = [int(plan.samples[g].rows[0]) for g in short[:3]]
        first = [plan.items["item"][r].as_py() for r in wanted]
        note = (
            f"{len(short)} of {len(rows)} strata have fewer than {_LEAST} labels; label in the"
            f" plan's order, first of all items {', '.join(map(repr, first))}"
        )
        none = [Estimate(e.name, None, None, None, 0, "none", note) for e in plan.estimands]
        return none, plan.calibration, ()
    sizes = np.array([s.of for s in plan.samples])
    observed = _observed(plan, settled, rows, sizes, plan.stratum)
    each, calibration = assisted(plan, plan.estimands, observed, confidence)
    return each, calibration, _judges(plan, observed, calibration, confidence)


def _observed(plan: Plan, settled: Settled, rows: list[Ints], items: Ints, of: Ints) -> Observed:
    chosen = np.concatenate(rows)
    pattern = plan.items["pattern"].to_numpy()[chosen]
    stratum = np.repeat(np.arange(len(rows)), [len(r) for r in rows])
    weighed = plan.patterns.weights is not None
    amount = plan.items["weight"].to_numpy()[chosen] if weighed else None
    clustered = plan.patterns.clusters is not None
    cluster = plan.items["cluster"].to_numpy()[chosen] if clustered else None
    return Observed(pattern, settled.state[chosen], stratum, items, of, amount, cluster)


def assisted(
    plan: Plan,
    estimands: "tuple[Estimand, ...] | list[Estimand]",
    observed: Observed,
    confidence: float,
) -> tuple[list[Estimate], Calibration]:
    """Estimates by the difference estimator with a belief recalibrated to the labels."""
    calibration = recalibrate(
        plan.belief, plan.patterns, observed.state, observed.pattern, observed.weight
    )
    belief = calibration.apply(plan.belief, plan.patterns)
    each = []
    for estimand in estimands:
        linear = linearise(estimand, plan.patterns, plan.belief)
        if not linear.domain.any() or _in_one_cluster(plan, linear):
            each.append(_without(estimand, linear, plan, 0))
            continue
        result = difference_estimate(estimand, plan.patterns, belief, observed)
        relevant = int(linear.domain[observed.pattern].sum())
        each.append(_interval(estimand, result, relevant, confidence))
    return each, plan.calibration.then(calibration)


def _judges(
    plan: Plan, observed: Observed, calibration: Calibration, confidence: float
) -> tuple[JudgeQuality, ...]:
    """How good the plan's judges are, by the labels."""
    if not plan.patterns.judges:
        return ()
    later = recalibrate(
        plan.belief, plan.patterns, observed.state, observed.pattern, observed.weight
    )
    belief = later.apply(plan.belief, plan.patterns)
    return judge_quality(plan, observed, belief, calibration, confidence)


def _interval(estimand: Estimand, result: Result, labels: int, confidence: float) -> Estimate:
    from scipy.special import stdtrit

    if result.doubt > _DOUBT or not labels:
        note = (
            f"the labels leave its denominator uncertain to ± {result.doubt:.0%}: too few positives"
            " among them; label more, or add scores that point to likely positives"
        )
        return Estimate(estimand.name, None, None, None, labels, "none", note)
    half = float(stdtrit(result.freedom, 0.5 + confidence / 2)) * result.error
    least = -1.0 if any(term.coefficient < 0 for term in estimand.terms) else 0.0
    low, high = max(result.value - half, least), min(result.value + half, 1.0)
    value = min(max(result.value, low), high)
    return Estimate(estimand.name, value, low, high, labels, "difference")


def _exact(
    plan: Plan,
    k: int,
    linear: Linear,
    settled: Settled,
    rows: Ints,
    confidence: float,
    *,
    anytime: bool,
) -> Estimate:
    """A share of a simple random sample, with its exact interval."""
    sample, estimand = plan.samples[k], plan.estimands[k]
    assert linear.exact is not None  # noqa: S101  # checked by the caller
    bottom, top = linear.exact
    pattern = plan.items["pattern"].to_numpy()
    high_state = linear.influence > linear.influence.mean(axis=0)
    positive = high_state[settled.state[rows], pattern[rows]]
    hits, n, of = int(positive.sum()), len(rows), sample.of
    interval = sequence_interval if anytime else exact_interval
    low, high = (bottom + (top - bottom) * p for p in interval(hits, n, of, confidence))
    share, note = hits / n, ""
    if sample.repeats is not None:
        note = "resampled: the interval counts every label once"
    return Estimate(estimand.name, bottom + (top - bottom) * share, low, high, n, "exact", note)


def _in_one_cluster(plan: Plan, linear: Linear) -> bool:
    clusters = plan.patterns.clusters
    if clusters is None or not linear.domain.any():
        return False
    return clusters.within(linear.domain) < _LEAST


def _without(estimand: Estimand, linear: Linear, plan: Plan, labels: int) -> Estimate:
    """An estimand on which no label has influence, or whose labels are missing."""
    if np.isnan(linear.value):
        note = "undefined: it counts no items (no predicted positives, or no such group)"
    elif _in_one_cluster(plan, linear):
        note = "its items are of one cluster, which shows nothing of other clusters"
    elif linear.domain.any():
        note = "none of its items is labelled yet"
    elif plan.patterns.clusters is not None:
        note = (
            "no label affects it in these clusters, which does not show that none would in others"
        )
    else:
        value = float(linear.value)
        known = "known without labels"
        return Estimate(estimand.name, value, value, value, labels, "exact", known)
    return Estimate(estimand.name, None, None, None, labels, "none", note)
