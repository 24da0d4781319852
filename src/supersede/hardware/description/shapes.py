"""What goes in and out of one layer: sizes, padding, multiply-adds, parameters.

Activations are one image, (height, width, channels): the layout of TensorFlow Lite. A dense layer
sees its input flattened in that order and gives (1, 1, channels).
"""

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

from supersede.errors import NetworkError
from supersede.hardware.description.layer import Layer, Padding

__all__ = ["Shape", "explicit_padding", "kernel_shape", "layer_macs", "output_shape"]

MULTIPLYING = frozenset({"conv", "depthwise", "transpose_conv", "dense"})


class Shape(NamedTuple):
    """Size of an activation of one image.

    Example:
        >>> Shape(8, 8, 16).size
        1024
    """

    height: int
    width: int
    channels: int

    @property
    def size(self) -> int:
        """Number of values."""
        return prod(self)


def explicit_padding(layer: Layer, input: Shape) -> Padding:
    """Zeros that a convolution or a pooling adds to an input of this size.

    "same" is TensorFlow's: the output has ⌈size / stride⌉ rows, and an odd zero goes to the bottom
    and the right. PyTorch pads both sides alike, so at stride 2 the two differ by a pixel.

    Example:
        >>> from supersede.hardware import Layer
        >>> stem = Layer("stem", "conv", ("input",), channels=8, kernel=3, stride=2)
        >>> explicit_padding(stem, Shape(96, 96, 3))
        (0, 1, 0, 1)
    """
    if layer.padding == "valid":
        return (0, 0, 0, 0)
    if layer.padding != "same":
        return layer.padding
    both: list[int] = []
    for size, kernel, stride, dilation in zip(
        input[:2], layer.kernel, layer.stride, layer.dilation, strict=True
    ):
        reach = (kernel - 1) * dilation + 1
        total = max((-(-size // stride) - 1) * stride + reach - size, 0)
        both += [total // 2, total - total // 2]
    return (both[0], both[1], both[2], both[3])


def _window(layer: Layer, input: Shape) -> tuple[int, int]:
    top, bottom, left, right = explicit_padding(layer, input)
    height, width = (
        (size + padding - (kernel - 1) * dilation - 1) // stride + 1
        for size, padding, kernel, stride, dilation in zip(
            input[:2],
            (top + bottom, left + right),
            layer.kernel,
            layer.stride,
            layer.dilation,
            strict=True,
        )
    )
    if height < 1 or width < 1:
        msg = (
            f"layer {layer.name!r}: a kernel of {layer.kernel[0]}×{layer.kernel[1]} does not fit its "
            f"input of {input.height}×{input.width}; use padding='same', or fewer strides before it"
        )
        raise NetworkError(msg)
    return height, width


def _transposed(layer: Layer, input: Shape) -> tuple[int, int]:
    if layer.padding == "same":
        return input.height * layer.stride[0], input.width * layer.stride[1]
    return (
        (input.height - 1) * layer.stride[0] + layer.kernel[0],
        (input.width - 1) * layer.stride[1] + layer.kernel[1],
    )


def output_shape(layer: Layer, inputs: Sequence[Shape]) -> Shape:
    """Shape that a layer gives for inputs of these shapes.

    Raises:
        NetworkError: The inputs do not fit the layer or each other.

    Example:
        >>> from supersede.hardware import Layer
        >>> stem = Layer("stem", "conv", ("input",), channels=8, kernel=3, stride=2)
        >>> output_shape(stem, [Shape(96, 96, 3)])
        Shape(height=48, width=48, channels=8)
    """
    if not inputs:
        return Shape(*layer.size)
    first = inputs[0]
    match layer.kind:
        case "conv" if first.channels % layer.groups:
            raise NetworkError(_differ(layer, inputs, f"channels in {layer.groups} groups"))
        case "conv":
            return Shape(*_window(layer, first), layer.channels)
        case "depthwise" | "avg_pool" | "max_pool":
            return Shape(*_window(layer, first), first.channels)
        case "transpose_conv":
            return Shape(*_transposed(layer, first), layer.channels)
        case "dense":
            return Shape(1, 1, layer.channels)
        case "global_avg_pool":
            return Shape(1, 1, first.channels)
        case "upsample_nearest" | "upsample_bilinear":
            return Shape(
                first.height * layer.stride[0], first.width * layer.stride[1], first.channels
            )
        case "add" | "multiply" | "subtract" | "divide":
            # the second is spread where it has size 1, as in squeeze and excitation
            if any(b not in {a, 1} for a, b in zip(first, inputs[1], strict=True)):
                raise NetworkError(_differ(layer, inputs, "the same shape"))
            return first
        case "concat":
            kept = [axis for axis in range(3) if axis != layer.axis]
            if any(shape[axis] != first[axis] for shape in inputs for axis in kept):
                named = " and ".join(("height", "width", "channels")[axis] for axis in kept)
                raise NetworkError(_differ(layer, inputs, f"the same {named}"))
            joined = list(first)
            joined[layer.axis] = sum(shape[layer.axis] for shape in inputs)
            return Shape(*joined)
        case "matmul":
            if first.height != inputs[1].height or first.channels != inputs[1].width:
                raise NetworkError(
                    _differ(layer, inputs, "a height, and channels × width, that fit")
                )
            return first._replace(channels=inputs[1].channels)
        case "rearrange":
            if prod(layer.split) != first.size or prod(layer.size) != first.size:
                raise NetworkError(_differ(layer, inputs, f"{prod(layer.split)} values"))
            return Shape(*layer.size)
        case "slice":
            steps = (*layer.stride, 1)
            ends = [b + (n - 1) * s for b, n, s in zip(layer.begin, layer.size, steps, strict=True)]
            if any(end >= size for end, size in zip(ends, first, strict=True)):
                raise NetworkError(_differ(layer, inputs, f"rows, columns and channels to {ends}"))
            return Shape(*layer.size)
        case "constant" | "processor":
            return Shape(*layer.size)
        case "group_norm" if first.channels % layer.groups:
            raise NetworkError(_differ(layer, inputs, f"channels in {layer.groups} groups"))
        case "activation" | "prelu" | "layer_norm" | "group_norm":
            return first


def _differ(layer: Layer, inputs: Sequence[Shape], expected: str) -> str:
    found = ", ".join(
        f"{name!r} has {shape.height}×{shape.width}×{shape.channels}"
        for name, shape in zip(layer.inputs, inputs, strict=True)
    )
    return f"layer {layer.name!r} ({layer.kind}) needs inputs of {expected}, but {found}"


def kernel_shape(layer: Layer, inputs: Sequence[Shape]) -> tuple[int, ...] | None:
    """Shape of a layer's weights, None where it has none.

    The order is TensorFlow Lite's: (out, height, width, in) for convolutions (in are those of one
    group), (1, height, width, channels) for depthwise ones, (out, in) for dense layers, (1, 1, 1,
    channels) for the slopes of a PReLU and the gains of a norm, (1, height, width, channels) for
    a constant's values.
    """
    match layer.kind:
        case "conv" | "transpose_conv":
            return (layer.channels, *layer.kernel, inputs[0].channels // layer.groups)
        case "prelu" | "layer_norm" | "group_norm":
            return (1, 1, 1, inputs[0].channels)
        case "constant":
            return (1, *layer.size)
        case "depthwise":
            return (1, *layer.kernel, inputs[0].channels)
        case "dense":
            return (layer.channels, inputs[0].size)
        case _:
            return None


def layer_macs(layer: Layer, inputs: Sequence[Shape]) -> int:
    """Multiply-adds of a layer; zeros of the padding count, additions and pooling do not."""
    if layer.kind == "matmul":
        return inputs[0].size * inputs[1].channels
    kernel = kernel_shape(layer, inputs)
    if kernel is None or layer.kind not in MULTIPLYING:
        return 0
    if layer.kind == "dense":
        return prod(kernel)
    # every weight meets every output pixel once; of a transposed convolution every input pixel
    over = inputs[0] if layer.kind == "transpose_conv" else output_shape(layer, inputs)
    return prod(kernel) * over.height * over.width
