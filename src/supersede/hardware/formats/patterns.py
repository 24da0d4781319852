"""What several operators of a model mean together, recognised before they become layers.

- x · clip(x + 3, 0, 6) / 6, with the division anywhere, is a hard swish; without x, a hard sigmoid.
- x / 2 · (1 + erf(x / √2)) is a GELU.
- (x − mean) / √(variance + ε) is a layer norm; a gain and a shift after it are scalings.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from supersede.hardware.formats.graph import Graph, Node, Ref

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["normalised"]


def normalised(graph: Graph) -> Graph:
    """The same model with patterns put together; operators that are no longer read are left out."""
    for rule in (_hard_sigmoid, _hard_swish, _gelu, _layer_norm):
        found = _Found(graph)
        nodes = [rule(found, node) or node for node in graph.nodes]
        graph = _needed(replace(graph, nodes=nodes))
    return graph


def _needed(graph: Graph) -> Graph:
    needed, kept = set(graph.outputs), []
    for node in reversed(graph.nodes):
        if node.output in needed:
            needed.update(node.refs)
            kept.append(node)
    return replace(graph, nodes=kept[::-1])


@dataclass
class _Found:
    """Ways to look at a graph."""

    graph: Graph

    def __post_init__(self) -> None:
        self.makers = {node.output: node for node in self.graph.nodes}

    def maker(self, given: Any, op: str) -> Node | None:
        """The operator that makes a value, if it is of this kind."""
        node = self.makers.get(given.name) if isinstance(given, Ref) else None
        return node if node is not None and node.op == op else None

    def with_number(self, given: Any, op: str) -> Iterator[tuple[Any, float]]:
        """For a value that is another one and a number put together: both."""
        node = self.maker(given, op)
        if node is None:
            return
        for value, number in (node.inputs[:2], node.inputs[1::-1]):
            swapped = value is not node.inputs[0]
            single = isinstance(value, Ref) and not isinstance(number, Ref) and np.size(number) == 1
            if single and not (swapped and op in {"sub", "div", "pow"}):
                yield value, float(np.asarray(number).reshape(-1)[0])

    def divided(self, given: Any) -> Iterator[tuple[Any, float]]:
        """A value divided by a number, or multiplied with its inverse."""
        yield from self.with_number(given, "div")
        for value, number in self.with_number(given, "mul"):
            if number:
                yield value, 1 / number


def _close(a: float, b: float) -> bool:
    return bool(np.isclose(a, b, rtol=1e-4))


def _rewritten(node: Node, op: str, inputs: tuple[Any, ...], **options: Any) -> Node:
    return replace(node, op=op, inputs=inputs, options=options)


def _hard_sigmoid(found: _Found, node: Node) -> Node | None:
    """clip(x + 3, 0, 6) / 6, or clip(x / 6 + ½, 0, 1)."""
    for value, number in found.divided(Ref(node.output)):
        if (source := _relu6_of_three_more(found, value)) and _close(number, 6):
            return _rewritten(node, "hard_sigmoid", (source,))
    if node.op == "clip" and (node.options["low"], node.options["high"]) == (0, 1):
        for value, shift in found.with_number(node.inputs[0], "add"):
            for source, divisor in found.divided(value):
                if _close(shift, 0.5) and _close(divisor, 6):
                    return _rewritten(node, "hard_sigmoid", (source,))
    return None


def _relu6_of_three_more(found: _Found, given: Any) -> Any:
    clip = found.maker(given, "clip") or found.maker(given, "relu6")
    if clip is None or (
        clip.op == "clip" and (clip.options["low"], clip.options["high"]) != (0, 6)
    ):
        return None
    for value, number in found.with_number(clip.inputs[0], "add"):
        if number == 3:
            return value
    return None


def _hard_swish(found: _Found, node: Node) -> Node | None:
    """X times its hard sigmoid, or (x · clip(x + 3, 0, 6)) / 6."""
    if node.op == "mul":
        for one, other in (node.inputs[:2], node.inputs[1::-1]):
            gate = found.maker(other, "hard_sigmoid")
            if gate is not None and isinstance(one, Ref) and gate.inputs[0] == one:
                return _rewritten(node, "hard_swish", (one,))
    for value, number in found.divided(Ref(node.output)):
        product = found.maker(value, "mul")
        if product is None or not _close(number, 6):
            continue
        for one, other in (product.inputs[:2], product.inputs[1::-1]):
            if isinstance(one, Ref) and _relu6_of_three_more(found, other) == one:
                return _rewritten(node, "hard_swish", (one,))
    return None


def _gelu(found: _Found, node: Node) -> Node | None:
    """½ · x · (1 + erf(x / √2)), in any order of the products."""
    if node.op != "mul":
        return None
    factors, numbers = [], 1.0
    waiting = list(node.inputs)
    while waiting:
        given = waiting.pop()
        if not isinstance(given, Ref):
            if np.size(given) != 1:
                return None
            numbers *= float(np.asarray(given).reshape(-1)[0])
        elif (inner := found.maker(given, "mul")) is not None:
            waiting += inner.inputs
        elif halves := list(found.with_number(given, "div")):
            (value, number), *_ = halves
            waiting.append(value)
            numbers /= number
        else:
            factors.append(given)
    if len(factors) != 2 or not _close(numbers, 0.5):
        return None
    for source, gate in (factors, factors[::-1]):
        for value, number in found.with_number(gate, "add"):
            erf = found.maker(value, "erf")
            if erf is not None and number == 1:
                for inner, divisor in found.divided(erf.inputs[0]):
                    if inner == source and _close(divisor, 2**0.5):
                        return _rewritten(node, "gelu", (source,))
    return None


def _layer_norm(found: _Found, node: Node) -> Node | None:
    """(x − mean) / √(mean of (x − mean)² + ε), over the last dimensions; or times the inverse root."""
    if node.op not in {"div", "mul"} or not all(isinstance(given, Ref) for given in node.inputs):
        return None
    one, other = node.inputs[:2]
    if node.op == "mul" and found.maker(one, "rsqrt") is not None:
        one, other = other, one
    centred = found.maker(one, "sub")
    root = found.maker(other, "sqrt" if node.op == "div" else "rsqrt")
    if centred is None or root is None or len(centred.refs) != 2:
        return None
    source = centred.inputs[0]
    mean = found.maker(centred.inputs[1], "mean")
    for variance, epsilon in found.with_number(root.inputs[0], "add"):
        over = found.maker(variance, "mean")
        if mean is None or over is None or mean.inputs[0] != source:
            continue
        if not _is_square(found, over.inputs[0], centred):
            continue
        rank = len(node.shape)
        axes = [sorted(a % rank for a in part.options["axes"]) for part in (mean, over)]
        if axes[0] == axes[1] == list(range(rank - len(axes[0]), rank)):
            return _rewritten(
                node, "layer_norm", (source, None, None), dims=len(axes[0]), epsilon=epsilon
            )
        split = found.maker(source, "reshape")
        if (
            found.graph.channels_last
            and split is not None
            and axes == [[1, 3], [1, 3]]
            and rank == 4
        ):
            return _rewritten(
                node, "group_norm", (split.inputs[0], None, None), groups=node.shape[2],
                epsilon=epsilon,
            )  # fmt: skip
    return None


def _is_square(found: _Found, given: Any, centred: Node) -> bool:
    """Whether a value is the square of what this operator gives."""

    def same(other: Any) -> bool:
        twin = found.maker(other, "sub")
        return twin is not None and len(twin.refs) == 2 and twin.refs == centred.refs

    if any(number == 2 and same(value) for value, number in found.with_number(given, "pow")):
        return True
    product = found.maker(given, "mul")
    return product is not None and all(same(part) for part in product.inputs)
