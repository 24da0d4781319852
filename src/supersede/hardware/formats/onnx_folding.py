"""Compute what of an ONNX graph does not depend on the image: constants, and sizes of targets."""

from __future__ import annotations

from typing import Any

import numpy as np

from supersede.hardware.description.quantised import Array

__all__ = ["Folded", "fold"]

ROUNDS = 12
LARGEST = 1 << 24
"""Values of a constant that is computed here; larger ones stay operators of the model."""


class Folded:
    """A graph whose sizes are known.

    Attributes:
        nodes: Operators that depend on the image.
        constants: Values of all others, and of the weights.
        sizes: Of every value, as far as shape inference knows them.
    """

    def __init__(
        self, nodes: list[Any], constants: dict[str, Array], sizes: dict[str, list[int]]
    ) -> None:
        self.nodes, self.constants, self.sizes = nodes, constants, sizes


def fold(model: Any) -> Folded:
    """Fold constants and infer sizes in turns, until no more is found.

    Args:
        model: The loaded file; its input's sizes are fixed.
    """
    from onnx import numpy_helper, shape_inference

    graph = model.graph
    constants: dict[str, Array] = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    for _ in range(ROUNDS):
        del graph.value_info[:]
        for output in graph.output:
            output.type.tensor_type.ClearField("shape")
        inferred = shape_inference.infer_shapes(model, data_prop=True).graph
        sizes = {
            info.name: [dim.dim_value if dim.HasField("dim_value") else -1 for dim in info.type.tensor_type.shape.dim]
            for info in (*inferred.value_info, *inferred.output, *graph.input)
            if info.type.tensor_type.HasField("shape")
        }  # fmt: skip
        kept = []
        for node in graph.node:
            found = _computed(node, constants, sizes, model)
            if found is None:
                kept.append(node)
            else:
                constants |= found
        done = len(kept) == len(graph.node)
        del graph.node[:]
        graph.node.extend(kept)
        named = {tensor.name for tensor in graph.initializer}
        read = {name for node in kept for name in node.input}
        graph.initializer.extend(
            numpy_helper.from_array(constants[name], name) for name in read & set(constants) - named
        )
        if done:
            break
    return Folded(list(graph.node), constants, sizes)


def _computed(
    node: Any, constants: dict[str, Array], sizes: dict[str, list[int]], model: Any
) -> dict[str, Array] | None:
    """What an operator gives that reads constants only; None for all others."""
    from onnx import AttributeProto

    if node.op_type == "Shape" and (size := sizes.get(node.input[0])) and min(size) >= 0:
        start = next((a.i for a in node.attribute if a.name == "start"), 0)
        end = next((a.i for a in node.attribute if a.name == "end"), len(size))
        return {node.output[0]: np.array(size[start:end], np.int64)}
    if any(name and name not in constants for name in node.input) or any(
        a.type in {AttributeProto.GRAPH, AttributeProto.GRAPHS} for a in node.attribute
    ):
        return None
    if not node.input and node.op_type != "Constant":
        return None  # random numbers
    if any(np.prod(sizes.get(name) or [1]) > LARGEST for name in node.output):
        return None
    return _evaluated(node, constants, model)


def _evaluated(node: Any, constants: dict[str, Array], model: Any) -> dict[str, Array] | None:
    from onnx import helper
    from onnx.reference import ReferenceEvaluator

    names = [name for name in dict.fromkeys(node.input) if name]
    infos = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(constants[n].dtype), None)
        for n in names
    ]
    outputs = [helper.make_empty_tensor_value_info(name) for name in node.output if name]
    graph = helper.make_graph([node], "constant", infos, outputs)
    alone = helper.make_model(graph, opset_imports=model.opset_import)
    try:
        found = ReferenceEvaluator(alone).run(None, {name: constants[name] for name in names})
    except NotImplementedError:  # an operator that the package does not compute
        return None
    named = [name for name in node.output if name]
    return {name: np.asarray(value) for name, value in zip(named, found, strict=True)}
