"""What a check can ask of a model besides flips: rates, averages over classes, areas, means.

A measure says what is better (more or less of it), what its unit is, and how two models are compared
by it on the same items. `measure` finds one by name; anything with the same attributes will do.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from supersede.errors import ArgumentError
from supersede.look.numbers import count
from supersede.metrics.auc import compare_auc
from supersede.metrics.cells import Ask, Counting, together
from supersede.metrics.class_averages import Averaged, compare_class_averages
from supersede.metrics.classification import METRICS
from supersede.metrics.compared_means import compare_means
from supersede.metrics.compared_rates import compare_rates
from supersede.metrics.comparison import Comparison, Sample
from supersede.metrics.ratios import Part
from supersede.table.outcomes import Classes, Judge, Losses, Scores, Within, plain

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from supersede.table.table import Table

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

Better = Literal["more", "less"]
Unit = Literal["share", "amount"]
EVERY = "*"
"""As a class: every class of the labels in turn."""

_CLIP = 1e-15  # probabilities of exactly 0 and 1 lose much, but not infinitely much


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
        truth, answers = _classes(sample, self.metric)
        positive = self.of
        if not self.exact:
            labels, *said = yield from _known([truth, *answers])
            positive = _class(sample.table, self.metric, self.of, labels, said)
        is_positive = (truth == positive).cast("int64")
        parts = [self._part(is_positive, (a == positive).cast("int64")) for a in answers]
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
        truth, (before, after) = _classes(sample, self.name)
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
            _two_classes(sample, "AUC", "auc", self.of), _scores(sample, "AUC")
        )
        return (yield from compare_auc(sample, positive, *scores))


@dataclass(frozen=True)
class Mean:
    """The mean of an amount that each item has under each model.

    Attributes:
        kind: Which amount: ``log_loss``, ``brier``, ``loss``, ``absolute_error``,
            ``squared_error``, ``cost`` or ``judge``.
        of: The class that scores speak of; None for the class 1 of a label of 0 and 1.
    """

    kind: Literal["log_loss", "brier", "loss", "absolute_error", "squared_error", "cost", "judge"]
    of: object = None
    unit: Unit = "amount"

    @property
    def name(self) -> str:
        """The amount in words."""
        words = {
            "brier": "Brier score", "loss": "mean loss", "cost": "cost of wrong answers",
            "judge": "mean judge score",
        }  # fmt: skip
        return words.get(self.kind, self.kind.replace("_", " "))

    @property
    def better(self) -> Better:
        """Less, of all but a judge's score."""
        return "more" if self.kind == "judge" else "less"

    def compare(self, sample: Sample) -> Counting:
        """Add the amounts up.

        Raises:
            ArgumentError: The table does not hold what the amount is made of.
        """
        match self.kind:
            case "log_loss" | "brier":
                before, after = yield from self._of_scores(sample)
                return (yield from compare_means(sample, before, after, centred=True))
            case "cost":
                before, after = (_cost(sample.table, m) for m in (sample.old, sample.new))
            case "absolute_error" | "squared_error":
                before, after = (self._error(sample.table, m) for m in (sample.old, sample.new))
            case "judge":
                before, after = (_judged(sample.table, m) for m in (sample.old, sample.new))
            case "loss":
                before, after = (_loss(sample.table, m) for m in (sample.old, sample.new))
        _, found = yield from together(
            _complete(sample, self.name, before, after), compare_means(sample, before, after)
        )
        return found

    def _of_scores(self, sample: Sample) -> Counting:
        import ibis

        values = [sample.score(model) for model in (sample.old, sample.new)]
        outside = [((s < 0) | (s > 1)).cast("int64") for s in values if s is not None]
        happened, scores, found = yield from together(
            _two_classes(sample, self.name, self.kind, self.of),
            _scores(sample, self.name),
            _how_many(outside),
        )
        for at, model in enumerate((sample.old, sample.new)):
            if found[at]:
                msg = (
                    f"the {self.name} needs probabilities in [0, 1], and scores of model {model!r}"
                    " lie outside; calibrate them first, or compare by auc, which reads ranks only"
                )
                raise ArgumentError(msg)
        if self.kind == "brier":
            return [(score - happened) * (score - happened) for score in scores]
        given = [(happened == 1).ifelse(score, 1 - score) for score in scores]
        return [-ibis.greatest(ibis.literal(_CLIP), p).ln() for p in given]

    def _error(self, table: "Table", model: str) -> "ir.Value":
        outcome, truth = table.outcome(model), table.truth()
        if not isinstance(outcome, Within) or truth is None:
            msg = (
                f"the {self.name} needs predicted numbers and a numeric label; model {model!r} has"
                " none: --within on the command line, or supersede.table.Within('<column>', tolerance=…)"
            )
            raise ArgumentError(msg)
        error = (plain(table.rows[outcome.column]) - truth).cast("float64")
        return error.abs() if self.kind == "absolute_error" else error * error


def _cost(table: "Table", model: str) -> "ir.Value":
    if table.cost is None:
        msg = "the cost of wrong answers needs a column with each item's cost: cost='<column>' (--cost)"
        raise ArgumentError(msg)
    return (1 - table.right(model)) * plain(table.rows[table.cost])


def _loss(table: "Table", model: str) -> "ir.Value":
    outcome = table.outcome(model)
    if not isinstance(outcome, Losses):
        msg = (
            f"the mean loss needs a loss on every item, and model {model!r} is not read as one:"
            " --loss on the command line, or supersede.table.table.Losses('<column>', tolerance=…)"
        )
        raise ArgumentError(msg)
    return plain(table.rows[outcome.column])


def _judged(table: "Table", model: str) -> "ir.Value":
    outcome = table.outcome(model)
    if not isinstance(outcome, Judge):
        msg = (
            f"the mean judge score needs a judge's score on every item, and model {model!r} is not"
            " read as one: --judge on the command line, or supersede.table.Judge('<column>')"
        )
        raise ArgumentError(msg)
    return outcome.value(table.rows)


def _classes(sample: Sample, metric: str) -> "tuple[ir.Value, list[ir.Value]]":
    truth = sample.table.class_label()
    answers = []
    for model in (sample.old, sample.new):
        answer = sample.table.answer(model)
        if truth is None or answer is None:
            msg = (
                f"{metric} needs predicted classes and a label, and model {model!r} has none: its"
                f" column is read otherwise ({sample.table.reading}); accuracy serves all outcomes"
            )
            raise ArgumentError(msg)
        answers.append(answer)
    assert truth is not None  # noqa: S101  # refused above
    return truth, answers


def _known(values: "Sequence[ir.Value]") -> Counting:
    """What occurs in each of some columns, in order."""
    asked = yield [Ask(keys={"c": value}, margins=[("c",)]) for value in values]
    return [_in_order(cells["c"].to_pylist()) for (cells,) in asked]


def _in_order(found: Sequence[Any]) -> list[Any]:
    return sorted(set(found) - {None}, key=lambda c: (str(type(c)), c))


def _class(
    table: "Table",
    metric: str,
    wanted: object,
    labels: Sequence[Any],
    answers: Sequence[Sequence[Any]],
) -> Any:
    """The class that is meant, as the table has it."""
    if wanted is None:
        if set(labels) <= {0, 1}:
            return 1
        msg = (
            f"{metric} of which class? The labels are {_listed(labels)}; name one, as in"
            f" {metric}:{labels[0] if labels else '<class>'}, or average over all of them"
            f" (macro_{metric})"
            if metric in {"precision", "recall", "f1"}
            else f"{metric} of which class? The labels are {_listed(labels)}; name one, as in"
            f" {metric}:{labels[0] if labels else '<class>'}"
        )
        raise ArgumentError(msg)
    known = _in_order([*labels, *(value for said in answers for value in said)])
    for value in known:
        if _same(wanted, value, boolean=_is_boolean(table)):
            return value
    near = difflib.get_close_matches(str(wanted), [str(value) for value in known], n=3)
    hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
    msg = (
        f"{metric}: no class {str(wanted)!r} in label {table.label!r}{hint} It has {_listed(known)}"
    )
    raise ArgumentError(msg)


def _same(wanted: object, value: object, *, boolean: bool) -> bool:
    """Whether a class is the one that was named, perhaps as text: ``7`` is 7, but ``07`` is not."""
    if wanted == value or str(wanted) == str(value):
        return True
    if boolean and isinstance(wanted, str):
        return {"true": 1, "false": 0}.get(wanted.lower()) == value
    return isinstance(value, float) and value.is_integer() and str(wanted) == str(int(value))


def _is_boolean(table: "Table") -> bool:
    return table.label is not None and bool(table.rows[table.label].type().is_boolean())


def _listed(classes: Sequence[object]) -> str:
    return ", ".join(map(str, classes[:10])) + (", …" if len(classes) > 10 else "")


def _two_classes(sample: Sample, words: str, flag: str, of: object) -> Counting:
    """1 where the label is the class that scores speak of, 0 where it is the other one."""
    table, truth = sample.table, sample.table.class_label()
    if truth is None:
        msg = f"the {words} needs a label, and the table has no class label; name it: --label"
        raise ArgumentError(msg)
    (labels,) = yield from _known([truth])
    if len(labels) > 2:
        msg = (
            f"the {words} is for two classes, and label {table.label!r} has {len(labels)}:"
            f" {_listed(labels)}; a table holds one score per item, not one per class. Map the label"
            " to one class against the rest, or compare by macro_f1 or macro_recall"
        )
        raise ArgumentError(msg)
    positive = _class(table, flag, of, labels, [])
    return (truth == positive).cast("int64")


def _scores(sample: Sample, words: str) -> Counting:
    models, truth = (sample.old, sample.new), sample.table.truth()
    scores = {model: sample.score(model) for model in models}
    lacking = [
        (score.isnull() if truth is None else score.isnull() & truth.notnull()).cast("int64")
        for score in scores.values()
        if score is not None
    ]
    lost = yield from _how_many(lacking)
    for model, score in scores.items():
        if score is None or not isinstance(sample.table.outcome(model), Classes | Scores):
            msg = (
                f"the {words} needs scores, and model {model!r} has none. Name a column of scores as"
                f" the model (--old, --new), or keep its scores beside its classes in a column"
                f" {model + '_score'!r}; in Python: Classes({model!r}, score='<column>')"
            )
            raise ArgumentError(msg)
    for model, missing in zip(models, lost, strict=True):
        if missing:
            msg = (
                f"the {words} has no value for a missing score, and model {model!r} has none on"
                f" {count(missing)} labelled items; leave these out before the review, or fill"
                " them in"
            )
            raise ArgumentError(msg)
    return list(scores.values())


def _how_many(values: "Sequence[ir.Value]") -> Counting:
    """On how many items each value is 1."""
    ((cells,),) = yield [Ask({str(at): value for at, value in enumerate(values)})]
    return [int(cells[str(at)][0].as_py() or 0) for at in range(len(values))]


def _complete(sample: Sample, words: str, before: "ir.Value", after: "ir.Value") -> Counting:
    """Refuse items on which only one of the models has a value: leaving them out flatters it.

    Raises:
        ArgumentError: There are some, and they are not to be left out.
    """
    if sample.table.missing == "drop":
        return
    (found,) = yield from _how_many([(before.isnull() != after.isnull()).cast("int64")])
    if found:
        msg = (
            f"on {count(found)} items only one of {sample.old!r} and {sample.new!r} has a value for"
            f" the {words}; fill them in, or leave these items out: missing='drop' (--missing drop)"
        )
        raise ArgumentError(msg)


def every_class(name: object, sample: Sample) -> Counting:
    """A rate of each class that occurs among the labels.

    Raises:
        ArgumentError: The measure is not a rate of a class.
    """
    asked = measure(name) if isinstance(name, str) else name
    if not isinstance(asked, Rate):
        msg = f"{name}:* is of every class, but only precision, recall and the like are of a class"
        raise ArgumentError(msg)
    truth, _ = _classes(sample, asked.metric)
    (found,) = yield from _known([truth])
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
