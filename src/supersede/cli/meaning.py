"""Flags that say what a model's column holds, where its values do not; the same in every verb."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from supersede.errors import ArgumentError

if TYPE_CHECKING:
    from supersede.table import Outcome

__all__ = ["Meaning"]

Switch = Annotated[bool, Parameter(negative="")]
Number = Annotated[float | None, Parameter(allow_leading_hyphen=True)]
Texts = Annotated[list[str] | None, Parameter(negative="")]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Meaning:
    """What the models' columns hold, and which words are the same.

    Attributes:
        grades: The models' columns say whether an answer is right: 1 or 0, true or false, C or I,
            passed or failed, and the like.
        judge: The models' columns hold a judge's scores, of which more is better. They are compared
            by their means and by wins and losses; with --threshold, from there on an answer is right.
        threshold: The models' columns hold scores of class 1, which is predicted from this score on.
        runs: The models' columns count the runs of an item that went right, of this many: a number,
            or the column with the number; repeat it to give one for each model.
        within: The models' columns hold numbers, right if they come this close to the label.
        loss: The models' columns hold losses, right up to this one.
        overlap: The models' columns and the label hold sets of labels, right if they have this share
            in common, as 0.5. [default: equal sets]
        same: Words that count as equal, as in 'c-or-cpp=c,cpp' (the label's word and the answers it
            stands for); folded, to ignore case, surrounding space, and - or _; or a JSON or TOML
            file of such pairs. Repeat it for several.
    """

    grades: Switch = False
    judge: Switch = False
    threshold: Number = None
    runs: Texts = None
    within: float | None = None
    loss: float | None = None
    overlap: float | None = None
    same: Texts = None

    def models(self, columns: Sequence[str]) -> "dict[str, str | Outcome]":
        """How to grade each model: as the flags say, or by its column alone where they say nothing.

        Raises:
            ArgumentError: The flags contradict each other.
        """
        from supersede.table import Judge, LabelSets, Losses, Right, Scores, Within

        self._refuse_contradictions()
        if self.grades:
            return {column: Right(column) for column in columns}
        if self.judge:
            return {column: Judge(column, self.threshold) for column in columns}
        if self.threshold is not None:
            return {column: Scores(column, self.threshold) for column in columns}
        if self.within is not None:
            return {column: Within(column, self.within) for column in columns}
        if self.loss is not None:
            return {column: Losses(column, self.loss) for column in columns}
        if self.overlap is not None:
            return {column: LabelSets(column, self.overlap) for column in columns}
        if self.runs:
            return self._over_runs(columns, self.runs)
        return {column: column for column in columns}

    @property
    def _given(self) -> dict[str, bool]:
        """The flags that say what the columns hold, and whether each is given."""
        return {
            "--grades": self.grades,
            "--judge": self.judge,
            "--runs": bool(self.runs),
            "--within": self.within is not None,
            "--loss": self.loss is not None,
            "--overlap": self.overlap is not None,
            "--threshold": self.threshold is not None and not self.judge,
        }

    def _refuse_contradictions(self) -> None:
        said = [flag for flag, value in self._given.items() if value]
        if len(said) > 1:
            msg = f"{' and '.join(said)} say different things of the same columns; keep one of them"
            raise ArgumentError(msg)

    @staticmethod
    def _over_runs(columns: Sequence[str], runs: Sequence[str]) -> "dict[str, str | Outcome]":
        from supersede.table import Runs

        if len(runs) not in {1, len(columns)}:
            msg = (
                f"--runs is given {len(runs)} times for {len(columns)} models; give one number or"
                " column for all of them, or one for each in the order of the models"
            )
            raise ArgumentError(msg)
        each = list(runs) * len(columns) if len(runs) == 1 else runs
        return {
            column: Runs(column, int(number) if number.isdigit() else number)
            for column, number in zip(columns, each, strict=True)
        }
