"""Has a deployed model declined? Changes between two evaluations.

Where both dates lie in one table, `supersede.evaluate.change` plans and estimates the difference at
once, with errors that the dates share cancelled. Here two separate evaluations are compared: the
interval of their difference is computed from both intervals by the square-root rule (MOVER).

References:
    Zou & Donner (2008), Stat. Med. 27, 1693-1702, eq. 4: the method of variance estimates recovery.

Assumes: the two estimates are independent, or positively dependent (the same items labelled for
    both models of one seed), for which the interval is wider than necessary.
"""

from dataclasses import dataclass
from typing import Any

from supersede.evaluate.estimates import Estimate, Estimates

__all__ = ["Change", "change_between"]


@dataclass(frozen=True)
class Change:
    """The change of one estimand from an earlier evaluation to a later one.

    Attributes:
        name: The estimand.
        before: The earlier estimate.
        after: The later one.
        value: Later minus earlier.
        low: Lower end of the interval of the change.
        high: Upper end.
    """

    name: str
    before: float
    after: float
    value: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """``"fell"``, ``"rose"``, or ``"undecided"`` where the interval contains 0."""
        if self.high < 0:
            return "fell"
        return "rose" if self.low > 0 else "undecided"

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def change_between(earlier: Estimates, later: Estimates) -> list[Change]:
    """The change of each estimand that both evaluations share.

    Args:
        earlier: The earlier evaluation.
        later: The later evaluation, with the same confidence.

    Returns:
        One change per estimand, in the later evaluation's order; refused estimates are left out.
    """
    before = {e.name: e for e in earlier if e.value is not None}
    return [_change(before[e.name], e) for e in later if e.name in before and e.value is not None]


def _change(old: Estimate, new: Estimate) -> Change:
    assert old.value is not None  # noqa: S101  # refused ones have been left out
    assert new.value is not None  # noqa: S101
    assert old.low is not None and old.high is not None  # noqa: S101, PT018
    assert new.low is not None and new.high is not None  # noqa: S101, PT018
    value = new.value - old.value
    down = ((new.value - new.low) ** 2 + (old.high - old.value) ** 2) ** 0.5
    up = ((new.high - new.value) ** 2 + (old.value - old.low) ** 2) ** 0.5
    return Change(new.name, old.value, new.value, value, value - down, value + up)
