"""Post-training quantisation: from floating point to int8 with a few images of calibration.

Calibration images are run through the network in floating point; each activation's steps cover the
range that was seen. Weights get one scale a channel, so that a channel of small weights keeps its
precision. Nothing is trained again.

Source: Jacob et al. 2018, Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference, section 2; Krishnamoorthi 2018, sections 3.1 and 3.2; 16-bit
activations with 8-bit weights as in TensorFlow Lite's 16x8 mode.

Assumes that calibration images are drawn like those in service: a value outside the range that they
showed is cut off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from supersede.errors import ArgumentError
from supersede.hardware.description.quantised import (
    FLOATING,
    Array,
    LayerWeights,
    QuantisedNetwork,
    Steps,
    fixed_steps,
)
from supersede.hardware.formats.reference import check_images, run, to_steps
from supersede.hardware.formats.refinement import corrected

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supersede.hardware.description.layer import Layer
    from supersede.hardware.description.network import Network
    from supersede.hardware.description.trained import Parameters, TrainedNetwork

__all__ = ["quantise"]

BATCH = 8
"""Images run at a time; bounds the memory of calibration."""

SAME_STEPS = frozenset({
    "max_pool", "avg_pool", "concat", "upsample_nearest", "upsample_bilinear", "rearrange", "slice",
})  # fmt: skip
"""Operators that move whole numbers without scaling them, so inputs and output share their steps."""


def quantise(
    trained: TrainedNetwork,
    images: Array,
    *,
    bits: Literal[8, 16] = 8,
    refine: bool = False,
) -> QuantisedNetwork:
    """The network in whole numbers.

    `quantisation_error` says what that costs, layer by layer.

    Args:
        trained: Network and weights in floating point.
        images: For calibration, (n, height, width, channels); a hundred or so, drawn like the
            images in service, with the same scaling of pixels as in training.
        bits: 8, or 16 for activations of more precision (weights keep 8) on targets that have them.
        refine: Whether biases are corrected for what rounding does to the means of channels: a few times
            as slow, and worth it where eight bits lose too much. Give some thirty images or more. Where
            channels' ranges differ much, try `equalised` on the network before.

    Raises:
        ArgumentError: The images do not fit or make values overflow, or bits is neither 8 nor 16.
        UnsupportedOperatorError: The network has an operator that only the processor knows.

    Example:
        >>> from supersede.hardware import Layer, Network, Shape, random_parameters
        >>> net = Network(Shape(8, 8, 3), (Layer("a", "conv", ("input",), channels=4, kernel=3),))
        >>> images = np.random.default_rng(0).uniform(0, 1, (16, 8, 8, 3))
        >>> quantise(random_parameters(net), images).steps["input"]
        Steps(scale=0.0039..., zero=-128)
    """
    if bits not in {8, 16}:
        msg = f"bits is {bits}, expected 8 or 16"
        raise ArgumentError(msg)
    steps = _steps(trained.network, _ranges(trained, images), bits)
    weights = {
        layer.name: whole_weights(layer, parameters, steps, bits)
        for layer in trained.network.layers
        if (parameters := trained.parameters.get(layer.name))
    }
    found = QuantisedNetwork(trained.network, steps, weights, bits)
    return corrected(trained, found, images) if refine else found


def _ranges(trained: TrainedNetwork, images: Array) -> dict[str, tuple[float, float]]:
    images = check_images(trained.network, images)
    ranges: dict[str, tuple[float, float]] = {}
    for start in range(0, len(images), BATCH):
        with np.errstate(over="ignore", invalid="ignore"):
            values = run(trained, images[start : start + BATCH].astype(np.float32))
        for name, seen in values.items():
            if not np.isfinite(seen).all():
                msg = f"{name!r} overflows 32-bit floating point; scale images or weights down"
                raise ArgumentError(msg)
            low, high = ranges.get(name, (0.0, 0.0))  # zero must have a whole number of its own
            ranges[name] = min(low, float(seen.min())), max(high, float(seen.max()))
    return ranges


def _steps(
    network: Network, ranges: Mapping[str, tuple[float, float]], bits: int
) -> dict[str, Steps]:
    steps: dict[str, Steps] = {}
    fixed = {layer.name: kept for layer in network.layers if (kept := fixed_steps(layer, bits))}
    for group in _groups(network, set(fixed)):
        low = min(ranges[name][0] for name in group)
        high = max(ranges[name][1] for name in group)
        bound = sorted(group & set(fixed))
        if bound:
            shared = fixed[bound[0]]
        elif bits == 16:
            shared = Steps(_positive(max(-low, high) / 32767), 0)
        else:
            scale = _positive((high - low) / 255)
            shared = Steps(scale, int(np.clip(round(-128 - low / scale), -128, 127)))
        steps |= dict.fromkeys(group, shared)
    return steps


def _positive(scale: float) -> float:
    """An activation that is always zero still needs a scale; files hold it as float32."""
    return float(np.float32(scale)) if scale > 1e-9 else 1.0


def _groups(network: Network, fixed: set[str]) -> list[set[str]]:
    """Sets of activations that share their steps.

    A concatenation does not share them with what has fixed ones, but brings that to its own; everything else
    that only moves values takes them over.
    """
    groups = {name: {name} for name in network.shapes}
    bound = set(fixed)
    for layer in network.layers:
        if layer.kind not in SAME_STEPS:
            continue
        free = [name for name in layer.inputs if layer.kind != "concat" or name not in bound]
        if layer.kind != "concat" and layer.inputs[0] in bound:
            bound.add(layer.name)
        joined = groups[layer.name].union(*(groups[name] for name in free))
        for name in joined:
            groups[name] = joined
    return list({id(group): group for group in groups.values()}.values())


def whole_weights(
    layer: Layer,
    parameters: Parameters,
    steps: Mapping[str, Steps],
    bits: int,
    scales: Array | None = None,
) -> LayerWeights:
    """Weights in whole numbers: the largest of a channel becomes ±127.

    Args:
        layer: Whose weights they are.
        parameters: The weights in floating point.
        steps: Of the activations.
        bits: Of the activations.
        scales: Of a file that had these weights in whole numbers; used where they still fit.
    """
    kernel = parameters.kernel.astype(np.float64)
    channels = kernel.shape[-1 if layer.kind not in {"conv", "transpose_conv", "dense"} else 0]
    if layer.kind in FLOATING:
        plain = parameters.kernel.astype(np.float32), parameters.bias.astype(np.float32)
        return LayerWeights(plain[0], np.ones(channels, np.float32), plain[1])
    none = np.zeros(channels, np.int32 if bits == 8 else np.int64)
    if layer.kind == "constant":
        whole = to_steps(kernel, steps[layer.name], bits)
        return LayerWeights(whole, np.ones(channels, np.float32), none)
    if layer.kind == "prelu":  # the format has one scale for all slopes
        scale = float(np.abs(kernel).max() / 127) or 1.0
        slopes = np.rint(kernel / np.float32(scale)).astype(np.int8)
        return LayerWeights(slopes, np.full(channels, scale, np.float32), none)
    given = steps[layer.inputs[0]]
    channel = kernel.ndim - 1 if layer.kind == "depthwise" else 0
    others = tuple(axis for axis in range(kernel.ndim) if axis != channel)
    along = [1] * kernel.ndim
    along[channel] = -1
    if scales is not None and scales.size in {1, channels}:
        known = np.broadcast_to(scales.astype(np.float64), (channels,))
        counted = kernel / known.reshape(along)
        if np.abs(counted).max() <= 127.5 and np.abs(counted - np.rint(counted)).max() < 0.01:
            return _in_steps(kernel, parameters.bias, known.astype(np.float32), along, given, bits)
    scales = np.abs(kernel).max(others) / 127
    # a bias counts in steps of input times weight, and must fit 32 bits beside the sum it starts
    scales = np.maximum(scales, np.abs(parameters.bias) / given.scale / 2**29)
    scales = np.where(scales > 0, scales, 1.0).astype(np.float32)
    return _in_steps(kernel, parameters.bias, scales, along, given, bits)


def _in_steps(
    kernel: Array, bias: Array, scales: Array, along: list[int], given: Steps, bits: int
) -> LayerWeights:
    whole = np.rint(kernel / scales.astype(np.float64).reshape(along))
    counted = np.rint(bias / (scales.astype(np.float64) * given.scale))
    return LayerWeights(
        np.clip(whole, -127, 127).astype(np.int8),
        scales,
        counted.astype(np.int32 if bits == 8 else np.int64),
    )
