"""TensorFlow Lite's operators under their common names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from supersede.hardware.formats.calls import Call
from supersede.hardware.formats.graph import Ref, unsupported
from supersede.hardware.formats.views import NONE

__all__ = ["CALLS"]

FUSED = {0: None, 1: "relu", 3: "relu6", 4: "tanh"}
"""Activations that an operator carries, by the format's number; the others have no layer."""


def _emit(call: Call, op: str, inputs: list[Any], **options: Any) -> None:
    """An operator, and the activation that it carries."""
    number = call.given.get("FusedActivationFunction", 0)
    if number not in FUSED:
        raise unsupported(
            call.where, f"it carries activation number {number}", "relu and relu6 fit"
        )
    carried = FUSED[number]
    if carried is None:
        call.emit(op, inputs, **options)
        return
    name = call.name
    plain = call.emit(op, inputs, "linear", **options)
    call.nodes[-1] = _named(call.nodes[-1], name)  # the layer that will carry it keeps the name
    call.emit(carried, [plain])
    call.nodes[-1] = _named(call.nodes[-1], f"{name}/{carried}")


def _named(node: Any, name: str) -> Any:
    from dataclasses import replace

    return replace(node, name=name)


def _inputs(call: Call, count: int) -> list[Any]:
    inputs: list[Any] = list(call.given["inputs"])
    return (inputs + [None] * count)[:count]


def _window(call: Call, *, dilated: bool = False) -> dict[str, Any]:
    given = call.given
    return {
        "stride": (given["StrideH"], given["StrideW"]),
        "dilation": (given["DilationHFactor"], given["DilationWFactor"]) if dilated else (1, 1),
        "pads": "same" if given["Padding"] == 0 else NONE,
    }


def _constant(call: Call, index: int) -> Any:
    given = _inputs(call, index + 1)[index]
    if given is None or isinstance(given, Ref):
        raise unsupported(call.where, f"its input {index} is computed", "it must be a constant")
    return np.asarray(given)


def _conv(call: Call) -> None:
    source, _, bias = _inputs(call, 3)
    kernel = _constant(call, 1)
    channels = call.given["tensors"][0].shape[-1]
    if call.kind == "DEPTHWISE_CONV_2D":
        if _is_hard_sigmoid(call, kernel, bias):
            call.emit("hard_sigmoid", [source])
            return
        ours, groups = kernel.transpose(3, 0, 1, 2), channels
    else:
        ours, groups = kernel.transpose(0, 3, 1, 2), channels // kernel.shape[3]
    _emit(call, "conv", [source, ours, bias], groups=groups, **_window(call, dilated=True))


def _is_hard_sigmoid(call: Call, kernel: Any, bias: Any) -> bool:
    """Whether a scaling is cut off at 0 by its activation and at 1 by the range of its result."""
    steps = call.given["output"].steps
    relu = call.given.get("FusedActivationFunction", 0) == 1
    if steps is None or not relu or kernel.shape[:3] != (1, 1, 1) or bias is None:
        return False
    top = steps.scale * ((127 if call.given["output"].type != "INT16" else 32767) - steps.zero)
    near = [np.allclose(kernel, 1 / 6, rtol=1e-4), np.allclose(bias, 0.5, atol=1e-3)]
    return all(near) and bool(np.isclose(top, 1, rtol=1e-3))


def _transposed(call: Call) -> None:
    _, _, source, bias = _inputs(call, 4)
    kernel, window = _constant(call, 1).transpose(3, 0, 1, 2), _window(call)
    same = [max(n - s, 0) for n, s in zip(kernel.shape[2:], window["stride"], strict=True)]
    crop = (same[0] // 2, same[0] - same[0] // 2, same[1] // 2, same[1] - same[1] // 2)
    window["pads"] = crop if window["pads"] == "same" else NONE
    _emit(call, "conv_transpose", [source, kernel, bias], groups=1, extra=(0, 0), **window)


def _dense(call: Call) -> None:
    source, _, bias = _inputs(call, 3)
    kernel = _constant(call, 1)
    before = call.given["tensors"][0].shape
    if (len(before) != 2 and before[-1] != kernel.shape[1]) or len(before) != len(call.shape):
        source = call.emit("reshape", [source], "flat", (call.shape[0], kernel.shape[1]))
    _emit(call, "linear", [source, kernel, bias])


def _pool(call: Call) -> None:
    op = "max_pool" if call.kind == "MAX_POOL_2D" else "avg_pool"
    kernel = (call.given["FilterHeight"], call.given["FilterWidth"])
    _emit(call, op, _inputs(call, 1), kernel=kernel, counted=False, **_window(call))


def _unary(op: str) -> Callable[[Call], None]:
    def unary(call: Call) -> None:
        call.emit(op, _inputs(call, 1))

    return unary


def _binary(op: str) -> Callable[[Call], None]:
    def binary(call: Call) -> None:
        _emit(call, op, _inputs(call, 2))

    return binary


def _leaky(call: Call) -> None:
    call.emit("leaky_relu", _inputs(call, 1), value=call.given["Alpha"])


def _softmax(call: Call) -> None:
    if call.given["Beta"] != 1:
        raise unsupported(call.where, f"a softmax with the factor {call.given['Beta']}")
    call.emit("softmax", _inputs(call, 1), axis=-1)


def _gelu(call: Call) -> None:
    call.emit("gelu_tanh" if call.given["Approximate"] else "gelu", _inputs(call, 1))


def _mean(call: Call) -> None:
    axes = tuple(int(n) for n in _constant(call, 1).reshape(-1))
    keep = bool(call.given["KeepDims"])
    call.emit("mean", _inputs(call, 1), axes=axes, keepdims=keep)


def _concat(call: Call) -> None:
    _emit(call, "concat", call.given["inputs"], axis=call.given["Axis"])


def _resize(call: Call) -> None:
    given = call.given
    nearest, centres = call.kind == "RESIZE_NEAREST_NEIGHBOR", given["HalfPixelCenters"]
    before, after = given["tensors"][0].shape, call.shape
    one = before[1:3] == after[1:3]
    # from pixels' corners, whole factors give the same nearest pixels, and other means
    exact = (not given["AlignCorners"] and bool(nearest or centres)) or one
    words = " with align_corners" if given["AlignCorners"] else "" if exact else " between corners"
    mode = "nearest" if nearest else "bilinear"
    call.emit("resize", _inputs(call, 1), mode=mode, exact=exact, words=words)


def _pad(call: Call) -> None:
    pairs = [tuple(int(n) for n in pair) for pair in _constant(call, 1)]
    value = 0.0 if len(call.given["inputs"]) < 3 else float(_constant(call, 2).reshape(-1)[0])
    mode = "reflect" if call.kind == "MIRROR_PAD" else "constant"
    call.emit("pad", _inputs(call, 1), amounts=pairs, mode=mode, value=value)


def _transpose(call: Call) -> None:
    order = tuple(int(n) for n in _constant(call, 1))
    call.emit("transpose", _inputs(call, 1), order=order)


def _slice(call: Call) -> None:
    """A part along each dimension, one after the other; dimensions may vanish at the end."""
    sizes = list(call.given["tensors"][0].shape)
    begin = _constant(call, 1).reshape(-1).tolist()
    if call.kind == "SLICE":
        ends = [sizes[i] if n < 0 else b + n for i, (b, n) in enumerate(zip(begin, _constant(call, 2).reshape(-1).tolist(), strict=True))]  # fmt: skip
        steps, masks = [1] * len(begin), (0, 0)
    else:
        ends, steps = (_constant(call, i).reshape(-1).tolist() for i in (2, 3))
        masks = call.given["BeginMask"], call.given["EndMask"]
        if call.given["EllipsisMask"] or call.given["NewAxisMask"]:
            raise unsupported(call.where, "a slice with an ellipsis or new dimensions")
        shrink = call.given["ShrinkAxisMask"]
        ends = [
            b + 1 if shrink >> i & 1 else e
            for i, (b, e) in enumerate(zip(begin, ends, strict=True))
        ]
    (value,) = _inputs(call, 1)
    for i, step in enumerate(steps):
        low = None if masks[0] >> i & 1 else begin[i]
        high = None if masks[1] >> i & 1 else ends[i] or None if begin[i] < 0 else ends[i]
        first, stop, step = slice(low, high, step).indices(sizes[i])
        count = len(range(first, stop, step))
        if (first, count, step) == (0, sizes[i], 1):
            continue
        sizes[i] = count
        value = call.emit("slice", [value], f"{i}", tuple(sizes), axis=i, begin=first, step=step)
    call.emit("reshape", [value])
    if len(call.nodes) > 1:  # the layer that does the work bears the name
        call.nodes[-2] = _named(call.nodes[-2], call.name)


def _split(call: Call) -> None:
    codes = {"SPLIT": (1, 0), "SPLIT_V": (0, 2)}
    at, axis_at = codes[call.kind]
    source, axis = call.given["inputs"][at], int(_constant(call, axis_at).reshape(-1)[0])
    begin = 0
    for name, shape in call.given["results"]:
        call.output = name
        call.emit("slice", [source], None, shape, axis=axis, begin=begin, step=1)
        begin += shape[axis]


def _matmul(call: Call) -> None:
    left, right = _inputs(call, 2)
    parts = []
    for value, tensor, turned, name in (
        (left, call.given["tensors"][0], call.given["AdjX"], "left"),
        (right, call.given["tensors"][1], call.given["AdjY"], "right"),
    ):
        rank = len(tensor.shape)
        order = (*range(rank - 2), rank - 1, rank - 2)
        if turned and isinstance(value, Ref):
            shape = tuple(tensor.shape[i] for i in order)
            value = call.emit("transpose", [value], name, shape, order=order)
        elif turned:
            value = value.transpose(order)
        parts.append(value)
    call.emit("matmul", parts)


def _space(call: Call) -> None:
    """Channels to pixels, or pixels to channels."""
    (source,), size = _inputs(call, 1), call.given["BlockSize"]
    n, h, w, c = call.given["tensors"][0].shape
    if call.kind == "SPACE_TO_DEPTH":
        split, order = (n, h // size, size, w // size, size, c), (0, 1, 3, 2, 4, 5)
    else:
        split, order = (n, h, w, size, size, c // size**2), (0, 1, 3, 2, 4, 5)
    parts = call.emit("reshape", [source], "split", split)
    moved = call.emit("transpose", [parts], "moved", tuple(split[i] for i in order), order=order)
    call.emit("reshape", [moved])


def _square(call: Call) -> None:
    call.emit("mul", _inputs(call, 1) * 2)


def _squared_difference(call: Call) -> None:
    difference = call.emit("sub", _inputs(call, 2), "difference")
    call.emit("mul", [difference, difference])


CALLS: dict[str, Callable[[Call], None]] = {
    "CONV_2D": _conv, "DEPTHWISE_CONV_2D": _conv, "TRANSPOSE_CONV": _transposed,
    "FULLY_CONNECTED": _dense, "ADD": _binary("add"), "SUB": _binary("sub"), "MUL": _binary("mul"),
    "DIV": _binary("div"), "MAX_POOL_2D": _pool, "AVERAGE_POOL_2D": _pool, "MEAN": _mean,
    "CONCATENATION": _concat, "RELU": _unary("relu"), "RELU6": _unary("relu6"),
    "HARD_SWISH": _unary("hard_swish"), "LOGISTIC": _unary("sigmoid"), "TANH": _unary("tanh"),
    "EXP": _unary("exp"), "RSQRT": _unary("rsqrt"), "SQRT": _unary("sqrt"), "LEAKY_RELU": _leaky,
    "PRELU": _binary("prelu"), "GELU": _gelu, "SOFTMAX": _softmax, "PAD": _pad, "PADV2": _pad,
    "MIRROR_PAD": _pad, "RESIZE_NEAREST_NEIGHBOR": _resize, "RESIZE_BILINEAR": _resize,
    "TRANSPOSE": _transpose, "STRIDED_SLICE": _slice, "SLICE": _slice, "SPLIT": _split,
    "SPLIT_V": _split, "BATCH_MATMUL": _matmul, "DEPTH_TO_SPACE": _space, "SPACE_TO_DEPTH": _space,
    "SQUARE": _square, "SQUARED_DIFFERENCE": _squared_difference,
    **dict.fromkeys(("RESHAPE", "SQUEEZE", "EXPAND_DIMS"), _unary("reshape")),
    **dict.fromkeys(("QUANTIZE", "DEQUANTIZE"), _unary("identity")),
}  # fmt: skip
