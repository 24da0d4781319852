"""How much memory a network may take on its target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from supersede.errors import ArgumentError
from supersede.look.numbers import count

if TYPE_CHECKING:
    from supersede.hardware.targets.measurement import Measurement

__all__ = ["MemoryBudget"]


@dataclass(frozen=True)
class MemoryBudget:
    """Limits of memory; None where there is none.

    Args:
        sram: Bytes that activations may take.
        weights: Bytes that weights may take as the target stores them.

    Raises:
        ArgumentError: A limit is below one byte.

    Example:
        >>> from supersede.hardware import Measurement
        >>> cost = Measurement(0.001, weight_bytes=90_000, peak_bytes=300_000)
        >>> MemoryBudget(sram=256 * 1024).holds(cost), MemoryBudget(weights=100_000).holds(cost)
        (False, True)
    """

    sram: int | None = None
    weights: int | None = None

    def __post_init__(self) -> None:
        for name, limit in (("max_sram", self.sram), ("max_weights", self.weights)):
            if limit is not None and limit < 1:
                msg = f"{name} is {limit}; it is a number of bytes, 1 or more"
                raise ArgumentError(msg)

    def refuse_unknown(self, cost: Measurement) -> None:
        """Refuse limits of what the target does not say.

        Raises:
            ArgumentError: It does not say how much memory is taken.
        """
        for name, limit, found in (
            ("max_sram", self.sram, cost.peak_bytes),
            ("max_weights", self.weights, cost.weight_bytes),
        ):
            if limit is not None and found is None:
                msg = (
                    f"{name} is given, but this target does not say how much that is; leave it out"
                )
                raise ArgumentError(msg)

    def holds(self, cost: Measurement) -> bool:
        """Whether a network is within the limits."""
        return not self.excesses(cost)

    def excesses(self, cost: Measurement) -> list[str]:
        """What is over its limit, in words."""
        found = []
        for what, limit, taken in (
            ("activations", self.sram, cost.peak_bytes),
            ("weights", self.weights, cost.weight_bytes),
        ):
            if limit is not None and (taken is None or taken > limit):
                taken_words = "unknown" if taken is None else f"{count(taken)} bytes"
                found.append(f"{what} take {taken_words}, more than {count(limit)}")
        return found
