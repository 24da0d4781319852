"""Several losses in one statement: intervals that hold for all groups of all losses at once.

*Equalised odds* asks that neither the false positive rate nor the false negative rate differ between
groups. Its difference is the larger one of the two rates' spreads (Hardt, Price & Srebro 2016), so a
statement about it needs intervals of both rates, of every group, at the same time. With ``k`` losses each gets an
error probability of ``(1 - confidence) / k`` (Bonferroni), within which its groups share theirs.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Unpack

from supersede.audit.audit import audit_groups
from supersede.audit.losses import Loss, Rate
from supersede.audit.result import Audit, Spread
from supersede.errors import ArgumentError
from supersede.look import share
from supersede.look.json_values import json_object
from supersede.look.result import ResultMixin, frame_of
from supersede.table.coerce import Columns as TableColumns
from supersede.table.coerce import as_table

__all__ = ["JointSpread", "Together", "audit_together", "equalised_odds"]


@dataclass(frozen=True)
class JointSpread:
    """The largest difference between groups of a split, over all losses.

    Attributes:
        split: The columns that split the items.
        value: The largest of the losses' spreads.
        low: Lower end of an interval that holds together with all others.
        high: Upper end.
        loss: The loss with the largest spread.
        worst: Its worst group.
        best: Its best group.
        left_out: Groups with too few items to be compared, in some loss.
    """

    split: str
    value: float
    low: float
    high: float
    loss: str
    worst: str
    best: str
    left_out: int


@dataclass(frozen=True)
class Together(ResultMixin, named="an audit of several losses"):
    """Audits of several losses whose intervals hold together.

    Attributes:
        name: Name of the statement, such as ``equalised odds``.
        audits: One audit per loss; their joint intervals (``joint_low``, ``gap_joint_high``, …) hold for all
            groups and all losses at once.
        confidence: The chance, at least, that all of them hold.
    """

    name: str
    audits: tuple[Audit, ...]
    confidence: float

    @property
    def spreads(self) -> list[JointSpread]:
        """The largest difference between groups, for each split with two groups large enough."""
        found: dict[str, list[tuple[Audit, Spread]]] = {}
        for audit in self.audits:
            for spread in audit.spreads:
                found.setdefault(spread.split, []).append((audit, spread))
        # a split of which one loss cannot be compared has no joint statement
        return [_joined(each) for each in found.values() if len(each) == len(self.audits)]

    def __repr__(self) -> str:
        lines = [f"{self.name} of {self.audits[0].model}"]
        lines += [
            f"  {s.split}: {share(s.value)} [{share(s.low)}, {share(s.high)}],"
            f" by the {s.loss} of {s.worst} and {s.best}"
            for s in self.spreads
        ]
        if not self.spreads:
            lines.append("  no split has two groups that are large enough for every loss")
        return "\n".join(lines)

    __str__ = __repr__

    def to_dict(self) -> dict[str, Any]:
        """The joint spreads, and each audit, as JSON values."""
        return json_object({
            "name": self.name, "confidence": self.confidence,
            "spreads": [vars(spread) for spread in self.spreads],
            "audits": [audit.to_dict() for audit in self.audits],
        })  # fmt: skip

    def to_frame(self) -> Any:
        """One row per split."""
        return frame_of(vars(spread) for spread in self.spreads)

    def to_html(self) -> str:
        """A page: the joint spreads, and each loss by group."""
        from supersede.audit.together_page import page

        return page(self)


def audit_together(
    table: object,
    model: str,
    losses: Sequence[Loss],
    *,
    name: str = "",
    confidence: float = 0.95,
    old: str | None = None,
    groups: Any = (),
    conditions: Any = (),
    cross: Sequence[Sequence[str]] = (),
    labels: str | None = None,
    allow_inferred: bool = False,
    min_items: int = 30,
    **columns: Unpack[TableColumns],
) -> Together:
    """Audit several losses of a model in one statement.

    Args:
        table: The predictions, as for `audit_groups`.
        model: The model to audit.
        losses: Two losses or more, such as ``[Rate("false_positive_rate"), Rate("precision")]``.
        name: Name of the statement; by default the losses' names.
        confidence: The chance, at least, that the joint intervals of all groups and all losses hold.
        old: As for `audit_groups`, like the arguments that follow.
        groups: Who: columns, or groups declared by conditions.
        conditions: Under which circumstances.
        cross: Combinations of columns.
        labels: How the labelled items were chosen.
        allow_inferred: Accept protected attributes that are marked as inferred.
        min_items: Groups with fewer graded items are shown, but not compared.
        **columns: Arguments of `supersede.read` for a source that is not yet a `Table`.

    Returns:
        The audits, and the joint spread of each split.

    Raises:
        ArgumentError: There are not two losses, one occurs twice, or as for `audit_groups`.
        InferredAttributeError: As for `audit_groups`.
        MissingColumnError: As for `audit_groups`.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> y, sex = rng.integers(0, 2, 2000), rng.choice(["f", "m"], 2000)
        >>> answer = np.where(rng.random(2000) < np.where(sex == "f", 0.3, 0.1), 1 - y, y)
        >>> found = audit_together(
        ...     {"y": y, "new": answer, "sex": sex}, "new",
        ...     [Rate("false_positive_rate"), Rate("false_negative_rate")], groups=["sex"], label="y",
        ... )
        >>> found.spreads[0].low > 0.1
        True

    Assumes: as for `audit_groups`.
    """
    if len(losses) < 2 or len({loss.name for loss in losses}) < len(losses):
        msg = f"losses={[loss.name for loss in losses]}: give two different ones or more"
        raise ArgumentError(msg)
    if not 0 < confidence < 1:
        msg = f"confidence={confidence} must lie between 0 and 1, for example 0.95"
        raise ArgumentError(msg)
    opened = as_table(table, [model] if old is None else [model, old], **columns)
    each = 1 - (1 - confidence) / len(losses)
    audits = tuple(
        audit_groups(
            opened, model, old=old, loss=loss, groups=groups, conditions=conditions, cross=cross,
            labels=labels, allow_inferred=allow_inferred, min_items=min_items,
            confidence=each,
        )
        for loss in losses
    )  # fmt: skip
    return Together(name or " and ".join(loss.name for loss in losses), audits, confidence)


def equalised_odds(
    table: object, model: str, *, positive: object = 1, confidence: float = 0.95, **given: Any
) -> Together:
    """The equalised odds difference of a model, with its interval.

    It is the larger one of two differences between groups: that of the false positive rates and that
    of the false negative rates.

    Args:
        table: The predictions, as for `audit_groups`.
        model: The model to audit.
        positive: The class that counts as positive.
        confidence: The chance, at least, that all intervals hold at once.
        **given: Further arguments of `audit_together`, such as ``groups`` and ``label``.

    Returns:
        Both audits, and the difference of each split in ``spreads``.

    Raises:
        ArgumentError: As for `audit_together`.

    Example:
        >>> rows = {"y": [0, 1] * 200, "new": [0, 1, 1, 1] * 100, "sex": ["f", "f", "m", "m"] * 100}
        >>> (spread,) = equalised_odds(rows, "new", groups=["sex"], label="y").spreads
        >>> spread.value, spread.loss
        (1.0, 'false positive rate')

    Reference:
        Hardt, Price & Srebro (2016), Equality of opportunity in supervised learning, NeurIPS.

    Assumes: as for `audit_groups`.
    """
    rates = [Rate("false_positive_rate", positive), Rate("false_negative_rate", positive)]
    return audit_together(
        table, model, rates, name="equalised odds", confidence=confidence, **given
    )


def _joined(each: list[tuple[Audit, Spread]]) -> JointSpread:
    audit, largest = max(each, key=lambda pair: pair[1].value)
    ends = [(s.low, s.high) for _, s in each if not math.isnan(s.high)]
    return JointSpread(
        largest.split, largest.value, max(low for low, _ in ends), max(high for _, high in ends),
        audit.loss, largest.worst, largest.best, max(s.left_out for _, s in each),
    )  # fmt: skip
