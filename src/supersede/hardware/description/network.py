"""The one description of a network from which everything else is built.

The torch module that is trained, the ONNX file and the int8 file that is compiled and shipped all
come from a `Network`: a small directed graph of layers, frozen, hashable, and plain JSON on disk.
It has one image as its input. What a layer may be is what accelerators for vision run: see `Kind`.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, replace
from functools import cached_property
from math import prod
from typing import Any, Literal, get_args

from supersede.errors import NetworkError
from supersede.hardware.description.shapes import (
    Padding,
    Shape,
    kernel_shape,
    layer_macs,
    output_shape,
)

__all__ = ["Activation", "Kind", "Layer", "Network"]

Kind = Literal[
    "conv",
    "depthwise",
    "transpose_conv",
    "dense",
    "add",
    "multiply",
    "concat",
    "avg_pool",
    "max_pool",
    "global_avg_pool",
    "upsample_nearest",
    "upsample_bilinear",
    "activation",
    "prelu",
    "subtract",
    "divide",
    "matmul",
    "layer_norm",
    "group_norm",
    "rearrange",
    "slice",
    "constant",
    "processor",
]
"""What a layer does.

`depthwise` is a convolution of each channel by itself; `global_avg_pool` is the mean over the image;
`upsample_*` enlarge by the whole factor `stride`; `activation` is one that no layer carries. `matmul`
multiplies matrices (width × channels), one for each row of the image. `layer_norm` normalises each
pixel over its channels, `group_norm` each of `groups` groups of channels over the image. `rearrange`
moves values (a reshape, a transposition, a shuffle), `slice` keeps a part, `constant` reads nothing.
`processor` is an operator that has no layer here: it is counted and left to the host's processor.
"""

Activation = Literal[
    "relu", "relu6", "hard_swish", "sigmoid",
    "hard_sigmoid", "tanh", "leaky_relu", "gelu", "softmax", "exp",
]  # fmt: skip
"""What is done to each value; `softmax` is over channels, `gelu` the exact one (with erf)."""

WITHOUT_BIAS = frozenset({"prelu", "constant"})
CARRIED = ("relu", "relu6")
WITH_CHANNELS = frozenset({"conv", "transpose_conv", "dense"})
PADDED = frozenset({"conv", "depthwise", "avg_pool", "max_pool"})
DILATED = frozenset({"conv", "depthwise"})
CARRYING = frozenset({"conv", "depthwise", "dense", "add"})
GROUPED = frozenset({"conv", "group_norm"})
SIZED = frozenset({"rearrange", "slice", "constant", "processor"})
INPUTS: dict[str, tuple[int, int]] = {
    **dict.fromkeys(("add", "multiply", "subtract", "divide", "matmul"), (2, 2)),
    "concat": (2, 256),
    "constant": (0, 0),
    "processor": (0, 64),
}


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(value)  # type: ignore[return-value]


@dataclass(frozen=True)
class Layer:
    """One operator of a network.

    Attributes:
        name: Unique in the network; compilers report rows under it.
        kind: What it does.
        inputs: Names of the layers it reads; "input" is the image.
        channels: Output channels of a convolution, transposed convolution or dense layer; 0 for the
            others, whose channels follow from their inputs.
        kernel: Height and width of the window; one number means a square.
        stride: Steps of the window, or the factor of an upsampling; one number means both.
        padding: "same" and "valid" as TensorFlow has them, or zeros (top, bottom, left, right).
        dilation: Distance of the kernel's taps; of convolutions and depthwise ones only.
        activation: "relu" or "relu6" where a convolution, a dense layer or an addition carries one;
            others are layers of kind "activation".
        groups: Of a convolution, parts of its channels that are computed apart; of a group norm.
        value: Slope of a leaky relu below zero; epsilon of a norm.
        axis: Of a concatenation: 0 height, 1 width, 2 channels.
        size: Height, width and channels that a rearrangement, a slice, a constant or a processor's
            operator gives.
        split: Of a rearrangement: factors of the input's sizes, in the order of memory.
        order: Of a rearrangement: those factors in the order of the output's memory.
        begin: Of a slice: its first row, column and channel; `stride` are its steps.
        operator: Of a processor's operator: its name in the file that it came from.

    Raises:
        NetworkError: A field does not fit the kind.

    Example:
        >>> Layer("stem", "conv", ("input",), channels=16, kernel=3, stride=2, activation="relu6")
        Layer(name='stem', kind='conv', inputs=('input',), channels=16, kernel=(3, 3),
              stride=(2, 2), padding='same', dilation=(1, 1), activation='relu6', ...)
    """

    name: str
    kind: Kind
    inputs: tuple[str, ...]
    channels: int = 0
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    padding: Literal["same", "valid"] | Padding = "same"
    dilation: tuple[int, int] = (1, 1)
    activation: Activation | None = None
    groups: int = 1
    value: float = 0.0
    axis: int = 2
    size: tuple[int, ...] = ()
    split: tuple[int, ...] = ()
    order: tuple[int, ...] = ()
    begin: tuple[int, ...] = ()
    operator: str = ""

    def __post_init__(self) -> None:
        for field in ("kernel", "stride", "dilation"):
            object.__setattr__(self, field, _pair(getattr(self, field)))
        for field in ("inputs", "size", "split", "order", "begin"):
            object.__setattr__(self, field, tuple(getattr(self, field)))
        if not isinstance(self.padding, str):
            object.__setattr__(self, "padding", tuple(self.padding))
        if problem := self._problem():
            msg = f"layer {self.name!r}: {problem}"
            raise NetworkError(msg)

    def _problem(self) -> str | None:
        least, most = INPUTS.get(self.kind, (1, 1))
        carried = CARRIED if self.kind in CARRYING else ()
        allowed = get_args(Activation) if self.kind == "activation" else (None, *carried)
        numbers = (*self.kernel, *self.stride, *self.dilation)
        if self.kind not in get_args(Kind):
            return f"kind is {self.kind!r}, expected one of {', '.join(get_args(Kind))}"
        if not self.name or self.name == "input":
            return "a layer needs a name other than 'input', which is the image"
        if not least <= len(self.inputs) <= most:
            wanted = str(least) if least == most else f"{least} or more"
            return f"{self.kind} reads {wanted} inputs, got {len(self.inputs)}"
        if (self.channels > 0) is not (self.kind in WITH_CHANNELS):
            need = (
                "needs channels ≥ 1" if self.kind in WITH_CHANNELS else "takes its input's channels"
            )
            return f"{self.kind} {need}, got {self.channels}"
        if any(len(pair) != 2 for pair in (self.kernel, self.stride, self.dilation)):
            return "kernel, stride and dilation are one number or two"
        if any(not isinstance(n, int) or n < 1 for n in numbers):
            return f"kernel, stride and dilation are whole numbers ≥ 1, got {numbers}"
        if self.dilation != (1, 1) and self.kind not in DILATED:
            return f"{self.kind} has no dilation here, got {self.dilation}"
        if isinstance(self.padding, str):
            if self.padding not in {"same", "valid"}:
                return f"padding is {self.padding!r}, expected 'same', 'valid' or four numbers"
        elif self.kind not in PADDED or len(self.padding) != 4 or min(self.padding) < 0:
            named = "four numbers ≥ 0" if self.kind in PADDED else "'same' or 'valid'"
            return f"padding of {self.kind} is {self.padding}, expected {named}"
        if self.kind == "transpose_conv" and min(map(int.__sub__, self.kernel, self.stride)) < 0:
            return f"a transposed convolution's kernel {self.kernel} is smaller than its stride"
        if self.activation not in allowed:
            names = ", ".join(str(name) for name in allowed)
            return f"{self.kind} has activation {self.activation!r}, expected one of {names}" + (
                "; add a layer of kind 'activation'" if self.kind != "activation" else ""
            )
        return self._new_problem()

    def _new_problem(self) -> str | None:
        if self.groups < 1 or (self.groups > 1 and self.kind not in GROUPED):
            return f"{self.kind} in {self.groups} groups; a convolution or a group norm has some"
        if self.kind == "conv" and self.channels % self.groups:
            return f"{self.channels} channels do not divide into {self.groups} groups"
        if self.axis not in {0, 1, 2} or (self.axis != 2 and self.kind != "concat"):
            return f"axis is {self.axis}; a concatenation has 0 (height), 1 (width) or 2 (channels)"
        if self.kind not in SIZED:
            if self.size or self.split or self.order or self.begin or self.operator:
                return (
                    f"{self.kind} takes its size from its inputs; remove size, split, order, begin"
                )
            return None
        if len(self.size) != 3 or min(self.size) < 1:
            return f"{self.kind} needs a size (height, width, channels), got {self.size}"
        if self.kind == "rearrange" and sorted(self.order) != list(range(len(self.split))):
            return f"order {self.order} is not an order of the {len(self.split)} factors in split"
        if self.kind == "slice" and (len(self.begin) != 3 or min(self.begin) < 0):
            return f"a slice begins at (row, column, channel), got {self.begin}"
        if self.kind == "processor" and not self.operator:
            return "an operator of the processor needs its name"
        return None


@dataclass(frozen=True)
class Network:
    """A network for one image: layers in an order in which they can run.

    Attributes:
        input: Height, width and channels of the image.
        layers: Each layer reads the image ("input") or layers before it.
        outputs: Names of the layers whose values are the result; the last layer if left out.

    Raises:
        NetworkError: A name is taken twice or unknown, or shapes do not fit.

    Example:
        >>> net = Network(
        ...     Shape(32, 32, 3),
        ...     (
        ...         Layer("stem", "conv", ("input",), channels=8, kernel=3, stride=2),
        ...         Layer("pool", "global_avg_pool", ("stem",)),
        ...         Layer("classes", "dense", ("pool",), channels=10),
        ...     ),
        ... )
        >>> net.shapes["stem"]
        Shape(height=16, width=16, channels=8)
        >>> net.macs, net.parameters
        (55376, 314)
        >>> Network.from_json(net.to_json()) == net
        True
    """

    input: Shape
    layers: tuple[Layer, ...]
    outputs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "input", Shape(*self.input))
        object.__setattr__(self, "layers", tuple(self.layers))
        if not self.layers:
            msg = "the network has no layers"
            raise NetworkError(msg)
        if any(not isinstance(size, int) or size < 1 for size in self.input):
            msg = (
                f"the input's size is {tuple(self.input)}, expected height, width and channels ≥ 1; "
                "sizes must be known before a network can be compiled"
            )
            raise NetworkError(msg)
        object.__setattr__(self, "outputs", tuple(self.outputs) or (self.layers[-1].name,))
        known = {"input"}
        for layer in self.layers:
            if layer.name in known:
                msg = f"layer {layer.name!r} is there twice; names must be unique"
                raise NetworkError(msg)
            for source in layer.inputs:
                if source not in known:
                    msg = (
                        f"layer {layer.name!r} reads {source!r}, which is not a layer before it; "
                        "put layers in the order in which they run"
                    )
                    raise NetworkError(msg)
            known.add(layer.name)
        for name in self.outputs:
            if name not in known - {"input"}:
                msg = f"output {name!r} is not a layer of the network"
                raise NetworkError(msg)
        _ = self.shapes  # a network whose shapes do not fit is none

    @cached_property
    def shapes(self) -> Mapping[str, Shape]:
        """Shape of every activation, by name; "input" is the image."""
        shapes = {"input": self.input}
        for layer in self.layers:
            shapes[layer.name] = output_shape(layer, [shapes[name] for name in layer.inputs])
        return shapes

    def inputs_of(self, layer: Layer) -> list[Shape]:
        """Shapes of what a layer reads."""
        return [self.shapes[name] for name in layer.inputs]

    def kernel_of(self, layer: Layer) -> tuple[int, ...] | None:
        """Shape of a layer's weights; None where it has none. See `kernel_shape`."""
        return kernel_shape(layer, self.inputs_of(layer))

    def macs_of(self, layer: Layer) -> int:
        """Multiply-adds of one layer."""
        return layer_macs(layer, self.inputs_of(layer))

    def parameters_of(self, layer: Layer) -> int:
        """Weights and biases of one layer."""
        kernel = self.kernel_of(layer)
        if kernel is None:
            return 0
        biases = 0 if layer.kind in WITHOUT_BIAS else self.shapes[layer.name].channels
        return prod(kernel) + biases

    @cached_property
    def macs(self) -> int:
        """Multiply-adds for one image."""
        return sum(self.macs_of(layer) for layer in self.layers)

    @cached_property
    def parameters(self) -> int:
        """Weights and biases; at eight bits a weight about the bytes of the file."""
        return sum(self.parameters_of(layer) for layer in self.layers)

    def layer(self, name: str) -> Layer:
        """The layer of this name.

        Raises:
            NetworkError: There is none.
        """
        for layer in self.layers:
            if layer.name == name:
                return layer
        msg = f"no layer {name!r} in the network"
        raise NetworkError(msg)

    def with_layer(self, name: str, **changes: Any) -> "Network":
        """The same network with some fields of one layer changed.

        Example:
            >>> net = Network(Shape(8, 8, 3), (Layer("a", "conv", ("input",), channels=7),))
            >>> net.with_layer("a", channels=8).shapes["a"].channels
            8
        """
        self.layer(name)
        layers = tuple(
            replace(layer, **changes) if layer.name == name else layer for layer in self.layers
        )
        return replace(self, layers=layers)

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, lists, strings and numbers; fields at their default are left out."""
        layers = []
        for layer in self.layers:
            plain = {
                field.name: getattr(layer, field.name)
                for field in fields(Layer)
                if field.default is MISSING or getattr(layer, field.name) != field.default
            }
            layers.append({key: list(v) if isinstance(v, tuple) else v for key, v in plain.items()})
        return {"input": list(self.input), "layers": layers, "outputs": list(self.outputs)}

    def to_json(self) -> str:
        """The description as text; the same network gives the same text."""
        return json.dumps(self.to_dict(), separators=(",", ":"))

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Network":
        """Read back what `to_dict` gave.

        Raises:
            NetworkError: It is not a network's description.
        """
        try:
            return cls(
                Shape(*plain["input"]),
                tuple(Layer(**layer) for layer in plain["layers"]),
                tuple(plain.get("outputs", ())),
            )
        except (KeyError, TypeError) as error:
            msg = f"this is no description of a network: {error!r}; it needs 'input' and 'layers'"
            raise NetworkError(msg) from error

    @classmethod
    def from_json(cls, text: str) -> "Network":
        """Read back what `to_json` gave.

        Raises:
            NetworkError: It is not JSON, or not a network's description.
        """
        try:
            plain = json.loads(text)
        except json.JSONDecodeError as error:
            msg = f"this is no description of a network: it is not JSON ({error})"
            raise NetworkError(msg) from error
        return cls.from_dict(plain)

    def fingerprint(self) -> str:
        """Hexadecimal digest of the description, for caches; names of layers count."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()
