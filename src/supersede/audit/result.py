"""The result of an audit: one row per group, with intervals, and notes."""

import json
import math
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from supersede.audit.losses import Worse
from supersede.errors import ArgumentError
from supersede.look.json_values import json_values
from supersede.look.result import ResultMixin, frame_of
from supersede.metrics.ratio_intervals import Unit

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Audit", "GroupRow", "Spread", "load_audit"]

AUDIT_VERSION = 1
"""Version of the JSON form; raised when a field changes its meaning or is removed."""


@dataclass(frozen=True)
class GroupRow:
    """The losses of one group.

    Attributes:
        split: The columns that split the items, such as ``sex × race``; ``declared`` for groups
            that are declared by conditions.
        group: The group, such as ``sex = f × race = unknown``.
        items: Its items, graded or not.
        n: Graded items that count in the loss.
        known: False for the items whose membership is unknown.
        inferred: Whether the split uses an attribute that was guessed.
        value: The model's loss; NaN where nothing is graded.
        low: Lower end of the interval for this group alone.
        high: Upper end.
        joint_low: Lower end of the interval that holds for all groups of the audit at once.
        joint_high: Upper end.
        gap: The group's loss minus that of all items.
        gap_low: Lower end of the gap's interval for this group alone.
        gap_high: Upper end.
        gap_joint_low: Lower end of the gap's interval that holds for all groups at once.
        gap_joint_high: Upper end.
        old: The old model's loss; NaN without an old model, as for the next three.
        change: The model's loss minus the old model's, on the same items.
        change_low: Lower end of the change's paired interval.
        change_high: Upper end.
        values: The value of each attribute of the split; for a declared group, its position.
        stands_out: Whether the group is worse off than all items, beyond what chance explains: the
            gap's joint interval lies on the worse side of 0.
    """

    split: str
    group: str
    items: int
    n: int
    known: bool
    inferred: bool
    value: float
    low: float
    high: float
    joint_low: float
    joint_high: float
    gap: float
    gap_low: float
    gap_high: float
    gap_joint_low: float
    gap_joint_high: float
    old: float = math.nan
    change: float = math.nan
    change_low: float = math.nan
    change_high: float = math.nan
    values: tuple[object, ...] = ()
    stands_out: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The row as plain data."""
        return asdict(self)


@dataclass(frozen=True)
class Spread:
    """The difference between the worst and the best group of a split.

    Items of unknown membership do not form a group, and are not compared.

    Attributes:
        split: The columns that split the items.
        worst: The group with the worst loss.
        best: The group with the best loss.
        value: The difference of their losses, at least 0.
        low: Lower end, from all groups' joint intervals, so it accounts for the choice of the
            extremes.
        high: Upper end.
        left_out: Groups with too few items to be compared.
    """

    split: str
    worst: str
    best: str
    value: float
    low: float
    high: float
    left_out: int


@dataclass(frozen=True)
class Audit(ResultMixin, named="an audit"):
    """The losses of every group, for one model or for a new model against an old one.

    Attributes:
        model: The audited model.
        old: The model it is compared with; None without one.
        loss: Name of the loss.
        unit: ``"share"`` or ``"amount"``.
        worse: Whether more of it is worse, or less.
        overall: All items as one group.
        rows: The groups, in the order of splits and names; unknown comes last in its split.
        confidence: Two-sided confidence of every interval.
        min_items: Groups with fewer graded items are shown, but not compared.
        notes: Caveats.
        reading: How the table was understood.
        fingerprint: The table's; None where its engine has none.
        synthetic: The audit of the synthetic items, which are in none of the rows here; None where
            there are none.
        conditions: Splits that describe circumstances, not who.
        created: Time of the audit, in UTC.
    """

    model: str
    old: str | None
    loss: str
    unit: Unit
    worse: Worse
    overall: GroupRow
    rows: tuple[GroupRow, ...] = field(repr=False)
    confidence: float = 0.95
    min_items: int = 30
    notes: tuple[str, ...] = ()
    reading: str = ""
    fingerprint: str | None = None
    synthetic: "Audit | None" = None
    conditions: tuple[str, ...] = ()
    created: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __str__(self) -> str:
        from supersede.audit.report import headline

        return headline(self)

    @property
    def splits(self) -> list[str]:
        """The splits of the items, in order."""
        return list(dict.fromkeys(row.split for row in self.rows))

    @property
    def spreads(self) -> list[Spread]:
        """The largest difference between groups, for each split with two groups large enough."""
        return [spread for split in self.splits if (spread := self._spread(split)) is not None]

    @property
    def worst(self) -> list[GroupRow]:
        """Groups that are large enough to compare, the worst first."""
        large = [row for row in self.rows if row.n >= self.min_items and not math.isnan(row.gap)]
        sign = -1 if self.worse == "more" else 1
        return sorted(large, key=lambda row: sign * row.gap)

    def row(self, group: str) -> GroupRow:
        """The row of one group, by its name.

        Raises:
            ArgumentError: There is no such group.
        """
        for row in self.rows:
            if row.group == group:
                return row
        listed = ", ".join(repr(row.group) for row in self.rows[:10])
        msg = f"no group {group!r}; expected one of {listed}{' …' if len(self.rows) > 10 else ''}"
        raise ArgumentError(msg)

    def _spread(self, split: str) -> Spread | None:
        rows = [row for row in self.rows if row.split == split and row.known]
        large = [row for row in rows if row.n >= self.min_items and not math.isnan(row.value)]
        ends = [row for row in large if not math.isnan(row.joint_high)]
        if len(large) < 2 or not ends:
            return None
        most, least = max(large, key=_value), min(large, key=_value)
        worst, best = (most, least) if self.worse == "more" else (least, most)
        low = max(row.joint_low for row in ends) - min(row.joint_high for row in ends)
        high = max(row.joint_high for row in ends) - min(row.joint_low for row in ends)
        return Spread(
            split, worst.group, best.group, most.value - least.value, max(low, 0.0), high,
            len(rows) - len(large),
        )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """The audit as plain data, NaN as None."""
        data = {f.name: getattr(self, f.name) for f in fields(self)}
        data |= {
            "audit_version": AUDIT_VERSION,
            "overall": self.overall.to_dict(),
            "rows": [row.to_dict() for row in self.rows],
            "synthetic": self.synthetic.to_dict() if self.synthetic else None,
            "created": self.created.isoformat(timespec="seconds"),
        }
        return {name: json_values(value) for name, value in data.items()}

    def to_frame(self) -> "pa.Table":
        """The rows as an Arrow table, all items first; ``.to_pandas()`` makes it a pandas frame."""
        records = [row.to_dict() for row in (self.overall, *self.rows)]
        for record in records:
            record["values"] = [None if v is None else str(v) for v in record["values"]]
        return frame_of(records)

    def to_html(self) -> str:
        """The audit as one self-contained HTML page."""
        from supersede.audit.report import page

        return page(self)

    def to_markdown(self) -> str:
        """The audit as Markdown, for a comment or a notebook."""
        from supersede.audit.report import markdown

        return markdown(self)

    def _repr_html_(self) -> str:
        from supersede.audit.report import fragment

        return fragment(self)


def load_audit(source: "str | Path | dict[str, Any]") -> Audit:
    """Read an audit back from its JSON.

    Args:
        source: A path, or the parsed JSON.

    Raises:
        ArgumentError: It is not an audit, or one of a later version.
    """
    if isinstance(source, dict):
        data = dict(source)
    else:
        try:
            data = json.loads(Path(source).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            msg = f"cannot read the audit {source}: {error}; write one with Audit.save('….json')"
            raise ArgumentError(msg) from error
    version = data.pop("audit_version", None) if isinstance(data, dict) else None
    if version != AUDIT_VERSION:
        msg = (
            f"this is not an audit of version {AUDIT_VERSION} (its version is {version!r}); write"
            " it again"
        )
        raise ArgumentError(msg)
    data["overall"] = _row(data["overall"])
    data["rows"] = tuple(map(_row, data["rows"]))
    data["synthetic"] = load_audit(data["synthetic"]) if data["synthetic"] else None
    data["created"] = datetime.fromisoformat(data["created"])
    for name in ("notes", "conditions"):
        data[name] = tuple(data[name])
    return Audit(**data)


def _value(row: GroupRow) -> float:
    return row.value


def _row(record: dict[str, Any]) -> GroupRow:
    numbers = {f.name for f in fields(GroupRow) if f.type is float or f.type == "float"}
    kept: dict[str, Any] = {
        k: (math.nan if v is None and k in numbers else v) for k, v in record.items()
    }
    return GroupRow(**{**kept, "values": tuple(kept["values"])})
