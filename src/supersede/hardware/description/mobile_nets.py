"""Networks of inverted bottlenecks, the family that small vision accelerators are built for.

An inverted bottleneck (IBN) widens by a 1×1 convolution, filters each channel with a depthwise
convolution, and narrows by a 1×1 convolution; where neither size nor channels change, its input is
added. A fused IBN replaces the first two by one standard convolution: more multiply-adds, yet
faster where the hardware is wide.

Sources: Sandler et al. 2018, MobileNetV2; Gupta and Tan 2019, EfficientNet-EdgeTPU (fused).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from supersede.hardware.description.layer import Activation, Layer
from supersede.hardware.description.network import Network
from supersede.hardware.description.shapes import Shape

__all__ = ["Block", "fused_ibn", "ibn", "mobile_net"]


@dataclass(frozen=True)
class Block:
    """One (fused) inverted bottleneck of `mobile_net`.

    Attributes:
        channels: Output channels.
        expansion: Hidden channels as a multiple of the input's, rounded to a whole number.
        kernel: Window of the depthwise (or, if fused, the standard) convolution.
        stride: 2 halves the image.
        fused: Whether the first two convolutions are one.
    """

    channels: int
    expansion: float = 6
    kernel: int = 3
    stride: int = 1
    fused: bool = False


def ibn(
    name: str,
    source: str,
    channels: tuple[int, int, int],
    *,
    kernel: int = 3,
    stride: int = 1,
    activation: Activation = "relu6",
) -> tuple[Layer, ...]:
    """Layers of an inverted bottleneck; the last one carries the result.

    Args:
        name: Prefix of the layers' names: `name/expand`, `name/depthwise`, `name/project`, `name/add`.
        source: Name of the layer that it reads.
        channels: Of its input, hidden, and of its output.
        kernel: Window of the depthwise convolution.
        stride: Of the depthwise convolution.
        activation: After the first two convolutions.

    Example:
        >>> " ".join(layer.name for layer in ibn("b", "stem", (16, 96, 16)))
        'b/expand b/depthwise b/project b/add'
        >>> " ".join(layer.name for layer in ibn("b", "stem", (16, 96, 24)))
        'b/expand b/depthwise b/project'
    """
    given, hidden, out = channels
    expand, depthwise = f"{name}/expand", f"{name}/depthwise"
    return (
        Layer(expand, "conv", (source,), hidden, activation=activation),
        Layer(
            depthwise, "depthwise", (expand,), 0, _square(kernel), _square(stride),
            activation=activation,
        ),
        *_project(name, source, depthwise, out, residual=stride == 1 and given == out),
    )  # fmt: skip


def fused_ibn(
    name: str,
    source: str,
    channels: tuple[int, int, int],
    *,
    kernel: int = 3,
    stride: int = 1,
    activation: Activation = "relu6",
) -> tuple[Layer, ...]:
    """Layers of a fused inverted bottleneck; arguments as for `ibn`.

    Example:
        >>> " ".join(layer.name for layer in fused_ibn("b", "stem", (16, 96, 16)))
        'b/fused b/project b/add'
    """
    given, hidden, out = channels
    fused = f"{name}/fused"
    return (
        Layer(
            fused, "conv", (source,), hidden, _square(kernel), _square(stride),
            activation=activation,
        ),
        *_project(name, source, fused, out, residual=stride == 1 and given == out),
    )  # fmt: skip


def _square(n: int) -> tuple[int, int]:
    return n, n


def _project(
    name: str, source: str, hidden: str, channels: int, *, residual: bool
) -> tuple[Layer, ...]:
    project = f"{name}/project"
    narrow = Layer(project, "conv", (hidden,), channels)
    return (narrow, Layer(f"{name}/add", "add", (source, project))) if residual else (narrow,)


def mobile_net(
    blocks: Sequence[Block],
    *,
    resolution: int,
    stem: int = 16,
    head: int = 1280,
    classes: int = 1000,
    activation: Activation = "relu6",
) -> Network:
    """A classifier like MobileNetV2: stem at stride 2, blocks, 1×1 head, mean, dense layer.

    Args:
        blocks: In order.
        resolution: Height and width of the image (three channels).
        stem: Channels of the first convolution.
        head: Channels of the last convolution.
        classes: Outputs.
        activation: Of all convolutions but the narrowing ones.

    Raises:
        NetworkError: A size is impossible.

    Example:
        >>> channels = [16, 24, 24, 32, 32, 64, 64]
        >>> strides = [1, 2, 1, 2, 1, 2, 1]
        >>> blocks = [Block(c, 4, stride=s) for c, s in zip(channels, strides)]
        >>> net = mobile_net(blocks, resolution=96, head=128, classes=10)
        >>> round(net.macs / 1e6, 1), net.parameters
        (19.5, 87306)
    """
    layers: list[Layer] = [
        Layer("stem", "conv", ("input",), stem, (3, 3), (2, 2), activation=activation)
    ]
    given = stem
    for i, block in enumerate(blocks):
        build = fused_ibn if block.fused else ibn
        layers += build(
            f"block{i}",
            layers[-1].name,
            (given, round(given * block.expansion), block.channels),
            kernel=block.kernel,
            stride=block.stride,
            activation=activation,
        )
        given = block.channels
    layers += [
        Layer("head", "conv", (layers[-1].name,), head, activation=activation),
        Layer("pool", "global_avg_pool", ("head",)),
        Layer("classes", "dense", ("pool",), classes),
    ]
    return Network(Shape(resolution, resolution, 3), tuple(layers))
