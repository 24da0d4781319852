"""How layers that are more than one operator of TensorFlow Lite are written.

Norms and quotients have no int8 form, so they are islands: values become floating point, a few
operators of the processor compute, and the result becomes whole numbers again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from supersede.hardware.description.layer import Layer
    from supersede.hardware.formats.tflite import Writer

__all__ = ["write_hard_sigmoid", "write_island", "write_prelu", "write_rearranged", "write_sliced"]


def write_rearranged(writer: Writer, layer: Layer, image: int) -> int:
    """A reshape, a transposition and a reshape, without those that change nothing."""
    like, shape = layer.inputs[0], (1, *layer.size)
    split, order = merged(layer.split, layer.order)
    name = layer.name
    if order != tuple(range(len(order))):
        before, given = (1, *split), (1, *writer.quantised.network.shapes[like])
        if before != given:
            image = writer.reshaped(f"{name}/split", like, image, before)
        moved = (1, *(split[i] for i in order))
        last = moved == shape
        axes = writer.constant(f"{name}/order", [0, *(i + 1 for i in order)])
        output = writer.activation(name if last else f"{name}/moved", like, moved)
        writer.operator("transpose", [image, axes], output)
        if last:
            return output
        image = output
    return writer.reshaped(name, like, image, shape)


def merged(
    split: tuple[int, ...], order: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The same rearrangement with as few factors as there can be.

    Example:
        >>> merged((8, 8, 4, 4), (0, 1, 3, 2))
        ((64, 4, 4), (0, 2, 1))
    """
    kept = [i for i in order if split[i] > 1]
    runs: list[list[int]] = []
    size_one = [i for i in range(len(split)) if split[i] == 1]
    for i in kept:
        follows = (
            runs and all(j in size_one for j in range(runs[-1][-1] + 1, i)) and i > runs[-1][-1]
        )
        if follows:
            runs[-1].append(i)
        else:
            runs.append([i])
    by_place = sorted(range(len(runs)), key=lambda r: runs[r][0])
    sizes = tuple(int(np.prod([split[i] for i in runs[r]])) for r in by_place)
    return sizes, tuple(by_place.index(r) for r in range(len(runs)))


def write_sliced(writer: Writer, layer: Layer, image: int) -> int:
    """A part of an activation."""
    steps = (*layer.stride, 1)
    ends = [b + (n - 1) * s + 1 for b, n, s in zip(layer.begin, layer.size, steps, strict=True)]
    amounts = [
        writer.constant(f"{layer.name}/{what}", values)
        for what, values in (
            ("begin", [0, *layer.begin]),
            ("end", [1, *ends]),
            ("steps", [1, *steps]),
        )
    ]
    output = writer.activation(layer.name, layer.name)
    writer.operator("slice", [image, *amounts], output)
    return output


def write_prelu(writer: Writer, layer: Layer, image: int) -> int:
    """A leaky relu with a slope for each channel; the format has one scale for all slopes."""
    weights = writer.quantised.weights[layer.name]
    slopes = weights.kernel.reshape(1, 1, -1)
    steps = ([weights.scales[0]], [0], 0)
    kernel = writer.tensor(f"{layer.name}/slopes", slopes.shape, "INT8", steps, slopes)
    output = writer.activation(layer.name, layer.name)
    writer.operator("prelu", [image, kernel], output)
    return output


def write_hard_sigmoid(writer: Writer, layer: Layer, image: int) -> int:
    """min(max(x / 6 + ½, 0), 1) as a scaling, whose range cuts off what lies outside."""
    quantised = writer.quantised
    given, channels = (
        quantised.steps[layer.inputs[0]],
        quantised.network.shapes[layer.name].channels,
    )
    scale = np.float32(1 / 6 / 127)
    whole = np.int32 if quantised.bits == 8 else np.int64
    scales, zeros = np.full(channels, scale), np.zeros(channels, np.int64)
    kernel = writer.tensor(
        f"{layer.name}/kernel", (1, 1, 1, channels), "INT8", (scales, zeros, 3),
        np.full((1, 1, 1, channels), 127, np.int8),
    )  # fmt: skip
    product = np.float32(given.scale) * scale
    bias = writer.tensor(
        f"{layer.name}/bias", (channels,), "INT32" if whole is np.int32 else "INT64",
        (np.full(channels, product), zeros, 0),
        np.full(channels, np.rint(0.5 / float(product)), whole),
    )  # fmt: skip
    output = writer.activation(layer.name, layer.name)
    writer.operator(
        "depthwise", [image, kernel, bias], output, DepthMultiplier=1, StrideH=1, StrideW=1,
        DilationHFactor=1, DilationWFactor=1, Padding=1,
        FusedActivationFunction=writer.fused("relu"),
    )  # fmt: skip
    return output


def write_island(writer: Writer, layer: Layer, images: list[int]) -> int:
    """A layer in floating point, between whole numbers."""
    network = writer.quantised.network
    shape = (1, *network.shapes[layer.name])

    def floating(
        what: str, kind: str, inputs: list[int], of: tuple[int, ...] = shape, **options: Any
    ) -> int:
        output = writer.tensor(f"{layer.name}/{what}", of, "FLOAT32")
        writer.operator(kind, inputs, output, **options)
        return output

    reals = [
        floating(f"real{i}", "dequantise", [image], (1, *network.shapes[name]))
        for i, (image, name) in enumerate(zip(images, layer.inputs, strict=True))
    ]
    plain: dict[str, Any] = {"FusedActivationFunction": writer.fused(None)}
    if layer.kind == "divide":
        result = floating("quotient", "divide", reals, **plain)
    else:
        weights = writer.quantised.weights[layer.name]
        channels = network.shapes[layer.name].channels
        gain, shift = (
            writer.tensor(f"{layer.name}/{what}", (1, 1, 1, channels), "FLOAT32", data=values)
            for what, values in (
                ("gain", weights.kernel.astype(np.float32)),
                ("shift", weights.bias.astype(np.float32)),
            )
        )
        epsilon = writer.tensor(
            f"{layer.name}/epsilon", (1,), "FLOAT32", data=np.array([layer.value], np.float32)
        )
        split, over, one = shape, [3], (*shape[:3], 1)
        value = reals[0]
        if layer.kind == "group_norm":
            split = (1, shape[1] * shape[2], layer.groups, channels // layer.groups)
            over, one = [1, 3], (1, 1, layer.groups, 1)
            sizes = writer.constant(f"{layer.name}/split", split)
            value = floating("groups", "reshape", [value, sizes], split)
        axes = writer.constant(f"{layer.name}/axes", over)
        mean = floating("mean", "global_avg_pool", [value, axes], one, KeepDims=True)
        centred = floating("centred", "subtract", [value, mean], split, **plain)
        square = floating("square", "multiply", [centred, centred], split, **plain)
        variance = floating("variance", "global_avg_pool", [square, axes], one, KeepDims=True)
        above = floating("above", "add", [variance, epsilon], one, **plain)
        inverse = floating("inverse", "rsqrt", [above], one)
        result = floating("normal", "multiply", [centred, inverse], split, **plain)
        if split != shape:
            sizes = writer.constant(f"{layer.name}/whole", shape)
            result = floating("image", "reshape", [result, sizes])
        result = floating("scaled", "multiply", [result, gain], **plain)
        result = floating("shifted", "add", [result, shift], **plain)
    output = writer.activation(layer.name, layer.name)
    writer.operator("quantise", [result], output)
    return output
