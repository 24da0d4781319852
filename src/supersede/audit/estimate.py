"""From counts to rows: every interval of an audit is computed here, for all groups at once."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from supersede.audit.counting import GroupLabel
from supersede.audit.losses import Worse
from supersede.audit.result import GroupRow
from supersede.metrics.ratio_intervals import Unit, change, gap, interval, joint_interval
from supersede.metrics.ratios import Ratios

__all__ = ["group_rows"]

Floats = npt.NDArray[np.float64]
NEW, OLD = 0, 1
"""The positions of the models in the counts."""


def group_rows(
    labels: Sequence[GroupLabel],
    counts: Ratios,
    whole: Ratios,
    unit: Unit,
    worse: Worse,
    confidence: float,
) -> list[GroupRow]:
    """Rows with intervals.

    Args:
        labels: Description of each group, `k` of them.
        counts: Their counts: the audited model first, then the old one if there is one.
        whole: The counts of all items.
        unit: Whether the loss is a share or an amount.
        worse: Whether more of it is worse, or less.
        confidence: Two-sided confidence of every interval.

    Returns:
        One row per group.
    """
    value = counts.moments(NEW).mean
    gaps = gap(counts, whole, NEW, unit, confidence)
    joint_gaps = gap(counts, whole, NEW, unit, confidence, joint=True)
    columns: dict[str, Floats] = {
        "value": value,
        **_ends("", interval(counts, NEW, unit, confidence)),
        **_ends("joint_", joint_interval(counts, NEW, unit, confidence)),
        "gap": gaps[0],
        **_ends("gap_", gaps[1:]),
        **_ends("gap_joint_", joint_gaps[1:]),
    }
    if counts.models > 1:
        changes = change(counts, OLD, NEW, unit, confidence)
        columns |= {"old": counts.moments(OLD).mean, "change": changes[0]}
        columns |= _ends("change_", changes[1:])
    # a group without graded items has neither a value nor an interval
    columns = {name: np.where(np.isnan(value), np.nan, column) for name, column in columns.items()}
    beyond = columns["gap_joint_low"] > 0 if worse == "more" else columns["gap_joint_high"] < 0
    numbers = zip(*(column.tolist() for column in columns.values()), strict=True)
    sizes = zip(counts.items.astype(int).tolist(), counts.n.astype(int).tolist(), strict=True)
    return [
        GroupRow(
            label.split, label.group, items, n, label.known, label.inferred,
            values=label.values, stands_out=out, **dict(zip(columns, row, strict=True)),
        )
        for label, (items, n), out, row in zip(labels, sizes, beyond.tolist(), numbers, strict=True)
    ]  # fmt: skip


def _ends(prefix: str, ends: Sequence[Floats]) -> dict[str, Floats]:
    return {f"{prefix}low": ends[0], f"{prefix}high": ends[1]}
