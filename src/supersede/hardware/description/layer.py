"""One operator of a network: what it does, what it reads, and which fields its kind allows."""

from dataclasses import dataclass
from typing import Literal, get_args

from supersede.errors import NetworkError

__all__ = ["Activation", "Kind", "Layer", "Padding"]

Padding = tuple[int, int, int, int]
"""Zeros added on top, at the bottom, left and right."""

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
    "relu",
    "relu6",
    "hard_swish",
    "sigmoid",
    "hard_sigmoid",
    "tanh",
    "leaky_relu",
    "gelu",
    "softmax",
    "exp",
]
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
