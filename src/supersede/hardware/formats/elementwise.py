"""Sums, differences, products and quotients: of two values of the model, or of one and a constant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from supersede.hardware.formats.graph import Node, unsupported
from supersede.hardware.formats.views import View

if TYPE_CHECKING:
    from supersede.hardware.formats.importing import Importer

__all__ = ["binary", "prelu"]

KINDS: dict[str, Any] = {"add": "add", "sub": "subtract", "mul": "multiply", "div": "divide"}


def binary(importer: Importer, node: Node, given: list[Any]) -> View:
    """The layer of an operator on two values, either of which may be a constant."""
    left, right = given
    if not isinstance(left, View):
        return _constant_first(importer, node, np.asarray(left), right)
    if not isinstance(right, View):
        return _with_constant(importer, node, left, np.asarray(right))
    return _of_two(importer, node, left, right)


def _of_two(importer: Importer, node: Node, left: View, right: View) -> View:
    op, name = node.op, node.name
    if len(right.sizes) > len(left.sizes) or np.prod(right.sizes) > np.prod(left.sizes):
        if op == "div":
            raise unsupported(node.where, "a quotient whose divisor is the larger one")
        if op == "sub":
            right = importer.scale(f"{name}/negative", right, np.array([-1.0]), np.array([0.0]))
            op = "add"
        left, right = right, left
    if len(right.dims) != len(left.dims) and max(right.sizes, default=1) > 1:
        aligned = ((),) * (len(left.dims) - len(right.dims)) + right.dims
        right = View(right.layer, right.split, aligned, right.pad)
    if left.axes(importer.shape(left)) is None:
        rank = len(left.dims)
        left = importer.laid(left, [], range(rank - 1), [rank - 1])
    same = (right.split, right.dims) == (left.split, left.dims)
    if not same or importer.shape(left) != importer.shape(right):
        right = importer.matched(right, left, node.where)
    return importer.like(importer.add(name, KINDS[op], [left.layer, right.layer]), left)


def _with_constant(importer: Importer, node: Node, view: View, constant: Any) -> View:
    """Value ∘ constant: a scaling where there is one constant for each channel, or one for all."""
    op, name = node.op, node.name
    if np.prod(constant.shape) > np.prod(view.sizes):
        raise unsupported(node.where, f"a constant of shape {constant.shape} beside {view.sizes}")
    if op == "sub":
        constant, op = -constant, "add"
    if op == "div":
        if (constant == 0).any():
            raise unsupported(node.where, "a division by zero")
        constant, op = 1 / constant.astype(np.float64), "mul"
    laid = importer.spread(constant, view, node.where)
    if laid.shape[:2] == (1, 1):
        flat = laid.reshape(-1)
        one, zero = np.ones(1), np.zeros(1)
        if (op == "mul" and (flat == 1).all()) or (op == "add" and not flat.any()):
            return view
        return importer.scale(name, view, *((one, flat) if op == "add" else (flat, zero)))
    layer = importer.add(f"{name}/constant", "constant", (), size=laid.shape)
    importer.weigh(layer, laid[None])
    return importer.like(importer.add(name, KINDS[op], [view.layer, layer]), view)


def _constant_first(importer: Importer, node: Node, constant: Any, view: View) -> View:
    """Constant ∘ value."""
    if node.op in {"add", "mul"}:
        return _with_constant(importer, node, view, constant)
    if node.op == "div":
        raise unsupported(node.where, "a constant divided by a value")
    zero = np.zeros(1)
    negative = importer.scale(f"{node.name}/negative", view, np.array([-1.0]), zero)
    plus = Node("add", node.name, node.where, node.inputs, node.output, node.shape)
    return _with_constant(importer, plus, negative, constant)


def prelu(importer: Importer, node: Node, given: list[Any]) -> View:
    """A leaky relu with slopes that were learnt: one, or one for each channel."""
    view, slopes = given[0], node.array(1)
    if slopes.size == 1:
        return importer.activation(node.name, view, "leaky_relu", float(slopes.reshape(-1)[0]))
    view = importer.as_image(view, node.where)
    channels = importer.shape(view).channels
    if slopes.size != channels:
        raise unsupported(node.where, f"{slopes.size} slopes for {channels} channels")
    layer = importer.add(node.name, "prelu", [view.layer])
    importer.weigh(layer, slopes.reshape(1, 1, 1, -1))
    return importer.like(layer, view)
