"""The prediction table: items by models, bound to the engine that holds the data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Literal

from supersede.errors import MissingColumnError
from supersede.table.outcomes import Classes, Judge, LabelSets, Outcome, Scores, Within, plain
from supersede.table.same import Same

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from supersede.table.runs.differences import Differences

__all__ = ["Missing", "Table"]


Missing = Literal["refuse", "wrong", "drop"]


@dataclass(frozen=True)
class Table:
    """Predictions of one or several models on items, with labels and groups where they are known.

    Make one with `supersede.read`. The rows stay in their engine; methods return expressions that
    the engine evaluates.

    Attributes:
        rows: The rows, as an Ibis table.
        models: How each model is graded, by name.
        item: The column of item ids; None where rows have no ids.
        label: The column of labels; null where an item is not labelled.
        groups: The columns that say who or what an item belongs to.
        weight: The column of item weights (what an item counts for in the population).
        cost: The column of the cost of a negative flip on this item, in the user's unit.
        cluster: The column of clusters, where items are not independent (of one user, say).
        missing: What a missing answer counts as.
        same: Words that count as equal when an answer is compared with a label.
        label_declared: Whether the caller named the label; otherwise it was found by its name.
        size: The number of items.
        source: Where the rows come from.
        fingerprint: A number that changes when the rows change; None where the engine has no hash.
            It does not depend on the rows' order, and can be compared only within one engine.
        reading: How the columns were understood, in one line.
        notes: What a reader of any result must know of the rows: answers that are missing, rows that
            were left out.
        joined: How the runs differ that the table was joined from; None where it was one table.
    """

    rows: "ir.Table"
    models: Mapping[str, Outcome]
    item: str | None = None
    label: str | None = None
    groups: tuple[str, ...] = ()
    weight: str | None = None
    cost: str | None = None
    cluster: str | None = None
    missing: Missing = "refuse"
    same: Same = field(default_factory=Same)
    label_declared: bool = True
    size: int = 0
    source: str = ""
    fingerprint: str | None = None
    reading: str = ""
    notes: tuple[str, ...] = ()
    joined: "Differences | None" = None

    def __repr__(self) -> str:
        return f"Table({self.reading})"

    def outcome(self, model: str) -> Outcome:
        """How this model is graded.

        Raises:
            MissingColumnError: The table has no such model.
        """
        if model not in self.models:
            raise MissingColumnError.of(model, self.models, "a model")
        return self.models[model]

    def right(self, model: str) -> "ir.Value":
        """How right the model was on each item, in [0, 1]; null where it is not graded.

        An item without a label is not graded. A model without an answer on a graded item is wrong
        there if `missing` says so.
        """
        import ibis

        right = self._grade(model)
        if self.missing == "wrong":
            return ibis.cases((self.graded(model), right.fill_null(0)))
        return right

    def compared(self, old: str, new: str) -> "tuple[ir.Value, ir.Value]":
        """How right two models were on each item, where both are graded; null elsewhere.

        A judge's scores without a threshold say only which answer is better: then the model whose
        score is at least the other's is right, so that losses are negative flips and wins positive
        ones.
        """
        if not self.judged(old, new):
            return self.right(old), self.right(new)
        import ibis

        before, after = self.given(old), self.given(new)
        if self.missing == "wrong":  # no answer loses against any
            lowest = ibis.literal(float("-inf"))
            before, after = before.coalesce(lowest), after.coalesce(lowest)
        known = self.graded(old) & before.notnull() & after.notnull()
        return (
            ibis.cases((known, (before >= after).cast("int32"))),
            ibis.cases((known, (after >= before).cast("int32"))),
        )

    def judged(self, old: str, new: str) -> bool:
        """Whether the models can only be compared by a judge's scores."""
        outcomes = (self.outcome(old), self.outcome(new))
        return all(isinstance(o, Judge) and o.threshold is None for o in outcomes)

    def graded(self, model: str) -> "ir.Value":
        """Whether the item can be graded for the model: it has a label, or a grade of some model.

        Where columns hold the grades themselves, an item that some model has a grade on and another
        has none on is one that the other did not answer; *no answer* is not *no label*.
        """
        if self.outcome(model).needs_label:
            truth = self.truth()
            assert truth is not None  # noqa: S101  # `read` refuses a table without one
            return truth.notnull()
        grades = [name for name, outcome in self.models.items() if not outcome.needs_label]
        return reduce(or_, [self.given(name).notnull() for name in grades])

    def given(self, model: str) -> "ir.Value":
        """The model's answer, or its grade, as the column holds it; null where there is none."""
        outcome = self.outcome(model)
        if isinstance(outcome, Judge):
            return outcome.value(self.rows)
        return (
            self._grade(model) if not outcome.needs_label else plain(self.rows[outcome.columns[0]])
        )

    def _grade(self, model: str) -> "ir.Value":
        outcome = self.outcome(model)
        answer = self.answer(model)
        truth = self.truth()
        right = outcome.right(self.rows, truth) if answer is None else answer == truth
        return right.cast("int32") if right.type().is_boolean() else right

    def answer(self, model: str) -> "ir.Value | None":
        """The class that the model predicts, in the label's words; None where it predicts none."""
        outcome = self.outcome(model)
        if not isinstance(outcome, Classes | Scores):
            return None
        answer, truth = self.same.word(outcome.answer(self.rows)), self.truth()
        return answer if truth is None else self.same.answer(answer, truth)

    def score(self, model: str) -> "ir.Value | None":
        """The model's score; None where the table has none."""
        outcome = self.outcome(model)
        name = outcome.score if isinstance(outcome, Classes | Scores) else None
        return None if name is None else plain(self.rows[name])

    def truth(self) -> "ir.Value | None":
        """The label as the models are compared with it; None where there is no label column."""
        return None if self.label is None else self.same.word(plain(self.rows[self.label]))

    def weighing(self, inclusion: str | None = None) -> "ir.Value":
        """What each item counts for: its weight, over its probability of having been labelled."""
        import ibis

        weight = ibis.literal(1) if self.weight is None else plain(self.rows[self.weight])
        return weight if inclusion is None else weight / plain(self.rows[inclusion])

    def class_label(self) -> "ir.Value | None":
        """The label where it is a class; None where it is a number to come close to, or a set."""
        other = any(isinstance(outcome, Within | LabelSets) for outcome in self.models.values())
        return None if other else self.truth()
