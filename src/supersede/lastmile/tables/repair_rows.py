"""A customer's rows: which columns moved, what undoing that changes for whom."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from supersede.audit import audit_losses
from supersede.bounty.artefacts import Column
from supersede.errors import ArgumentError
from supersede.lastmile.tables.readable import readable
from supersede.lastmile.tables.suspects import Suspect, find_suspects
from supersede.look.numbers import worded
from supersede.look.result import ResultMixin, frame_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ErrorChange", "RowsRepair", "repair_rows"]

Predict = Callable[[dict[str, Column]], npt.ArrayLike]
_FEWEST = 60  # labelled rows


@dataclass(frozen=True)
class ErrorChange:
    """The error rate of one group before and after the repair, on the same held-out rows.

    Attributes:
        group: The group; ``all`` for all rows.
        rows: Labelled rows.
        before: Error rate on the rows as they came.
        after: Error rate on the repaired rows.
        change: The difference.
        low: Lower end of its paired interval.
        high: Upper end.
    """

    group: str
    rows: int
    before: float
    after: float
    change: float
    low: float
    high: float


@dataclass(frozen=True)
class RowsRepair(ResultMixin, named="a repair of rows"):
    """What was found in a customer's rows, and what undoing it changes.

    Attributes:
        suspects: Columns that are not as in the reference, the most certain first.
        undone: Those whose change was undone.
        rows: Before and after on held-out labelled rows, all rows first; empty without labels.
        confidence: Two-sided confidence of the intervals.
        columns: The repaired columns.
        synthetic: Whether rows were made up.
    """

    suspects: tuple[Suspect, ...]
    undone: tuple[Suspect, ...]
    rows: tuple[ErrorChange, ...] = ()
    confidence: float = 0.95
    columns: Mapping[str, Column] = field(default_factory=dict, repr=False)
    synthetic: bool = False

    @property
    def helps(self) -> bool:
        """Whether errors fall on held-out rows, beyond what chance explains."""
        return bool(self.undone and self.rows and self.rows[0].high < 0)

    def __str__(self) -> str:
        from supersede.lastmile.tables.report import summary

        return summary(self)

    def to_dict(self) -> dict[str, Any]:
        """Suspects and figures as JSON values; the rows themselves are left out."""
        from supersede.look.json_values import json_values

        found: dict[str, Any] = json_values(
            {
                "suspects": [vars(s) for s in self.suspects],
                "undone": [s.column for s in self.undone],
                "rows": [vars(row) for row in self.rows],
                "helps": self.helps,
                "confidence": self.confidence,
                "synthetic": self.synthetic,
            }
        )
        return found

    def to_frame(self) -> "pa.Table":
        """One record per suspect."""
        undone = {s.column for s in self.undone}
        columns = ("column", "kind", "log_p", "effect", "explanation", "undone")
        return frame_of(
            ({**{c: getattr(s, c) for c in columns[:-1]}, "undone": s.column in undone} for s in self.suspects),
            columns,
        )  # fmt: skip

    def to_html(self) -> str:
        """One page: suspects, what was undone, before and after."""
        from supersede.lastmile.tables.report import page

        return page(self)


def repair_rows(
    reference: object,
    site: object,
    *,
    predict: Predict | None = None,
    labels: npt.ArrayLike | None = None,
    groups: Sequence[object] | None = None,
    keep: Sequence[str] = (),
    confidence: float = 0.95,
    synthetic: bool = False,
    seed: int = 0,
) -> RowsRepair:
    """Find columns that moved, undo what can be undone, and measure what that changes.

    Args:
        reference: Rows that the model was accepted on, by column.
        site: The customer's rows.
        predict: The model: columns in, one answer per row out.
        labels: What is right, shape ``(n,)``; None or NaN where it is unknown. With a model, a
            third of the labelled rows decides for each suspect whether undoing it is kept, and
            the others measure the result.
        groups: The group of each row; None is unknown, and a row of its own.
        keep: Columns that are left as they are, whatever is found.
        confidence: Two-sided confidence of the intervals.
        synthetic: Whether rows were made up; the result is then marked.
        seed: Seed of the split.

    Raises:
        ArgumentError: Lengths differ, labels come without a model, or are too few.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> before = {"hours": rng.normal(40, 5, 2000)}
        >>> found = repair_rows(before, {"hours": rng.normal(40, 5, 300) * 60})
        >>> found.undone[0].explanation, round(float(found.columns["hours"].numbers().mean()))
        ('a unit error, times 60: minutes and hours', 40)

    Assumes: what moved is an error of the data, not a difference of the people; without labels
    nothing here can distinguish these.
    """
    rows, _ = readable(site)
    suspects = find_suspects(reference, site)
    mendable = [s for s in suspects if s.repairable and s.column not in keep]
    if labels is None:
        fixed = dict(rows)
        for suspect in mendable:
            fixed = suspect.undo(fixed)
        return RowsRepair(tuple(suspects), tuple(mendable), (), confidence, fixed, synthetic)
    if predict is None:
        msg = "labels measure a model's errors; pass the model as predict= too"
        raise ArgumentError(msg)
    truth = np.asarray(labels, object)
    n = len(next(iter(rows.values())))
    if truth.shape != (n,) or (groups is not None and len(groups) != n):
        msg = f"{n} rows, {len(truth)} labels and {n if groups is None else len(groups)} groups; expected one each"
        raise ArgumentError(msg)
    known = np.flatnonzero([t is not None and t == t for t in truth])  # NaN
    if len(known) < _FEWEST:
        msg = f"{len(known)} rows have a label; at least {_FEWEST} are needed to choose a repair and to measure it"
        raise ArgumentError(msg)
    order = np.random.default_rng(seed).permutation(known)
    choosing, measuring = order[: len(order) // 3], np.sort(order[len(order) // 3 :])

    def wrong(columns: Mapping[str, Column], at: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
        said = np.asarray(predict({name: c.take(at) for name, c in columns.items()}))
        return np.array([a != b for a, b in zip(said, truth[at], strict=True)], float)

    fixed, undone = dict(rows), []
    errors = wrong(fixed, choosing).mean()
    for suspect in mendable:
        trial = suspect.undo(fixed)
        rate = wrong(trial, choosing).mean()
        if rate <= errors:  # where labels do not object, the column looks as before again
            fixed, errors = trial, rate
            undone.append(suspect)
    homes = None if groups is None else np.array(list(map(worded, groups)), object)[measuring]
    changes = _changes(wrong(rows, measuring), wrong(fixed, measuring), homes, confidence)
    return RowsRepair(tuple(suspects), tuple(undone), tuple(changes), confidence, fixed, synthetic)


def _changes(
    before: npt.NDArray[np.float64], after: npt.NDArray[np.float64],
    homes: npt.NDArray[Any] | None, confidence: float,
) -> list[ErrorChange]:  # fmt: skip
    cells = [("all", np.ones(len(before), bool))]
    if homes is not None:
        cells += [(name, np.asarray(homes == name, bool)) for name in sorted(set(homes))]
    found = []
    for name, inside in cells:
        low = high = math.nan
        if inside.sum() > 1:
            paired = audit_losses(
                after[inside], {"all": np.zeros(int(inside.sum()), int)}, old=before[inside],
                confidence=confidence,
            ).overall  # fmt: skip
            low, high = paired.change_low, paired.change_high
        b, a = float(before[inside].mean()), float(after[inside].mean())
        found.append(ErrorChange(name, int(inside.sum()), b, a, a - b, low, high))
    return found
