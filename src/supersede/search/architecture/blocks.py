"""Spaces of block networks: inverted bottlenecks and their relatives, with heads for three tasks.

Sources: Sandler et al. 2018, MobileNetV2 (inverted bottleneck); Gupta and Tan 2019,
EfficientNet-EdgeTPU (fused); Gupta and Akin 2022, arXiv 2204.14007 (group convolution, between both).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from supersede.errors import SpaceError
from supersede.hardware.description.layer import Layer
from supersede.hardware.description.mobile_nets import fused_ibn, ibn
from supersede.hardware.description.network import Network
from supersede.hardware.description.shapes import Shape
from supersede.search.architecture.space import Choice, Params, Space

__all__ = [
    "BlockKind",
    "Classifier",
    "Detector",
    "Head",
    "Segmenter",
    "Stage",
    "block_space",
    "seven_blocks",
]

BlockKind = Literal["ibn", "fused", "group", "standard"]
"""Inverted bottleneck; fused; with a group convolution between both; one standard convolution."""

GROUP_CHANNELS = 16
"""Hidden channels of each group of a "group" block, or fewer where they do not divide."""


class Head(Protocol):
    """What follows the blocks; a frozen object."""

    def choices(self) -> tuple[Choice, ...]:
        """Its own choices."""
        ...

    def layers(
        self, last: str, taps: Mapping[int, tuple[str, int]], params: Params
    ) -> tuple[list[Layer], tuple[str, ...]]:
        """Its layers, and the names of its outputs.

        Args:
            last: Name of the last block's result.
            taps: At each stride, the last result there and its channels.
            params: Values of all choices.
        """
        ...


@dataclass(frozen=True)
class Classifier:
    """A 1×1 convolution, the mean over the image, a dense layer.

    Args:
        classes: Outputs.
        channels: Choices for the convolution.
    """

    classes: int = 10
    channels: tuple[int, ...] = (64, 128)

    def choices(self) -> tuple[Choice, ...]:
        """Channels."""
        return (Choice("head.channels", self.channels, "channels"),)

    def layers(
        self, last: str, taps: Mapping[int, tuple[str, int]], params: Params
    ) -> tuple[list[Layer], tuple[str, ...]]:
        """The three layers."""
        wide = int(params["head.channels"])
        return [
            Layer("head", "conv", (last,), wide, activation="relu6"),
            Layer("pool", "global_avg_pool", ("head",)),
            Layer("classes", "dense", ("pool",), self.classes),
        ], ("classes",)


@dataclass(frozen=True)
class Detector:
    """At each place of the last feature map: a score per class, and a box.

    Outputs are `classes` (logits) and `boxes` (distances to left, top, right and bottom in units of
    the stride, before exponentiation), as in Tian et al. 2019, FCOS, section 3.1, with one scale.

    Args:
        classes: Kinds of objects.
        channels: Choices for the shared convolution.
    """

    classes: int = 3
    channels: tuple[int, ...] = (32, 64)

    def choices(self) -> tuple[Choice, ...]:
        """Channels."""
        return (Choice("head.channels", self.channels, "channels"),)

    def layers(
        self, last: str, taps: Mapping[int, tuple[str, int]], params: Params
    ) -> tuple[list[Layer], tuple[str, ...]]:
        """A shared 3×3 convolution and two of 1×1."""
        wide = int(params["head.channels"])
        return [
            Layer("head", "conv", (last,), wide, (3, 3), activation="relu6"),
            Layer("classes", "conv", ("head",), self.classes),
            Layer("boxes", "conv", ("head",), 4),
        ], ("classes", "boxes")


@dataclass(frozen=True)
class Segmenter:
    """The last features, enlarged and joined with earlier ones, give a class for each pixel.

    Args:
        classes: Kinds of pixels.
        channels: Choices for the joined features.
        output_strides: Choices for the resolution of the output: 4 is a quarter of the image's.
    """

    classes: int = 4
    channels: tuple[int, ...] = (16, 32)
    output_strides: tuple[int, ...] = (2, 4)

    def choices(self) -> tuple[Choice, ...]:
        """Channels, and the output's stride."""
        return (
            Choice("head.channels", self.channels, "channels"),
            Choice("head.output_stride", self.output_strides, "size"),
        )

    def layers(
        self, last: str, taps: Mapping[int, tuple[str, int]], params: Params
    ) -> tuple[list[Layer], tuple[str, ...]]:
        """Projections of both, their sum, a 3×3 convolution, and the classes."""
        wide, wanted = int(params["head.channels"]), int(params["head.output_stride"])
        deep = max(taps)
        fine = max((stride for stride in taps if stride <= wanted), default=min(taps))
        layers = [Layer("head/deep", "conv", (last,), wide, activation="relu6")]
        joined = "head/deep"
        if fine < deep:
            factor = deep // fine
            layers += [
                Layer("head/up", "upsample_nearest", ("head/deep",), stride=(factor, factor)),
                Layer("head/fine", "conv", (taps[fine][0],), wide),
                Layer("head/add", "add", ("head/up", "head/fine"), activation="relu6"),
            ]
            joined = "head/add"
        layers += [
            Layer("head/mix", "conv", (joined,), wide, (3, 3), activation="relu6"),
            Layer("classes", "conv", ("head/mix",), self.classes),
        ]
        return layers, ("classes",)


@dataclass(frozen=True)
class Stage:
    """Choices for one block, or for a few equal ones after another.

    Args:
        channels: Output channels.
        kinds: Kinds of block.
        kernels: Windows.
        expansions: Hidden channels as a multiple of the input's; of no influence on "standard".
        depths: How many blocks; only the first one has the stride.
        stride: 2 halves the image.
    """

    channels: tuple[int, ...]
    kinds: tuple[BlockKind, ...] = ("ibn", "fused")
    kernels: tuple[int, ...] = (3, 5)
    expansions: tuple[float, ...] = (3, 4, 6)
    depths: tuple[int, ...] = (1,)
    stride: int = 1


@dataclass(frozen=True)
class BlockBuilder:
    """Networks of a stem at stride 2, blocks, and a head.

    Args:
        strides: Of each block or stage.
        head: What follows.
        granule: Scaled channels are rounded to multiples of this.
        image_channels: Of the input.
    """

    strides: tuple[int, ...]
    head: Head
    granule: int = 1
    image_channels: int = 3

    def key(self, params: Params) -> str:
        """The network's fingerprint."""
        return self.network(params).fingerprint()

    def network(self, params: Params) -> Network:
        """The network."""
        width = float(params["width"])
        given = self._scaled(int(params["stem"]), width)
        layers = [Layer("stem", "conv", ("input",), given, (3, 3), (2, 2), activation="relu6")]
        taps = {2: ("stem", given)}
        stride = 2
        for i, first in enumerate(self.strides):
            channels = self._scaled(int(params[f"block{i}.channels"]), width)
            for repeat in range(int(params[f"block{i}.depth"])):
                name = f"block{i}" if repeat == 0 else f"block{i}.{repeat}"
                step = first if repeat == 0 else 1
                layers += self._block(name, layers[-1].name, (given, channels), step, params, i)
                given = channels
                stride *= step
            taps[stride] = (layers[-1].name, given)
        head, outputs = self.head.layers(layers[-1].name, taps, params)
        size = int(params["resolution"])
        return Network(Shape(size, size, self.image_channels), (*layers, *head), outputs)

    def _block(
        self, name: str, source: str, channels: tuple[int, int], stride: int, params: Params, i: int
    ) -> tuple[Layer, ...]:
        given, out = channels
        kernel = int(params[f"block{i}.kernel"])
        hidden = self._rounded(given * float(params[f"block{i}.expansion"]))
        match params[f"block{i}.kind"]:
            case "ibn":
                return ibn(name, source, (given, hidden, out), kernel=kernel, stride=stride)
            case "fused":
                return fused_ibn(name, source, (given, hidden, out), kernel=kernel, stride=stride)
            case "group":
                parts = ibn(name, source, (given, hidden, out), kernel=kernel, stride=stride)
                groups = max(1, hidden // GROUP_CHANNELS)
                groups = next(g for g in range(groups, 0, -1) if hidden % g == 0)
                return tuple(
                    replace(layer, kind="conv", channels=hidden, groups=groups)
                    if layer.kind == "depthwise"
                    else layer
                    for layer in parts
                )
            case "standard":
                conv = Layer(
                    f"{name}/conv", "conv", (source,), out, (kernel, kernel), (stride, stride),
                    activation="relu6",
                )  # fmt: skip
                if stride == 1 and given == out:
                    return (conv, Layer(f"{name}/add", "add", (source, conv.name)))
                return (conv,)
            case other:
                msg = f"no block of kind {other!r}; expected ibn, fused, group or standard"
                raise SpaceError(msg)

    def _scaled(self, channels: int, width: float) -> int:
        return self._rounded(channels * width)

    def _rounded(self, channels: float) -> int:
        return max(self.granule, round(channels / self.granule) * self.granule)


def block_space(
    stages: Sequence[Stage],
    head: Head,
    *,
    resolutions: Sequence[int] = (32,),
    stems: Sequence[int] = (16,),
    widths: Sequence[float] = (1.0,),
    image_channels: int = 3,
) -> Space:
    """A space of block networks.

    Args:
        stages: Choices for each block, or each stage of equal blocks.
        head: `Classifier`, `Detector`, `Segmenter`, or an object of your own.
        resolutions: Choices for height and width of the image.
        stems: Choices for the first convolution's channels.
        widths: Choices for the depth multiplier, which scales the channels of all blocks.
        image_channels: Channels of the image.

    Raises:
        SpaceError: A choice has no values.

    Example:
        >>> import numpy as np
        >>> space = block_space([Stage((16, 24)), Stage((24, 32), stride=2)], Classifier(4))
        >>> net = space.network(space.sample(np.random.default_rng(0)))
        >>> net.shapes["classes"].channels
        4
    """
    choices = [
        Choice("resolution", tuple(resolutions), "size"),
        Choice("width", tuple(widths), "width"),
        Choice("stem", tuple(stems), "channels"),
    ]
    for i, stage in enumerate(stages):
        choices += [
            Choice(f"block{i}.kind", stage.kinds, "kind"),
            Choice(f"block{i}.kernel", stage.kernels, "kernel"),
            Choice(f"block{i}.expansion", stage.expansions, "expansion"),
            Choice(f"block{i}.channels", stage.channels, "channels"),
            Choice(f"block{i}.depth", stage.depths, "depth"),
        ]
    builder = BlockBuilder(
        tuple(stage.stride for stage in stages), head, image_channels=image_channels
    )
    return Space((*choices, *head.choices()), builder)


def seven_blocks(
    head: Head | None = None,
    *,
    resolutions: Sequence[int] = (96,),
    step: int = 1,
    channels: tuple[int, int] = (17, 113),
) -> Space:
    """Seven blocks, each an inverted bottleneck or fused, with channels in steps.

    Args:
        head: A classifier of ten classes if left out.
        resolutions: Choices for the image's size.
        step: Of the channels, counted from the first.
        channels: First and last number of channels of every block.

    Example:
        >>> import math
        >>> round(math.log10(seven_blocks().size), 1)
        16.0
    """
    widths = tuple(range(channels[0], channels[1] + 1, step))
    stages = [
        Stage(widths, kernels=(3,), expansions=(4,), stride=stride)
        for stride in (1, 2, 1, 2, 1, 2, 1)
    ]
    return block_space(stages, head or Classifier(10, (128,)), resolutions=resolutions)
