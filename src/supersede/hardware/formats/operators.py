"""What each operator of a model becomes: one table for all readers.

An operator that the table does not have, or a use of one that no layer can do, is refused by name, or,
where a model is only to be profiled, becomes the processor's work.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod
from typing import Any, Literal

import numpy as np

from supersede.errors import NetworkError, UnsupportedOperatorError
from supersede.hardware.description.layer import Padding
from supersede.hardware.description.shapes import Shape
from supersede.hardware.description.trained import TrainedNetwork
from supersede.hardware.formats.elementwise import binary, prelu
from supersede.hardware.formats.graph import Graph, Node, Ref, unsupported
from supersede.hardware.formats.importing import Importer
from supersede.hardware.formats.patterns import normalised
from supersede.hardware.formats.views import View
from supersede.hardware.formats.windows import conv, pool, resized, transposed_conv

__all__ = ["TABLE", "Unknown", "build"]

Unknown = Literal["refuse", "processor"]
Build = Callable[[Importer, Node, list[Any]], View]


def build(graph: Graph, unknown: Unknown = "refuse") -> TrainedNetwork:
    """The network of a model.

    Args:
        graph: What a reader found.
        unknown: Whether operators without a layer are refused or left to the processor.

    Raises:
        UnsupportedOperatorError: Operators have no layer here; all of them are named and counted.
    """
    graph = normalised(graph)
    if unknown == "refuse":
        _refuse_unknown(graph)
    importer = Importer(_size(graph), graph.channels_last)
    rank = len(graph.shape)
    views: dict[str, View] = {graph.input: importer.image("input", rank)}
    for node in graph.nodes:
        given = [views[part.name] if isinstance(part, Ref) else part for part in node.inputs]
        try:
            if node.op != "pad" and node.op not in PADDED and any(_padded(v) for v in given):
                raise unsupported(node.where, "reads what was padded", "only windows can be padded")
            if node.op not in TABLE:
                raise unsupported(node.where, "has no layer here")
            found = TABLE[node.op](importer, node, given)
            if node.op != "pad" and found.sizes != tuple(node.shape):
                what = f"gives values {tuple(node.shape)}, and its layer {found.sizes}"
                raise unsupported(node.where, what)
        except (UnsupportedOperatorError, NetworkError) as error:
            if unknown == "refuse":
                raise (
                    error
                    if isinstance(error, UnsupportedOperatorError)
                    else unsupported(node.where, str(error))
                ) from error
            found = processor(importer, node, given)
        views[node.output] = found
    results = []
    for name in graph.outputs:
        if name not in views:
            msg = f"the model's output {name!r} does not depend on its input"
            raise NetworkError(msg)
        results.append(importer.result(views[name], f"output {name!r} of the model"))
    return importer.finish(results)


def _refuse_batch(node: Node, dims: Sequence[int], sizes: Sequence[int]) -> None:
    """Refuse what is done along the batch: one image has no others beside it."""
    if sizes[0] == 1 and any(dim % len(sizes) == 0 for dim in dims):
        raise unsupported(node.where, "works along the batch", "images must stay apart")


def _padded(given: Any) -> bool:
    return isinstance(given, View) and any(given.pad)


def _size(graph: Graph) -> Shape:
    sizes = graph.shape[1:]
    if graph.shape[0] != 1 or not 1 <= len(sizes) <= 3:
        msg = f"the model's image is {graph.shape}, expected (1, channels, height, width)"
        raise NetworkError(msg)
    channels, *image = (*sizes[-1:], *sizes[:-1]) if graph.channels_last else sizes
    height, width = ((1,) * (2 - len(image)) + tuple(image))[:2]
    return Shape(height, width, channels)


def _refuse_unknown(graph: Graph) -> None:
    unknown = Counter(
        node.where.removeprefix("operator ").split(" ")[0]
        for node in graph.nodes
        if node.op not in TABLE
    )
    if unknown:
        named = ", ".join(f"{kind} ({n})" for kind, n in sorted(unknown.items()))
        msg = (
            f"the model has operators that have no layer here: {named}; `supersede profile` counts them"
            " as the processor's work"
        )
        raise UnsupportedOperatorError(msg)


def processor(importer: Importer, node: Node, given: list[Any]) -> View:
    """An operator that is counted, and left to the processor."""
    sizes = tuple(node.shape)
    if len(sizes) == 4 and not importer.channels_last:
        size = (sizes[2], sizes[3], sizes[0] * sizes[1])
    else:
        size = (
            (1, prod(sizes[:-1]), sizes[-1]) if len(sizes) != 4 else (prod(sizes[:2]), *sizes[2:])
        )
    sources = list(dict.fromkeys(part.layer for part in given if isinstance(part, View)))
    kind = node.where.removeprefix("operator ").split(" ")[0]
    layer = importer.add(node.name, "processor", sources[:64], size=size, operator=kind)
    if len(sizes) == 4 and sizes[0] == 1:
        return importer.image(layer)
    return importer.reshaped(importer.whole(layer), sizes)


def _activation(kind: Any) -> Build:
    def build_activation(importer: Importer, node: Node, given: list[Any]) -> View:
        return importer.activation(node.name, given[0], kind)

    return build_activation


def _clip(importer: Importer, node: Node, given: list[Any]) -> View:
    low, high = node.options["low"], node.options["high"]
    if low == 0 and high == 6:
        return importer.activation(node.name, given[0], "relu6")
    if low == 0 and high > 1e30:  # exporters write the largest float32 for no limit
        return importer.activation(node.name, given[0], "relu")
    raise unsupported(node.where, f"values clipped to {(low, high)}", "0 to 6 is relu6")


def _leaky(importer: Importer, node: Node, given: list[Any]) -> View:
    return importer.activation(node.name, given[0], "leaky_relu", float(node.options["value"]))


def _silu(importer: Importer, node: Node, given: list[Any]) -> View:
    gate = importer.activation(f"{node.name}/sigmoid", given[0], "sigmoid")
    product = importer.add(node.name, "multiply", [given[0].layer, gate.layer])
    return importer.like(product, given[0])


def _softmax(importer: Importer, node: Node, given: list[Any]) -> View:
    _refuse_batch(node, [node.options["axis"]], node.shape)
    axis = node.options["axis"] % len(given[0].dims)
    return importer.activation(node.name, importer.channelled(given[0], [axis]), "softmax")


def _scale(importer: Importer, node: Node, given: list[Any]) -> View:
    view, factor, shift = importer.as_image(given[0], node.where), node.array(1), node.array(2)
    channels = importer.shape(view).channels
    if factor.shape != (channels,) or shift.shape != (channels,):
        raise unsupported(node.where, f"{len(factor)} factors for {channels} channels")
    return importer.scale(node.name, view, factor, shift)


def _linear(importer: Importer, node: Node, given: list[Any]) -> View:
    view, kernel, bias = given[0], node.array(1), node.optional(2)
    end = len(view.dims) - 1
    if kernel.ndim != 2:
        raise unsupported(node.where, "a matrix product other than of a dense layer")
    if kernel.shape[1] != view.sizes[end]:
        what = f"a dense layer of {kernel.shape[1]} inputs after {view.sizes[end]} values"
        raise unsupported(node.where, what)
    if prod(view.sizes[:end]) == 1:  # all values: weights change their order, not the values
        factors = [view.split[i] for i in view.dims[end]]
        order = np.argsort(view.dims[end]) if factors else ()
        ours = kernel.reshape(-1, *factors).transpose(0, *(int(i) + 1 for i in order))
        layer = importer.add(node.name, "dense", [view.layer], channels=len(kernel))
        importer.weigh(layer, ours.reshape(len(kernel), -1), bias)
        dims = ((),) * end + ((0,) if len(kernel) > 1 else (),)
        return View(layer, (len(kernel),) if len(kernel) > 1 else (), dims)
    view = importer.channelled(view, [end])
    layer = importer.add(node.name, "conv", [view.layer], channels=len(kernel))
    importer.weigh(layer, kernel[:, None, None, :], bias)
    return view.resized(layer, end, len(kernel))


def _matmul(importer: Importer, node: Node, given: list[Any]) -> View:
    left, right = given
    if not isinstance(right, View) and np.ndim(right) == 2:
        linear = replace(node, inputs=(node.inputs[0], np.asarray(right).T))
        return _linear(importer, linear, given)
    left, right = (
        part if isinstance(part, View) else importer.constant(f"{node.name}/constant", part)
        for part in (left, right)
    )
    rank = len(left.dims)
    if len(right.dims) != rank or rank < 2 or left.sizes[:-2] != right.sizes[:-2]:
        what = f"a product of matrices {left.sizes} and {right.sizes}"
        raise unsupported(node.where, what, "as many matrices on both sides are needed")
    laid = [importer.laid(part, range(rank - 2), [rank - 2], [rank - 1]) for part in (left, right)]
    layer = importer.add(node.name, "matmul", [part.layer for part in laid])
    return laid[0].resized(layer, rank - 1, right.sizes[-1])


def _concat(importer: Importer, node: Node, given: list[Any]) -> View:
    rank = len(node.shape)
    dim = node.options["axis"] % rank
    _refuse_batch(
        node,
        [dim],
        [part.sizes[0] if isinstance(part, View) else 2 for part in given[:1]] + [2] * (rank - 1),
    )
    parts = [
        part if isinstance(part, View) else importer.constant(f"{node.name}/constant{i}", part)
        for i, part in enumerate(given)
    ]
    plan = parts[0].plan(importer.shape(parts[0]))
    if plan is not None and (dim,) in plan:  # the others come into the order of the first
        laid = [importer.laid(part, *plan) for part in parts]
        layer = importer.add(
            node.name, "concat", [part.layer for part in laid], axis=plan.index((dim,))
        )
        return laid[0].resized(layer, dim, node.shape[dim])
    laid = [importer.laid(p, range(dim), [dim], range(dim + 1, rank)) for p in parts]
    layer = importer.add(node.name, "concat", [part.layer for part in laid], axis=1)
    return importer.reshaped(importer.whole(layer), tuple(node.shape))


def _slice(importer: Importer, node: Node, given: list[Any]) -> View:
    dim = node.options["axis"] % len(given[0].dims)
    _refuse_batch(node, [dim], given[0].sizes)
    begin, step, count = node.options["begin"], node.options["step"], node.shape[dim]
    if count == given[0].sizes[dim] and step == 1:
        return _identity(importer, node, given)
    view, axis = importer.isolated(given[0], dim)
    if step < 1 or (axis == 2 and step != 1):
        raise unsupported(node.where, f"every {step}th channel", "steps along the image are needed")
    size, first, steps, source = list(importer.shape(view)), [0, 0, 0], [1, 1, 1], view.layer
    before = importer.layers.get(source)
    if before is not None and before.kind == "slice" and before.begin[axis] == 0:
        uncut = importer.shapes[before.inputs[0]][axis] == before.size[axis]
        if uncut:  # a part of a part is a part
            source, first, steps = before.inputs[0], list(before.begin), [*before.stride, 1]
    size[axis], first[axis], steps[axis] = count, begin, step
    layer = importer.add(
        node.name, "slice", [source], size=size, begin=first, stride=(steps[0], steps[1])
    )
    return view.resized(layer, dim, count)


def _mean(importer: Importer, node: Node, given: list[Any]) -> View:
    rank = len(given[0].dims)
    over = sorted(axis % rank for axis in node.options["axes"])
    _refuse_batch(node, over, given[0].sizes)
    kept = [dim for dim in range(rank) if dim not in over]
    view = importer.channelled(given[0], kept)
    layer = importer.add(node.name, "global_avg_pool", [view.layer])
    axes = view.axes(importer.shape(view)) or ((), (), ())
    channels = importer.shapes[layer].channels
    factors = axes[2]
    split = tuple(view.split[i] for i in factors) or ((channels,) if channels > 1 else ())
    dims = [
        () if dim in over else tuple(factors.index(i) for i in view.dims[dim])
        for dim in range(rank)
        if dim not in over or node.options["keepdims"]
    ]
    return View(layer, split, tuple(dims))


def _norm(importer: Importer, node: Node, given: list[Any]) -> View:
    """Of each pixel over its channels, or of groups of channels over the image."""
    epsilon, gain, shift = node.options["epsilon"], node.optional(1), node.optional(2)
    if node.op == "layer_norm":
        rank, count = len(given[0].dims), node.options["dims"]
        view = importer.channelled(given[0], range(rank - count, rank))
        layer = importer.add(node.name, "layer_norm", [view.layer], value=epsilon)
    else:
        view = importer.as_image(given[0], node.where)
        groups = node.options["groups"]
        layer = importer.add(node.name, "group_norm", [view.layer], groups=groups, value=epsilon)
    channels = importer.shapes[layer].channels
    ordered = []
    for values, missing in ((gain, 1.0), (shift, 0.0)):
        if values is None:
            values = np.full(channels, missing)
        if (
            node.op == "layer_norm"
        ):  # in memory, channels may lie in another order than in the model
            factors = [i for dim in view.dims[-node.options["dims"] :] for i in dim]
            by_factor = np.asarray(values).reshape([view.split[i] for i in factors])
            values = by_factor.transpose(*np.argsort(factors)) if factors else by_factor
        ordered.append(np.asarray(values).reshape(-1))
    importer.weigh(layer, ordered[0].reshape(1, 1, 1, -1), ordered[1])
    return importer.reshaped(importer.like(layer, view), tuple(node.shape))


def _reshape(importer: Importer, node: Node, given: list[Any]) -> View:
    return importer.reshaped(given[0], tuple(node.shape))


def _transpose(importer: Importer, node: Node, given: list[Any]) -> View:
    view: View = given[0]
    return view.transposed(tuple(i % len(view.dims) for i in node.options["order"]))


def _pad(importer: Importer, node: Node, given: list[Any]) -> View:
    amounts, view = node.options["amounts"], given[0]
    filled = node.options["mode"] != "constant" or node.options["value"]
    rows, columns = (1, 2) if importer.channels_last else (2, 3)
    if len(amounts) == 3 and len(view.dims) == 3:  # a sequence is an image of one row
        amounts = (
            [*amounts[:rows], (0, 0), *amounts[rows:]]
            if not importer.channels_last
            else [amounts[0], (0, 0), *amounts[1:]]
        )
    others = [a for i, a in enumerate(amounts) if i not in {rows, columns}]
    if filled or len(amounts) != 4 or any(any(pair) for pair in others):
        raise unsupported(node.where, "padding other than zeros around the image")
    zeros: Padding = (*amounts[rows], *amounts[columns])
    if min(zeros) < 0:
        what = f"cuts {zeros} (top, bottom, left, right)"
        raise unsupported(node.where, what, "amounts ≥ 0 are needed")
    if any(view.pad):
        zeros = (
            zeros[0] + view.pad[0],
            zeros[1] + view.pad[1],
            zeros[2] + view.pad[2],
            zeros[3] + view.pad[3],
        )
    found: View = replace(view, pad=zeros) if any(zeros) else view
    return found


def _identity(importer: Importer, node: Node, given: list[Any]) -> View:
    found: View = given[0]
    return found


PADDED = frozenset({"conv", "max_pool", "avg_pool"})
"""Operators that take in zeros which were put around their input."""

TABLE: dict[str, Build] = {
    "conv": conv,
    "conv_transpose": transposed_conv,
    "linear": _linear,
    "matmul": _matmul,
    "scale": _scale,
    "relu": _activation("relu"),
    "relu6": _activation("relu6"),
    "clip": _clip,
    "hard_swish": _activation("hard_swish"),
    "hard_sigmoid": _activation("hard_sigmoid"),
    "sigmoid": _activation("sigmoid"),
    "tanh": _activation("tanh"),
    "gelu": _activation("gelu"),
    "exp": _activation("exp"),
    "leaky_relu": _leaky,
    "prelu": prelu,
    "silu": _silu,
    "softmax": _softmax,
    "add": binary,
    "sub": binary,
    "mul": binary,
    "div": binary,
    "concat": _concat,
    "slice": _slice,
    "max_pool": pool,
    "avg_pool": pool,
    "mean": _mean,
    "resize": resized,
    "layer_norm": _norm,
    "group_norm": _norm,
    "reshape": _reshape,
    "transpose": _transpose,
    "pad": _pad,
    "identity": _identity,
}
