"""Run a network in numpy: slow, short, and the yardstick of every other form of it.

`run` computes in floating point. `run_quantised` takes whole numbers to real ones, computes in
double precision, and rounds: what an integer kernel should give, up to one step.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from supersede.errors import ArgumentError, UnsupportedOperatorError
from supersede.hardware.description.layer import Layer
from supersede.hardware.description.network import Network
from supersede.hardware.description.quantised import (
    FLOATING,
    Array,
    LayerWeights,
    QuantisedNetwork,
    Steps,
)
from supersede.hardware.description.shapes import Shape, explicit_padding
from supersede.hardware.description.trained import Parameters, TrainedNetwork

__all__ = ["apply", "apply_quantised", "from_steps", "linear", "run", "run_quantised", "to_steps"]


def run(trained: TrainedNetwork, images: Array) -> dict[str, Array]:
    """All activations, by layer; "input" is the images.

    Args:
        trained: Network and weights.
        images: (n, height, width, channels), of the floating type to compute in.

    Raises:
        ArgumentError: The images do not fit the network's input.

    Example:
        >>> from supersede.hardware import Layer, Network, Shape, random_parameters
        >>> net = Network(Shape(8, 8, 3), (Layer("a", "conv", ("input",), channels=4, kernel=3),))
        >>> run(random_parameters(net), np.zeros((2, 8, 8, 3)))["a"].shape
        (2, 8, 8, 4)
    """
    images = check_images(trained.network, images)
    values = {"input": images}
    for layer in trained.network.layers:
        inputs = [values[name] for name in layer.inputs]
        values[layer.name] = apply(layer, inputs, trained.parameters.get(layer.name))
    return values


def run_quantised(quantised: QuantisedNetwork, images: Array) -> dict[str, Array]:
    """All activations in whole numbers, by layer.

    Each layer starts from the rounded values of those before it, as hardware does.

    Args:
        quantised: Network, steps and weights.
        images: (n, height, width, channels), real values.

    Raises:
        ArgumentError: The images do not fit the network's input.
    """
    images = check_images(quantised.network, images)
    values = {"input": to_steps(images, quantised.steps["input"], quantised.bits)}
    for layer in quantised.network.layers:
        inputs = [values[name] for name in layer.inputs]
        values[layer.name] = apply_quantised(quantised, layer, inputs)
    return values


def apply_quantised(quantised: QuantisedNetwork, layer: Layer, inputs: Sequence[Array]) -> Array:
    """One layer's values in whole numbers, from its inputs' in whole numbers."""
    steps = quantised.steps
    if layer.kind == "constant":
        values = quantised.weights[layer.name].kernel
        return values.astype(np.int8 if quantised.bits == 8 else np.int16)
    real = [from_steps(x, steps[name]) for x, name in zip(inputs, layer.inputs, strict=True)]
    parameters = None
    if weights := quantised.weights.get(layer.name):
        parameters = real_weights(layer, weights, steps[layer.inputs[0]])
    return to_steps(apply(layer, real, parameters), steps[layer.name], quantised.bits)


def real_weights(layer: Layer, weights: LayerWeights, given: Steps) -> Parameters:
    """The real weights that whole numbers stand for, double precision."""
    scales = weights.scales.astype(np.float64)
    if layer.kind in FLOATING:  # kept as they are, see `LayerWeights`
        return Parameters(weights.kernel.astype(np.float64), weights.bias.astype(np.float64))
    along = [1] * weights.kernel.ndim
    along[0 if layer.kind in {"conv", "transpose_conv", "dense"} else -1] = -1
    return Parameters(weights.kernel * scales.reshape(along), weights.bias * (scales * given.scale))


def to_steps(values: Array, steps: Steps, bits: int = 8) -> Array:
    """Round real values to whole numbers of `bits` bits; what lies outside is cut off."""
    least = -(2 ** (bits - 1))
    whole: Array = np.rint(np.asarray(values, np.float64) / steps.scale) + steps.zero
    whole = np.clip(whole, least, -least - 1)
    return whole.astype(np.int8 if bits == 8 else np.int16)


def from_steps(whole: Array, steps: Steps) -> Array:
    """The real values that whole numbers stand for, float64."""
    real: Array = (whole.astype(np.float64) - steps.zero) * steps.scale
    return real


def check_images(network: Network, images: Any) -> Array:
    """Images as an array; refuses those that are not of the network's size, or not finite."""
    try:
        array: Array = np.asarray(images)
    except (ValueError, TypeError, RuntimeError) as error:  # ragged lists, tensors elsewhere
        msg = f"images are not an array: {error}; give a numpy array"
        raise ArgumentError(msg) from error
    if array.dtype.kind not in "biuf":
        msg = f"images hold {array.dtype}, expected numbers"
        raise ArgumentError(msg)
    if array.ndim != 4 or array.shape[1:] != tuple(network.input):
        height, width, channels = network.input
        msg = (
            f"images have shape {array.shape}, expected (n, {height}, {width}, {channels}): "
            "channels come last here, other than in torch"
        )
        raise ArgumentError(msg)
    if len(array) == 0 or not np.isfinite(array).all():
        what = (
            "there are no images" if len(array) == 0 else "images hold values that are not finite"
        )
        raise ArgumentError(what)
    return array


def apply(layer: Layer, inputs: Sequence[Array], parameters: Parameters | None = None) -> Array:
    """One layer's values.

    Args:
        layer: What to compute.
        inputs: (n, height, width, channels) each.
        parameters: Of a layer that has weights.
    """
    values: Array = _activate(linear(layer, inputs, parameters), layer)
    return values


def _activate(x: Any, layer: Layer) -> Any:
    match layer.activation:
        case "relu":
            return np.maximum(x, 0)
        case "relu6":
            return np.clip(x, 0, 6)
        case "hard_swish":
            return x * np.clip(x + 3, 0, 6) / 6
        case "hard_sigmoid":
            return np.clip(x + 3, 0, 6) / 6
        case "sigmoid":
            return 0.5 * (1 + np.tanh(0.5 * x))  # other forms overflow
        case "tanh":
            return np.tanh(x)
        case "leaky_relu":
            return np.where(x < 0, layer.value * x, x).astype(x.dtype, copy=False)
        case "gelu":
            from scipy.special import erf

            return (0.5 * x * (1 + erf(x / np.sqrt(2)))).astype(x.dtype, copy=False)
        case "exp":
            return np.exp(x)
        case "softmax":
            powers = np.exp(x - x.max(axis=3, keepdims=True))
            return powers / powers.sum(axis=3, keepdims=True)
        case _:
            return x


def linear(layer: Layer, inputs: Sequence[Array], parameters: Parameters | None) -> Any:
    """One layer's values before its activation."""
    x: Any = inputs[0] if inputs else None
    match layer.kind:
        case "constant" if parameters:
            return parameters.kernel
        case "processor":
            msg = (
                f"layer {layer.name!r} is the processor's operator {layer.operator}, which is counted here"
                " but cannot be computed; leave it out of the network, or build it from layers"
            )
            raise UnsupportedOperatorError(msg)
        case "conv" if parameters:
            return _convolved(layer, x, parameters.kernel) + parameters.bias
        case "prelu" if parameters:
            return np.where(x < 0, parameters.kernel * x, x).astype(x.dtype, copy=False)
        case "layer_norm" if parameters:
            centred = x - x.mean(axis=3, keepdims=True)
            spread = np.sqrt((centred**2).mean(axis=3, keepdims=True) + layer.value)
            return centred / spread * parameters.kernel + parameters.bias
        case "group_norm" if parameters:
            parts = x.reshape(*x.shape[:3], layer.groups, -1)
            centred = parts - parts.mean(axis=(1, 2, 4), keepdims=True)
            spread = np.sqrt((centred**2).mean(axis=(1, 2, 4), keepdims=True) + layer.value)
            return (centred / spread).reshape(x.shape) * parameters.kernel + parameters.bias
        case "depthwise" if parameters:
            windows = _windows(layer, x)
            return np.einsum("nhwcyx,yxc->nhwc", windows, parameters.kernel[0]) + parameters.bias
        case "transpose_conv" if parameters:
            return _transposed(layer, x, parameters.kernel) + parameters.bias
        case "dense" if parameters:
            flat = x.reshape(len(x), -1) @ parameters.kernel.T + parameters.bias
            return flat[:, None, None, :]
        case "add":
            return x + inputs[1]
        case "multiply":
            return x * inputs[1]
        case "subtract":
            return x - inputs[1]
        case "divide":
            return x / inputs[1]
        case "matmul":
            return x @ inputs[1]
        case "rearrange":
            factors = x.reshape(len(x), *layer.split)
            moved = factors.transpose(0, *(i + 1 for i in layer.order))
            return moved.reshape(len(x), *layer.size)
        case "slice":
            parts = [
                slice(b, b + (n - 1) * s + 1, s)
                for b, n, s in zip(layer.begin, layer.size, (*layer.stride, 1), strict=True)
            ]
            return x[:, parts[0], parts[1], parts[2]]
        case "concat":
            if layer.axis != 2 or any(len(i) != len(x) for i in inputs):  # constants have one image
                most = max(len(i) for i in inputs)
                inputs = [np.broadcast_to(i, (most, *i.shape[1:])) for i in inputs]
            return np.concatenate(inputs, axis=layer.axis + 1)
        case "max_pool":
            # explicit zeros are zeros; those of "same" are never the largest
            return _windows(layer, x, fill=-np.inf if layer.padding == "same" else 0).max((4, 5))
        case "avg_pool":
            sums = _windows(layer, x).sum((4, 5))
            counted = x[:1] * 0 + 1 if layer.padding == "same" else None
            size = layer.kernel[0] * layer.kernel[1]
            return sums / (size if counted is None else _windows(layer, counted).sum((4, 5)))
        case "global_avg_pool":
            return x.mean((1, 2), keepdims=True)
        case "upsample_nearest":
            return x.repeat(layer.stride[0], 1).repeat(layer.stride[1], 2)
        case "upsample_bilinear":
            rows, columns = (_between(x.shape[i + 1], layer.stride[i]) for i in (0, 1))
            return np.einsum("Hh,Ww,nhwc->nHWc", rows, columns, x, optimize=True).astype(x.dtype)
        case "activation":
            return x
        case _:
            msg = f"layer {layer.name!r} ({layer.kind}) needs its weights"
            raise ArgumentError(msg)


def _convolved(layer: Layer, x: Array, kernel: Array) -> Any:
    """(n, rows, columns, in, height, width) times (out, height, width, in), by group."""
    out, deep = len(kernel) // layer.groups, x.shape[3] // layer.groups
    if layer.groups > 1 and deep == 1:
        windows = _windows(layer, x)
        by_channel = kernel[:, :, :, 0].reshape(layer.groups, out, *layer.kernel)
        found = np.einsum("nhwcyx,cmyx->nhwcm", windows, by_channel)
        return found.reshape(*found.shape[:3], -1)
    parts = [
        np.tensordot(
            _windows(layer, x[..., g * deep : (g + 1) * deep]),
            kernel[g * out : (g + 1) * out],
            ((3, 4, 5), (3, 1, 2)),
        )
        for g in range(layer.groups)
    ]
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=3)


def _windows(layer: Layer, x: Array, fill: float = 0) -> Any:
    """What each output pixel sees, as a view: (n, rows, columns, channels, height, width)."""
    top, bottom, left, right = explicit_padding(layer, Shape(*x.shape[1:]))
    if top or bottom or left or right:
        x = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=fill)
    dilation, stride = layer.dilation, layer.stride
    reach = tuple((k - 1) * d + 1 for k, d in zip(layer.kernel, dilation, strict=True))
    windows: Any = sliding_window_view(x, reach, axis=(1, 2))
    return windows[:, :: stride[0], :: stride[1], :, :: dilation[0], :: dilation[1]]


def _transposed(layer: Layer, x: Array, kernel: Array) -> Array:
    n, height, width, _ = x.shape
    (down, right), (tall, wide) = layer.stride, layer.kernel
    full = np.zeros(
        (n, (height - 1) * down + tall, (width - 1) * right + wide, len(kernel)), x.dtype
    )
    for i in range(tall):
        for j in range(wide):
            full[
                :, i : i + (height - 1) * down + 1 : down, j : j + (width - 1) * right + 1 : right
            ] += x @ kernel[:, i, j, :].T
    if layer.padding == "valid":
        return full
    top, left = (tall - down) // 2, (wide - right) // 2
    return full[:, top : top + height * down, left : left + width * right]


def _between(size: int, factor: int) -> Array:
    """Weights (size · factor, size) of linear interpolation between pixels' centres."""
    at = np.clip((np.arange(size * factor) + 0.5) / factor - 0.5, 0, size - 1)
    low = np.floor(at).astype(int)
    weights = np.zeros((size * factor, size))
    rows = np.arange(size * factor)
    weights[rows, low] += 1 - (at - low)
    weights[rows, np.minimum(low + 1, size - 1)] += at - low
    return weights
