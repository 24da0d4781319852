"""What an estimator sees of a layer: numbers, one row per layer.

Hardware works on whole granules of channels, so work and traffic are counted with channels rounded
up, for the granules that accelerators have; a regression then finds which of them counts.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, get_args

import numpy as np
from numpy.typing import NDArray

from supersede.hardware.description.layer import Activation, Kind

if TYPE_CHECKING:
    from supersede.hardware.description.network import Network

__all__ = ["ACTIVATIONS", "COLUMNS", "FITS", "KINDS", "WORK", "layer_table"]

KINDS: tuple[str, ...] = get_args(Kind)
ACTIVATIONS: tuple[str | None, ...] = (None, *get_args(Activation))
GRANULES = (8, 16)
PLAIN = (
    "kind", "kernel_height", "kernel_width", "stride_height", "stride_width", "dilation_height",
    "dilation_width", "inputs", "in_height", "in_width", "in_channels", "out_height", "out_width",
    "out_channels", "depth", "macs", "parameters", "alive", "reads_image", "is_output", "joins",
    "activation",
)  # fmt: skip
WORK = (*(f"macs_{g}" for g in GRANULES), "in_bytes", "out_bytes", "parameters")
"""Columns that a latency is roughly proportional to: the terms of a roofline."""
FITS = tuple(f"{side}_fits_{g}" for side in ("in", "out") for g in GRANULES)
COLUMNS = (*PLAIN, *(f"macs_{g}" for g in GRANULES), "in_bytes", "out_bytes", *FITS)


def layer_table(networks: Sequence["Network"]) -> NDArray[np.float64]:
    """Features of all layers of all networks, of shape (layers, `len(COLUMNS)`), in order.

    `alive` are values of other layers that are kept meanwhile; `joins` says that the layer's only
    reader is an addition, which hardware may do on the way; `depth` are the input channels of one
    output channel; `fits` say whether channels are a multiple; bytes are of 8-bit values in bricks of 16 channels.

    Example:
        >>> from supersede.hardware import Layer, Network, Shape
        >>> net = Network(Shape(8, 8, 3), (Layer("a", "conv", ("input",), channels=17),))
        >>> row = dict(zip(COLUMNS, layer_table([net])[0]))
        >>> float(row["out_channels"]), float(row["out_bytes"]), float(row["macs_8"])
        (17.0, 2048.0, 12288.0)
    """
    rows = [row for network in networks for row in _plain(network)]
    table = np.array(rows, dtype=np.float64).reshape(len(rows), len(PLAIN))
    at = {name: table[:, i] for i, name in enumerate(PLAIN)}
    shared = at["depth"] > 1  # of a depthwise convolution each channel is alone
    rounded = {
        (side, g): np.ceil(at[f"{side}_channels"] / g) * g
        for side in ("in", "out")
        for g in GRANULES
    }
    work = [
        at["macs"]
        * (rounded["out", g] / at["out_channels"])
        * np.where(shared, np.ceil(at["depth"] / g) * g / at["depth"], 1)
        for g in GRANULES
    ]
    moved = [
        count * at[f"{side}_height"] * at[f"{side}_width"] * rounded[side, 16]
        for side, count in (("in", at["inputs"]), ("out", 1.0))
    ]
    fits = [at[f"{side}_channels"] == rounded[side, g] for side in ("in", "out") for g in GRANULES]
    return np.column_stack([table, *work, *moved, *fits])


def _plain(network: "Network") -> list[tuple[float, ...]]:
    shapes = network.shapes
    readers: dict[str, list[int]] = {}
    for i, layer in enumerate(network.layers):
        for name in layer.inputs:
            readers.setdefault(name, []).append(i)
    kept = 0  # values that some later layer reads
    ends: dict[int, int] = {}
    rows: list[tuple[float, ...]] = []
    for i, layer in enumerate(network.layers):
        inputs = [shapes[name] for name in layer.inputs]
        first, out = inputs[0], shapes[layer.name]
        channels = sum(s.channels for s in inputs) if layer.kind == "concat" else first.channels
        kernel = network.kernel_of(layer)
        own = readers.get(layer.name, [])
        read = sum(shapes[name].size for name in set(layer.inputs) if name != "input")
        rows.append((
            KINDS.index(layer.kind), *layer.kernel, *layer.stride, *layer.dilation,
            1 if layer.kind == "concat" else len(inputs), first.height, first.width, channels, *out,
            1 if kernel is None or layer.kind == "depthwise" else kernel[-1],
            network.macs_of(layer), network.parameters_of(layer), kept - read,
            "input" in layer.inputs, layer.name in network.outputs,
            len(own) == 1 and network.layers[own[0]].kind == "add",
            ACTIVATIONS.index(layer.activation),
        ))  # fmt: skip
        kept += out.size - ends.pop(i, 0)
        last = own[-1] if own else i
        ends[last] = ends.get(last, 0) + out.size
    return rows
