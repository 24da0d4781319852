"""The channel multiple that a target's parallelism favours, found by asking it.

Between two anchors, the channels of the layer in the middle grow by one; latency stays flat while
the hardware has lanes to spare and jumps when a further group of them is needed. The granule is the
largest multiple on which at least three in four jumps stand: compilers add jumps of their own, where
they change the order of the work.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from supersede.errors import ArgumentError, MeasurementError
from supersede.hardware.description.layer import Layer
from supersede.hardware.description.network import Network
from supersede.hardware.description.shapes import Shape
from supersede.hardware.targets.cache import measure_all
from supersede.hardware.targets.measurement import Target
from supersede.look.result import ResultMixin, frame_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Granule", "Probe", "find_granule"]

Probe = Literal["conv", "ibn", "fused"]
SIZE, ANCHOR, FIRST, LAST = 32, 32, 16, 72
JUMP = 0.05  # a step that costs more than this is one of the hardware's, not of one more channel
FIT = 0.75  # the share of jumps that must stand on the granule
RISE = 0.9  # the share of all that latency rises that must stand on a multiple
CANDIDATES = (64, 32, 16, 8, 4, 2)


@dataclass(frozen=True)
class Granule(ResultMixin, named="a granule", height="28rem"):
    """What the probing found.

    Args:
        channels: The granule; 1 where latency grows channel by channel.
        by_block: The granule of each block that was probed; blocks may differ.
        jumps: Of each block, the channel counts at which latency jumps by more than 5 %.
        queries: Networks that were measured.
        rises: The largest multiple on which nine tenths of all that latency rises stand, small steps
            included: below it, channels are free; on `channels` most of what is expensive is avoided.
    """

    channels: int
    by_block: dict[Probe, int]
    jumps: dict[Probe, tuple[int, ...]]
    queries: int
    rises: int = 1

    def __str__(self) -> str:
        blocks = ", ".join(f"{block} {found}" for block, found in self.by_block.items())
        return f"granule {self.channels} channels ({blocks}), from {self.queries} measured networks"

    def to_frame(self) -> "pa.Table":
        """One row per block."""
        return frame_of(
            {"block": block, "granule": found, "jumps": list(self.jumps[block])}
            for block, found in self.by_block.items()
        )

    def to_html(self) -> str:
        """A page with the granule of each block."""
        from supersede.look.table_page import table_page

        return table_page(f"{self.channels} channels at a time", f"{self}.", self.to_frame())


def find_granule(
    target: Target,
    *,
    blocks: Sequence[Probe] = ("conv", "fused"),
    cache: str | Path | None = None,
    workers: int = 1,
) -> Granule:
    """Probe a target with 57 small networks a block.

    Args:
        target: What to probe; one that measures with noise must be well below 5 % of it.
        blocks: What stands in the middle: two standard convolutions, an inverted bottleneck ("ibn"), or
            a fused one.
        cache: File of kept measurements, see `measure_all`.
        workers: Processes that measure.

    Raises:
        ArgumentError: There is no such block.
        MeasurementError: The target refuses the networks.

    Example:
        >>> from supersede.hardware import Declared
        >>> find_granule(Declared(lanes=256, clock=1e9, bandwidth=1e9, granule=16)).channels
        16
    """
    counts = range(FIRST, LAST + 1)
    networks = [_sandwich(block, channels) for block in blocks for channels in counts]
    measured = measure_all(target, networks, cache=cache, workers=workers)
    if min(m.seconds for m in measured) <= 0:
        msg = "the target reports a latency of zero; nothing can be found from that"
        raise MeasurementError(msg)
    jumps: dict[Probe, tuple[int, ...]] = {}
    steps: list[tuple[int, float]] = []
    for i, block in enumerate(blocks):
        seconds = [m.seconds for m in measured[i * len(counts) : (i + 1) * len(counts)]]
        jumps[block] = tuple(
            channels
            for channels, (before, after) in zip(counts[1:], pairwise(seconds), strict=True)
            if after > (1 + JUMP) * before
        )
        steps += [
            (channels, max(0.0, after / before - 1))
            for channels, (before, after) in zip(counts[1:], pairwise(seconds), strict=True)
        ]
    return Granule(
        _multiple([channels for found in jumps.values() for channels in found]),
        {block: _multiple(found) for block, found in jumps.items()},
        jumps,
        len(networks),
        _rise(steps),
    )


def _rise(steps: Sequence[tuple[int, float]]) -> int:
    """The largest multiple on which most of the rise stands."""
    total = sum(rise for _, rise in steps)
    for multiple in CANDIDATES:
        on_it = sum(rise for channels, rise in steps if (channels - 1) % multiple == 0)
        if total and on_it >= RISE * total:
            return multiple
    return 1


def _multiple(jumps: Sequence[int]) -> int:
    """The largest multiple that most jumps stand on; the first channel of a group is one above it."""
    for multiple in CANDIDATES:
        if jumps and sum((c - 1) % multiple == 0 for c in jumps) >= FIT * len(jumps):
            return multiple
    return 1


def _sandwich(block: Probe, channels: int) -> Network:
    first = Layer("first", "conv", ("input",), ANCHOR, (3, 3))
    last = Layer("last", "conv", ("narrow",), ANCHOR, (3, 3))
    match block:
        case "conv":
            middle = [Layer("middle", "conv", ("first",), channels, (3, 3))]
            closing = Layer("narrow", "conv", ("middle",), ANCHOR, (3, 3))
        case "fused":
            middle = [Layer("middle", "conv", ("first",), channels, (3, 3))]
            closing = Layer("narrow", "conv", ("middle",), ANCHOR)
        case "ibn":
            middle = [
                Layer("wide", "conv", ("first",), channels),
                Layer("middle", "depthwise", ("wide",), 0, (3, 3)),
            ]
            closing = Layer("narrow", "conv", ("middle",), ANCHOR)
        case _:
            msg = f"no block {block!r}; expected conv, ibn or fused"
            raise ArgumentError(msg)
    return Network(Shape(SIZE, SIZE, ANCHOR), (first, *middle, closing, last))
