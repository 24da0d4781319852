"""The audit at the end of a round: the patched model on unused rows.

On the holdout errors only fall, by construction. Fresh rows show whether they fell elsewhere: the
overall error, that of each protected group, and the gain of each patch, with intervals that hold
for all of them at once.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from supersede.bounty.decision_list import DecisionList
from supersede.bounty.losses import RowLoss, ZeroOne
from supersede.bounty.routing import Bools, Group
from supersede.bounty.sample import Sample
from supersede.bounty.tracking import Track, track
from supersede.look.result import ResultMixin, frame_of
from supersede.metrics.ratio_intervals import change
from supersede.metrics.ratio_sums import sum_ratios
from supersede.metrics.ratios import Part

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ErrorChange", "RoundAudit", "audit_round"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ErrorChange:
    """The change of an error, on fresh rows.

    Attributes:
        name: The rows of the error: ``all``, or a group.
        rows: Number of rows.
        before: The error before.
        after: The error after.
        change: After minus before, so negative is better.
        low: Lower end of the change's interval; joint with all others of the audit.
        high: Upper end.
        team: For a patch, the team that found it.
    """

    name: str
    rows: int
    before: float
    after: float
    change: float
    low: float
    high: float
    team: str = ""

    @property
    def verdict(self) -> str:
        """``better`` or ``worse`` beyond what chance explains, otherwise ``unclear``."""
        return "better" if self.high < 0 else "worse" if self.low > 0 else "unclear"


@dataclass(frozen=True)
class RoundAudit(ResultMixin, named="the audit of a round"):
    """The audit of a round on fresh rows.

    Attributes:
        sample: The rows for which this holds.
        loss: Name of the loss.
        confidence: For all intervals at once.
        overall: The overall error, first model and patched model.
        groups: The same for each protected group.
        patches: The change in overall error from each accepted patch and its repairs.
        rises: Number of times that a protected group's error under some version was above its error
            under an earlier one: 0 on the holdout, and due to noise on fresh rows.
        checks: Number of such comparisons.
    """

    sample: str
    loss: str
    confidence: float
    overall: ErrorChange
    groups: tuple[ErrorChange, ...]
    patches: tuple[ErrorChange, ...]
    rises: int
    checks: int

    @property
    def worse(self) -> tuple[ErrorChange, ...]:
        """Groups that are worse off than before the round, beyond what chance explains."""
        return tuple(change for change in self.groups if change.verdict == "worse")

    @property
    def without_gain(self) -> tuple[ErrorChange, ...]:
        """Patches that did not lower the overall error on these rows."""
        return tuple(patch for patch in self.patches if patch.change >= 0)

    def __str__(self) -> str:
        all_ = self.overall
        return (
            f"on {self.sample}, the {self.loss} went from {all_.before:.4f} to {all_.after:.4f}"
            f" [{all_.low:+.4f}, {all_.high:+.4f}]; of {len(self.groups)} protected groups"
            f" {len(self.worse)} are worse off; {len(self.without_gain)} of {len(self.patches)}"
            " patches did not gain"
        )

    def to_frame(self) -> "pa.Table":
        """One row for all rows, then one per protected group and one per patch."""
        return frame_of(
            {"of": kind, **asdict(change), "verdict": change.verdict}
            for kind, changes in (
                ("all", [self.overall]),
                ("group", self.groups),
                ("patch", self.patches),
            )
            for change in changes
        )

    def to_html(self) -> str:
        """A page with the change of each error."""
        from supersede.look.table_page import table_page

        return table_page("The patched model on fresh rows", f"{self}.", self.to_frame())


def audit_round(
    model: DecisionList,
    fresh: Sample,
    *,
    loss: RowLoss | None = None,
    watch: Mapping[str, Group] | None = None,
    confidence: float = 0.95,
) -> RoundAudit:
    """Compare a patched model with its first version on fresh rows.

    Args:
        model: The patched model.
        fresh: Unused rows, from the population that the model serves.
        loss: The loss of a row.
        watch: Protected groups besides those of the patches.
        confidence: Two-sided, for all intervals at once (Bonferroni).

    Returns:
        The audit.

    Assumes: rows are independent.
    """
    loss = ZeroOne() if loss is None else loss
    kept = track(model, fresh, loss, watch=dict(watch or {}))
    ends = model.patches
    comparisons = 1 + len(kept.groups) + len(ends)
    each = 1 - (1 - confidence) / comparisons
    everyone = np.ones(len(fresh), bool)
    first, last = kept.losses_at(0), kept.losses_at(len(model))
    patches = []
    for start, end in ends:
        before, after = kept.losses_at(start), kept.losses_at(end)
        node = model.nodes[start]
        changed = _change(kept, str(node.group), everyone, before, after, each, node.team)
        patches.append(changed)
    groups = tuple(
        _change(kept, kept.label(name), kept.members(name), first, last, each)
        for name in kept.groups
    )
    rises, checks = _rises(kept)
    return RoundAudit(
        fresh.name,
        loss.name,
        confidence,
        _change(kept, "all", everyone, first, last, each),
        groups,
        tuple(patches),
        rises,
        checks,
    )


def _change(
    kept: Track,
    name: str,
    mask: Bools,
    before: Floats,
    after: Floats,
    confidence: float,
    team: str = "",
) -> ErrorChange:
    out_of = kept.loss.out_of(kept.sample.labels)[mask]
    counted = bool(np.all(out_of == 1)) and kept.loss.most == 1
    below = None if counted else out_of
    binary = counted and bool(np.isin(before[mask], (0, 1)).all() & np.isin(after, (0, 1)).all())
    parts = [Part(losses[mask], below, binary=binary) for losses in (before, after)]
    weight = None if kept.sample.weight is None else kept.sample.weight[mask]
    if not mask.any():
        nan = float("nan")
        return ErrorChange(name, 0, nan, nan, nan, nan, nan, team)
    (ratios,) = sum_ratios(parts, {}, [()], weight=weight)
    difference, low, high = change(ratios, 0, 1, "share" if binary else "amount", confidence)
    return ErrorChange(
        name,
        int(mask.sum()),
        float(ratios.moments(0).mean[0]),
        float(ratios.moments(1).mean[0]),
        float(difference[0]),
        float(low[0]),
        float(high[0]),
        team,
    )


def _rises(kept: Track) -> tuple[int, int]:
    rises = checks = 0
    for name in kept.groups:
        errors = kept.errors(name)
        best = np.minimum.accumulate(errors)[:-1]
        rises += int(np.sum(errors[1:] > best + 1e-12))
        checks += len(best)
    return rises, checks
