"""A network under way: layers, their weights, and views of them, as operators of a model come in.

Scalings (batch normalisation, biases) fold into the convolution before them, layers carry activations
where they can, and values move in memory only where an operator needs it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from supersede.hardware.description.layer import CARRIED, CARRYING, Activation, Kind, Layer
from supersede.hardware.description.network import Network
from supersede.hardware.description.shapes import Shape, explicit_padding, output_shape
from supersede.hardware.description.trained import Parameters, TrainedNetwork
from supersede.hardware.formats.graph import unsupported
from supersede.hardware.formats.views import View, first, last, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from supersede.hardware.description.quantised import Array

__all__ = ["Importer"]

CHANNEL_LAST = frozenset({"depthwise", "layer_norm", "group_norm"})
SCALED = frozenset({"conv", "transpose_conv", "dense"}) | CHANNEL_LAST


@dataclass
class Importer:
    """A network under way."""

    input: Shape
    channels_last: bool = False
    layers: dict[str, Layer] = field(default_factory=dict)
    parameters: dict[str, Parameters] = field(default_factory=dict)
    shapes: dict[str, Shape] = field(default_factory=dict)
    scales: set[str] = field(default_factory=set)
    moved: dict[Any, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.shapes["input"] = self.input

    def shape(self, view: View) -> Shape:
        """Size of the layer behind a view."""
        return self.shapes[view.layer]

    def add(self, name: str, kind: Kind, inputs: Sequence[str], **fields: Any) -> str:
        """Append a layer, under a name of its own."""
        name = name.strip("/") or kind
        if name in self.layers or name == "input":
            n = next(n for n in range(1, len(self.layers) + 2) if f"{name}_{n}" not in self.layers)
            name = f"{name}_{n}"
        layer = Layer(name, kind, tuple(inputs), **fields)
        given = [self.shapes[source] for source in inputs]
        if kind in {"conv", "depthwise", "max_pool", "avg_pool"}:
            layer = replace(layer, padding=_simplest(layer, given[0]))
        self.shapes[name] = output_shape(layer, given)
        self.layers[name] = layer
        return name

    def image(self, layer: str, rank: int = 4) -> View:
        """A layer as an image of the model, with or without height and width."""
        see = last if self.channels_last else first
        return see(layer, self.shapes[layer], rank)

    def whole(self, layer: str) -> View:
        """A layer as one row of values in the order of memory."""
        return plain(layer, self.shapes[layer], ((0, 1, 2),))

    def like(self, layer: str, view: View) -> View:
        """A layer of the same size as the one behind a view, seen in the same way."""
        return replace(view, layer=layer)

    def weigh(self, layer: str, kernel: Array, bias: Array | None = None) -> str:
        """Give a layer its weights, in our order."""
        channels = self.shapes[layer].channels
        self.parameters[layer] = Parameters(
            np.ascontiguousarray(kernel, np.float32),
            np.zeros(channels, np.float32) if bias is None else np.asarray(bias, np.float32),
        )
        return layer

    # views

    def laid(self, view: View, *axes: Sequence[int], name: str = "") -> View:
        """The same values with these dimensions of the model as height, width and channels."""
        factors = [tuple(i for dim in dims for i in view.dims[dim]) for dims in axes]
        order = tuple(i for part in factors for i in part)
        size = Shape(*(prod(view.split[i] for i in part) for part in factors))
        if order == tuple(range(len(view.split))) and size == self.shapes[view.layer]:
            return view
        key = (view.layer, view.split, order, size)
        if key not in self.moved:
            self.moved[key] = self.add(
                name or f"{view.layer}/moved", "rearrange", [view.layer],
                split=view.split or (1,), order=order or (0,), size=tuple(size),
            )  # fmt: skip
        place = {factor: at for at, factor in enumerate(order)}
        dims = tuple(tuple(place[i] for i in dim) for dim in view.dims)
        return View(self.moved[key], tuple(view.split[i] for i in order), dims, view.pad)

    def as_image(self, view: View, where: str) -> View:
        """As an image: channels in the model's second dimension, or last in TensorFlow's."""
        rank = len(view.dims)
        if rank not in {2, 3, 4}:
            raise unsupported(where, f"an image in {rank} dimensions", "two or one are needed")
        if self.channels_last:
            return self.laid(
                view, *[[1], [2], [3]] if rank == 4 else [[], list(range(1, rank - 1)), [rank - 1]]
            )
        return self.laid(view, *[[2], [3], [1]] if rank == 4 else [[], list(range(2, rank)), [1]])

    def isolated(self, view: View, dim: int) -> tuple[View, int]:
        """A dimension alone on one axis of memory, and which: 0 height, 1 width or 2 channels."""
        axes = view.axes(self.shapes[view.layer])
        if axes is not None and view.dims[dim] in axes and view.dims[dim]:
            return view, axes.index(view.dims[dim])
        rank = len(view.dims)
        if all(not d for d in view.dims[dim + 1 :]):  # nothing after it
            return self.laid(view, [], range(dim), range(dim, rank)), 2
        return self.laid(view, range(dim), [dim], range(dim + 1, rank)), 1

    def channelled(self, view: View, dims: Sequence[int]) -> View:
        """These dimensions of the model, and nothing else, as channels."""
        axes = view.axes(self.shapes[view.layer])
        wanted = tuple(i for dim in dims for i in view.dims[dim])
        if axes is not None and axes[2] == wanted:
            return view
        others = [dim for dim in range(len(view.dims)) if dim not in dims]
        return self.laid(view, [], others, dims)

    def reshaped(self, view: View, sizes: tuple[int, ...]) -> View:
        """Other dimensions, in the model's order of values."""
        found = view.reshaped(sizes)
        if found is None:
            flat = self.laid(view, [], [], range(len(view.dims)))
            found = View(flat.layer, (prod(flat.split),), ((0,),)).reshaped(sizes)
        assert found is not None  # noqa: S101  # a single factor can be broken into any sizes
        return found

    def matched(self, view: View, model: View, where: str) -> View:
        """A view's values in the memory order of another, spread where its sizes are 1."""
        axes = model.axes(self.shapes[model.layer])
        if axes is None:
            raise unsupported(where, "values whose order in memory spans dimensions")
        view = replace(view, dims=((),) * (len(model.dims) - len(view.dims)) + view.dims)
        sizes, places = [], []
        for own, dim in zip(view.sizes, model.dims, strict=True):
            spread = own == 1
            if not spread and own != prod(model.split[i] for i in dim):
                raise unsupported(where, f"values {view.sizes} and {model.sizes} broadcast")
            sizes += [1 if spread else model.split[i] for i in dim]
            places += list(dim)
        fine = self.reshaped(view, tuple(sizes))
        for part in axes:
            if len({sizes[places.index(i)] == 1 for i in part}) > 1:
                raise unsupported(where, f"values {view.sizes} spread over a part of {model.sizes}")
        return self.laid(fine, *[[places.index(i) for i in part] for part in axes])

    def constant(self, name: str, array: Array) -> View:
        """A constant as a layer of its own, its last dimension as channels."""
        sizes = array.shape or (1,)
        shape = (1, prod(sizes[:-1]), sizes[-1])
        layer = self.add(name, "constant", (), size=shape)
        self.weigh(layer, np.asarray(array, np.float32).reshape(1, *shape))
        return self.reshaped(self.whole(layer), tuple(sizes))

    def spread(self, array: Array, view: View, where: str) -> Array:
        """A constant as (height, width, channels) beside a view's layer, 1 where it is the same."""
        shape = self.shapes[view.layer]
        try:
            full = np.broadcast_to(np.asarray(array, np.float64), view.sizes)
        except ValueError as error:
            what = f"a constant of shape {np.shape(array)} beside values {view.sizes}"
            raise unsupported(where, what, "it must not be larger") from error
        factors = full.reshape([view.split[i] for i in view.order])
        back = np.argsort(view.order) if view.order else ()
        laid = factors.transpose(*back).reshape(shape) if view.order else factors.reshape(shape)
        for axis in range(3):
            if (laid == laid.take([0], axis)).all():
                laid = laid.take([0], axis)
        return np.asarray(laid)

    # layers that fold

    def scale(self, name: str, view: View, factor: Array, shift: Array) -> View:
        """Batch normalisation in service, or a bias: a depthwise layer, until `finish` folds it."""
        channels = self.shape(view).channels
        layer = self.add(name, "depthwise", [view.layer])
        self.scales.add(layer)
        by_channel = np.broadcast_to(factor, (channels,)).reshape(1, 1, 1, -1)
        return self.like(self.weigh(layer, by_channel, np.broadcast_to(shift, (channels,))), view)

    def activation(self, name: str, view: View, kind: Activation, value: float = 0.0) -> View:
        """An activation: a layer, until `finish` lets the one before carry it."""
        return self.like(
            self.add(name, "activation", [view.layer], activation=kind, value=value), view
        )

    def positive(self, view: View) -> bool:
        """Whether no value lies below zero."""
        layer = self.layers.get(view.layer)
        if layer is not None and layer.kind in {
            "max_pool",
            "rearrange",
            "slice",
            "upsample_nearest",
        }:
            return self.positive(replace(view, layer=layer.inputs[0]))
        return layer is not None and layer.activation in {
            "relu", "relu6", "sigmoid", "hard_sigmoid", "softmax", "exp",
        }  # fmt: skip

    def result(self, view: View, where: str) -> str:
        """The layer whose values are the model's result."""
        if any(view.pad):
            raise unsupported(where, "a Pad gives it", "only windows can be padded")
        for rank in (4, 3, 2):
            if view == self.image(view.layer, rank):
                return view.layer
        if len(view.dims) == 4 and not self.channels_last:
            return self.as_image(view, where).layer
        return self.laid(view, [], range(len(view.dims) - 1), [len(view.dims) - 1]).layer

    def finish(self, results: Sequence[str]) -> TrainedNetwork:
        """The network, without layers that nothing needs or that another layer can include."""
        needed = set(results)
        for layer in reversed(self.layers.values()):
            if layer.name in needed:
                needed.update(layer.inputs)
        readers = Counter(results)
        readers.update(i for name in needed & set(self.layers) for i in self.layers[name].inputs)
        kept: dict[str, Layer] = {}
        carrier: dict[str, str] = {}  # by layer that went into another one
        for layer in self.layers.values():
            if layer.name not in needed:
                continue
            inputs = tuple(carrier.get(name, name) for name in layer.inputs)
            before = kept.get(inputs[0]) if inputs else None
            alone = before is not None and before.activation is None and readers[inputs[0]] == 1
            if before is not None and alone and self._goes_into(layer, before):
                kept[before.name] = replace(before, activation=layer.activation)
                carrier[layer.name] = before.name
                readers[before.name] = readers[layer.name]
            else:
                kept[layer.name] = replace(layer, inputs=inputs)
        last_ones = tuple(dict.fromkeys(carrier.get(name, name) for name in results))
        if not kept:
            what = "its operators change nothing, so nothing is left to run"
            where = "the model"
            raise unsupported(where, what)
        network = Network(self.input, tuple(kept.values()), last_ones)
        return TrainedNetwork(network, {k: v for k, v in self.parameters.items() if k in kept})

    def _goes_into(self, layer: Layer, before: Layer) -> bool:
        """Whether the layer before can do this one's work; weights are folded on the way."""
        if layer.name in self.scales and before.kind in SCALED:
            scale, weights = self.parameters[layer.name], self.parameters[before.name]
            factor = scale.kernel.reshape(-1)
            along = [1] * weights.kernel.ndim
            along[-1 if before.kind in CHANNEL_LAST else 0] = -1
            self.parameters[before.name] = Parameters(
                weights.kernel * factor.reshape(along), weights.bias * factor + scale.bias
            )
            return True
        return (
            layer.kind == "activation" and layer.activation in CARRIED and before.kind in CARRYING
        )


def _simplest(layer: Layer, input: Shape) -> Any:
    """The padding in TensorFlow's words, where it is one of them."""
    if isinstance(layer.padding, str):
        return layer.padding
    if layer.padding == explicit_padding(replace(layer, padding="same"), input):
        return "same"
    return "valid" if layer.padding == (0, 0, 0, 0) else layer.padding
