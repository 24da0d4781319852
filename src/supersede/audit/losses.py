"""What an item loses under a model: the error of the task, in the task's own terms.

A loss says two things: how much is lost on each item, and what the sum of it is divided by (every
item counts one, unless it says otherwise). Word errors are divided by words, false positives by
negatives; the mean of per-item ratios is a different and noisier number, and never used.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from supersede.audit.result import Worse
from supersede.errors import ArgumentError, MissingColumnError
from supersede.metrics.classification import METRICS
from supersede.metrics.ratio_intervals import Unit
from supersede.metrics.ratios import Part
from supersede.table.outcomes import Classes, Scores, Within, plain
from supersede.table.outcomes import Loss as LossOutcome
from supersede.table.table import Table

__all__ = ["Absolute", "Amount", "LogLoss", "Loss", "PerUnit", "Rate", "Squared", "Wrong"]

_SUCCESSES = {"accuracy", "precision", "recall", "specificity"}
_CLIP = 1e-15  # scores of exactly 0 and 1 lose much, but not infinitely much


class Loss(Protocol):
    """What is lost on an item."""

    @property
    def name(self) -> str:
        """The loss in words, such as ``error rate``."""

    @property
    def unit(self) -> Unit:
        """``"share"`` where it lies in [0, 1], ``"amount"`` where it is at least 0."""

    @property
    def worse(self) -> Worse:
        """``"more"``; ``"less"`` for rates of success, such as recall."""

    def part(self, table: Table, model: str) -> Part:
        """Numerator and denominator of each item, as expressions over the table's rows."""


@dataclass(frozen=True)
class Wrong:
    """One less how right the model was: 0/1 for classes, between them for graded outcomes."""

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
        metric: A name of `supersede.metrics.METRICS` other than ``f1``, which is no mean over items.
        positive: The class that counts as positive.
    """

    metric: str
    positive: object = 1
    unit: Unit = "share"

    def __post_init__(self) -> None:
        known = [name for name in METRICS if name != "f1"]
        if self.metric not in known:
            msg = f"Rate({self.metric!r}): there are {', '.join(known)}"
            raise ArgumentError(msg)

    @property
    def name(self) -> str:
        """The metric, in words."""
        return self.metric.replace("_", " ")

    @property
    def worse(self) -> Worse:
        """``"less"`` for accuracy, precision and recall; a selection rate is watched for more."""
        return "less" if self.metric in _SUCCESSES else "more"

    def part(self, table: Table, model: str) -> Part:
        """The items counted above and below the line."""
        truth, answer = table.class_label(), table.answer(model)
        if truth is None or answer is None:
            msg = f"model {model!r} predicts no classes, so it has no {self.name}"
            raise ArgumentError(msg)
        numerator, denominator = METRICS[self.metric](
            _Decisions((truth == self.positive).cast("int64"), (answer == self.positive).cast("int64"))
        )  # fmt: skip
        return Part(numerator, denominator)


class _Decisions:
    """The four decisions as 0/1 of each item, so that the table of metrics reads them as counts."""

    def __init__(self, truth: Any, answer: Any) -> None:
        self.tp, self.fp = truth * answer, (1 - truth) * answer
        self.fn, self.tn = truth * (1 - answer), (1 - truth) * (1 - answer)


@dataclass(frozen=True)
class Squared:
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
    """Minus the logarithm of the probability that the model gave to what happened."""

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
    """A loss that the table holds, at least 0: a cost, a distance, a judge's penalty.

    Attributes:
        columns: The column of each model's loss; None for the columns of models that were read as
            ``supersede.table.Loss``.
        name: The loss in words.
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
    """Errors counted over something else than items, pooled: word errors over words (WER).

    Attributes:
        errors: The column of each model's errors on the item.
        out_of: The column of what they are counted over, such as words of the reference.
        name: The loss in words.
    """

    errors: Mapping[str, str]
    out_of: str
    name: str = "word error rate"
    unit: Unit = "amount"
    worse: Worse = "more"

    def part(self, table: Table, model: str) -> Part:
        """Errors, and what they are counted over."""
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
    found = outcome.column if columns is None and isinstance(outcome, LossOutcome) else None
    found = columns.get(model) if columns is not None else found
    if found is None:
        msg = (
            f"which column holds the {name} of model {model!r}? Name it: {{{model!r}: '<column>'}}"
        )
        raise ArgumentError(msg)
    if found not in table.rows.columns:
        raise MissingColumnError.of(found, table.rows.columns, f"the {name} of model {model!r}")
    return plain(table.rows[found])
