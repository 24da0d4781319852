"""The history of audits: each version's losses by group, and whether the next one is worse.

An evaluation is never finished. The audit of every released version is stored in one file, one line
each; the next version is compared with the last, group by group.
"""

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from supersede.audit.result import Audit, GroupRow, load_audit
from supersede.errors import ArgumentError
from supersede.look.page import write_whole
from supersede.metrics.mover import difference_interval

__all__ = ["Entry", "Regression", "append_audit", "load_history", "regressions"]


@dataclass(frozen=True)
class Entry:
    """One version's audit.

    Attributes:
        version: The version.
        audit: Its audit.
    """

    version: str
    audit: Audit


@dataclass(frozen=True)
class Regression:
    """The change of one group from one audit to the next.

    Attributes:
        group: The group.
        before: Its loss in the earlier audit; NaN for a new group.
        after: Its loss in the later one; NaN for a group that no longer occurs.
        change: The difference, positive for worse.
        low: Lower end of the change's interval, for this group alone.
        high: Upper end.
        joint_low: Lower end of the interval that holds for all groups at once.
        n: Graded items in the later audit.
        verdict: ``"pass"`` if the whole interval is within the tolerance, ``"fail"`` if the joint
            one is beyond it, otherwise ``"undecided"``, as for a group that was large enough before
            and no longer occurs; None if the group is new, or was too small to judge.
    """

    group: str
    before: float
    after: float
    change: float
    low: float
    high: float
    joint_low: float
    n: int
    verdict: Literal["pass", "fail", "undecided"] | None

    def to_dict(self) -> dict[str, Any]:
        """The regression as plain data."""
        return asdict(self)


def append_audit(path: str | Path, version: str, audit: Audit) -> Path:
    """Add a version's audit to a history, one line of JSON.

    Raises:
        ArgumentError: The history contains that version already, or is not a history.
        ReportError: The file cannot be written.
    """
    path = Path(path)
    known = load_history(path) if path.exists() else []
    if version in {entry.version for entry in known}:
        msg = (
            f"{path} already contains an audit of version {version!r}; give the new one its own"
            " name"
        )
        raise ArgumentError(msg)
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    record = {"version": version, "audit": audit.to_dict()}
    lines.append(json.dumps(record, ensure_ascii=False, allow_nan=False))
    write_whole(path, "\n".join(lines) + "\n")
    return path


def load_history(path: str | Path) -> list[Entry]:
    """All versions of a history, the earliest first.

    Raises:
        ArgumentError: The file is missing or is not a history.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
        records = [json.loads(line) for line in lines if line.strip()]
        return [Entry(record["version"], load_audit(record["audit"])) for record in records]
    except (OSError, ValueError, KeyError, TypeError) as error:
        msg = (
            f"cannot read the history {path}: {error}; each line must be one audit as written by"
            " append_audit"
        )
        raise ArgumentError(msg) from error


def regressions(before: Audit, after: Audit, *, tolerance: float = 0.0) -> list[Regression]:
    """Compare a later audit with an earlier one, group by group.

    If the later audit also measured the earlier model on its own items (``old=``), its paired
    changes are used. Otherwise the two audits are treated as independent samples, which makes
    intervals too wide rather than too narrow if they share items.

    Args:
        before: The earlier audit.
        after: The later audit, of the same loss.
        tolerance: The largest rise of a group's loss (fall of a success) that is tolerated.

    Returns:
        One entry per group of either audit, the largest change for the worse first; unknown
        included.

    Raises:
        ArgumentError: The audits are of different losses, or the tolerance is negative.

    Assumes: both audits split the same population.
    """
    if (before.loss, before.unit) != (after.loss, after.unit) or tolerance < 0:
        msg = (
            f"an audit of the {before.loss} cannot be compared with one of the {after.loss}, and"
            f" the tolerance must be at least 0 (tolerance={tolerance})"
        )
        raise ArgumentError(msg)
    paired = after.old is not None and after.old == before.model
    earlier = {row.group: row for row in (before.overall, *before.rows)}
    later = {row.group: row for row in (after.overall, *after.rows)}
    found = [
        _held(earlier.get(group), later.get(group), after, tolerance, paired=paired)
        for group in dict.fromkeys([*later, *earlier])
    ]
    return sorted(found, key=lambda r: -r.change if not math.isnan(r.change) else math.inf)


def _held(
    before: GroupRow | None,
    after: GroupRow | None,
    audit: Audit,
    tolerance: float,
    *,
    paired: bool,
) -> Regression:
    if before is None or after is None or math.isnan(before.value) or math.isnan(after.value):
        name = (after or before).group  # type: ignore[union-attr]  # one of the two is there
        old, new = (math.nan if row is None else row.value for row in (before, after))
        nothing = math.nan
        # a group that was judged before and is gone may be worse off than any other
        gone = before is not None and before.n >= audit.min_items and not math.isnan(before.value)
        return Regression(
            name, old, new, nothing, nothing, nothing, nothing, after.n if after else 0,
            "undecided" if gone else None,
        )  # fmt: skip
    if paired:
        old, change, low, high = after.old, after.change, after.change_low, after.change_high
        groups = len(audit.rows) + 1
        joint_low, joint_high = (
            _widened(change, end, audit.confidence, groups) for end in (low, high)
        )
    else:
        old, change = before.value, after.value - before.value
        low, high = _difference(after, before, "")
        joint_low, joint_high = _difference(after, before, "joint_")
    if audit.worse == "less":
        change, low, high, joint_low = -change, -high, -low, -joint_high
    if joint_low > tolerance:
        verdict: Literal["pass", "fail", "undecided"] | None = "fail"
    elif (max(before.n, after.n) if paired else before.n) < audit.min_items:
        verdict = None
    else:
        verdict = "pass" if high <= tolerance else "undecided"
    return Regression(after.group, old, after.value, change, low, high, joint_low, after.n, verdict)


def _difference(after: GroupRow, before: GroupRow, kind: str) -> tuple[float, float]:
    def ends(row: GroupRow) -> tuple[float, float]:
        return getattr(row, f"{kind}low"), getattr(row, f"{kind}high")

    low, high = difference_interval(after.value, ends(after), before.value, ends(before))
    return float(low), float(high)


def _widened(change: float, end: float, confidence: float, groups: int) -> float:
    """An end of a paired interval at the Bonferroni-corrected confidence of each group."""
    from supersede.metrics.intervals import z

    return change + (end - change) * z(1 - (1 - confidence) / groups) / z(confidence)


def worst_of(found: Iterable[Regression]) -> Literal["pass", "fail", "undecided"]:
    """One verdict from all groups: any failure fails, passing needs all groups that can be judged.

    If no group can be judged, the verdict is undecided.
    """
    verdicts = {regression.verdict for regression in found}
    return (
        "fail" if "fail" in verdicts else "pass" if verdicts - {None} == {"pass"} else "undecided"
    )
