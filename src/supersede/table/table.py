"""The prediction table: items by models, bound to the engine that holds the data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from supersede.errors import MissingColumnError
from supersede.table.outcomes import Classes, Outcome, Scores, Within, plain

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
        missing: What a missing prediction counts as.
        size: The number of items.
        source: Where the rows come from.
        fingerprint: A number that changes when the rows change; None where the engine has no hash.
            It does not depend on the rows' order, and can be compared only within one engine.
        reading: How the columns were understood, in one line.
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
    size: int = 0
    source: str = ""
    fingerprint: str | None = None
    reading: str = ""
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
        """How right the model was on each item, in [0, 1]; null where the item is not labelled."""
        import ibis

        outcome = self.outcome(model)
        label = self.truth()
        right = outcome.right(self.rows, label)
        right = right.cast("int32") if right.type().is_boolean() else right
        if self.missing == "wrong" and label is not None:
            return ibis.cases((label.notnull(), right.fill_null(0)))
        return right

    def answer(self, model: str) -> "ir.Value | None":
        """The class that the model predicts; None where it predicts no classes."""
        outcome = self.outcome(model)
        return outcome.answer(self.rows) if isinstance(outcome, Classes | Scores) else None

    def score(self, model: str) -> "ir.Value | None":
        """The model's score; None where the table has none."""
        outcome = self.outcome(model)
        name = outcome.score if isinstance(outcome, Classes | Scores) else None
        return None if name is None else plain(self.rows[name])

    def truth(self) -> "ir.Value | None":
        """The label as the models are compared with it; None where there is no label column."""
        return None if self.label is None else plain(self.rows[self.label])

    def weighing(self, inclusion: str | None = None) -> "ir.Value":
        """What each item counts for: its weight, over its probability of having been labelled."""
        import ibis

        weight = ibis.literal(1) if self.weight is None else plain(self.rows[self.weight])
        return weight if inclusion is None else weight / plain(self.rows[inclusion])

    def class_label(self) -> "ir.Value | None":
        """The label where it is a class; None where it is a number to be met within a tolerance."""
        regression = any(isinstance(outcome, Within) for outcome in self.models.values())
        return None if regression else self.truth()
