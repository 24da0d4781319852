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

__all__ = ["PARAMETERS", "SYNFLOW", "ability", "described", "expected_synflow"]

PARAMETERS = 0
SYNFLOW = -1
"""Columns of `described`."""

SUMMED = frozenset({"add"})
PASSED = frozenset({
    "avg_pool", "max_pool", "global_avg_pool", "activation", "upsample_nearest", "upsample_bilinear",
    "rearrange", "slice",
})  # fmt: skip
POOLING = frozenset({"avg_pool", "max_pool"})
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
    """Numbers for a regression of the error: sizes, paths from input to output, and expected synflow.

    They are the logarithms of parameters, multiply-adds and paths; the least, mean and largest number
    of layers with weights on a path; the mean number of pools on a path; counts of four kinds of
    layers; and `expected_synflow`.

    Example:
        >>> from supersede.hardware import Block, mobile_net
        >>> described(mobile_net([Block(8)], resolution=16, head=16, classes=4)).shape
        (12,)
    """
    counts = [sum(layer.kind == kind for layer in network.layers) for kind in COUNTED]
    return np.array([
        log(network.parameters + 1), log(network.macs + 1), *_paths(network), *counts,
        expected_synflow(network),
    ])  # fmt: skip


def ability(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of rows of `described`, what more of may help and never hurts: five columns, larger is more.

    Parameters, paths, how short the shortest path is, how deep the deepest, and how few pools there are.
    """
    return np.column_stack([table[:, 0], table[:, 2], -table[:, 3], table[:, 5], -table[:, 6]])


def _paths(network: "Network") -> tuple[float, float, float, float, float]:
    """Logarithm of their number; least, mean and largest depth; mean number of pools."""
    least, most = {"input": 0}, {"input": 0}
    paths, depth, pools = {"input": 1.0}, {"input": 0.0}, {"input": 0.0}
    for layer in network.layers:
        name, given = layer.name, layer.inputs
        weighted = layer.kind in MULTIPLYING
        pooled = layer.kind in POOLING
        if not given:  # a constant starts paths of its own, which carry no image
            paths[name], depth[name], pools[name], least[name], most[name] = 0.0, 0.0, 0.0, 0, 0
            continue
        paths[name] = sum(paths[i] for i in given)
        # means, not sums: a deep network has more paths than a number can say
        shares = [paths[i] / paths[name] if paths[name] else 0.0 for i in given]
        depth[name] = weighted + sum(s * depth[i] for s, i in zip(shares, given, strict=True))
        pools[name] = pooled + sum(s * pools[i] for s, i in zip(shares, given, strict=True))
        least[name] = weighted + min(least[i] for i in given)
        most[name] = weighted + max(most[i] for i in given)
    last = network.outputs[0]
    return log(max(paths[last], 1.0)), least[last], depth[last], most[last], pools[last]
