"""Torch's operators under their common names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from supersede.hardware.formats.calls import Call
from supersede.hardware.formats.graph import Ref, unsupported

__all__ = ["CALLS"]


def _conv(call: Call) -> None:
    given = call.given
    padding = 0 if given["padding"] == "valid" else given["padding"]
    flat = call.kind == "conv1d"
    call.emit(
        "conv", [given["input"], given["weight"], given["bias"]], groups=given["groups"],
        stride=_two(given["stride"], flat, 1), dilation=_two(given["dilation"], flat, 1),
        pads="same" if padding == "same" else _around(padding, flat),
    )  # fmt: skip


def _conv_transpose(call: Call) -> None:
    given = call.given
    call.emit(
        "conv_transpose", [given["input"], given["weight"], given["bias"]], groups=given["groups"],
        stride=_two(given["stride"]), dilation=_two(given["dilation"]),
        pads=_around(given["padding"]), extra=_two(given["output_padding"]),
    )  # fmt: skip


def _linear(call: Call) -> None:
    call.emit("linear", [call.given[name] for name in ("input", "weight", "bias")])


def _batch_norm(call: Call) -> None:
    given = call.given
    mean, variance, gain, shift = (
        call.argument(given[name]) for name in ("running_mean", "running_var", "weight", "bias")
    )
    if mean is None or variance is None or call.kind == "instance_norm":
        if call.kind == "instance_norm" and mean is None:
            call.emit(
                "group_norm",
                [given["input"], gain, shift],
                groups=call.shape[1],
                epsilon=given["eps"],
            )
            return
        raise unsupported(call.where, "batch normalisation without running statistics")
    factor = (1 if gain is None else gain) / np.sqrt(variance + given["eps"])
    call.emit("scale", [given["input"], factor, (0 if shift is None else shift) - mean * factor])


def _clip(call: Call) -> None:
    given = call.given
    low, high = given.get("min_val", given.get("min")), given.get("max_val", given.get("max"))
    limits = (-np.inf if low is None else low, np.inf if high is None else high)
    call.emit("clip", [given["self"]], low=limits[0], high=limits[1])


def _unary(op: str) -> Callable[[Call], None]:
    def unary(call: Call) -> None:
        call.emit(op, [call.given["self"]])

    return unary


def _gelu(call: Call) -> None:
    exact = call.given.get("approximate", "none") == "none"
    call.emit("gelu" if exact else "gelu_tanh", [call.given["self"]])


def _leaky(call: Call) -> None:
    call.emit("leaky_relu", [call.given["self"]], value=call.given["negative_slope"])


def _prelu(call: Call) -> None:
    call.emit("prelu", [call.given["self"], call.given["weight"]])


def _softmax(call: Call) -> None:
    call.emit("softmax", [call.given["self"]], axis=call.given["dim"])


def _binary(op: str) -> Callable[[Call], None]:
    def binary(call: Call) -> None:
        left, right = call.given["self"], call.given["other"]
        alpha = call.given.get("alpha", 1)
        if alpha != 1:
            part = call.argument(right)
            if isinstance(part, Ref):
                right = call.emit("mul", [right, float(alpha)], "factor", call.sizes("other"))
            else:
                right = part * alpha
        call.emit(op, [right, left] if call.kind == "rsub" else [left, right])

    return binary


def _negative(call: Call) -> None:
    call.emit("mul", [call.given["self"], -1.0])


def _power(call: Call) -> None:
    exponent = call.given["exponent"]
    if exponent == 2:
        call.emit("mul", [call.given["self"]] * 2)
    else:
        call.emit("pow", [call.given["self"], exponent])


def _concat(call: Call) -> None:
    call.emit("concat", call.given["tensors"], axis=call.given["dim"])


def _pool(call: Call) -> None:
    given, flat = call.given, call.kind.endswith("1d")
    if given["ceil_mode"] or given.get("divisor_override"):
        raise unsupported(call.where, "with ceil_mode or a divisor of its own", "round down")
    kernel = _two(given["kernel_size"], flat, 1)
    call.emit(
        "max_pool" if call.kind.startswith("max") else "avg_pool", [given["self"]], kernel=kernel,
        stride=_two(given["stride"], flat, 1) if given["stride"] else kernel,
        dilation=_two(given.get("dilation", 1), flat, 1), pads=_around(given["padding"], flat),
        counted=given.get("count_include_pad", False),
    )  # fmt: skip


def _adaptive(call: Call) -> None:
    before, after = call.sizes("self")[2:], call.shape[2:]
    if set(after) == {1}:
        axes = tuple(range(2, len(call.shape)))
        call.emit("mean", [call.given["self"]], axes=axes, keepdims=True)
    elif any(b % a for b, a in zip(before, after, strict=True)) or len(after) != 2:
        raise unsupported(call.where, f"from {before} to {after}", "1×1 is the mean")
    else:
        kernel = (before[0] // after[0], before[1] // after[1])
        call.emit(
            "avg_pool", [call.given["self"]], kernel=kernel, stride=kernel, dilation=(1, 1),
            pads=(0, 0, 0, 0), counted=True,
        )  # fmt: skip


def _mean(call: Call) -> None:
    axes = call.given["dim"] or range(len(call.sizes("self")))
    call.emit("mean", [call.given["self"]], axes=tuple(axes), keepdims=call.given["keepdim"])


def _upsample(call: Call) -> None:
    given, (tall, wide), (height, width) = (
        call.given,
        call.shape[2:],
        call.sizes("self" if "self" in call.given else "input")[2:],
    )
    # a given factor counts, not the size: 2.1 gives 16 rows of 8, but other pixels than 2 does
    by = given.get("scale_factors") or (given.get("scales_h"), given.get("scales_w"))
    factors = (tall // height, wide // width)
    exact = all(s in {None, f} for s, f in zip(by, factors, strict=True))
    corners = given.get("align_corners")
    words = ("" if exact else f" by {tuple(by)}") + (" with align_corners" if corners else "")
    call.emit(
        "resize", [given.get("self", given.get("input"))], exact=exact and not corners, words=words,
        mode="nearest" if "nearest" in call.kind else "bilinear",
    )  # fmt: skip


def _pad(call: Call) -> None:
    given, pairs = (
        call.given,
        list(zip(call.given["pad"][::2], call.given["pad"][1::2], strict=True)),
    )
    amounts = [(0, 0)] * (len(call.shape) - len(pairs)) + pairs[::-1]
    mode = given.get("mode", "constant")
    call.emit("pad", [given["self"]], amounts=amounts, mode=mode, value=given["value"] or 0)


def _permute(call: Call) -> None:
    rank = len(call.sizes("self"))
    if call.kind == "permute":
        order = list(call.given["dims"])
    else:
        order = list(range(rank))
        a, b = (0, 1) if call.kind == "t" else (call.given["dim0"], call.given["dim1"])
        order[a % rank], order[b % rank] = order[b % rank], order[a % rank]
    call.emit("transpose", [call.given["self"]], order=tuple(order))


def _slice(call: Call) -> None:
    given, sizes = call.given, None
    if hasattr(given["self"], "meta"):
        sizes = call.sizes("self")
    start = given.get("start") or 0
    if start < 0 and sizes is not None:
        start += sizes[given["dim"]]
    call.emit("slice", [given["self"]], axis=given["dim"], begin=start, step=given.get("step") or 1)


def _select(call: Call) -> None:
    sizes, dim, at = call.sizes("self"), call.given["dim"], call.given["index"]
    dim %= len(sizes)
    cut = (*sizes[:dim], 1, *sizes[dim + 1 :])
    part = call.emit(
        "slice", [call.given["self"]], "slice", cut, axis=dim, begin=at % sizes[dim], step=1
    )
    call.emit("reshape", [part])


def _matmul(call: Call) -> None:
    left = "self" if "self" in call.given else "input"
    right = "other" if "other" in call.given else "mat2"
    call.emit("matmul", [call.given[left], call.given[right]])


def _attention(call: Call) -> None:
    given, query, key = call.given, call.sizes("query"), call.sizes("key")
    if given.get("attn_mask") is not None or given.get("is_causal") or query[:-2] != key[:-2]:
        raise unsupported(call.where, "attention with a mask, or with fewer heads for keys")
    rank = len(query)
    order = (*range(rank - 2), rank - 1, rank - 2)
    turned = call.emit(
        "transpose", [given["key"]], "keys", tuple(key[i] for i in order), order=order
    )
    scores = (*query[:-1], key[-2])
    product = call.emit("matmul", [given["query"], turned], "scores", scores)
    factor = given.get("scale") or query[-1] ** -0.5
    scaled = call.emit("mul", [product, float(factor)], "scaled", scores)
    weights = call.emit("softmax", [scaled], "softmax", scores, axis=-1)
    call.emit("matmul", [weights, given["value"]])


def _layer_norm(call: Call) -> None:
    given = call.given
    dims = len(given["normalized_shape"])
    inputs = [given[name] for name in ("input", "weight", "bias")]
    call.emit("layer_norm", inputs, dims=dims, epsilon=given["eps"])


def _group_norm(call: Call) -> None:
    given = call.given
    inputs = [given[name] for name in ("input", "weight", "bias")]
    call.emit("group_norm", inputs, groups=given["num_groups"], epsilon=given["eps"])


def _shuffle(call: Call) -> None:
    """Channels to pixels, pixels to channels, or channels among each other."""
    source, sizes = call.given["self"], call.sizes("self")
    n, c, h, w = sizes
    split: tuple[int, ...]
    order: tuple[int, ...]
    if call.kind == "channel_shuffle":
        g = call.given["groups"]
        split, order = (n, g, c // g, h, w), (0, 2, 1, 3, 4)
    elif call.kind == "pixel_shuffle":
        r = call.given["upscale_factor"]
        split, order = (n, c // r**2, r, r, h, w), (0, 1, 4, 2, 5, 3)
    else:
        r = call.given["downscale_factor"]
        split, order = (n, c, h // r, r, w // r, r), (0, 1, 3, 5, 2, 4)
    parts = call.emit("reshape", [source], "split", split)
    moved = call.emit("transpose", [parts], "moved", tuple(split[i] for i in order), order=order)
    call.emit("reshape", [moved])


CALLS: dict[str, Callable[[Call], None]] = {
    "conv1d": _conv, "conv2d": _conv, "conv_transpose2d": _conv_transpose, "linear": _linear,
    "batch_norm": _batch_norm, "instance_norm": _batch_norm, "relu": _unary("relu"),
    "relu6": _unary("relu6"), "hardtanh": _clip, "clamp": _clip, "clamp_min": _clip,
    "hardswish": _unary("hard_swish"), "hardsigmoid": _unary("hard_sigmoid"),
    "sigmoid": _unary("sigmoid"), "silu": _unary("silu"), "tanh": _unary("tanh"),
    "exp": _unary("exp"), "erf": _unary("erf"), "sqrt": _unary("sqrt"), "gelu": _gelu,
    "leaky_relu": _leaky, "softmax": _softmax, "_softmax": _softmax, "add": _binary("add"),
    "sub": _binary("sub"), "rsub": _binary("sub"), "mul": _binary("mul"), "div": _binary("div"),
    "neg": _negative, "pow": _power, "cat": _concat, "max_pool1d": _pool, "max_pool2d": _pool,
    "avg_pool1d": _pool, "avg_pool2d": _pool, "adaptive_avg_pool1d": _adaptive,
    "adaptive_avg_pool2d": _adaptive, "mean": _mean, "upsample_nearest2d": _upsample,
    "upsample_bilinear2d": _upsample, "pad": _pad, "constant_pad_nd": _pad, "permute": _permute,
    "transpose": _permute, "t": _permute, "slice": _slice, "select": _select, "matmul": _matmul,
    "bmm": _matmul, "mm": _matmul, "scaled_dot_product_attention": _attention,
    "layer_norm": _layer_norm, "group_norm": _group_norm, "channel_shuffle": _shuffle,
    "pixel_shuffle": _shuffle, "pixel_unshuffle": _shuffle,
    "prelu": _prelu,
}  # fmt: skip


def _two(value: Any, flat: bool = False, beside: int = 1) -> tuple[int, int]:
    """Two numbers; of a sequence, which is an image of one row, the first is another's."""
    numbers = [value] if isinstance(value, int) else list(value)
    return (beside, numbers[-1]) if flat else (numbers[0], numbers[-1])


def _around(padding: Any, flat: bool = False) -> tuple[int, int, int, int]:
    tall, wide = _two(padding, flat, 0)
    return (tall, tall, wide, wide)
