"""What a check can ask of a model besides flips: rates, averages over classes, areas, means.

A measure says what is better (more or less of it), what its unit is, and how two models are compared
by it on the same items. `measure` finds one by name; anything with the same attributes will do.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from supersede.errors import ArgumentError
from supersede.metrics.amounts import Mean, complete_scores
from supersede.metrics.auc import compare_auc
from supersede.metrics.cells import Counting, together
from supersede.metrics.class_averages import Averaged, compare_class_averages
from supersede.metrics.classification import METRICS
from supersede.metrics.compared_rates import compare_rates
from supersede.metrics.comparison import Better, Comparison, Sample, Unit
from supersede.metrics.ratios import Part
from supersede.metrics.which_class import class_meant, is_class, occurring, predicted_classes

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = [
    "EVERY",
    "NAMES",
    "Accuracy",
    "Area",
    "ClassAverage",
    "Mean",
    "Measure",
    "Rate",
    "every_class",
    "measure",
]

EVERY = "*"
"""As a class: every class of the labels in turn."""


class Measure(Protocol):
    """Something to compare two models by."""

    @property
    def name(self) -> str:
        """What it is, in words, such as ``recall of spam``."""

    @property
    def better(self) -> Better:
        """Whether more of it is better, or less."""

    @property
    def unit(self) -> Unit:
        """``"share"`` where it lies in [0, 1], otherwise ``"amount"``."""

    def compare(self, sample: Sample) -> "Counting | Sequence[Comparison]":
        """Compare the two models of the sample, for each of its margins.

        A generator asks for counts (`supersede.metrics.cells`), together with all other checks.
        """


@dataclass(frozen=True)
class Accuracy:
    """The share of items that a model gets right; for graded outcomes, the mean grade."""

    name: str = "accuracy"
    better: Better = "more"
    unit: Unit = "share"

    def compare(self, sample: Sample) -> Counting:
        """Count right answers."""
        right = [sample.table.right(model) for model in (sample.old, sample.new)]
        binary = all(value.type().is_integer() for value in right)
        parts = [Part(value, binary=binary) for value in right]
        return (yield from compare_rates(sample, parts))


@dataclass(frozen=True)
class Rate:
    """A rate of the confusion matrix of one class against all others.

    Attributes:
        metric: A name of `supersede.metrics.METRICS`, such as ``precision``.
        of: The class; None for the class 1 of a label of 0 and 1.
        exact: Whether `of` is the class as the table has it, so that it need not be looked up.
    """

    metric: str
    of: object = None
    unit: Unit = "share"
    exact: bool = False

    @property
    def name(self) -> str:
        """The rate, and of which class."""
        words = "F1" if self.metric == "f1" else self.metric.replace("_", " ")
        return words if self.of is None else f"{words} of {self.of}"

    @property
    def better(self) -> Better:
        """``"less"`` for rates of errors."""
        return "less" if self.metric.startswith("false_") else "more"

    def compare(self, sample: Sample) -> Counting:
        """Count decisions about the class.

        Raises:
            ArgumentError: A model predicts no classes, or it is open which class is meant.
        """
        truth, answers = predicted_classes(sample, self.metric)
        positive = self.of
        if not self.exact:
            labels, *said = yield from occurring([truth, *answers])
            positive = class_meant(sample.table, self.metric, self.of, labels, said)
        is_positive = (truth == positive).cast("int32")
        parts = [self._part(is_positive, (a == positive).cast("int32")) for a in answers]
        return (yield from compare_rates(sample, parts))

    def _part(self, truth: "ir.Value", answer: "ir.Value") -> Part:
        # a missing answer names no class; where negatives are counted it is not a right one either
        negatives = self.metric in {"specificity", "false_positive_rate"}
        answer = answer.fill_null(1 - truth if negatives else 0)
        decisions = _Decisions(truth, answer)
        part, whole = METRICS[self.metric](decisions)
        if self.metric == "f1":  # 2 tp over 2 tp + fp + fn
            part, whole = 2 * part, whole + decisions.tp
        return Part(part, whole)


class _Decisions:
    """The four decisions as 0/1 of each item, so that the table of metrics reads them as counts."""

    def __init__(self, truth: Any, answer: Any) -> None:
        self.tp, self.fp = truth * answer, (1 - truth) * answer
        self.fn, self.tn = truth * (1 - answer), (1 - truth) * (1 - answer)


@dataclass(frozen=True)
class ClassAverage:
    """A rate averaged over the classes that occur among the labels, each counting the same.

    Attributes:
        metric: Which rate.
    """

    metric: Averaged
    better: Better = "more"
    unit: Unit = "share"

    @property
    def name(self) -> str:
        """The average in words."""
        return f"macro {'F1' if self.metric == 'f1' else self.metric}"

    def compare(self, sample: Sample) -> Counting:
        """Count items by label and both answers."""
        truth, (before, after) = predicted_classes(sample, self.name)
        return (yield from compare_class_averages(sample, self.metric, truth, before, after))


@dataclass(frozen=True)
class Area:
    """The area under the ROC curve: how often a positive item is scored above a negative one.

    Attributes:
        of: The class that the score speaks of; None for the class 1 of a label of 0 and 1.
    """

    of: object = None
    better: Better = "more"
    unit: Unit = "share"

    @property
    def name(self) -> str:
        """The area, and of which class."""
        return "AUC" if self.of is None else f"AUC of {self.of}"

    def compare(self, sample: Sample) -> Counting:
        """Rank the items by both scores.

        Raises:
            ArgumentError: A model has no scores, or the label has more than two classes.
        """
        positive, scores = yield from together(
            is_class(sample, "AUC", "auc", self.of), complete_scores(sample, "AUC")
        )
        return (yield from compare_auc(sample, positive, *scores))


def every_class(name: object, sample: Sample) -> Counting:
    """A rate of each class that occurs among the labels.

    Raises:
        ArgumentError: The measure is not a rate of a class.
    """
    asked = measure(name) if isinstance(name, str) else name
    if not isinstance(asked, Rate):
        msg = f"{name}:* is of every class, but only precision, recall and the like are of a class"
        raise ArgumentError(msg)
    truth, _ = predicted_classes(sample, asked.metric)
    (found,) = yield from occurring([truth])
    return {str(value): Rate(asked.metric, value, exact=True) for value in found}


def measure(name: str, of: object = None) -> Measure:
    """Find a measure by name.

    Args:
        name: One of `NAMES`; hyphens serve as underscores.
        of: The class, for measures of one class.

    Raises:
        ArgumentError: There is no such measure, or it is not of one class.

    Example:
        >>> measure("recall", of="spam").name, measure("log-loss").better
        ('recall of spam', 'less')
    """
    found: Measure
    match key := name.strip().lower().replace("-", "_"):
        case "precision" | "recall" | "specificity" | "f1":
            return Rate(key, of)
        case "false_positive_rate" | "false_negative_rate":
            return Rate(key, of)
        case "auc":
            return Area(of)
        case "log_loss" | "brier":
            return Mean(key, of)
        case "accuracy":
            found = Accuracy()
        case "macro_precision" | "macro_recall" | "macro_f1" | "balanced_accuracy":
            found = _averaged(key)
        case "loss" | "absolute_error" | "squared_error" | "cost" | "judge":
            found = Mean(key)
        case _:
            near = difflib.get_close_matches(key, NAMES, n=2)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            msg = f"no metric {name!r}{hint} There are {', '.join(NAMES)}"
            raise ArgumentError(msg)
    if of is not None:
        msg = f"{key} is not of one class, so {key}:{of} has no meaning; leave out the class"
        raise ArgumentError(msg)
    return found


def _averaged(name: str) -> ClassAverage:
    match name:
        case "macro_precision":
            return ClassAverage("precision")
        case "macro_f1":
            return ClassAverage("f1")
        case _:
            return ClassAverage("recall")


NAMES = (
    "accuracy", "precision", "recall", "specificity", "f1", "false_positive_rate",
    "false_negative_rate", "macro_precision", "macro_recall", "macro_f1", "balanced_accuracy",
    "auc", "log_loss", "brier", "judge", "loss", "absolute_error", "squared_error", "cost",
)  # fmt: skip
"""The measures that `measure` knows."""
