"""What a model's column holds, and when it counts as right.

Anything that can be graded can be compared. A model's column holds predicted classes or scores,
which a label grades, or **graded outcomes**: right or wrong, a loss, an error within a tolerance,
or how many of several runs went right. Each kind below says one thing to the rest of the package:
how right the model was on an item, as a number between 0 (wrong) and 1 (right), null where the item
is not graded.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["Classes", "Loss", "Outcome", "Right", "Runs", "Scores", "Within", "plain"]


class Outcome(Protocol):
    """How to grade one model, from its column or columns."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read; a null in the first means that there is no prediction."""

    def right(self, rows: "ir.Table", label: "ir.Value | None") -> "ir.Value":
        """How right the model was on each item, in [0, 1]; null where it is not graded."""


@dataclass(frozen=True)
class Classes:
    """Predicted classes, right where they equal the label.

    Attributes:
        column: The predicted class: whole numbers, text or booleans, as in the label.
        score: A column with the score behind the class, if there is one.
    """

    column: str
    score: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The class, and the score where there is one."""
        return (self.column,) if self.score is None else (self.column, self.score)

    def answer(self, rows: "ir.Table") -> "ir.Value":
        """The predicted class."""
        return plain(rows[self.column])

    def right(self, rows: "ir.Table", label: "ir.Value | None") -> "ir.Value":
        """Whether the class equals the label."""
        return self.answer(rows) == label


@dataclass(frozen=True)
class Scores:
    """Scores of the positive class of a 0/1 label; at or above the threshold means 1.

    Attributes:
        column: The score, often a probability.
        threshold: Where the decision changes.
    """

    column: str
    threshold: float = 0.5

    @property
    def columns(self) -> tuple[str, ...]:
        """The score."""
        return (self.column,)

    @property
    def score(self) -> str:
        """The score behind the class: the column itself."""
        return self.column

    def answer(self, rows: "ir.Table") -> "ir.Value":
        """The predicted class, 0 or 1."""
        return (plain(rows[self.column]) >= self.threshold).cast("int32")

    def right(self, rows: "ir.Table", label: "ir.Value | None") -> "ir.Value":
        """Whether the decision equals the label."""
        return self.answer(rows) == label


@dataclass(frozen=True)
class Within:
    """A predicted number (regression), right within a tolerance of the label.

    Attributes:
        column: The predicted number.
        tolerance: The largest absolute difference that still counts as right, in the label's unit.
    """

    column: str
    tolerance: float

    @property
    def columns(self) -> tuple[str, ...]:
        """The predicted number."""
        return (self.column,)

    def right(self, rows: "ir.Table", label: "ir.Value | None") -> "ir.Value":
        """Whether the prediction lies within the tolerance."""
        assert label is not None  # noqa: S101  # `read` refuses a table without one
        return (plain(rows[self.column]) - label).abs() <= self.tolerance


@dataclass(frozen=True)
class Right:
    """An outcome graded elsewhere: true or 1 for right, false or 0 for wrong, or a share between.

    Attributes:
        column: The grade, such as a judge's verdict on a language model's answer.
    """

    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The grade."""
        return (self.column,)

    def right(self, rows: "ir.Table", label: "ir.Value | None") -> "ir.Value":
        """The grade itself."""
        return plain(rows[self.column])


@dataclass(frozen=True)
class Loss:
    """A loss per item, right up to a tolerance.

    Attributes:
        column: The loss, such as word errors or a box's distance.
        tolerance: The largest loss that still counts as right.
    """

    column: str
    tolerance: float

    @property
    def columns(self) -> tuple[str, ...]:
        """The loss."""
        return (self.column,)

    def right(self, rows: "ir.Table", label: "ir.Value | None") -> "ir.Value":
        """Whether the loss is within the tolerance."""
        return plain(rows[self.column]) <= self.tolerance


@dataclass(frozen=True)
class Runs:
    """Counts over several runs of an item, as for language models that answer anew each time.

    Attributes:
        right_runs: The number of runs that went right.
        runs: The number of runs.
    """

    right_runs: str
    runs: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The two counts."""
        return (self.right_runs, self.runs)

    def right(self, rows: "ir.Table", label: "ir.Value | None") -> "ir.Value":
        """The share of runs that went right; not graded where there were none."""
        return rows[self.right_runs].cast("float64") / rows[self.runs].nullif(0)


def plain(value: "ir.Value") -> "ir.Value":
    """The value with NaN as null and booleans as 0 and 1, so that engines compare it alike."""
    if value.type().is_boolean():
        return value.cast("int32")  # PostgreSQL casts booleans to no other integer
    if value.type().is_decimal():
        return value.cast("float64")
    if value.type().is_floating():
        return value.isnan().ifelse(None, value)
    return value
