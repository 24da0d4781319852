"""The loss of an item under a model: the error of the task, in the task's own units.

A loss has a numerator and a denominator for each item; the sum of numerators is divided by the sum
of denominators (by default every item counts one). Word errors are divided by words, false
positives by negatives; the mean of per-item ratios is a different and noisier number, and is not
used.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from supersede.errors import ArgumentError, MissingColumnError
from supersede.metrics.classification import METRICS
from supersede.metrics.ratio_intervals import Unit
from supersede.metrics.ratios import Part
from supersede.table.outcomes import Classes, Losses, Scores, Within, plain
from supersede.table.table import Table

__all__ = [
    "Absolute",
    "Amount",
    "LogLoss",
    "Loss",
    "PerUnit",
    "Rate",
    "SquaredError",
    "Worse",
    "ZeroOne",
]

Worse = Literal["more", "less"]
"""Whether more of a loss is worse, or less of it, as for recall."""

_SUCCESSES = {"accuracy", "precision", "recall", "specificity"}
_CLIP = 1e-15  # keeps the log loss of scores of exactly 0 and 1 finite


class Loss(Protocol):
    """The loss of an item."""

    @property
    def name(self) -> str:
        """Name of the loss, such as ``error rate``."""

    @property
    def unit(self) -> Unit:
        """``"share"`` where it lies in [0, 1], ``"amount"`` where it is at least 0."""

    @property
    def worse(self) -> Worse:
        """``"more"``, or ``"less"`` for success rates such as recall."""

    def part(self, table: Table, model: str) -> Part:
        """Numerator and denominator of each item, as expressions over the table's rows."""


@dataclass(frozen=True)
class ZeroOne:
    """One minus the grade: 0/1 for classes, in [0, 1] for graded outcomes."""

    name: str = "error rate"
    unit: Unit = "share"
    worse: Worse = "more"

    def part(self, table: Table, model: str) -> Part:
        """One minus the outcome's grade."""
        right = table.right(model)
        return Part(1 - right, binary=right.type().is_integer())


@dataclass(frozen=True)
class Rate:
    """A rate of the confusion matrix, such as the false positive rate.

    Attributes:
        metric: A name of `supersede.metrics.METRICS` other than ``f1``, which is not a ratio of
            sums over items.
        positive: The class that counts as positive.
    """

    metric: str
    positive: object = 1
    unit: Unit = "share"

    def __post_init__(self) -> None:
        known = [name for name in METRICS if name != "f1"]
        if self.metric not in known:
            msg = f"Rate({self.metric!r}): expected one of {', '.join(known)}"
            raise ArgumentError(msg)

    @property
    def name(self) -> str:
        """Name of the metric."""
        return self.metric.replace("_", " ")

    @property
    def worse(self) -> Worse:
        """``"less"`` for accuracy, precision and recall; ``"more"`` for a selection rate."""
        return "less" if self.metric in _SUCCESSES else "more"

    def part(self, table: Table, model: str) -> Part:
        """Indicators of the items in the numerator and in the denominator."""
        truth, answer = table.class_label(), table.answer(model)
        if truth is None or answer is None:
            msg = f"model {model!r} predicts no classes, so it has no {self.name}"
            raise ArgumentError(msg)
        numerator, denominator = METRICS[self.metric](
            _Decisions((truth == self.positive).cast("int32"), (answer == self.positive).cast("int32"))
        )  # fmt: skip
        return Part(numerator, denominator)


class _Decisions:
    """The four decisions as 0/1 per item, so that the metrics table can use them as counts."""

    def __init__(self, truth: Any, answer: Any) -> None:
        self.tp, self.fp = truth * answer, (1 - truth) * answer
        self.fn, self.tn = truth * (1 - answer), (1 - truth) * (1 - answer)


@dataclass(frozen=True)
class SquaredError:
    """Squared difference of score (or predicted number) and label; the Brier score for scores."""

    name: str = "squared error"
    unit: Unit = "amount"
    worse: Worse = "more"

    def part(self, table: Table, model: str) -> Part:
        """The squared difference."""
        difference = _difference(table, model, self.name)
        return Part(difference * difference)


@dataclass(frozen=True)
class Absolute:
    """Absolute difference of score (or predicted number) and label."""

    name: str = "absolute error"
    unit: Unit = "amount"
    worse: Worse = "more"

    def part(self, table: Table, model: str) -> Part:
        """The absolute difference."""
        return Part(_difference(table, model, self.name).abs())


@dataclass(frozen=True)
class LogLoss:
    """Minus the logarithm of the probability that the model gave to the observed outcome."""

    name: str = "log loss"
    unit: Unit = "amount"
    worse: Worse = "more"

    def part(self, table: Table, model: str) -> Part:
        """The log loss; probabilities are kept 1e-15 away from 0 and 1."""
        score, truth = table.score(model), table.class_label()
        if score is None or truth is None:
            msg = f"{self.name} needs scores and a 0/1 label, and model {model!r} has none"
            raise ArgumentError(msg)
        given = (truth == 1).ifelse(score, 1 - score).clip(_CLIP, 1 - _CLIP)
        return Part(-given.ln())


@dataclass(frozen=True)
class Amount:
    """A loss given by a column of the table, at least 0: a cost, a distance, a judge's penalty.

    Attributes:
        columns: The column of each model's loss; None for the columns of models that were read as
            ``supersede.table.table.Losses``.
        name: Name of the loss.
    """

    columns: Mapping[str, str] | None = None
    name: str = "loss"
    unit: Unit = "amount"
    worse: Worse = "more"

    def part(self, table: Table, model: str) -> Part:
        """The column itself."""
        return Part(_column(table, model, self.columns, self.name))


@dataclass(frozen=True)
class PerUnit:
    """Error counts out of units other than items, pooled: word errors over words (WER).

    Attributes:
        errors: The column of each model's errors on the item.
        out_of: The column of the units they are out of, such as words of the reference.
        name: Name of the loss.
    """

    errors: Mapping[str, str]
    out_of: str
    name: str = "word error rate"
    unit: Unit = "amount"
    worse: Worse = "more"

    def part(self, table: Table, model: str) -> Part:
        """Error counts and their units."""
        if self.out_of not in table.rows.columns:
            raise MissingColumnError.of(self.out_of, table.rows.columns, f"the {self.name}")
        errors = _column(table, model, self.errors, self.name)
        return Part(errors, plain(table.rows[self.out_of]))


def _difference(table: Table, model: str, name: str) -> Any:
    outcome, truth = table.outcome(model), table.truth()
    number = (
        plain(table.rows[outcome.column]) if isinstance(outcome, Within) else table.score(model)
    )
    if isinstance(outcome, Classes) and outcome.score is None:
        number = None
    if number is None or truth is None:
        msg = (
            f"the {name} needs a score or a predicted number and a label, and model {model!r} has"
            f" none; name its score: models={{{model!r}: supersede.table.Classes('…', score='…')}}"
        )
        raise ArgumentError(msg)
    if isinstance(outcome, Classes | Scores) and not truth.type().is_numeric():
        msg = f"the {name} of scores needs a label of 0 and 1; {table.label!r} is {truth.type()}"
        raise ArgumentError(msg)
    return number - truth


def _column(table: Table, model: str, columns: Mapping[str, str] | None, name: str) -> Any:
    outcome = table.outcome(model)
    found = outcome.column if columns is None and isinstance(outcome, Losses) else None
    found = columns.get(model) if columns is not None else found
    if found is None:
        msg = (
            f"no column is named for the {name} of model {model!r}; name it:"
            f" {{{model!r}: '<column>'}}"
        )
        raise ArgumentError(msg)
    if found not in table.rows.columns:
        raise MissingColumnError.of(found, table.rows.columns, f"the {name} of model {model!r}")
    return plain(table.rows[found])
