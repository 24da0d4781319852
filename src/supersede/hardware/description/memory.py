"""Peak memory of activations, from the network alone.

An activation lives from the layer that makes it to the last layer that reads it. The peak is the
largest sum of what lives while one layer runs: its inputs, its output, and what later layers still
need, such as the input of a residual block. Accelerators store channels in bricks, so channels are
rounded up to a multiple. An addition writes over an input that nobody reads after it.

This is liveness analysis (Aho et al. 2006, section 8.4.3) in the order of the layers. Where weights
lie in flash or DRAM, a compiler brings them into the same memory: those of the layer that runs, and
those of the next one while it runs. A compiler may still do better, by running layers in stripes.
"""

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from supersede.errors import ArgumentError
from supersede.hardware.description.layer import Layer
from supersede.hardware.description.network import Network
from supersede.look.numbers import count
from supersede.look.result import ResultMixin, frame_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["PeakMemory", "peak_activations"]


@dataclass(frozen=True)
class PeakMemory(ResultMixin, named="peak memory", height="28rem"):
    """The most memory that activations take at one time.

    Attributes:
        size: Bytes of activations.
        layer: Name of the layer that runs then.
        alive: Bytes of each activation that is alive then, by layer; "input" is the image.
        weights: Bytes of the weights of this layer and the next, about as large as they are when
            compressed. They come on top where they are brought into the same memory.
    """

    size: int
    layer: str
    alive: dict[str, int]
    weights: int = 0

    @property
    def with_weights(self) -> int:
        """Bytes of activations, and of weights on their way."""
        return self.size + self.weights

    def __str__(self) -> str:
        return (
            f"{count(self.size)} bytes of activations while {self.layer} runs"
            f" ({count(self.with_weights)} with weights on their way)"
        )

    def to_frame(self) -> "pa.Table":
        """One row per activation that is alive at the peak."""
        return frame_of({"layer": name, "bytes": size} for name, size in self.alive.items())

    def to_html(self) -> str:
        """A page with what is alive at the peak."""
        from supersede.look.table_page import table_page

        return table_page("Peak memory of activations", f"{self}.", self.to_frame())


BIAS_BYTES = 10
"""Bias, multiplier and shift of one channel in the weight stream of Ethos-U."""


def peak_activations(network: Network, *, brick: int = 16, bits: int = 8) -> PeakMemory:
    """The peak of memory for activations, in bytes.

    Args:
        network: The description.
        brick: Channels are stored in multiples of this; 16 on every Ethos-U. The image and results
            of the network are not: they have the layout of the caller.
        bits: Of one value, 8 or 16.

    Raises:
        ArgumentError: `brick` or `bits` is impossible.

    Example:
        >>> from supersede.hardware import Layer, Network, Shape
        >>> net = Network(
        ...     Shape(8, 8, 16),
        ...     (
        ...         Layer("wide", "conv", ("input",), channels=33),
        ...         Layer("narrow", "conv", ("wide",), channels=16),
        ...         Layer("sum", "add", ("input", "narrow")),
        ...     ),
        ... )
        >>> peak_activations(net)
        PeakMemory(size=5120, layer='narrow', alive={'input': 1024, 'wide': 3072, 'narrow': 1024},
                   weights=688)
    """
    if brick < 1 or bits not in {8, 16}:
        msg = f"brick must be ≥ 1 and bits 8 or 16, got brick={brick}, bits={bits}"
        raise ArgumentError(msg)
    outside = {"input", *network.outputs}
    sizes = {}
    for name, (height, width, channels) in network.shapes.items():
        stored = channels if name in outside else -(-channels // brick) * brick
        sizes[name] = height * width * stored * bits // 8
    for layer in network.layers:
        if layer.kind == "constant":  # it lies with the weights
            sizes[layer.name] = 0
    last_read = dict.fromkeys(network.outputs, len(network.layers))
    for step, layer in enumerate(network.layers):
        for name in (layer.name, *layer.inputs):
            last_read[name] = max(last_read.get(name, 0), step)
    peak = PeakMemory(0, "", {})
    alive = {"input": sizes["input"]}
    for step, layer in enumerate(network.layers):
        ends = [name for name in alive if last_read.get(name, 0) <= step]
        alive[layer.name] = sizes[layer.name]
        needed = sum(alive.values())
        shared = [
            name for name in ends if name in layer.inputs and sizes[name] == sizes[layer.name]
        ]
        if layer.kind == "add" and shared:
            needed -= sizes[layer.name]
        if needed > peak.size:
            streams = network.layers[step : step + 2]
            peak = PeakMemory(
                needed, layer.name, dict(alive), sum(_stream(network, layer) for layer in streams)
            )
        for name in ends:
            del alive[name]
    return peak


def _stream(network: Network, layer: Layer) -> int:
    """Bytes of a layer's weights, if compression gains nothing."""
    kernel = network.kernel_of(layer)
    return 0 if kernel is None else prod(kernel) + BIAS_BYTES * network.shapes[layer.name].channels
