"""What goes in and out of one layer: sizes, padding, multiply-adds, parameters.

Activations are one image, (height, width, channels): the layout of TensorFlow Lite. A dense layer
sees its input flattened in that order and gives (1, 1, channels).
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, NamedTuple

from supersede.errors import NetworkError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from supersede.hardware.description.network import Layer

__all__ = ["Padding", "Shape", "explicit_padding", "kernel_shape", "layer_macs", "output_shape"]

Padding = tuple[int, int, int, int]
"""Zeros added on top, at the bottom, left and right."""

WINDOWED = frozenset({"conv", "depthwise", "avg_pool", "max_pool"})


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
    first = inputs[0]
    match layer.kind:
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
        case "add" | "multiply":
            # a factor of one value a channel, as in squeeze and excitation, is spread over the image
            spread = layer.kind == "multiply" and inputs[1] == (1, 1, first.channels)
            if inputs[1] != first and not spread:
                raise NetworkError(_differ(layer, inputs, "the same shape"))
            return first
        case "concat":
            if any(shape[:2] != first[:2] for shape in inputs):
                raise NetworkError(_differ(layer, inputs, "the same height and width"))
            return first._replace(channels=sum(shape.channels for shape in inputs))
        case "activation":
            return first


def _differ(layer: Layer, inputs: Sequence[Shape], expected: str) -> str:
    found = ", ".join(
        f"{name!r} has {shape.height}×{shape.width}×{shape.channels}"
        for name, shape in zip(layer.inputs, inputs, strict=True)
    )
    return f"layer {layer.name!r} ({layer.kind}) needs inputs of {expected}, but {found}"


def kernel_shape(layer: Layer, inputs: Sequence[Shape]) -> tuple[int, ...] | None:
    """Shape of a layer's weights, None where it has none.

    The order is TensorFlow Lite's: (out, height, width, in) for convolutions, (1, height, width,
    channels) for depthwise ones, (out, in) for dense layers.
    """
    match layer.kind:
        case "conv" | "transpose_conv":
            return (layer.channels, *layer.kernel, inputs[0].channels)
        case "depthwise":
            return (1, *layer.kernel, inputs[0].channels)
        case "dense":
            return (layer.channels, inputs[0].size)
        case _:
            return None


def layer_macs(layer: Layer, inputs: Sequence[Shape]) -> int:
    """Multiply-adds of a layer; zeros of the padding count, additions and pooling do not."""
    kernel = kernel_shape(layer, inputs)
    if kernel is None:
        return 0
    if layer.kind == "dense":
        return prod(kernel)
    # every weight meets every output pixel once; of a transposed convolution every input pixel
    over = inputs[0] if layer.kind == "transpose_conv" else output_shape(layer, inputs)
    return prod(kernel) * over.height * over.width
