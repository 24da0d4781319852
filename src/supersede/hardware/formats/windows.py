"""Operators that move a window over an image: convolutions, pooling, resizing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from supersede.hardware.description.layer import Padding
from supersede.hardware.description.shapes import explicit_padding
from supersede.hardware.formats.graph import Node, unsupported
from supersede.hardware.formats.views import NONE, View

if TYPE_CHECKING:
    from supersede.hardware.formats.importing import Importer

__all__ = ["conv", "pool", "resized", "transposed_conv"]


def conv(importer: Importer, node: Node, given: list[Any]) -> View:
    """A convolution with a kernel (out, in / groups, height, width), or without height."""
    view, kernel, bias = importer.as_image(given[0], node.where), node.array(1), node.optional(2)
    rank = len(node.shape)
    if kernel.ndim not in {3, 4} or kernel.ndim != rank:
        raise unsupported(node.where, f"a convolution in {kernel.ndim - 2} dimensions")
    if kernel.ndim == 3:
        kernel = kernel[:, :, None, :]
    options, groups = node.options, node.options["groups"]
    channels = importer.shape(view).channels
    out, per_group, tall, wide = kernel.shape
    window = {"kernel": (tall, wide), "stride": options["stride"], "dilation": options["dilation"]}
    padding = _padding(node, view)
    if groups == channels == out and per_group == 1:
        layer = importer.add(node.name, "depthwise", [view.layer], padding=padding, **window)
        importer.weigh(layer, kernel.transpose(1, 2, 3, 0), bias)
    else:
        layer = importer.add(
            node.name, "conv", [view.layer], padding=padding, channels=out, groups=groups, **window
        )
        importer.weigh(layer, kernel.transpose(0, 2, 3, 1), bias)
    return importer.image(layer, rank)


def _padding(node: Node, view: View) -> Any:
    """The window's own padding, and what a Pad put around the image."""
    own = node.options["pads"]
    if own == "same" and any(view.pad):
        raise unsupported(node.where, "a window that is padded twice")
    return own if own == "same" else tuple(a + b for a, b in zip(own, view.pad, strict=True))


def transposed_conv(importer: Importer, node: Node, given: list[Any]) -> View:
    """A transposed convolution with a kernel (in, out, height, width)."""
    view, kernel, bias = importer.as_image(given[0], node.where), node.array(1), node.optional(2)
    options = node.options
    if kernel.ndim != 4:
        raise unsupported(node.where, "a transposed convolution in other than two dimensions")
    if options["groups"] != 1 or options["dilation"] != (1, 1):
        raise unsupported(node.where, "a transposed convolution in groups or dilated")
    stride, cropped, extra = options["stride"], options["pads"], options["extra"]
    _, out, tall, wide = kernel.shape
    same = [max(size - step, 0) for size, step in zip((tall, wide), stride, strict=True)]
    wanted = (same[0] // 2, same[0] - same[0] // 2, same[1] // 2, same[1] - same[1] // 2)
    # extra rows at the bottom are rows that are not cropped there
    cut = (cropped[0], cropped[1] - extra[0], cropped[2], cropped[3] - extra[1])
    if cut not in {wanted, NONE}:
        raise unsupported(
            node.where,
            f"a transposed convolution of {tall}×{wide} at stride {stride[0]} that crops {cut}",
            f"no cropping, or {wanted} (top, bottom, left, right), is what accelerators know; "
            "a kernel of twice the stride with padding of half the stride is",
        )
    layer = importer.add(
        node.name, "transpose_conv", [view.layer], channels=out, kernel=(tall, wide), stride=stride,
        padding="same" if cut == wanted else "valid",
    )  # fmt: skip
    return importer.image(importer.weigh(layer, kernel.transpose(1, 2, 3, 0), bias))


def pool(importer: Importer, node: Node, given: list[Any]) -> View:
    """A maximum or a mean over a window."""
    view, options = importer.as_image(given[0], node.where), node.options
    if options["dilation"] != (1, 1):
        raise unsupported(node.where, "a dilated window")
    own, around = options["pads"], view.pad
    twice = any(around) and (own == "same" or any(own))
    window: dict[str, Any] = {"kernel": options["kernel"], "stride": options["stride"]}
    if node.op == "avg_pool":
        counted = options["counted"]
        if twice and not counted:
            raise unsupported(node.where, "a mean over a twice padded window")
        pads = _padding(node, view)
        return _mean_pool(importer, node, view, pads, zeros=counted or any(around), window=window)
    if twice:
        raise unsupported(node.where, "a maximum over a twice padded window")
    return _max_pool(importer, node, view, around if any(around) else own, any(around), window)


def _max_pool(
    importer: Importer, node: Node, view: View, pads: Any, zeros: bool, window: dict[str, Any]
) -> View:
    """Padding is zeros, or never the largest as torch and ONNX have it."""
    name = importer.add(node.name, "max_pool", [view.layer], padding=pads, **window)
    layer = importer.layers[name]
    if zeros:  # "same" would say that they are never the largest
        importer.layers[name] = replace(layer, padding=pads)
    elif isinstance(layer.padding, tuple) and not importer.positive(view):
        raise unsupported(
            node.where,
            f"max pooling with padding {pads} of values that may be negative",
            "put a relu before it, or use TensorFlow's padding",
        )
    return importer.image(name, len(node.shape))


def _mean_pool(
    importer: Importer, node: Node, view: View, pads: Any, *, zeros: bool, window: dict[str, Any]
) -> View:
    """Padding counts in the mean, or not."""
    name = importer.add(node.name, "avg_pool", [view.layer], padding=pads, **window)
    layer = importer.layers[name]
    padded = pads != "same" and any(pads)
    if padded and zeros:
        found: Padding = explicit_padding(layer, importer.shape(view))
        importer.layers[name] = replace(layer, padding=found)
    elif padded and layer.padding != "same":
        raise unsupported(
            node.where, f"average pooling with padding {pads} that does not count",
            "let zeros count (count_include_pad), or use TensorFlow's padding",
        )  # fmt: skip
    return importer.image(name, len(node.shape))


def resized(importer: Importer, node: Node, given: list[Any]) -> View:
    """An image enlarged by whole factors, to the nearest pixel or between pixel centres."""
    view, options = importer.as_image(given[0], node.where), node.options
    height, width, _ = importer.shape(view)
    rows = 1 if importer.channels_last else 2
    tall, wide = node.shape[rows : rows + 2]
    whole = options["exact"] and tall % height == 0 == wide % width
    if options["mode"] not in {"nearest", "bilinear"} or not whole:
        raise unsupported(
            node.where, f"a resize from {height}×{width} to {tall}×{wide}{options['words']}",
            "a whole factor, nearest or bilinear between pixel centres (align_corners=False), is needed",
        )  # fmt: skip
    kind: Any = f"upsample_{options['mode']}"
    factors = (tall // height, wide // width)
    return importer.image(importer.add(node.name, kind, [view.layer], stride=factors))
