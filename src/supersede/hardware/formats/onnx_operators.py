"""ONNX's operators under their common names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from supersede.hardware.formats.calls import Call
from supersede.hardware.formats.graph import Ref, unsupported

__all__ = ["CALLS"]


def _inputs(call: Call, count: int) -> list[Any]:
    """The first inputs, None for those that are left out."""
    inputs: list[Any] = list(call.given["inputs"])
    return (inputs + [None] * count)[:count]


def _constant(call: Call, index: int, attribute: str = "") -> Any:
    """A constant that is an attribute in older versions of the format and an input in newer ones."""
    if attribute in call.given:
        return call.given[attribute]
    given = _inputs(call, index + 1)[index]
    if isinstance(given, Ref):
        what = f"its input {given.name!r} is computed by the model"
        raise unsupported(call.where, what, "it must be a constant")
    return given


def _window(call: Call) -> dict[str, Any]:
    """Kernel, stride, dilation and padding, in our words."""
    given, flat = call.given, len(call.shape) == 3
    pads = list(given.get("pads", [0, 0] if flat else [0, 0, 0, 0]))
    auto, ceil = given.get("auto_pad", "NOTSET"), given.get("ceil_mode", 0)
    if auto == "SAME_LOWER" or ceil or len(pads) != (2 if flat else 4):
        what = f"a window with auto_pad={auto}, ceil_mode={ceil}, pads={pads}"
        raise unsupported(call.where, what, "two dimensions, rounded down, padded once")
    top, left, bottom, right = (0, pads[0], 0, pads[1]) if flat else pads
    return {
        "stride": _two(given.get("strides"), flat),
        "dilation": _two(given.get("dilations"), flat),
        "pads": "same" if auto == "SAME_UPPER" else (top, bottom, left, right),
    }


def _two(numbers: Any, flat: bool) -> tuple[int, int]:
    if numbers is None:
        return (1, 1)
    return (1, int(numbers[0])) if flat else (int(numbers[0]), int(numbers[1]))


def _conv(call: Call) -> None:
    call.emit("conv", _inputs(call, 3), groups=call.given.get("group", 1), **_window(call))


def _conv_transpose(call: Call) -> None:
    window, given = _window(call), call.given
    if window["pads"] == "same" or "output_shape" in given:
        raise unsupported(call.where, "a transposed convolution by output size", "give pads")
    extra = tuple(given.get("output_padding", (0, 0)))
    groups = given.get("group", 1)
    call.emit("conv_transpose", _inputs(call, 3), groups=groups, extra=extra, **window)


def _pool(call: Call) -> None:
    given, flat = call.given, len(call.shape) == 3
    call.emit(
        "max_pool" if call.kind == "MaxPool" else "avg_pool", _inputs(call, 1),
        kernel=_two(given["kernel_shape"], flat), counted=bool(given.get("count_include_pad", 0)),
        **_window(call),
    )  # fmt: skip


def _batch_norm(call: Call) -> None:
    source, gain, shift, mean, variance = _inputs(call, 5)
    if any(isinstance(part, Ref) for part in (gain, shift, mean, variance)):
        raise unsupported(call.where, "statistics that the model computes")
    factor = gain / np.sqrt(variance + call.given.get("epsilon", 1e-5))
    call.emit("scale", [source, factor, shift - mean * factor])


def _instance_norm(call: Call) -> None:
    epsilon = call.given.get("epsilon", 1e-5)
    call.emit("group_norm", _inputs(call, 3), groups=call.shape[1], epsilon=epsilon)


def _group_norm(call: Call) -> None:
    groups, epsilon = call.given["num_groups"], call.given.get("epsilon", 1e-5)
    source, gain, shift = _inputs(call, 3)
    if (
        gain is not None and np.size(gain) == groups != call.shape[1]
    ):  # opset 18: one for each group
        gain, shift = (np.repeat(part, call.shape[1] // groups) for part in (gain, shift))
    call.emit("group_norm", [source, gain, shift], groups=groups, epsilon=epsilon)


def _layer_norm(call: Call) -> None:
    rank = len(call.shape)
    dims = rank - call.given.get("axis", -1) % rank
    call.emit("layer_norm", _inputs(call, 3), dims=dims, epsilon=call.given.get("epsilon", 1e-5))


def _unary(op: str) -> Callable[[Call], None]:
    def unary(call: Call) -> None:
        call.emit(op, _inputs(call, 1))

    return unary


def _binary(op: str) -> Callable[[Call], None]:
    def binary(call: Call) -> None:
        call.emit(op, _inputs(call, 2))

    return binary


def _many(op: str) -> Callable[[Call], None]:
    """A sum of any number of values, as operators of two."""

    def many(call: Call) -> None:
        value, *others = call.given["inputs"]
        for i, other in enumerate(others):
            end = i == len(others) - 1
            value = call.emit(op, [value, other], None if end else f"{i}")
        if not others:
            call.emit("identity", [value])

    return many


def _clip(call: Call) -> None:
    low, high = _constant(call, 1, "min"), _constant(call, 2, "max")
    least = -np.inf if low is None else float(np.asarray(low).reshape(-1)[0])
    most = np.inf if high is None else float(np.asarray(high).reshape(-1)[0])
    call.emit("clip", _inputs(call, 1), low=least, high=most)


def _hard_sigmoid(call: Call) -> None:
    """clip(αx + β, 0, 1), of which ours has α = 1/6 and β = ½."""
    alpha, beta = call.given.get("alpha", 0.2), call.given.get("beta", 0.5)
    (source,) = _inputs(call, 1)
    factor, shift = 6 * alpha, 6 * beta - 3
    if not np.isclose(factor, 1, rtol=1e-4):
        source = call.emit("mul", [source, np.float64(factor)], "factor")
    if not np.isclose(shift, 0, atol=1e-4):
        source = call.emit("add", [source, np.float64(shift)], "shift")
    call.emit("hard_sigmoid", [source])


def _leaky(call: Call) -> None:
    call.emit("leaky_relu", _inputs(call, 1), value=call.given.get("alpha", 0.01))


def _gelu(call: Call) -> None:
    exact = call.given.get("approximate", "none") == "none"
    call.emit("gelu" if exact else "gelu_tanh", _inputs(call, 1))


def _softmax(call: Call) -> None:
    axis, rank = call.given.get("axis", 1 if call.given["opset"] < 13 else -1), len(call.shape)
    if call.given["opset"] < 13 and any(n != 1 for n in call.shape[axis % rank + 1 :]):
        raise unsupported(call.where, "a softmax over several dimensions together")
    call.emit("softmax", _inputs(call, 1), axis=axis)


def _concat(call: Call) -> None:
    call.emit("concat", call.given["inputs"], axis=call.given["axis"])


def _global_mean(call: Call) -> None:
    call.emit("mean", _inputs(call, 1), axes=tuple(range(2, len(call.shape))), keepdims=True)


def _mean(call: Call) -> None:
    axes, rank = _constant(call, 1, "axes"), len(call.sizes("0"))
    every = range(rank) if axes is None else np.asarray(axes).reshape(-1).tolist()
    keep = bool(call.given.get("keepdims", 1))
    call.emit("mean", _inputs(call, 1), axes=tuple(int(a) for a in every), keepdims=keep)


def _gemm(call: Call) -> None:
    given = call.given
    source, kernel, bias = _inputs(call, 3)
    plain = not given.get("transA") and {given.get("alpha", 1.0), given.get("beta", 1.0)} == {1.0}
    if not plain or isinstance(kernel, Ref):
        raise unsupported(call.where, "a matrix product other than of a dense layer")
    kernel = kernel if given.get("transB") else kernel.T
    if bias is not None:
        bias = np.broadcast_to(np.asarray(bias).reshape(-1), len(kernel))
    call.emit("linear", [source, kernel, bias])


def _resize(call: Call) -> None:
    given, before = call.given, call.sizes("0")
    if len(call.given["inputs"]) < 3 and call.kind == "Resize" and given["opset"] < 11:
        raise unsupported(call.where, "its form before opset 11", "export with a newer opset")
    if len(call.shape) != 4:
        raise unsupported(call.where, f"a resize of values {before}")
    mode = given.get("mode", "nearest")
    old = call.kind == "Upsample"
    at = given.get("coordinate_transformation_mode", "asymmetric" if old else "half_pixel")
    rounding = given.get("nearest_mode", "floor" if old else "round_prefer_floor")
    scales = _constant(call, 1 if old else 2, "scales")
    factors = [a // b for a, b in zip(call.shape, before, strict=True)]
    exact = factors[:2] == [1, 1]
    if scales is not None and np.size(scales):
        # a given factor counts, not the size: 2.1 gives 16 rows of 8, other pixels than 2 does
        exact &= np.asarray(scales).tolist() == factors
    exact &= given.get("keep_aspect_ratio_policy", "stretch") == "stretch"
    between = at == "half_pixel" and rounding.startswith("round_")
    one = all(f == 1 for f in factors[2:])
    kind = "other"
    if mode == "nearest" and (between or one or (at, rounding) == ("asymmetric", "floor")):
        kind = "nearest"
    elif mode in {"linear", "bilinear"} and (at in {"half_pixel", "pytorch_half_pixel"} or one):
        kind = "bilinear"
    how = f" in mode {mode}, {at}" + (f", {rounding}" if mode == "nearest" else "")
    by = "" if scales is None or not np.size(scales) else f" by {np.asarray(scales).tolist()}"
    call.emit("resize", _inputs(call, 1), mode=kind, exact=exact, words=by + how)


def _pad(call: Call) -> None:
    amounts = np.asarray(_constant(call, 1, "pads")).reshape(-1).astype(int).tolist()
    fill, axes = _constant(call, 2, "value"), _constant(call, 3)
    half, rank = len(amounts) // 2, len(call.shape)
    pairs = [(amounts[i], amounts[i + half]) for i in range(half)]
    if axes is not None:
        around = [(0, 0)] * rank
        for axis, pair in zip(np.asarray(axes).reshape(-1).tolist(), pairs, strict=True):
            around[axis % rank] = pair
        pairs = around
    mode = call.given.get("mode", "constant")
    value = 0 if fill is None else float(np.asarray(fill).reshape(-1)[0])
    call.emit("pad", _inputs(call, 1), amounts=pairs, mode=mode, value=value)


def _transpose(call: Call) -> None:
    order = call.given.get("perm", range(len(call.shape))[::-1])
    call.emit("transpose", _inputs(call, 1), order=tuple(order))


def _slice(call: Call) -> None:
    sizes = call.sizes("0")
    starts, ends = _constant(call, 1, "starts"), _constant(call, 2, "ends")
    axes, steps = _constant(call, 3, "axes"), _constant(call, 4)
    starts, ends = (np.asarray(part).reshape(-1).tolist() for part in (starts, ends))
    axes = list(range(len(starts))) if axes is None else np.asarray(axes).reshape(-1).tolist()
    steps = [1] * len(starts) if steps is None else np.asarray(steps).reshape(-1).tolist()
    (value,), shape = _inputs(call, 1), list(sizes)
    for i, (axis, start, end, step) in enumerate(zip(axes, starts, ends, steps, strict=True)):
        if step < 1:
            raise unsupported(call.where, "a slice that runs backwards")
        begin, stop, _ = slice(start, end, step).indices(sizes[axis])
        shape[axis] = len(range(begin, stop, step))
        last = i == len(axes) - 1
        value = call.emit(
            "slice",
            [value],
            None if last else f"{i}",
            tuple(shape),
            axis=axis,
            begin=begin,
            step=step,
        )


def _space(call: Call) -> None:
    """Channels to pixels, or pixels to channels."""
    (source,), size = _inputs(call, 1), call.given["blocksize"]
    n, c, h, w = call.sizes("0")
    if call.kind == "SpaceToDepth":
        split, order = (n, c, h // size, size, w // size, size), (0, 3, 5, 1, 2, 4)
    elif call.given.get("mode", "DCR") == "CRD":
        split, order = (n, c // size**2, size, size, h, w), (0, 1, 4, 2, 5, 3)
    else:
        split, order = (n, size, size, c // size**2, h, w), (0, 3, 4, 1, 5, 2)
    parts = call.emit("reshape", [source], "split", split)
    moved = call.emit("transpose", [parts], "moved", tuple(split[i] for i in order), order=order)
    call.emit("reshape", [moved])


def _negative(call: Call) -> None:
    call.emit("mul", [*_inputs(call, 1), np.float64(-1)])


CALLS: dict[str, Callable[[Call], None]] = {
    "Conv": _conv, "ConvTranspose": _conv_transpose, "MaxPool": _pool, "AveragePool": _pool,
    "BatchNormalization": _batch_norm, "InstanceNormalization": _instance_norm,
    "GroupNormalization": _group_norm, "LayerNormalization": _layer_norm, "Relu": _unary("relu"),
    "Clip": _clip, "HardSwish": _unary("hard_swish"), "HardSigmoid": _hard_sigmoid,
    "Sigmoid": _unary("sigmoid"), "Tanh": _unary("tanh"), "Exp": _unary("exp"), "Erf": _unary("erf"),
    "Sqrt": _unary("sqrt"), "Gelu": _gelu, "LeakyRelu": _leaky, "PRelu": _binary("prelu"),
    "Softmax": _softmax, "Add": _binary("add"), "Sub": _binary("sub"), "Mul": _binary("mul"),
    "Div": _binary("div"), "Pow": _binary("pow"), "Sum": _many("add"), "Neg": _negative,
    "Concat": _concat, "GlobalAveragePool": _global_mean, "ReduceMean": _mean, "Gemm": _gemm,
    "MatMul": _binary("matmul"), "Resize": _resize, "Upsample": _resize, "Pad": _pad,
    "Transpose": _transpose, "Slice": _slice, "DepthToSpace": _space, "SpaceToDepth": _space,
    "Identity": _unary("identity"), "Dropout": _unary("identity"), "Cast": _unary("identity"),
    **dict.fromkeys(("Flatten", "Reshape", "Squeeze", "Unsqueeze"), _unary("reshape")),
}  # fmt: skip
