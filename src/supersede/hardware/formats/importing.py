"""What readers of torch modules and of ONNX files share: they lay out channels first, we last.

A reader tells an `Importer` each operator in turn. It fits batch normalisation into the convolution
before it, lets layers carry activations where they can, and brings weights into our order.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from supersede.errors import UnsupportedOperatorError
from supersede.hardware.description.network import (
    CARRIED,
    CARRYING,
    Activation,
    Kind,
    Layer,
    Network,
)
from supersede.hardware.description.shapes import Padding, Shape, explicit_padding, output_shape
from supersede.hardware.description.trained import Parameters, TrainedNetwork

if TYPE_CHECKING:
    from collections.abc import Sequence

    from supersede.hardware.description.quantised import Array

__all__ = ["Importer", "Value", "unsupported", "zeros_around"]


@dataclass(frozen=True)
class Value:
    """What an operator of the model gave.

    Attributes:
        layer: The layer that makes it; "input" is the image.
        flat: Whether the model sees it as (n, values) rather than as an image.
    """

    layer: str
    flat: bool = False


def unsupported(where: str, what: str, mend: str = "") -> UnsupportedOperatorError:
    """The error for a use of an operator that has no layer."""
    return UnsupportedOperatorError(f"{where}: {what}" + (f"; {mend}" if mend else ""))


@dataclass
class Importer:
    """A network under way."""

    input: Shape
    layers: dict[str, Layer] = field(default_factory=dict)
    parameters: dict[str, Parameters] = field(default_factory=dict)
    shapes: dict[str, Shape] = field(default_factory=dict)
    scales: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.shapes["input"] = self.input

    def shape(self, value: Value) -> Shape:
        """Size of a value as an image."""
        return self.shapes[value.layer]

    def add(self, name: str, kind: Kind, inputs: Sequence[Value], **fields: Any) -> Value:
        """Append a layer, under a name of its own."""
        name = name.strip("/") or kind
        if name in self.layers or name == "input":
            n = next(n for n in range(1, len(self.layers) + 2) if f"{name}_{n}" not in self.layers)
            name = f"{name}_{n}"
        if len({value.flat for value in inputs}) > 1:
            what = f"{kind} of an image and of values (n, channels), which broadcast otherwise"
            raise unsupported(name, what, "reshape the values to (n, channels, 1, 1)")
        sources = tuple(value.layer for value in inputs)
        layer = Layer(name, kind, sources, **fields)
        given = [self.shapes[source] for source in sources]
        if kind in {"conv", "depthwise", "max_pool", "avg_pool"}:
            layer = replace(layer, padding=_simplest(layer, given[0]))
        self.shapes[name] = output_shape(layer, given)
        self.layers[name] = layer
        return Value(name, inputs[0].flat and kind not in {"dense"})

    def conv(
        self,
        name: str,
        source: Value,
        kernel: Array,
        bias: Array | None,
        groups: int,
        **window: Any,
    ) -> Value:
        """A convolution with a kernel (out, in / groups, height, width)."""
        channels = self.shape(source).channels
        out, per_group, tall, wide = kernel.shape
        if groups == 1:
            kind, order = "conv", kernel.transpose(0, 2, 3, 1)
        elif groups == channels == out and per_group == 1:
            kind, order = "depthwise", kernel.transpose(1, 2, 3, 0)
        else:
            raise unsupported(
                name,
                f"a convolution of {channels} to {out} channels in {groups} groups",
                "a standard (1 group) or a depthwise one (as many as channels in and out) is needed",
            )
        window |= {"channels": out} if kind == "conv" else {}
        value = self.add(name, kind, [source], kernel=(tall, wide), **window)  # type: ignore[arg-type]
        return self._weights(value, order, bias)

    def transpose_conv(
        self, name: str, source: Value, kernel: Array, bias: Array | None, *,
        stride: tuple[int, int], cropped: Padding, extra: tuple[int, int],
    ) -> Value:  # fmt: skip
        """A transposed convolution with a kernel (in, out, height, width)."""
        _, out, tall, wide = kernel.shape
        same = [max(size - step, 0) for size, step in zip((tall, wide), stride, strict=True)]
        wanted = (same[0] // 2, same[0] - same[0] // 2, same[1] // 2, same[1] - same[1] // 2)
        # extra rows at the bottom are rows that are not cropped there
        cut = (cropped[0], cropped[1] - extra[0], cropped[2], cropped[3] - extra[1])
        if cut not in {wanted, (0, 0, 0, 0)}:
            raise unsupported(
                name,
                f"a transposed convolution of {tall}×{wide} at stride {stride[0]} that crops {cut}",
                f"no cropping, or {wanted} (top, bottom, left, right), is what accelerators know; "
                "a kernel of twice the stride with padding of half the stride is",
            )
        value = self.add(
            name, "transpose_conv", [source], channels=out, kernel=(tall, wide), stride=stride,
            padding="same" if cut == wanted else "valid",
        )  # fmt: skip
        return self._weights(value, kernel.transpose(1, 2, 3, 0), bias)

    def dense(self, name: str, source: Value, kernel: Array, bias: Array | None) -> Value:
        """A dense layer with a kernel (out, in) over values in the order channels, height, width."""
        height, width, channels = self.shape(source)
        if not source.flat and (height, width) != (1, 1):
            raise unsupported(
                name, "a dense layer over the last axis of an image", "flatten it before"
            )
        if kernel.shape[1] != height * width * channels:
            raise unsupported(
                name,
                f"a dense layer of {kernel.shape[1]} inputs after {height * width * channels} values",
            )
        value = self.add(name, "dense", [source], channels=len(kernel))
        ours = kernel.reshape(-1, channels, height, width).transpose(0, 2, 3, 1)
        value = self._weights(value, ours.reshape(len(kernel), -1), bias)
        return replace(value, flat=True)

    def scale(self, name: str, source: Value, factor: Array, shift: Array) -> Value:
        """Batch normalisation in service, or a bias: a depthwise layer, until `finish` folds it."""
        channels = self.shape(source).channels
        if factor.shape != (channels,) or shift.shape != (channels,):
            raise unsupported(name, f"{len(factor)} factors for {channels} channels")
        value = self.add(name, "depthwise", [source])
        self.scales.add(value.layer)
        return self._weights(value, factor.reshape(1, 1, 1, -1), shift)

    def activation(self, name: str, source: Value, kind: Activation) -> Value:
        """An activation: a layer, until `finish` lets the one before carry it."""
        return self.add(name, "activation", [source], activation=kind)

    def max_pool(self, name: str, source: Value, *, zeros: bool, **window: Any) -> Value:
        """Max pooling whose padding is zeros, or never the largest as torch and ONNX have it."""
        value = self.add(name, "max_pool", [source], **window)
        layer = self.layers[value.layer]
        if zeros:  # "same" would say that they are never the largest
            self.layers[value.layer] = replace(layer, padding=window["padding"])
        elif isinstance(layer.padding, tuple) and not self._positive(source):
            raise unsupported(
                name,
                f"max pooling with padding {window['padding']} of values that may be negative",
                "put a relu before it, or use TensorFlow's padding",
            )
        return value

    def avg_pool(self, name: str, source: Value, *, zeros_count: bool, **window: Any) -> Value:
        """Average pooling whose padding counts in the mean, or not."""
        value = self.add(name, "avg_pool", [source], **window)
        layer = self.layers[value.layer]
        padded = any(window["padding"])
        if padded and zeros_count:
            zeros = explicit_padding(layer, self.shape(source))
            self.layers[value.layer] = replace(layer, padding=zeros)
        elif padded and layer.padding != "same":
            raise unsupported(
                name, f"average pooling with padding {window['padding']} that does not count",
                "let zeros count (count_include_pad), or use TensorFlow's padding",
            )  # fmt: skip
        return value

    def product(self, name: str, left: Value, right: Value) -> Value:
        """An elementwise product; a factor of one value a channel comes second."""
        if self.shape(left)[:2] == (1, 1) != self.shape(right)[:2]:
            left, right = right, left
        return self.add(name, "multiply", [left, right])

    def _positive(self, value: Value) -> bool:
        layer = self.layers.get(value.layer)
        return layer is not None and layer.activation in {"relu", "relu6", "sigmoid"}

    def _weights(self, value: Value, kernel: Array, bias: Array | None) -> Value:
        channels = self.shapes[value.layer].channels
        self.parameters[value.layer] = Parameters(
            np.ascontiguousarray(kernel, np.float32),
            np.zeros(channels, np.float32) if bias is None else np.asarray(bias, np.float32),
        )
        return value

    def finish(self, outputs: Sequence[Value]) -> TrainedNetwork:
        """The network, without layers that nothing needs or that another layer can carry."""
        results = [value.layer for value in outputs]
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
            before = kept.get(inputs[0])
            alone = before is not None and before.activation is None and readers[inputs[0]] == 1
            if before is not None and alone and self._goes_into(layer, before):
                kept[before.name] = replace(before, activation=layer.activation)
                carrier[layer.name] = before.name
                readers[before.name] = readers[layer.name]
            else:
                kept[layer.name] = replace(layer, inputs=inputs)
        last = tuple(dict.fromkeys(carrier.get(name, name) for name in results))
        network = Network(self.input, tuple(kept.values()), last)
        return TrainedNetwork(network, {k: v for k, v in self.parameters.items() if k in kept})

    def _goes_into(self, layer: Layer, before: Layer) -> bool:
        """Whether the layer before can do this one's work; weights are folded on the way."""
        if layer.name in self.scales and before.name in self.parameters:
            scale, weights = self.parameters[layer.name], self.parameters[before.name]
            factor = scale.kernel.reshape(-1)
            along = [1] * weights.kernel.ndim
            along[-1 if before.kind == "depthwise" else 0] = -1
            self.parameters[before.name] = Parameters(
                weights.kernel * factor.reshape(along), weights.bias * factor + scale.bias
            )
            return True
        return (
            layer.kind == "activation" and layer.activation in CARRIED and before.kind in CARRYING
        )


def zeros_around(where: str, top: int, bottom: int, left: int, right: int) -> Padding | None:
    """What an operator of its own pads; None where that is nothing."""
    zeros = (top, bottom, left, right)
    if min(zeros) < 0:
        raise unsupported(
            where, f"cuts {zeros} (top, bottom, left, right)", "amounts ≥ 0 are needed"
        )
    return zeros if any(zeros) else None


def _simplest(layer: Layer, input: Shape) -> Any:
    """The padding in TensorFlow's words, where it is one of them."""
    if isinstance(layer.padding, str):
        return layer.padding
    if layer.padding == explicit_padding(replace(layer, padding="same"), input):
        return "same"
    return "valid" if layer.padding == (0, 0, 0, 0) else layer.padding
