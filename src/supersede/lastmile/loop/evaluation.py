"""What a model has to fulfil: a gap between groups, at a bounded loss of accuracy, hurting nobody else."""

from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import numpy.typing as npt

from supersede.audit import Audit, audit_losses
from supersede.bounty import Sample
from supersede.bounty.artefacts import Column
from supersede.errors import ArgumentError, MissingColumnError, TooFewLabelsError
from supersede.look.numbers import points, share
from supersede.metrics.mover import difference_interval

__all__ = ["Evaluation", "GapTarget", "evaluate_gap"]

Floats = npt.NDArray[np.float64]
Verdict = Literal["pass", "fail", "undecided"]
Metric = Literal["false negative rate", "false positive rate", "error rate"]


@dataclass(frozen=True)
class GapTarget:
    """The condition that a repaired model has to meet on fresh rows.

    Attributes:
        group: The column whose groups are compared.
        gap: The largest difference of the metric between two of its groups.
        metric: ``false negative rate``, ``false positive rate`` or ``error rate``.
        accuracy_loss: The most accuracy that the repair may cost against the first model.
        watch: Columns whose combinations with ``group`` must not get worse in the metric.
        positive: The label that counts as positive.
        min_rows: Smaller groups are not compared.
        confidence: Two-sided confidence of every interval.
    """

    group: str
    gap: float = 0.03
    metric: Metric = "false negative rate"
    accuracy_loss: float = 0.01
    watch: tuple[str, ...] = ()
    positive: object = 1
    min_rows: int = 30
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if not 0 < self.gap < 1 or not 0 <= self.accuracy_loss < 1 or not 0 < self.confidence < 1:
            msg = f"GapTarget(gap={self.gap}, accuracy_loss={self.accuracy_loss}, confidence={self.confidence}): expected shares, the gap above 0"
            raise ArgumentError(msg)

    def counted(self, labels: npt.NDArray[np.object_]) -> npt.NDArray[np.bool_]:
        """The rows that the metric is out of."""
        positive = np.asarray(labels == self.positive, bool)
        if self.metric == "error rate":
            return np.ones(len(positive), bool)
        return positive if self.metric == "false negative rate" else ~positive


@dataclass(frozen=True)
class Evaluation:
    """How one model fares against a target on one sample.

    Attributes:
        sample: Name of the sample.
        rows: Its rows.
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
        worse: Watched combinations that got worse beyond chance.
        verdict: ``pass`` only if every interval lies on the right side.
        reasons: What stands against a pass.
        needed: Rows with which the gap would be decided if it stays where it is; None where it is
            decided.
    """

    sample: str
    rows: int
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
    worse: tuple[str, ...]
    verdict: Verdict
    reasons: tuple[str, ...]
    needed: int | None

    def __str__(self) -> str:
        return f"{self.sample}: {self.verdict}; gap {points(self.gap, self.low, self.high)}, accuracy {share(self.accuracy)}, change {points(self.accuracy_change, self.accuracy_low, self.accuracy_high)}"


def evaluate_gap(
    answers: npt.NDArray[np.object_],
    first: npt.NDArray[np.object_],
    sample: Sample,
    target: GapTarget,
) -> Evaluation:
    """Compare answers with a target.

    Args:
        answers: The model's answers, shape ``(n,)``.
        first: The first model's, that accuracy and watched groups are compared with.
        sample: The rows, with the columns of the target.
        target: What has to hold.

    Raises:
        MissingColumnError: The sample lacks a column of the target.
        TooFewLabelsError: Fewer than two groups have enough rows.
    """
    labels = np.asarray(sample.labels, object)
    counted = target.counted(labels)
    missed, before = ((a != labels)[counted].astype(float) for a in (answers, first))
    attributes = {name: _texts(sample, name)[counted] for name in (target.group, *target.watch)}
    audit = audit_losses(
        missed, attributes, old=before, cross=[(target.group, name) for name in target.watch],
        confidence=target.confidence, min_items=target.min_rows,
    )  # fmt: skip
    gap, low, high, worst, best, rates = _gap(audit, target, missed, attributes[target.group])
    right, was = (np.asarray(a == labels, float) for a in (answers, first))
    overall = audit_losses(
        1 - right, {"all": np.zeros(len(right), int)}, old=1 - was, confidence=target.confidence
    ).overall
    lost = (-overall.change_high, -overall.change_low)
    worse = _worse(missed, before, attributes, target)
    reasons, verdicts = [], [_against(low, high, target.gap)]
    if verdicts[0] != "pass":
        reasons.append(
            f"the gap between {worst} and {best} is {points(gap, low, high)}, the limit {points(target.gap, exact=True)}"
        )
    verdicts.append(_against(-lost[1], -lost[0], target.accuracy_loss))
    if verdicts[1] != "pass":
        reasons.append(
            f"accuracy changes by {points(-overall.change, *lost)}, the limit is {points(-target.accuracy_loss, exact=True)}"
        )
    if worse:
        verdicts.append("fail")
        reasons.append(f"worse than before in {', '.join(worse)}")
    verdict: Verdict = (
        "fail" if "fail" in verdicts else "undecided" if "undecided" in verdicts else "pass"
    )
    room = abs(target.gap - gap)
    half = high - gap if gap <= target.gap else gap - low
    needed = (
        int(np.ceil(len(sample) * (half / room) ** 2))
        if verdicts[0] == "undecided" and room
        else None
    )
    return Evaluation(
        sample.name, len(sample), gap, low, high, worst, best, rates, float(right.mean()),
        -float(overall.change), *lost, worse, verdict, tuple(reasons), needed,
    )  # fmt: skip


def _gap(
    audit: Audit, target: GapTarget, missed: Floats, home: npt.NDArray[np.object_]
) -> tuple[float, float, float, str, str, dict[str, float]]:
    """The largest gap of two groups; its interval accounts for the choice among pairs."""
    large = [
        r for r in audit.rows if r.split == target.group and r.known and r.n >= target.min_rows
    ]
    if len(large) < 2:
        msg = f"fewer than two groups of {target.group!r} have {target.min_rows} rows that the {target.metric} counts"
        raise TooFewLabelsError(msg)
    pairs = len(large) * (len(large) - 1) // 2
    each = 1 - (1 - target.confidence) / pairs
    again = audit_losses(missed, {target.group: home}, confidence=each, min_items=target.min_rows)
    rows = [again.row(r.group) for r in large]
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
    return gap, max(low_end, 0.0), high_end, worst, best, {r.group: r.value for r in rows}


def _worse(
    missed: Floats,
    before: Floats,
    attributes: dict[str, npt.NDArray[np.object_]],
    target: GapTarget,
) -> tuple[str, ...]:
    """Watched combinations whose rate rose, beyond chance over all of them."""
    if not target.watch:
        return ()
    cells = [
        (
            f"{target.group} = {g} × {name} = {v}",
            (attributes[target.group] == g) & (attributes[name] == v),
        )
        for name in target.watch
        for g in sorted(set(attributes[target.group]) - {None})
        for v in sorted(set(attributes[name]) - {None})
    ]
    cells = [(name, inside) for name, inside in cells if inside.sum() >= target.min_rows]
    each = 1 - (1 - target.confidence) / max(len(cells), 1)
    found = []
    for name, inside in cells:
        row = audit_losses(
            missed[inside], {"all": np.zeros(int(inside.sum()), int)}, old=before[inside], confidence=each
        ).overall  # fmt: skip
        if row.change_low > 0:
            found.append(name)
    return tuple(found)


def _against(low: float, high: float, limit: float) -> Verdict:
    return "pass" if high <= limit else "fail" if low > limit else "undecided"


def _texts(sample: Sample, name: str) -> npt.NDArray[np.object_]:
    if name not in sample.columns:
        raise MissingColumnError.of(name, sample.columns, "the target of a repair")
    column: Column = sample.columns[name]
    found = column.texts() if column.kind == "text" else column.values.astype(str).astype(object)
    if column.missing is not None:
        found[column.missing] = None
    return np.asarray(found, object)
