"""Mean amounts: losses, errors, costs and judges' scores that each item has under each model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from supersede.errors import ArgumentError
from supersede.look.numbers import count
from supersede.metrics.cells import Ask, Counting, together
from supersede.metrics.compared_means import compare_means
from supersede.metrics.comparison import Better, Sample, Unit
from supersede.metrics.which_class import is_class
from supersede.table.outcomes import Classes, Judge, Losses, Scores, Within, plain

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from supersede.table.table import Table

__all__ = ["Mean", "complete_scores"]

_CLIP = 1e-15  # probabilities of exactly 0 and 1 lose much, but not infinitely much


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
        outside = [((s < 0) | (s > 1)).cast("int32") for s in values if s is not None]
        happened, scores, found = yield from together(
            is_class(sample, self.name, self.kind, self.of),
            complete_scores(sample, self.name),
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


def complete_scores(sample: Sample, words: str) -> Counting:
    """Both models' scores, which no labelled item may lack.

    Raises:
        ArgumentError: A model has no scores, or one is missing.
    """
    models, truth = (sample.old, sample.new), sample.table.truth()
    scores = {model: sample.score(model) for model in models}
    lacking = [
        (score.isnull() if truth is None else score.isnull() & truth.notnull()).cast("int32")
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
    (found,) = yield from _how_many([(before.isnull() != after.isnull()).cast("int32")])
    if found:
        msg = (
            f"on {count(found)} items only one of {sample.old!r} and {sample.new!r} has a value for"
            f" the {words}; fill them in, or leave these items out: missing='drop' (--missing drop)"
        )
        raise ArgumentError(msg)
