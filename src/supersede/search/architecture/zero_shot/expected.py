"""What can be said of a network from its description alone, without weights, images or torch.

`expected_synflow` is synflow (Tanaka et al. 2020, eq. 1) with each weight's absolute value replaced by
its expectation at random initialisation, borders ignored. All channels then carry the same value, so
that one number per layer is passed on. It takes a millisecond, and is the true score but for chance.
"""

from math import log, pi, prod
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from supersede.errors import ArgumentError
from supersede.hardware.description.shapes import MULTIPLYING

if TYPE_CHECKING:
    from supersede.hardware.description.network import Network

__all__ = ["described", "expected_synflow"]

SUMMED = frozenset({"add"})
PASSED = frozenset({
    "avg_pool", "max_pool", "global_avg_pool", "activation", "upsample_nearest", "upsample_bilinear",
    "rearrange", "slice",
})  # fmt: skip
COUNTED = ("conv", "depthwise", "add", "avg_pool")


def expected_synflow(network: "Network") -> float:
    """Logarithm of the expected score; larger is better.

    Raises:
        ArgumentError: The network has a layer through which no flow is defined.

    Example:
        >>> from supersede.hardware import Layer, Network, Shape
        >>> layers = [Layer("a", "conv", ("input",), 4), Layer("b", "conv", ("a",), 1)]
        >>> one = Network(Shape(1, 1, 3), tuple(layers))
        >>> wide = one.with_layer("a", channels=8)
        >>> expected_synflow(wide) > expected_synflow(one)
        True
    """
    # with all weights scaled by s the output is R(s); the score is its derivative at s = 1
    flow: dict[str, tuple[float, float]] = {"input": (1.0, 0.0)}
    for layer in network.layers:
        given = [flow[name] for name in layer.inputs]
        if layer.kind in MULTIPLYING:
            shape = network.kernel_of(layer) or (1,)
            fan_in = prod(shape[1:3]) if layer.kind == "depthwise" else prod(shape) / shape[0]
            gain = fan_in * (2 / fan_in * 2 / pi) ** 0.5
            value, slope = given[0]
            flow[layer.name] = gain * value, gain * (slope + value)
        elif layer.kind in SUMMED:
            flow[layer.name] = sum(v for v, _ in given), sum(s for _, s in given)
        elif layer.kind == "concat":
            flow[layer.name] = max(given)
        elif layer.kind in PASSED:
            flow[layer.name] = given[0]
        else:
            msg = f"layer {layer.name!r} is of kind {layer.kind}, through which synflow is not defined"
            raise ArgumentError(msg)
    total = sum(flow[name][1] * network.shapes[name].size for name in network.outputs)
    return log(total) if total > 0 else float("-inf")


def described(network: "Network") -> NDArray[np.float64]:
    """Numbers for a regression of the error: sizes, counts of layers, depth, and the expected synflow.

    Example:
        >>> from supersede.hardware import Block, mobile_net
        >>> described(mobile_net([Block(8)], resolution=16, head=16, classes=4)).shape
        (8,)
    """
    depth: dict[str, int] = {"input": 0}
    for layer in network.layers:
        before = max((depth[name] for name in layer.inputs), default=0)
        depth[layer.name] = before + (layer.kind in MULTIPLYING)
    counts = [sum(layer.kind == kind for layer in network.layers) for kind in COUNTED]
    return np.array([
        log(network.parameters + 1), log(network.macs + 1), max(depth.values()), *counts,
        expected_synflow(network),
    ])  # fmt: skip
