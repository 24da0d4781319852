"""The channel multiple that a target's parallelism favours, found by asking it.

Between two anchors, the channels of the layer in the middle grow by one; latency stays flat while
the hardware has lanes to spare and jumps when a further group of them is needed. The granule is the
largest multiple that all jumps stand on.
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

from supersede.errors import ArgumentError, MeasurementError
from supersede.hardware.cache import measure_all
from supersede.hardware.measurement import Target
from supersede.hardware.network import Layer, Network
from supersede.hardware.shapes import Shape

__all__ = ["Granule", "Probe", "find_granule"]

Probe = Literal["conv", "ibn", "fused"]
SIZE, ANCHOR, FIRST, LAST = 32, 32, 16, 80
JUMP = 0.05  # a step that costs more than this is one of the hardware's, not of one more channel
CANDIDATES = (64, 32, 16, 8, 4, 2)


@dataclass(frozen=True)
class Granule:
    """What the probing found.

    Args:
        channels: The granule; 1 where latency grows channel by channel.
        jumps: Channel counts at which latency jumps by more than 5 %.
        queries: Networks that were measured.
        seconds: Latency by channel count.
    """

    channels: int
    jumps: tuple[int, ...]
    queries: int
    seconds: dict[int, float]


def find_granule(
    target: Target, *, probe: Probe = "conv", cache: str | Path | None = None, workers: int = 1
) -> Granule:
    """Probe a target with 65 small networks.

    Args:
        target: What to probe; a noisy one needs a jump well above its noise.
        probe: What stands in the middle: two standard convolutions, an inverted bottleneck, or a
            fused one. Blocks may differ: some hardware splits depthwise work otherwise.
        cache: File of kept measurements, see `measure_all`.
        workers: Processes that measure.

    Raises:
        ArgumentError: There is no such probe.
        MeasurementError: The target refuses the networks.

    Example:
        >>> from supersede.hardware import Declared
        >>> find_granule(Declared(lanes=256, clock=1e9, bandwidth=1e9, granule=16)).channels
        16
    """
    counts = range(FIRST, LAST + 1)
    networks = [_sandwich(probe, channels) for channels in counts]
    measured = measure_all(target, networks, cache=cache, workers=workers)
    seconds = {c: m.seconds for c, m in zip(counts, measured, strict=True)}
    if min(seconds.values()) <= 0:
        msg = "the target reports a latency of zero; nothing can be found from that"
        raise MeasurementError(msg)
    jumps = tuple(b for a, b in pairwise(counts) if seconds[b] > (1 + JUMP) * seconds[a])
    # the first channel of a new group is one above a multiple
    fits = (g for g in CANDIDATES if jumps and all((c - 1) % g == 0 for c in jumps))
    return Granule(next(fits, 1), jumps, len(networks), seconds)


def _sandwich(probe: Probe, channels: int) -> Network:
    first = Layer("first", "conv", ("input",), ANCHOR, (3, 3))
    last = Layer("last", "conv", ("narrow",), ANCHOR, (3, 3))
    match probe:
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
            msg = f"no probe {probe!r}; expected conv, ibn or fused"
            raise ArgumentError(msg)
    return Network(Shape(SIZE, SIZE, ANCHOR), (first, *middle, closing, last))
