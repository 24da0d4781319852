"""Estimands: precision, recall, F1, accuracy, flips, differences and changes.

Every estimand is a sum of ratios of totals over the items, ``sum_j c_j * A_j / B_j``. This form
covers all of them: the precision of a model is true positives over predicted positives, a negative
flip rate is flips over items, a difference has two ratios, and a change over time is the difference
of the same ratio after and before a date.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from supersede.errors import ArgumentError, MissingColumnError
from supersede.table.source import collect

if TYPE_CHECKING:
    from supersede.table.table import Table

__all__ = [
    "Condition",
    "Estimand",
    "Metric",
    "Term",
    "accuracy",
    "change",
    "difference",
    "f1",
    "for_each_class",
    "for_each_group",
    "negative_flips",
    "positive_flips",
    "precision",
    "recall",
    "win_rate",
]

Metric = Literal[
    "precision", "recall", "f1", "accuracy", "negative_flip_rate", "positive_flip_rate", "share"
]
_CLASS_METRICS = ("precision", "recall", "f1")


@dataclass(frozen=True)
class Condition:
    """Which items count: those whose column equals, is below, or is at least a value.

    Attributes:
        column: A column of the table.
        relation: ``"=="``, ``"<"`` or ``">="``.
        value: Value that the column is compared with.
    """

    column: str
    relation: Literal["==", "<", ">="]
    value: Any

    def __str__(self) -> str:
        return f"{self.column}{'=' if self.relation == '==' else self.relation}{self.value}"


@dataclass(frozen=True)
class Term:
    """One ratio of an estimand, with its sign.

    Attributes:
        metric: The metric.
        models: The model, or old and new for flips; none for a share of labels.
        positive: The positive class of precision, recall and F1; the class whose share it is.
        where: Conditions that an item must meet to count.
        coefficient: 1, or -1 where the ratio is subtracted.
    """

    metric: Metric
    models: tuple[str, ...]
    positive: Any = 1
    where: tuple[Condition, ...] = ()
    coefficient: float = 1.0

    @property
    def by_class(self) -> bool:
        """Whether a positive class matters."""
        return self.metric in (*_CLASS_METRICS, "share")


@dataclass(frozen=True)
class Estimand:
    """A number to be estimated from labels.

    Attributes:
        name: Its name in plans, estimates and files; unique within a plan.
        terms: The ratios it is made of.
        margin: Requested half-width of its interval; None for the plan's own.
    """

    name: str
    terms: tuple[Term, ...]
    margin: float | None = field(default=None, compare=False)

    def __sub__(self, other: "Estimand") -> "Estimand":
        return difference(self, other)

    def within(self, **conditions: Any) -> "Estimand":
        """The same number for a part of the items, such as ``precision("a").within(sex="f")``."""
        added = tuple(Condition(column, "==", value) for column, value in conditions.items())
        return self._where(added)

    def _where(self, added: tuple[Condition, ...]) -> "Estimand":
        terms = tuple(replace(term, where=(*term.where, *added)) for term in self.terms)
        return replace(self, name=f"{self.name} | {', '.join(map(str, added))}", terms=terms)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as stored in a plan's file."""
        terms = [
            {
                "metric": term.metric,
                "models": list(term.models),
                "positive": term.positive,
                "where": [[c.column, c.relation, c.value] for c in term.where],
                "coefficient": term.coefficient,
            }
            for term in self.terms
        ]
        return {"name": self.name, "terms": terms, "margin": self.margin}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Estimand":
        """The inverse of `to_dict`."""
        terms = tuple(
            Term(
                metric=term["metric"],
                models=tuple(term["models"]),
                positive=term["positive"],
                where=tuple(Condition(*c) for c in term["where"]),
                coefficient=term["coefficient"],
            )
            for term in values["terms"]
        )
        return cls(values["name"], terms, values["margin"])


def precision(model: str, *, positive: Any = 1, margin: float | None = None) -> Estimand:
    """The share of positives among the items that a model calls positive.

    Args:
        model: Which model.
        positive: The class that counts as positive.
        margin: Requested half-width of the interval, if not the plan's.

    Example:
        >>> (precision("new") - precision("old")).name
        'precision(new) - precision(old)'
    """
    return _of_class("precision", model, positive, margin)


def recall(model: str, *, positive: Any = 1, margin: float | None = None) -> Estimand:
    """The share of the positive items that a model calls positive."""
    return _of_class("recall", model, positive, margin)


def f1(model: str, *, positive: Any = 1, margin: float | None = None) -> Estimand:
    """The harmonic mean of precision and recall, ``2 TP / (2 TP + FP + FN)``."""
    return _of_class("f1", model, positive, margin)


def accuracy(model: str, *, margin: float | None = None) -> Estimand:
    """The share of items that a model gets right."""
    return Estimand(f"accuracy({model})", (Term("accuracy", (model,)),), margin)


def negative_flips(old: str, new: str, *, margin: float | None = None) -> Estimand:
    """Negative flip rate: the share of items that only the old model gets right."""
    term = Term("negative_flip_rate", (old, new))
    return Estimand(f"negative_flip_rate({old}, {new})", (term,), margin)


def positive_flips(old: str, new: str, *, margin: float | None = None) -> Estimand:
    """Positive flip rate: the share of items that only the new model gets right."""
    term = Term("positive_flip_rate", (old, new))
    return Estimand(f"positive_flip_rate({old}, {new})", (term,), margin)


def win_rate(winner: Any, *, tie: Any = None, margin: float | None = None) -> Estimand:
    """How often people prefer one answer: the share of items whose label is that answer's name.

    Args:
        winner: The label of a win, such as ``"new"``.
        tie: The label of a tie, which counts as half a win; None if ties are losses.
        margin: Requested half-width of the interval, if not the plan's.

    Example:
        >>> win_rate("new", tie="tie").name
        'win_rate(new)'
    """
    terms: tuple[Term, ...] = (Term("share", (), winner),)
    if tie is not None:
        terms += (Term("share", (), tie, coefficient=0.5),)
    return Estimand(f"win_rate({winner})", terms, margin)


def difference(first: Estimand, second: Estimand, *, margin: float | None = None) -> Estimand:
    """One estimand minus another, of two models or of two groups; shared errors cancel."""
    taken = tuple(replace(term, coefficient=-term.coefficient) for term in second.terms)
    return Estimand(f"{first.name} - {second.name}", (*first.terms, *taken), margin)


def change(estimand: Estimand, column: str, since: Any, *, margin: float | None = None) -> Estimand:
    """How much an estimand has changed: its value since a date minus its value before.

    Args:
        estimand: The estimand whose change is estimated.
        column: The table's column of dates, or of anything ordered.
        since: The first value that counts as after; of the column's type.
        margin: Requested half-width of the interval, if not the plan's.

    Example:
        >>> change(accuracy("a"), "day", 10).name
        'change of accuracy(a) since day=10'
    """
    after = estimand._where((Condition(column, ">=", since),))
    before = estimand._where((Condition(column, "<", since),))
    name = f"change of {estimand.name} since {column}={since}"
    return replace(difference(after, before, margin=margin), name=name)


def for_each_group(estimand: Estimand, table: "Table", column: str) -> list[Estimand]:
    """The estimand once per value of a column: a group, a condition, a month.

    Args:
        estimand: The estimand to split.
        table: The predictions.
        column: The column to split by; items without a value belong to no group.

    Raises:
        MissingColumnError: There is no such column.
    """
    if column not in table.rows.columns:
        raise MissingColumnError.of(column, table.rows.columns, "a group")
    values = collect(table.rows.select(column).distinct().order_by(column))[column].to_pylist()
    return [estimand.within(**{column: value}) for value in values if value is not None]


def for_each_class(metric: Metric, table: "Table", model: str) -> list[Estimand]:
    """Precision, recall or F1 once per class that a model predicts.

    Args:
        metric: ``"precision"``, ``"recall"`` or ``"f1"``.
        table: The predictions.
        model: Which model.

    Raises:
        ArgumentError: The metric has no positive class, or the model predicts no classes.
    """
    answer = table.answer(model)
    if metric not in _CLASS_METRICS or answer is None:
        msg = f"{metric!r} of model {model!r} cannot be split by class; use precision, recall or f1"
        raise ArgumentError(msg)
    said = collect(table.rows.select(answer=answer).distinct().order_by("answer"))
    classes = [c for c in said["answer"].to_pylist() if c is not None]
    return [_of_class(metric, model, c, None) for c in classes]


def checked(estimands: Estimand | Iterable[Estimand], table: "Table") -> tuple[Estimand, ...]:
    """The estimands as a tuple, with distinct names and models and columns that exist.

    Raises:
        ArgumentError: There are none, two have one name, or one is split by a column of fractions.
        MissingColumnError: A model or a column is not in the table.
    """
    asked = (estimands,) if isinstance(estimands, Estimand) else tuple(estimands)
    if not asked:
        msg = "no estimands; name at least one, such as supersede.evaluate.precision('model')"
        raise ArgumentError(msg)
    names = [estimand.name for estimand in asked]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        msg = f"estimand {twice[0]!r} is named twice; keep one, or give them different names"
        raise ArgumentError(msg)
    for term in terms_of(asked):
        for model in term.models:
            table.outcome(model)
        for condition in term.where:
            if condition.column not in table.rows.columns:
                raise MissingColumnError.of(condition.column, table.rows.columns, "a condition")
    return asked


def terms_of(estimands: Sequence[Estimand]) -> list[Term]:
    """All terms of several estimands."""
    return [term for estimand in estimands for term in estimand.terms]


def models_of(estimands: Sequence[Estimand]) -> list[str]:
    """The models of several estimands, each once."""
    return list(dict.fromkeys(model for term in terms_of(estimands) for model in term.models))


def _of_class(metric: Metric, model: str, positive: Any, margin: float | None) -> Estimand:
    of = "" if positive == 1 else f", {positive}"
    return Estimand(f"{metric}({model}{of})", (Term(metric, (model,), positive),), margin)
