"""What judges edits: a target, asked once about each network, and remembering what it has seen.

Searching over edits (`advice/search.py`) and judging them are apart, so that a search of another kind
can bring edits of its own, or another judge: whatever has the three methods of `Judge`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from supersede.errors import EstimateError, MeasurementError
from supersede.hardware.description.network import Network
from supersede.hardware.targets.cache import measure_all

if TYPE_CHECKING:
    from supersede.hardware.targets.measurement import Measurement, Target

__all__ = ["Judge", "TargetJudge", "faster", "more_on_cpu"]


class Judge(Protocol):
    """Says what networks cost, and whether one is better than another."""

    def costs(self, networks: Sequence[Network]) -> list[Measurement | None]:
        """What networks cost, in order; None for one that cannot be judged."""
        ...

    def better(self, after: Network, before: Network, *, allowance: float = 0.0) -> bool:
        """Whether a network is better than another, or worse by no more than a relative allowance."""
        ...


@dataclass
class TargetJudge:
    """Judges by latency on a target; work that moves to the processor is never better.

    Attributes:
        target: What measures.
        cache: File of kept measurements, see `measure_all`.
        workers: Processes that measure.
        known: Every network that was judged, in order.
    """

    target: Target
    cache: str | Path | None = None
    workers: int = 1
    known: dict[Network, Measurement | None] = field(default_factory=dict)

    def costs(self, networks: Sequence[Network]) -> list[Measurement | None]:
        """What networks cost; each is measured once."""
        new = [net for net in dict.fromkeys(networks) if net not in self.known]
        options = {"cache": self.cache, "workers": self.workers}
        try:
            found = measure_all(self.target, new, **options)  # type: ignore[arg-type]
            self.known.update(zip(new, found, strict=True))
        except (EstimateError, MeasurementError):  # of one of them; the others can be judged
            for net in new:
                try:
                    (self.known[net],) = measure_all(self.target, [net], **options)  # type: ignore[arg-type]
                except (EstimateError, MeasurementError):
                    self.known[net] = None
        return [self.known[net] for net in networks]

    def better(self, after: Network, before: Network, *, allowance: float = 0.0) -> bool:
        """Whether it is faster, and not by leaving work to the processor."""
        cost, reference = self.costs([after, before])
        if cost is None or reference is None or more_on_cpu(after, cost, before, reference):
            return False
        if allowance and cost.high is None:
            return cost.seconds <= reference.seconds * (1 + allowance)
        return faster(cost, reference)


def more_on_cpu(
    after: Network, cost: Measurement, before: Network, cost_before: Measurement
) -> bool:
    """Whether more falls back to the processor, whose time is in no latency."""

    def work(network: Network, names: Sequence[str]) -> tuple[int, int]:
        left = [layer for layer in network.layers if layer.name in names]
        return sum(map(network.macs_of, left)), sum(network.shapes[x.name].size for x in left)

    mine, theirs = work(after, cost.on_cpu), work(before, cost_before.on_cpu)
    return mine[0] > theirs[0] or mine[1] > theirs[1]


def faster(after: Measurement, before: Measurement) -> bool:
    """Whether it is faster; with noise, only if the intervals do not overlap."""
    if after.high is not None and before.low is not None:
        return after.high < before.low
    return after.seconds < before.seconds
