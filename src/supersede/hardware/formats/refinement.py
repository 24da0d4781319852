"""What makes eight bits go further, without training: ranges, equalisation, bias correction.

- *Equalisation*: where a convolution's channels are read by one other layer, and no activation but a relu
  lies between, each channel can be scaled down in one and up in the other. All channels of an activation
  then use its range (Nagel et al. 2019, Data-Free Quantization, section 4.1, with ranges of activations
  in the place of weights', which have a scale for each channel here).
- *Bias correction*: rounding moves the mean of a channel; the bias takes it back, layer after layer, as it
  is seen on the calibration images (Nagel et al. 2019, section 4.2, the empirical form).

Assumes that calibration images are drawn like those in service.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from supersede.hardware.description.quantised import Array, LayerWeights, QuantisedNetwork
from supersede.hardware.description.trained import Parameters, TrainedNetwork
from supersede.hardware.formats.reference import (
    apply,
    apply_quantised,
    check_images,
    from_steps,
    linear,
    real_weights,
    run,
    to_steps,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supersede.hardware.description.layer import Layer

__all__ = ["corrected", "equalised"]

CORRECTED = frozenset({"conv", "depthwise", "dense", "transpose_conv"})
BATCH = 4
"""Images that are run at a time."""

MOST = 64.0
"""A channel is scaled by no more than this, so that a dead one does not blow up its reader's weights."""


def equalised(trained: TrainedNetwork, images: Array) -> TrainedNetwork:
    """The same function with channels that use their activation's range alike.

    Args:
        trained: Network and weights.
        images: For calibration, (n, height, width, channels); eight are enough.

    Raises:
        ArgumentError: The images do not fit.

    Example:
        >>> from supersede.hardware import Layer, Network, Shape, random_parameters
        >>> layers = (
        ...     Layer("a", "conv", ("input",), channels=4, activation="relu"),
        ...     Layer("b", "conv", ("a",), channels=2),
        ... )
        >>> trained = random_parameters(Network(Shape(8, 8, 3), layers))
        >>> images = np.random.default_rng(0).normal(size=(4, 8, 8, 3))
        >>> even = equalised(trained, images)
        >>> bool(np.allclose(run(even, images)["b"], run(trained, images)["b"], atol=1e-5))
        True
    """
    network = trained.network
    images = check_images(network, images)
    pairs = [(a, b) for b in network.layers if (a := _source(trained, b)) is not None]
    if not pairs:
        return trained
    seen = run(trained, images[:8].astype(np.float32))
    parameters = dict(trained.parameters)
    for before, layer in pairs:
        sizes = np.abs(seen[before.name]).max(axis=(0, 1, 2)).astype(np.float64)
        largest = sizes.max()
        if largest <= 0:
            continue
        share = np.clip(sizes / largest, 1 / MOST, 1)
        # a depthwise reader has a scale for each channel, so nothing is lost there; another one has to
        # round all its channels' weights alike, so the two meet half way
        factor = share if layer.kind == "depthwise" else np.sqrt(share)
        parameters[before.name] = _scaled_outputs(before, parameters[before.name], 1 / factor)
        parameters[layer.name] = _scaled_inputs(layer, parameters[layer.name], factor)
    return TrainedNetwork(network, parameters)


def _source(trained: TrainedNetwork, layer: Layer) -> Layer | None:
    """The convolution before a layer, if nobody else reads it and scaling passes what lies between."""
    network = trained.network
    if layer.kind not in {"conv", "depthwise"} or layer.groups > 1 or layer.inputs[0] == "input":
        return None
    before = network.layer(layer.inputs[0])
    readers = sum(before.name in other.inputs for other in network.layers)
    passes = before.activation in {None, "relu"} and before.kind in {"conv", "depthwise"}
    alone = readers == 1 and before.name not in network.outputs
    return before if passes and alone else None


def _scaled_outputs(layer: Layer, parameters: Parameters, factor: Array) -> Parameters:
    along = [1] * parameters.kernel.ndim
    along[-1 if layer.kind == "depthwise" else 0] = -1
    kernel = parameters.kernel * factor.reshape(along)
    return Parameters(kernel.astype(np.float32), (parameters.bias * factor).astype(np.float32))


def _scaled_inputs(layer: Layer, parameters: Parameters, factor: Array) -> Parameters:
    """Both kinds of kernel have the input's channels last."""
    return Parameters((parameters.kernel * factor).astype(np.float32), parameters.bias)


def corrected(
    trained: TrainedNetwork, quantised: QuantisedNetwork, images: Array
) -> QuantisedNetwork:
    """Biases that bring each channel's mean back to what it is in floating point.

    Args:
        trained: The network in floating point.
        quantised: The same network in whole numbers.
        images: For calibration; with fewer than some thirty, their chance shows in the biases.

    Raises:
        ArgumentError: The images do not fit.
    """
    network = trained.network
    images = check_images(network, images)
    last = {name: i for i, layer in enumerate(network.layers) for name in layer.inputs}
    real = {"input": images.astype(np.float32)}
    whole = {"input": to_steps(images, quantised.steps["input"], quantised.bits)}
    weights = dict(quantised.weights)
    now = QuantisedNetwork(network, quantised.steps, weights, quantised.bits)
    for i, layer in enumerate(network.layers):
        parameters = trained.parameters.get(layer.name)
        if layer.kind in CORRECTED and parameters is not None:
            weights[layer.name] = _shifted(now, layer, parameters, real, whole)
        given = [(real[name], whole[name]) for name in layer.inputs]
        parts = [
            (
                apply(layer, [x[some] for x, _ in given], parameters),
                apply_quantised(now, layer, [q[some] for _, q in given]),
            )
            for some in _batches(len(images))
        ]
        real[layer.name], whole[layer.name] = (
            np.concatenate(part) for part in zip(*parts, strict=True)
        )
        for name in set(layer.inputs):
            if last[name] == i:  # bounds the memory
                real.pop(name)
                whole.pop(name)
    return now


def _batches(count: int) -> list[slice]:
    return [slice(start, start + BATCH) for start in range(0, count, BATCH)]


def _shifted(
    now: QuantisedNetwork,
    layer: Layer,
    parameters: Parameters,
    real: Mapping[str, Array],
    whole: Mapping[str, Array],
) -> LayerWeights:
    """A layer's weights with the bias that brings its means back."""
    (name,), steps = layer.inputs, now.steps
    weights = now.weights[layer.name]
    own = real_weights(layer, weights, steps[name])
    total, count = np.zeros(len(weights.bias)), len(real[name])
    for some in _batches(count):
        wanted = linear(layer, [real[name][some]], parameters).astype(np.float64)
        given = from_steps(whole[name][some], steps[name]).astype(np.float32)
        found = linear(layer, [given], own)
        total += (wanted - found).mean(axis=(1, 2)).sum(axis=0)
    unit = weights.scales.astype(np.float64) * steps[name].scale
    bias = weights.bias + np.rint(total / count / unit).astype(np.int64)
    limits = np.iinfo(weights.bias.dtype)
    clipped = np.clip(bias, limits.min, limits.max).astype(weights.bias.dtype)
    return LayerWeights(weights.kernel, weights.scales, clipped)
