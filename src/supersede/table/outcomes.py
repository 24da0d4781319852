"""What a model's column holds, and when it counts as right.

Anything that can be graded can be compared. A model's column holds predicted classes, sets of labels
or scores, which a label grades, or **graded outcomes**: right or wrong, a judge's score, a loss, an
error within a tolerance, or how many of several runs went right. Each kind below says one thing to
the rest of the package: how right the model was on an item, as a number between 0 (wrong) and 1
(right), null where it is not graded. Only `Runs` gives numbers in between, since only a share of
runs is a chance: a judge's score of 0.7 is not.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from supersede.errors import ArgumentError
from supersede.table.grades import PARTLY, RIGHT, WRONG

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = [
    "Classes",
    "Judge",
    "LabelSets",
    "Losses",
    "Outcome",
    "Right",
    "Runs",
    "Scores",
    "Within",
    "plain",
]


class Outcome(Protocol):
    """How to grade one model, from its column or columns."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read; a null in the first means that there is no answer."""

    @property
    def needs_label(self) -> bool:
        """Whether a label grades the answer; otherwise the column holds the grade itself."""

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

    needs_label = True

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

    needs_label = True

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

    needs_label = True

    @property
    def columns(self) -> tuple[str, ...]:
        """The predicted number."""
        return (self.column,)

    def right(self, rows: "ir.Table", label: "ir.Value | None") -> "ir.Value":
        """Whether the prediction lies within the tolerance."""
        assert label is not None  # noqa: S101  # `read` refuses a table without one
        return (plain(rows[self.column]) - label).abs() <= self.tolerance


@dataclass(frozen=True)
class LabelSets:
    """Predicted sets of labels (multi-label), right where they overlap enough with the true set.

    Attributes:
        column: The predicted set, a list; order and repetitions do not matter.
        overlap: The smallest share of common labels among all labels of both sets (Jaccard's index)
            that counts as right, in (0, 1]; 1 wants equal sets. Two empty sets are equal.
    """

    column: str
    overlap: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.overlap <= 1:
            msg = f"LabelSets(overlap={self.overlap}): it is a share in (0, 1]; 1 wants equal sets"
            raise ArgumentError(msg)

    needs_label = True

    @property
    def columns(self) -> tuple[str, ...]:
        """The predicted set."""
        return (self.column,)

    def right(self, rows: "ir.Table", label: "ir.Value | None") -> "ir.Value":
        """Whether the sets overlap enough."""
        assert label is not None  # noqa: S101  # `read` refuses a table without one
        answer = rows[self.column]
        either = _distinct(answer.concat(label)).length()
        both = _distinct(answer).length() + _distinct(label).length() - either
        return (either == 0) | (both >= self.overlap * either)


@dataclass(frozen=True)
class Right:
    """An outcome graded elsewhere: right or wrong, and nothing in between.

    A grade is a boolean, 1 or 0, or a word that evaluation tools use (``C`` / ``I``, ``passed`` /
    ``failed``, ``correct`` / ``incorrect``, ``resolved``, …: `supersede.table.grades`).

    Attributes:
        column: The grade, such as a judge's verdict on a language model's answer.
    """

    column: str

    needs_label = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The grade."""
        return (self.column,)

    def right(self, rows: "ir.Table", label: "ir.Value | None") -> "ir.Value":
        """The grade itself; null for words such as ``error`` and ``skipped``."""
        return _graded(rows[self.column])


@dataclass(frozen=True)
class Judge:
    """A judge's score of each answer: more is better, on any scale.

    A score is not a chance of being right. Without a threshold, models are compared by their mean
    scores and by how often each wins; with one, an answer is right from the threshold on.

    Attributes:
        column: The score, or a grade of which some are *partly right* (0.5).
        threshold: The lowest score that counts as right; None compares scores only.
    """

    column: str
    threshold: float | None = None

    needs_label = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The score."""
        return (self.column,)

    def value(self, rows: "ir.Table") -> "ir.Value":
        """The score as a number."""
        return _graded(rows[self.column])

    def right(self, rows: "ir.Table", label: "ir.Value | None") -> "ir.Value":
        """Whether the score reaches the threshold.

        Raises:
            ArgumentError: There is no threshold.
        """
        if self.threshold is None:
            msg = (
                f"column {self.column!r} holds a judge's scores, which are neither right nor wrong"
                " without a threshold: --threshold 0.7 on the command line, or"
                f" supersede.table.Judge({self.column!r}, threshold=0.7)"
            )
            raise ArgumentError(msg)
        return self.value(rows) >= self.threshold


@dataclass(frozen=True)
class Losses:
    """A loss per item, right up to a tolerance.

    Attributes:
        column: The loss, such as word errors or a box's distance.
        tolerance: The largest loss that still counts as right.
    """

    column: str
    tolerance: float

    needs_label = False

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
        right_runs: The column with the number of runs that went right.
        runs: The column with the number of runs; or the number itself, if it is always the same.
    """

    right_runs: str
    runs: str | int

    needs_label = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the two counts."""
        return (self.right_runs, self.runs) if isinstance(self.runs, str) else (self.right_runs,)

    def right(self, rows: "ir.Table", label: "ir.Value | None") -> "ir.Value":
        """The share of runs that went right; not graded where there were none."""
        runs = rows[self.runs].nullif(0) if isinstance(self.runs, str) else self.runs
        return rows[self.right_runs].cast("float64") / runs


def _distinct(values: "ir.Value") -> "ir.Value":
    """A list without repetitions; what Ibis compiles for it is refused by DuckDB 2."""
    import ibis

    kind = values.type()

    @ibis.udf.scalar.builtin(name="list_distinct", signature=((kind,), kind))  # type: ignore[untyped-decorator]
    def list_distinct(values: Any) -> Any: ...

    return list_distinct(values)


def _graded(value: "ir.Value") -> "ir.Value":
    """A grade or score as a number."""
    import ibis

    if not value.type().is_string():
        return plain(value)
    word = value.strip().lower()
    partly = [(word == name, share) for name, share in PARTLY.items()]
    return ibis.cases((word.isin(sorted(RIGHT)), 1.0), (word.isin(sorted(WRONG)), 0.0), *partly)


def plain(value: "ir.Value") -> "ir.Value":
    """The value as engines compare it alike: no NaN, no blank text, booleans as 0 and 1."""
    if value.type().is_string():
        return (value.strip() == "").ifelse(None, value)
    if value.type().is_boolean():
        return value.cast("int32")  # PostgreSQL casts booleans to no other integer
    if value.type().is_decimal():
        return value.cast("float64")
    if value.type().is_floating():
        return value.isnan().ifelse(None, value)
    return value
