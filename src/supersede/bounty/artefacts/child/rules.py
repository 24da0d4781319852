"""The allowed content of an ONNX file; checked in the child process, after its lock.

This file imports nothing of the package, because the child imports nothing of it.
"""

import math
from collections.abc import Iterable, Iterator
from typing import Any

__all__ = ["ALLOWED", "MAX_NODES", "MAX_OPSET", "MAX_VALUES", "Refused", "check"]

MAX_NODES = 2000
MAX_VALUES = 2_000_000  # numbers in all constants together
MAX_PORTS = 1000  # inputs
MAX_OPSET = {"": 23, "ai.onnx.ml": 5}

# Deliberately left out: operators that contain a graph (If, Loop, Scan, SequenceMap), that draw
# random numbers (Random*, Bernoulli, Multinomial, Dropout), that make large tensors from small ones
# (ConstantOfShape, Expand, Tile, Range, Pad, Resize, OneHot), and those that no table needs.
ALLOWED = {
    "": frozenset(
        {
            "Abs",
            "Add",
            "And",
            "ArgMax",
            "ArgMin",
            "BatchNormalization",
            "Cast",
            "Clip",
            "Concat",
            "Constant",
            "Div",
            "Elu",
            "Equal",
            "Erf",
            "Exp",
            "Flatten",
            "Floor",
            "Gather",
            "Gelu",
            "Gemm",
            "Greater",
            "GreaterOrEqual",
            "HardSigmoid",
            "Identity",
            "IsNaN",
            "LayerNormalization",
            "LeakyRelu",
            "Less",
            "LessOrEqual",
            "Log",
            "LogSoftmax",
            "MatMul",
            "Max",
            "Min",
            "Mul",
            "Neg",
            "Not",
            "Or",
            "Pow",
            "Reciprocal",
            "ReduceMax",
            "ReduceMin",
            "ReduceSum",
            "Relu",
            "Reshape",
            "Selu",
            "Sigmoid",
            "Sign",
            "Slice",
            "Softmax",
            "Softplus",
            "Sqrt",
            "Squeeze",
            "Sub",
            "Sum",
            "Tanh",
            "Transpose",
            "Unsqueeze",
            "Where",
            "Xor",
        }
    ),
    "ai.onnx.ml": frozenset(
        {
            "ArrayFeatureExtractor",
            "Binarizer",
            "CategoryMapper",
            "FeatureVectorizer",
            "Imputer",
            "LabelEncoder",
            "LinearClassifier",
            "LinearRegressor",
            "Normalizer",
            "OneHotEncoder",
            "SVMClassifier",
            "SVMRegressor",
            "Scaler",
            "TreeEnsemble",
            "TreeEnsembleClassifier",
            "TreeEnsembleRegressor",
        }
    ),
}


class Refused(Exception):  # a verdict, not an error of this program
    """The file contains something that is not allowed; the message names it."""


def check(model: Any) -> None:
    """Check everything that onnxruntime would use.

    Args:
        model: The parsed file, an ``onnx.ModelProto``.

    Raises:
        Refused: It contains something that is not allowed.
    """
    for domain, version in ((opset.domain, opset.version) for opset in model.opset_import):
        most = MAX_OPSET.get("" if domain == "ai.onnx" else domain)
        if most is None:
            _refuse(
                f"operators of the domain {domain!r}; only ONNX's own and ai.onnx.ml are allowed"
            )
        elif not 1 <= version <= most:
            _refuse(
                f"opset {version} of {domain or 'ai.onnx'!r}; export for opset {most} or earlier"
            )
    if not model.opset_import:
        _refuse("no opset; it is not an ONNX model, or it is damaged")
    graph = model.graph
    for what, found in (
        ("functions of its own", model.functions),
        ("training steps", model.training_info),
        ("sparse constants", graph.sparse_initializer),
    ):
        if len(found):
            _refuse(f"{what}; export the plain inference graph")
    _at_most(len(graph.node), MAX_NODES, "nodes")
    _at_most(len(graph.input) + len(graph.output), MAX_PORTS, "inputs and outputs")
    if not graph.node or not graph.output:
        _refuse("no nodes or no outputs; it is not an ONNX model, or it is damaged")
    _check_nodes(graph)
    attributes = [attribute for node in graph.node for attribute in node.attribute]
    _check_tensors([*graph.initializer, *(t for a in attributes for t in _tensors(a))])


def _check_nodes(graph: Any) -> None:
    constants = {tensor.name for tensor in graph.initializer}
    for node in graph.node:
        domain = "" if node.domain == "ai.onnx" else node.domain
        if node.op_type not in ALLOWED.get(domain, ()):
            why = "; convert with zipmap=False" if node.op_type == "ZipMap" else ""
            _refuse(
                f"the operator {domain + '.' * bool(domain)}{node.op_type}, which is not allowed{why}"
            )
        for attribute in node.attribute:
            if attribute.HasField("g") or len(attribute.graphs):
                _refuse(f"a graph within {node.op_type}")
            if attribute.HasField("sparse_tensor") or len(attribute.sparse_tensors):
                _refuse(f"a sparse constant within {node.op_type}")
            if attribute.ref_attr_name:
                _refuse(f"a reference to a function's attribute within {node.op_type}")
        if node.op_type == "Constant":
            constants.update(node.output)
        if node.op_type == "Reshape" and list(node.input)[1:2] and node.input[1] not in constants:
            _refuse("a Reshape whose shape is computed; make it a constant")


def _tensors(attribute: Any) -> Iterator[Any]:
    if attribute.HasField("t"):
        yield attribute.t
    yield from attribute.tensors


def _check_tensors(tensors: Iterable[Any]) -> None:
    total = 0
    for tensor in tensors:
        if tensor.data_location or len(tensor.external_data):
            _refuse(f"the constant {tensor.name!r} in another file; save the model as one file")
        if any(size < 0 for size in tensor.dims):
            _refuse(f"the constant {tensor.name!r} of the shape {list(tensor.dims)[:8]}")
        total += math.prod(tensor.dims)
        _at_most(total, MAX_VALUES, "numbers in its constants")


def _at_most(found: int, most: int, what: str) -> None:
    if found > most:
        _refuse(f"{found:,} {what}, more than {most:,}")


def _refuse(what: str) -> None:
    msg = f"the ONNX model has {what}"
    raise Refused(msg)
