"""Edits that keep what a network computes, weights and all: nothing has to be trained again.

- **align**: channels become a multiple of the granule; those that are new have zero weights on both
  sides, so nothing reads or gives anything but zeros.
- **compose**: a convolution without an activation and the one after it become one, whose kernel is their
  product. Exact where the second one has no padding, or the first no bias: zeros around the second would
  otherwise be biases inside the first.
- **merge**: an addition of what two linear convolutions make of one value, or of a value and what one
  makes of it, becomes one convolution, whose kernel is their sum (Ding et al. 2021, RepVGG, section 3.3).
- **densify**: a depthwise convolution becomes a standard one with zeros beside the diagonal.

Exact up to rounding in floating point; `advise` prints the difference of the outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from math import prod

import numpy as np

from supersede.hardware.advice.edits import (
    Edit,
    channel_groups,
    is_pointwise,
    names_of,
    only_source,
    replaced,
    with_channels,
)
from supersede.hardware.description.layer import Layer
from supersede.hardware.description.network import Network
from supersede.hardware.description.quantised import Array
from supersede.hardware.description.shapes import explicit_padding
from supersede.hardware.description.trained import Parameters, TrainedNetwork

__all__ = ["carried", "preserving", "widenings"]

LARGEST = 1 << 26
"""Weights of a composed convolution; above it, composing never pays."""

Carry = Callable[[TrainedNetwork], TrainedNetwork]


def carried(trained: TrainedNetwork, edits: Sequence[Edit]) -> TrainedNetwork:
    """A trained network with edits that keep its weights."""
    for edit in edits:
        assert edit.carry is not None  # noqa: S101  # only such edits are offered here
        if edit.apply(trained.network) != trained.network:
            trained = edit.carry(trained)
    return trained


def preserving(trained: TrainedNetwork) -> Iterator[Edit]:
    """Every composition, merger and densification of a trained network.

    Example:
        >>> from supersede.hardware import Layer, Network, Shape, random_parameters
        >>> layers = (
        ...     Layer("dw", "depthwise", ("input",), kernel=3),
        ...     Layer("pw", "conv", ("dw",), channels=8),
        ... )
        >>> trained = random_parameters(Network(Shape(8, 8, 4), layers))
        >>> [edit.words for edit in preserving(trained)]
        ['dw and pw become one 3×3 convolution', 'dw becomes a standard convolution']
    """
    network = trained.network
    for layer in network.layers:
        before = only_source(network, layer)
        if before is None or not _composes(network, before, layer):
            continue
        padded = any(explicit_padding(layer, network.shapes[before.name]))
        biased = trained.parameters[before.name].bias.any()
        if is_pointwise(layer) or not (padded and biased):
            size = "×".join(map(str, _reach(before, layer)))
            yield _edit(
                "compose", (before.name, layer.name),
                f"{before.name} and {layer.name} become one {size} convolution", _composed,
            )  # fmt: skip
    for layer in network.layers:
        if layer.kind == "add" and (parts := _merges(network, layer)) is not None:
            yield _edit(
                "merge", (*parts, layer.name),
                f"{' and '.join(parts)} and the addition {layer.name} become one convolution", _merged,
            )  # fmt: skip
    for layer in network.layers:
        channels = network.shapes[layer.name].channels
        if layer.kind == "depthwise" and layer.kernel != (1, 1) and channels > 1:
            yield _edit(
                "densify", (layer.name,), f"{layer.name} becomes a standard convolution", _densified
            )


def widenings(network: Network, granule: int) -> list[Edit]:
    """For all channels that are off the granule, the edit upwards, with zero weights."""
    found = []
    for group in channel_groups(network):
        channels = network.layer(group[0]).channels
        wanted = -(-channels // granule) * granule
        if wanted != channels:
            found.append(
                Edit(
                    "align", group, f"channels of {names_of(group)}: {channels} → {wanted}",
                    lambda net, g=group, n=wanted: with_channels(net, g, n),  # type: ignore[misc]
                    lambda trained, g=group, n=wanted: _widened(trained, g, n),  # type: ignore[misc]
                )
            )  # fmt: skip
    return found


def _edit(
    rule: str, names: tuple[str, ...], words: str, change: Callable[..., TrainedNetwork | Network]
) -> Edit:
    """An edit whose structure and weights come from one function."""

    def apply(network: Network) -> Network:
        if not set(names) <= {layer.name for layer in network.layers}:
            return network
        found = change(network, None, *names)
        return found if isinstance(found, Network) else found.network

    def carry(trained: TrainedNetwork) -> TrainedNetwork:
        found = change(trained.network, trained.parameters, *names)
        assert isinstance(found, TrainedNetwork)  # noqa: S101  # parameters were given
        return found

    return Edit(rule, names, words, apply, carry)  # type: ignore[arg-type]


def _composes(network: Network, before: Layer, layer: Layer) -> bool:
    """Whether two layers are one convolution, but for what a bias does at the border."""
    kinds = {"conv", "depthwise"}
    if before.kind not in kinds or layer.kind not in kinds or before.activation is not None:
        return False
    if before.kind == layer.kind == "depthwise" or max(before.groups, layer.groups) > 1:
        return False
    if layer.dilation != (1, 1) or before.dilation != (1, 1):
        return False
    if not (is_pointwise(before) or is_pointwise(layer)):
        return False  # kernels would grow
    given, out = network.inputs_of(before)[0].channels, network.shapes[layer.name].channels
    return given * out * prod(_reach(before, layer)) <= LARGEST


def _reach(before: Layer, layer: Layer) -> tuple[int, int]:
    """The window of both together; one of them is pointwise."""
    return layer.kernel if is_pointwise(before) else before.kernel


def _composed(
    network: Network, parameters: dict[str, Parameters] | None, first: str, second: str
) -> TrainedNetwork | Network:
    """The second layer takes the place of both, under its own name."""
    one, two = network.layer(first), network.layer(second)
    if two.inputs != (first,) or not _composes(network, one, two):  # after other edits
        return network if parameters is None else TrainedNetwork(network, parameters)
    window = two if is_pointwise(one) else one
    joined = replace(
        two, kind="conv", inputs=one.inputs, channels=network.shapes[second].channels,
        kernel=window.kernel, stride=window.stride, padding=window.padding,
    )  # fmt: skip
    changed = replaced(network, {first}, second, joined)
    if parameters is None:
        return changed
    a, b = _full(one, parameters[first]), _full(two, parameters[second])
    kernel = np.einsum("ohwm,myxi->ohwyxi", b, a)  # one of the windows has a single pixel
    kernel = kernel.reshape(len(b), *window.kernel, a.shape[3])
    bias = parameters[second].bias + b.sum((1, 2)) @ parameters[first].bias.astype(np.float64)
    return _with(changed, parameters, {second: Parameters(_f32(kernel), _f32(bias))}, {first})


def _merges(network: Network, layer: Layer) -> tuple[str, ...] | None:
    """The convolutions that an addition joins, if they make one; both read the same value."""
    parts, sources = [], set()
    for name in layer.inputs:
        part = None if name == "input" else network.layer(name)
        if part is not None and _linear(network, part):
            parts.append(part)
            sources.add(part.inputs[0])
        else:
            sources.add(name)
    if not parts or len(sources) != 1 or len(set(layer.inputs)) != 2:
        return None
    strides = {part.stride for part in parts} | ({(1, 1)} if len(parts) == 1 else set())
    return tuple(part.name for part in parts) if len(strides) == 1 else None


def _linear(network: Network, part: Layer) -> bool:
    """A convolution whose window is centred, and which nobody but the addition reads."""
    read = sum(part.name in other.inputs for other in network.layers)
    padding = explicit_padding(part, network.inputs_of(part)[0]) if part.kind in KINDS else (1,) * 4
    centred = padding == (*[part.kernel[0] // 2] * 2, *[part.kernel[1] // 2] * 2)
    odd = all(size % 2 for size in part.kernel)
    return (
        part.kind in KINDS and read == 1 and part.name not in network.outputs and odd and centred
        and part.activation is None and part.groups == 1 and part.dilation == (1, 1)
    )  # fmt: skip


KINDS = frozenset({"conv", "depthwise"})


def _merged(
    network: Network, parameters: dict[str, Parameters] | None, *names: str
) -> TrainedNetwork | Network:
    """One convolution in the place of the addition, under its name."""
    *parts, end = names
    layers, total = [network.layer(name) for name in parts], network.layer(end)
    if total.kind != "add" or _merges(network, total) != tuple(parts):  # after other edits
        return network if parameters is None else TrainedNetwork(network, parameters)
    tall, wide = (max(layer.kernel[i] for layer in layers) for i in (0, 1))
    source = layers[0].inputs[0]
    joined = replace(
        total, kind="conv", inputs=(source,), channels=network.shapes[end].channels,
        kernel=(tall, wide), stride=layers[0].stride,
        padding=(tall // 2, tall // 2, wide // 2, wide // 2),
    )  # fmt: skip
    if explicit_padding(replace(joined, padding="same"), network.shapes[source]) == joined.padding:
        joined = replace(joined, padding="same")
    changed = replaced(network, set(parts), end, joined)
    if parameters is None:
        return changed
    channels = network.shapes[source].channels
    kernel = np.zeros((joined.channels, tall, wide, channels))
    bias = np.zeros(joined.channels)
    for layer in layers:
        top, left = (tall - layer.kernel[0]) // 2, (wide - layer.kernel[1]) // 2
        rows, columns = slice(top, top + layer.kernel[0]), slice(left, left + layer.kernel[1])
        kernel[:, rows, columns] += _full(layer, parameters[layer.name])
        bias += parameters[layer.name].bias
    if len(parts) == 1:  # the value itself
        kernel[:, tall // 2, wide // 2] += np.eye(joined.channels, channels)
    return _with(changed, parameters, {end: Parameters(_f32(kernel), _f32(bias))}, set(parts))


def _densified(
    network: Network, parameters: dict[str, Parameters] | None, name: str
) -> TrainedNetwork | Network:
    layer = network.layer(name)
    if layer.kind != "depthwise":
        return network if parameters is None else TrainedNetwork(network, parameters)
    dense = replace(layer, kind="conv", channels=network.shapes[name].channels)
    changed = replaced(network, set(), name, dense)
    if parameters is None:
        return changed
    full = Parameters(_f32(_full(layer, parameters[name])), parameters[name].bias)
    return _with(changed, parameters, {name: full}, set())


def _full(layer: Layer, parameters: Parameters) -> Array:
    """A kernel (out, height, width, in) in double precision; a depthwise one has a diagonal."""
    kernel = parameters.kernel.astype(np.float64)
    if layer.kind != "depthwise":
        return kernel
    channels = kernel.shape[3]
    full = np.zeros((channels, *kernel.shape[1:3], channels))
    full[np.arange(channels), :, :, np.arange(channels)] = kernel[0].transpose(2, 0, 1)
    return full


def _widened(trained: TrainedNetwork, group: tuple[str, ...], wanted: int) -> TrainedNetwork:
    """More channels for layers that are tied; new ones are zero wherever they are made or read."""
    network = trained.network
    changed = with_channels(network, group, wanted)
    parameters = {}
    for layer in network.layers:
        if (given := trained.parameters.get(layer.name)) is None:
            continue
        new = changed.layer(layer.name)
        shape = changed.kernel_of(new)
        assert shape is not None  # noqa: S101  # it had weights before
        kernel = given.kernel
        if layer.kind == "dense":  # its inputs lie in the order height, width, channels
            before, after = network.inputs_of(layer)[0], changed.inputs_of(new)[0]
            kernel = _grown(kernel.reshape(-1, *before), (shape[0], *after)).reshape(shape)
        parameters[layer.name] = Parameters(
            _grown(kernel, shape), _grown(given.bias, (changed.shapes[layer.name].channels,))
        )
    return TrainedNetwork(changed, parameters)


def _grown(array: Array, shape: tuple[int, ...]) -> Array:
    """An array with zeros behind it."""
    if array.shape == shape:
        return array
    larger = np.zeros(shape, array.dtype)
    larger[tuple(slice(n) for n in array.shape)] = array
    return larger


def _with(
    network: Network, parameters: dict[str, Parameters], new: dict[str, Parameters], gone: set[str]
) -> TrainedNetwork:
    kept = {name: value for name, value in parameters.items() if name not in gone}
    return TrainedNetwork(network, kept | new)


def _f32(array: Array) -> Array:
    return np.ascontiguousarray(array, np.float32)
