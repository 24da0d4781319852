"""What a model has to fulfil: a gap between groups, at a bounded loss of accuracy, hurting nobody else."""

from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from supersede.audit import audit_losses
from supersede.bounty import Sample
from supersede.errors import AnswerError, ArgumentError, TooFewLabelsError
from supersede.lastmile.loop.stacked import texts_of
from supersede.lastmile.loop.watched import Watched, watch
from supersede.look.numbers import points, share
from supersede.metrics.mover import difference_interval

__all__ = ["Evaluation", "GapTarget", "evaluate_gap"]

Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[np.object_]
Verdict = Literal["pass", "fail", "undecided"]
_FEWEST = 2
Metric = Literal["false negative rate", "false positive rate", "error rate"]


@dataclass(frozen=True)
class GapTarget:
    """The condition that a repaired model has to meet on fresh rows.

    Attributes:
        group: The column whose groups are compared.
        gap: The largest difference of the metric between two of its groups.
        metric: ``false negative rate``, ``false positive rate`` or ``error rate``.
        accuracy_loss: The most accuracy that the repair may cost against the first model.
        watch: Columns whose combinations with ``group`` must not get worse in the metric. The
            groups themselves must not either: a gap that closes because the better group got worse
            is not a repair.
        worsening: By how much each of these may get worse after all, as a share; some constraints
            bring groups together only by giving and taking.
        positive: The label that counts as positive.
        min_rows: Smaller groups are not compared.
        confidence: Two-sided confidence of every interval; in `repair_until`, one minus the chance that
            a model passes although it misses the target.
    """

    group: str
    gap: float = 0.03
    metric: Metric = "false negative rate"
    accuracy_loss: float = 0.01
    watch: tuple[str, ...] = ()
    worsening: float = 0.0
    positive: object = 1
    min_rows: int = 30
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if (
            not 0 < self.gap < 1
            or not 0 <= self.accuracy_loss < 1
            or not 0 <= self.worsening < 1
            or not 0.5 < self.confidence < 1
        ):
            msg = f"GapTarget(gap={self.gap}, accuracy_loss={self.accuracy_loss}, worsening={self.worsening}, confidence={self.confidence}): expected shares, the gap above 0 and the confidence above 0.5"
            raise ArgumentError(msg)
        if isinstance(self.watch, str) or self.min_rows < _FEWEST:
            msg = f"GapTarget(watch={self.watch!r}, min_rows={self.min_rows}): expected a tuple of columns, and at least {_FEWEST} rows per group"
            raise ArgumentError(msg)
        if self.metric not in {"false negative rate", "false positive rate", "error rate"}:
            msg = f"GapTarget(metric={self.metric!r}): expected false negative rate, false positive rate or error rate"
            raise ArgumentError(msg)

    def counted(self, labels: npt.NDArray[np.object_]) -> npt.NDArray[np.bool_]:
        """The rows that the metric is out of.

        Raises:
            ArgumentError: No label is the positive one.
        """
        positive = np.asarray(labels == self.positive, bool)
        if self.metric == "error rate":
            return np.ones(len(positive), bool)
        if not positive.any():
            listed = ", ".join(map(repr, list(dict.fromkeys(labels.tolist()))[:5]))
            msg = f"no label is the positive one, {self.positive!r}; labels are {listed}: name one of them with positive="
            raise ArgumentError(msg)
        return positive if self.metric == "false negative rate" else ~positive


@dataclass(frozen=True)
class Evaluation:
    """How one model fares against a target on one sample.

    Attributes:
        sample: Name of the sample.
        rows: Its rows.
        confidence: Two-sided confidence of the intervals.
        gap: Largest difference of the metric between two groups.
        low: Lower end of its interval.
        high: Upper end.
        worst: The group with the highest rate.
        best: The group with the lowest.
        rates: The metric of each group.
        accuracy: Accuracy.
        accuracy_change: Change against the first model, at most 0 where it got worse.
        accuracy_low: Lower end of its paired interval.
        accuracy_high: Upper end.
        watched: The groups and the watched combinations, before and after.
        verdict: ``pass`` only if every interval lies on the right side.
        reasons: What stands against a pass.
        needed: Rows with which gap and accuracy would be decided if they stay where they are; None
            where they are decided, or lie on a limit.
    """

    sample: str
    rows: int
    confidence: float
    gap: float
    low: float
    high: float
    worst: str
    best: str
    rates: dict[str, float]
    accuracy: float
    accuracy_change: float
    accuracy_low: float
    accuracy_high: float
    watched: tuple[Watched, ...]
    verdict: Verdict
    reasons: tuple[str, ...]
    needed: int | None

    @property
    def worse(self) -> tuple[str, ...]:
        """Watched groups and combinations that got worse beyond chance."""
        return tuple(w.group for w in self.watched if w.worse)

    def __str__(self) -> str:
        return f"{self.sample}: {self.verdict}; gap {points(self.gap, self.low, self.high)}, accuracy {share(self.accuracy)}, change {points(self.accuracy_change, self.accuracy_low, self.accuracy_high)}"


def evaluate_gap(
    answers: npt.NDArray[Any],
    first: npt.NDArray[Any],
    sample: Sample,
    target: GapTarget,
    *,
    confidence: float | None = None,
) -> Evaluation:
    """Compare answers with a target.

    Args:
        answers: The model's answers, shape ``(n,)``.
        first: The first model's, that accuracy and watched groups are compared with.
        sample: The rows, with the columns of the target; weighted if it has weights.
        target: What has to hold.
        confidence: Two-sided confidence of the intervals, if another than the target's.

    Raises:
        AnswerError: Most answers are not labels at all, such as scores or other names of classes.
        ArgumentError: No label is the positive one, or there is not one answer per row.
        MissingColumnError: The sample lacks a column of the target.
        TooFewLabelsError: Fewer than two groups have enough rows.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> sample = Sample("rows", {"sex": rng.choice(["f", "m"], 900)}, rng.integers(0, 2, 900))
        >>> evaluate_gap(sample.labels, sample.labels, sample, GapTarget("sex")).verdict
        'pass'
    """
    labels = np.asarray(sample.labels, object)
    answers, first = (_checked(a, labels, sample.name) for a in (answers, first))
    level = target.confidence if confidence is None else confidence
    counted = target.counted(labels)
    missed, before = ((a != labels)[counted].astype(float) for a in (answers, first))
    weight = None if sample.weight is None else sample.weight[counted]
    attributes = {name: texts_of(sample, name)[counted] for name in (target.group, *target.watch)}
    gap = _gap(missed, attributes[target.group], weight, target, level)
    wrong, was = (np.asarray(a != labels, float) for a in (answers, first))
    overall = audit_losses(
        wrong, {"all": np.zeros(len(wrong), int)}, old=was, weight=sample.weight, confidence=level
    ).overall
    change, low, high = (-float(v) for v in (overall.change, overall.change_high, overall.change_low))  # fmt: skip
    watched = watch(
        missed, before, attributes, group=target.group, others=target.watch,
        min_rows=target.min_rows, confidence=level, weight=weight, allowed=target.worsening,
    )  # fmt: skip
    verdicts = [
        _against(gap.low, gap.high, target.gap), _against(-high, -low, target.accuracy_loss),
    ]  # fmt: skip
    reasons = []
    if verdicts[0] != "pass":
        reasons.append(
            f"the gap between {gap.worst} and {gap.best} is {points(gap.gap, gap.low, gap.high)}, the limit {points(target.gap, exact=True)}"
        )
    if verdicts[1] != "pass":
        reasons.append(
            f"accuracy changes by {points(change, low, high)}, the limit is {points(-target.accuracy_loss, exact=True)}"
        )
    if any(w.worse for w in watched):
        verdicts.append("fail")
        reasons.append(f"worse than before in {', '.join(w.group for w in watched if w.worse)}")
    verdict: Verdict = (
        "fail" if "fail" in verdicts else "undecided" if "undecided" in verdicts else "pass"
    )
    shares = [
        _more(value, ends, limit)
        for value, ends, limit, said in (
            (gap.gap, (gap.low, gap.high), target.gap, verdicts[0]),
            (-change, (-high, -low), target.accuracy_loss, verdicts[1]),
        )
        if said == "undecided"
    ]
    known = [s for s in shares if s is not None]
    needed = int(np.ceil(len(sample) * max(known))) if known and len(known) == len(shares) else None
    return Evaluation(
        sample.name, len(sample), level, gap.gap, gap.low, gap.high, gap.worst, gap.best, gap.rates,
        1 - float(overall.value), change, low, high, watched, verdict, tuple(reasons), needed,
    )  # fmt: skip


@dataclass(frozen=True)
class _Gap:
    gap: float
    low: float
    high: float
    worst: str
    best: str
    rates: dict[str, float]


def _gap(
    missed: Floats, home: Texts, weight: Floats | None, target: GapTarget, confidence: float
) -> _Gap:
    """The largest gap of two groups; its interval accounts for the choice among pairs."""
    _, sizes = np.unique(home[home != None].astype(str), return_counts=True)  # noqa: E711
    large = int((sizes >= target.min_rows).sum())
    if large < 2:
        msg = f"fewer than two groups of {target.group!r} have {target.min_rows} rows that the {target.metric} counts"
        raise TooFewLabelsError(msg)
    each = 1 - (1 - confidence) / (large * (large - 1) // 2)
    audit = audit_losses(
        missed, {target.group: home}, weight=weight, confidence=each, min_items=target.min_rows
    )
    rows = [r for r in audit.rows if r.split == target.group and r.known and r.n >= target.min_rows]
    found = []
    for a, b in combinations(rows, 2):
        more, less = (a, b) if a.value >= b.value else (b, a)
        low, high = difference_interval([more.value], ([more.low], [more.high]), [less.value], ([less.low], [less.high]))  # fmt: skip
        found.append(
            (more.value - less.value, float(low[0]), float(high[0]), more.group, less.group)
        )
    gap, low_end, _, worst, best = max(found)
    # the largest true gap is below the largest upper end of |gap|
    high_end = max(max(high, -low) for _, low, high, _, _ in found)
    return _Gap(gap, max(low_end, 0.0), high_end, worst, best, {r.group: r.value for r in rows})


def _checked(answers: npt.ArrayLike, labels: Texts, sample: str) -> Texts:
    """Refuse answers that are not labels: all groups would err alike, and the gap would be 0."""
    found = np.asarray(answers, object)
    if found.shape != labels.shape:
        msg = f"a model answered with shape {found.shape} for {len(labels)} rows of {sample!r}; expected one answer per row"
        raise ArgumentError(msg)
    known = set(labels.tolist())
    strange = [a for a in found.tolist() if a not in known]
    if len(strange) > len(found) / 2:
        listed = ", ".join(map(repr, sorted(known, key=str)[:5]))
        msg = f"{len(strange)} of {len(found)} answers on {sample!r} are not labels, such as {strange[0]!r}; labels are {listed}: answer with them (no scores, no other names)"
        raise AnswerError(msg)
    return found


def _more(value: float, ends: tuple[float, float], limit: float) -> float | None:
    """How many times as many rows would decide it, if the estimate stays; None on the limit."""
    room = abs(limit - value)
    half = ends[1] - value if value <= limit else value - ends[0]
    return (half / room) ** 2 if room else None


def _against(low: float, high: float, limit: float) -> Verdict:
    return "pass" if high <= limit else "fail" if low > limit else "undecided"
