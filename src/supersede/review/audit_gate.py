"""A check on audits: no group may be worse off than under the version before.

The audits may come from a history (`supersede.audit.append_audit`), so that each release is
compared with the last. A group *fails* if its change exceeds the tolerance with an interval that holds for
all groups at once; to *pass*, every group's own interval must keep it.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from supersede.errors import ArgumentError
from supersede.look.numbers import amount, count, points
from supersede.review.evidence import Evidence
from supersede.review.finding import Finding, SliceFinding
from supersede.review.limits import checked_limit

if TYPE_CHECKING:
    from supersede.audit.history import Regression
    from supersede.audit.result import Audit

__all__ = ["NoGroupRegresses"]

_RANK = {"fail": 0, "undecided": 1, "pass": 2, None: 3}
_NAMED = 3  # groups that are gone
_SHOWN = 200  # groups that the finding carries; the others are counted


@dataclass(frozen=True)
class NoGroupRegresses:
    """In no group may the audited loss rise by more than `tolerance` (0.02 is two points).

    Attributes:
        after: The audit of the new model.
        before: The audit of the version before, or the history whose last entry it is.
        tolerance: The largest rise that is tolerated (fall of a success rate), at least 0.
        figures: Further pictures for the report: ``coverage(…).maps()``, ``grid(…).maps()``.

    Assumes: as for `supersede.audit.regressions`.
    """

    after: "Audit"
    before: "Audit | str | Path"
    tolerance: float = 0.0
    figures: tuple[Markup, ...] = ()

    def __post_init__(self) -> None:
        checked_limit("NoGroupRegresses: tolerance=", self.tolerance, "rise")
        if not hasattr(self.after, "model"):
            msg = f"NoGroupRegresses: after={self.after!r}; expected audit_groups(table, new, old=old, …)"
            raise ArgumentError(msg)

    def judge(self, evidence: Evidence) -> Finding:
        """Hold the new model's audit against the one before.

        Raises:
            ArgumentError: The audit is of another model than the review, or the history is empty.
        """
        # most reviews have no audit, and its room is slow to import
        from supersede.audit.history import regressions, worst_of
        from supersede.audit.report import group_plot, pair_maps

        if self.after.model != evidence.new:
            msg = (
                f"the audit is of {self.after.model!r} but the review is of {evidence.new!r}; audit"
                " the new model: audit_groups(table, new, old=old, …)"
            )
            raise ArgumentError(msg)
        found = regressions(self._before(), self.after, tolerance=self.tolerance)
        judged = [r for r in found if not math.isnan(r.change) or r.verdict is not None]
        judged.sort(key=lambda r: (_RANK[r.verdict], math.isnan(r.change)))
        if all(math.isnan(regression.change) for regression in judged):
            msg = "the two audits have no group in common; split by the same columns"
            raise ArgumentError(msg)
        worst = next(r for r in judged if not math.isnan(r.change))
        share = self.after.unit == "share"
        return Finding(
            check="no_group_regresses",
            question="Is any audited group worse off than before?",
            verdict=worst_of(judged),
            reason=self._reason(judged),
            estimate=worst.change,
            low=worst.low,
            high=worst.high,
            limit=self.tolerance,
            unit="points" if share else "cost",
            slices=tuple(map(_slice, judged[:_SHOWN])),
            slice_count=len(judged),
            figures=(group_plot(self.after), *pair_maps(self.after), *self.figures),
        )

    def _before(self) -> "Audit":
        from supersede.audit.history import load_history
        from supersede.audit.result import Audit

        if isinstance(self.before, Audit):
            return self.before
        history = load_history(self.before)
        if not history:
            msg = f"the history {self.before} is empty; add the released version's audit first"
            raise ArgumentError(msg)
        return history[-1].audit

    def _reason(self, judged: "list[Regression]") -> str:
        form = points if self.after.unit == "share" else amount
        failed = sum(regression.verdict == "fail" for regression in judged)
        open_ = sum(regression.verdict == "undecided" for regression in judged)
        small = sum(regression.verdict is None for regression in judged)
        worst = next(r for r in judged if not math.isnan(r.change))
        said = [
            f"{count(number)} of {count(len(judged))} groups {words}"
            for number, words in ((failed, "are worse off"), (open_, "cannot be decided yet"))
            if number
        ] or [f"all {count(len(judged) - small)} groups keep the tolerance"]
        text = "; ".join(said)
        few = f" Too small to judge: {count(small)}." if small else ""
        gone = [regression.group for regression in judged if math.isnan(regression.change)]
        lost = f" No longer in the audit: {', '.join(gone[:_NAMED])}." if gone else ""
        return (
            f"{text[0].upper()}{text[1:]} ({self.after.loss}, at most {form(self.tolerance)} worse); the"
            f" largest change for the worse is {form(worst.change, worst.low, worst.high)} in"
            f" {worst.group}.{lost}{few}"
        )


def _slice(regression: "Regression") -> SliceFinding:
    return SliceFinding(
        slice=regression.group,
        n=regression.n,
        estimate=regression.change,
        low=regression.low,
        high=regression.high,
        verdict=regression.verdict,
        p_adjusted=math.nan,
    )
