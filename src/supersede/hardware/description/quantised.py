"""A network in whole numbers: what an int8 file holds.

A real value is scale · (q - zero), as TensorFlow Lite defines it. Activations have one scale a
tensor, weights one a channel with zero at 0, and a bias has the product of its input's and its
weights' scales (Jacob et al. 2018, eq. 1 and section 2.4; weights by channel as in Krishnamoorthi 2018).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from supersede.hardware.description.layer import Layer
from supersede.hardware.description.network import Network

__all__ = ["LayerWeights", "QuantisedNetwork", "Steps", "random_quantised"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Steps:
    """How whole numbers stand for real ones: value = scale · (q - zero).

    Attributes:
        scale: Distance of two neighbours, > 0.
        zero: The whole number that stands for 0.
    """

    scale: float
    zero: int


FLOATING = frozenset({"layer_norm", "group_norm", "divide"})
"""Kinds without an int8 form: the processor computes them in floating point, from and to whole numbers."""

FIXED = {
    "sigmoid": (Steps(1 / 256, -128), Steps(1 / 32768, 0)),
    "softmax": (Steps(1 / 256, -128), Steps(1 / 32768, 0)),
    "tanh": (Steps(1 / 128, 0), Steps(1 / 32768, 0)),
    "hard_sigmoid": (Steps(1 / 255, -128), Steps(1 / 32767, 0)),
}
"""Steps that an activation's range fixes, with 8 and with 16 bits.

The first three are TensorFlow Lite's; a hard sigmoid is written as a scaling whose result is cut off
at the ends of its range.
"""


def fixed_steps(layer: Layer, bits: int) -> Steps | None:
    """The steps of a layer whose operator fixes them; None where they are free."""
    both = FIXED.get(layer.activation or "")
    return None if both is None else both[0 if bits == 8 else 1]


@dataclass(frozen=True, eq=False)
class LayerWeights:
    """Weights of one layer in whole numbers.

    Attributes:
        kernel: int8, shape as `kernel_shape` says; of the kinds in `FLOATING`, float32 as trained.
        scales: Scale of each output channel's weights, float32 (channels,).
        bias: int32 (int64 under 16-bit activations), (channels,).
    """

    kernel: Array
    scales: Array
    bias: Array


@dataclass(frozen=True, eq=False)
class QuantisedNetwork:
    """A network, the steps of its activations, and its weights in whole numbers.

    Attributes:
        network: The description.
        steps: Of every activation, by layer; "input" is the image.
        weights: Of every layer that has any.
        bits: 8 or 16, of the activations; weights have 8.
    """

    network: Network
    steps: Mapping[str, Steps]
    weights: Mapping[str, LayerWeights]
    bits: Literal[8, 16] = 8


def random_quantised(network: Network, seed: int = 0, bits: Literal[8, 16] = 8) -> QuantisedNetwork:
    """Random weights of a realistic distribution, to compile a network that nobody has trained yet.

    Compilers compress weights, so their distribution costs cycles: it is normal here, as trained
    weights roughly are, with ±3.5 standard deviations over the range of int8. Steps of activations
    cost nothing and are the same everywhere. Compiled figures are right; outputs mean nothing.

    Args:
        network: What to fill.
        seed: Of the weights.
        bits: Of the activations.

    Example:
        >>> from supersede.hardware import Layer, Network, Shape
        >>> net = Network(Shape(8, 8, 3), (Layer("a", "conv", ("input",), channels=4, kernel=3),))
        >>> random_quantised(net).weights["a"].kernel.shape
        (4, 3, 3, 3)
    """
    rng = np.random.default_rng(seed)
    zero = -128 if bits == 8 else 0
    steps = {name: Steps(6 / 255 if bits == 8 else 6 / 32767, zero) for name in network.shapes}
    steps |= {layer.name: fixed for layer in network.layers if (fixed := fixed_steps(layer, bits))}
    weights = {}
    for layer in network.layers:
        shape = network.kernel_of(layer)
        if shape is None:
            continue
        if layer.kind in FLOATING:
            channels = network.shapes[layer.name].channels
            one, none = np.ones(shape, np.float32), np.zeros(channels, np.float32)
            weights[layer.name] = LayerWeights(one, np.ones(channels, np.float32), none)
            continue
        drawn = rng.standard_normal(shape, dtype=np.float32) * (127 / 3.5)
        channels = network.shapes[layer.name].channels
        fan_in = drawn.size / channels
        weights[layer.name] = LayerWeights(
            np.clip(np.rint(drawn), -127, 127).astype(np.int8),
            np.full(channels, 3.5 / 127 * (2 / fan_in) ** 0.5, np.float32),
            np.zeros(channels, np.int32 if bits == 8 else np.int64),
        )
    return QuantisedNetwork(network, steps, weights, bits)
