"""Edits that experts make to a network for an accelerator, found in any network by their shape.

- **fuse**: a 1×1 convolution and the depthwise one after it become one standard convolution: more
  multiply-adds, fewer passes over wide activations.
- **standard**: a depthwise convolution and the 1×1 one after it become one standard convolution.
- **align**: channels become a multiple of the granule, upwards or downwards.
- **width**: all channels by one factor, on the granule.

These edits change the function, so the network must be trained again; those that keep it are in
`preserving`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from supersede.hardware.description.layer import Layer
from supersede.hardware.description.network import Network
from supersede.hardware.description.trained import TrainedNetwork

__all__ = [
    "Edit", "Rule", "alignments", "channel_groups", "fusions", "is_pointwise", "names_of",
    "only_source", "replaced", "scaled", "standards", "with_channels",
]  # fmt: skip

Rule = Literal["fuse", "standard", "align", "compose", "merge", "densify"]

FIXED = frozenset({
    "concat", "rearrange", "slice", "matmul", "constant", "processor", "layer_norm", "group_norm",
})  # fmt: skip
"""Kinds whose result depends on how many channels there are, or where they lie."""


@dataclass(frozen=True)
class Edit:
    """One change to a network, to be judged by a target.

    Args:
        rule: What kind of change it is.
        layers: Names of the layers that it changes.
        words: The change in words.
        apply: Gives the changed network; leaves a network alone in which the layers are gone.
        carry: Gives the changed network with weights that compute the same; None for an edit after which
            the network must be trained again.
    """

    rule: Rule
    layers: tuple[str, ...]
    words: str
    apply: Callable[[Network], Network]
    carry: Callable[[TrainedNetwork], TrainedNetwork] | None = None


def fusions(network: Network) -> Iterator[Edit]:
    """Every 1×1 convolution whose only reader is a depthwise convolution.

    Example:
        >>> from supersede.hardware import Block, mobile_net
        >>> net = mobile_net([Block(16), Block(24, stride=2)], resolution=32, head=32, classes=4)
        >>> next(fusions(net)).words
        'block0/expand and block0/depthwise become one 3×3 convolution'
    """
    for layer in network.layers:
        before = only_source(network, layer) if layer.kind == "depthwise" else None
        if before is not None and is_pointwise(before) and before.activation == layer.activation:
            yield Edit(
                "fuse",
                (before.name, layer.name),
                f"{before.name} and {layer.name} become one {_size(layer)} convolution",
                lambda net, a=before.name, b=layer.name: _fused(net, a, b),  # type: ignore[misc]
            )


def standards(network: Network) -> Iterator[Edit]:
    """Every depthwise convolution, not after a 1×1 one, whose only reader is a 1×1 convolution."""
    for layer in network.layers:
        before = only_source(network, layer) if is_pointwise(layer) else None
        if before is None or before.kind != "depthwise":
            continue
        first = only_source(network, before)
        if first is None or not is_pointwise(first):
            yield Edit(
                "standard",
                (before.name, layer.name),
                f"{before.name} and {layer.name} become one {_size(before)} convolution",
                lambda net, a=before.name, b=layer.name: _joined(net, a, b),  # type: ignore[misc]
            )


def alignments(network: Network, granule: int) -> tuple[list[Edit], list[Edit]]:
    """For all channels that are off the granule, the edits upwards, and those downwards.

    Example:
        >>> from supersede.hardware import Block, mobile_net
        >>> net = mobile_net([Block(17)], resolution=32, stem=16, head=32, classes=4)
        >>> upwards, downwards = alignments(net, 8)
        >>> upwards[0].words, downwards[0].words
        ('channels of block0/project: 17 → 24', 'channels of block0/project: 17 → 16')
    """
    upwards, downwards = [], []
    for group in channel_groups(network):
        channels = network.layer(group[0]).channels
        up, down = -(-channels // granule) * granule, channels // granule * granule
        if up != channels:
            upwards.append(_align(group, channels, up))
        if 0 < down != channels:
            downwards.append(_align(group, channels, down))
    return upwards, downwards


def _align(group: tuple[str, ...], channels: int, wanted: int) -> Edit:
    return Edit(
        "align",
        group,
        f"channels of {names_of(group)}: {channels} → {wanted}",
        lambda network: with_channels(network, group, wanted),
    )


def scaled(network: Network, factor: float, granule: int) -> Network:
    """All free channels by one factor, rounded to the granule, never below it.

    Example:
        >>> from supersede.hardware import Block, mobile_net
        >>> net = mobile_net([Block(48)], resolution=32, head=64, classes=4)
        >>> half = scaled(net, 0.5, 16)
        >>> print(*(layer.channels for layer in half.layers if layer.channels))
        16 48 32 32 4
    """
    for group in channel_groups(network):
        channels = network.layer(group[0]).channels
        wanted = max(granule, round(channels * factor / granule) * granule)
        network = with_channels(network, group, min(wanted, channels))
    return network


def _fused(network: Network, first: str, second: str) -> Network:
    """The second layer takes the place of both, under its own name."""
    names = {layer.name for layer in network.layers}
    if not {first, second} <= names:
        return network
    wide, deep = network.layer(first), network.layer(second)
    return replaced(
        network, {first}, second,
        replace(deep, kind="conv", inputs=wide.inputs, channels=wide.channels),
    )  # fmt: skip


def _joined(network: Network, first: str, second: str) -> Network:
    names = {layer.name for layer in network.layers}
    if not {first, second} <= names:
        return network
    deep, narrow = network.layer(first), network.layer(second)
    joined = replace(
        deep, name=second, kind="conv", channels=narrow.channels, activation=narrow.activation
    )
    return replaced(network, {first}, second, joined)


def replaced(network: Network, gone: set[str], name: str, by: Layer) -> Network:
    """A network in which one layer is another one, and some are gone."""
    layers = tuple(
        by if layer.name == name else layer for layer in network.layers if layer.name not in gone
    )
    return replace(network, layers=layers)


def with_channels(network: Network, names: tuple[str, ...], channels: int) -> Network:
    """A network in which these layers have so many channels."""
    layers = tuple(
        replace(layer, channels=channels) if layer.name in names and layer.channels else layer
        for layer in network.layers
    )
    return replace(network, layers=layers)


def only_source(network: Network, layer: Layer) -> Layer | None:
    """The layer that this one reads, if it reads one, which nobody else reads."""
    if len(layer.inputs) != 1 or layer.inputs[0] == "input":
        return None
    source = network.layer(layer.inputs[0])
    readers = sum(source.name in other.inputs for other in network.layers)
    return source if readers == 1 and source.name not in network.outputs else None


def is_pointwise(layer: Layer) -> bool:
    """Whether it is a 1×1 convolution at stride 1."""
    plain = layer.padding in {"same", "valid", (0, 0, 0, 0)}  # others make the image larger
    one = layer.kernel == layer.stride == (1, 1) and layer.groups == 1
    return layer.kind == "conv" and one and plain


def channel_groups(network: Network) -> list[tuple[str, ...]]:
    """Layers whose channels must stay equal, by the names of those that set them.

    Additions and products tie what they read; results of the network and parts of a concatenation
    are not free.
    """
    owner: dict[str, str] = {"input": "input"}  # the layer that stands for a group

    def root(name: str) -> str:
        while owner[name] != name:
            name = owner[name]
        return name

    fixed = {"input"}
    for layer in network.layers:
        owner[layer.name] = layer.name
        if layer.channels == 0:
            for source in layer.inputs:
                owner[root(source)] = root(layer.name)
        if layer.kind in FIXED or layer.groups > 1 or layer.activation == "softmax":
            fixed |= {layer.name, *layer.inputs}
        if len({network.shapes[name].channels for name in layer.inputs}) > 1:
            fixed |= {layer.name, *layer.inputs}  # one of them is spread over the channels
    fixed |= set(network.outputs)
    held = {root(name) for name in fixed}
    groups: dict[str, list[str]] = {}
    for layer in network.layers:
        if layer.channels and root(layer.name) not in held:
            groups.setdefault(root(layer.name), []).append(layer.name)
    return [tuple(names) for names in groups.values()]


def _size(layer: Layer) -> str:
    return f"{layer.kernel[0]}×{layer.kernel[1]}"


def names_of(names: tuple[str, ...]) -> str:
    """Names of layers for a sentence."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
