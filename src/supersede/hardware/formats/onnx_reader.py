"""Read an ONNX file as a trained network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from supersede.errors import ArgumentError, MissingExtraError, NetworkError, NetworkFileError
from supersede.hardware.formats.calls import Call
from supersede.hardware.formats.graph import Graph, Node, Ref, unsupported
from supersede.hardware.formats.onnx_folding import fold
from supersede.hardware.formats.onnx_operators import CALLS
from supersede.hardware.formats.operators import Unknown, build

if TYPE_CHECKING:
    from supersede.hardware.description.trained import TrainedNetwork

__all__ = ["from_onnx"]


def from_onnx(
    path: str | Path, *, size: tuple[int, int] | None = None, unknown: Unknown = "refuse"
) -> TrainedNetwork:
    """The network and its weights.

    What does not depend on the image, such as the sizes that exporters compute, is folded.

    Args:
        path: A file with one input, (n, channels, height, width), (n, channels, steps) or of features
            (n, channels); n may be free.
        size: Height and width, where the file leaves them free.
        unknown: What becomes of operators that have no layer here: they are refused, or, for a profile,
            left to the processor. A network with such operators cannot be run or quantised.

    Raises:
        MissingExtraError: The package onnx is not installed.
        NetworkFileError: The file is missing, damaged or no ONNX file.
        UnsupportedOperatorError: Operators have no layer here; all of them are named and counted.
        NetworkError: A size of the input is free, or there are several inputs.
        ArgumentError: `size` is not the file's.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingExtraError.of(
            package="onnx", extra="hardware", purpose="an ONNX file"
        ) from error
    path = Path(path)
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
    except FileNotFoundError as error:
        msg = f"there is no file {path}"
        raise NetworkFileError(msg) from error
    except Exception as error:  # protobuf, checker and external data each raise kinds of their own
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        msg = f"{path} is damaged or no ONNX file: {reason}; export it anew"
        raise NetworkFileError(msg) from error
    return build(_graph(model, size), unknown)


def _graph(model: Any, size: tuple[int, int] | None) -> Graph:
    """The operators that depend on the image, under common names."""
    weights = {tensor.name for tensor in model.graph.initializer}
    images = [given for given in model.graph.input if given.name not in weights]
    if len(images) != 1:
        names = ", ".join(given.name for given in images) or "none"
        msg = f"the model has {len(images)} inputs ({names}), expected one image"
        raise NetworkError(msg)
    image = images[0]
    shape = _input_shape(image, size)
    # one image at a time, so that shape inference can evaluate what depends on the batch
    for dim, known in zip(image.type.tensor_type.shape.dim, shape, strict=True):
        dim.dim_value = known
    opset = max(o.version for o in model.opset_import if o.domain in {"", "ai.onnx"})
    folded = fold(model)
    found: list[Node] = []
    made = {image.name}

    def argument(given: Any) -> Any:
        return given

    for node in folded.nodes:
        where = f"operator {node.op_type} {_layer_name(node)!r}"
        inputs = [_input(name, made, folded.constants) for name in node.input]
        sizes = folded.sizes.get(node.output[0])
        if sizes is None or min(sizes, default=1) < 1:
            raise unsupported(where, f"gives values of an unknown size {sizes or ''}".rstrip())
        given = _attributes(node) | {"inputs": inputs, "opset": opset}
        given |= {
            str(i): np.broadcast_to(0, [max(n, 0) for n in folded.sizes.get(name, ())])
            for i, name in enumerate(node.input)
        }
        call = Call(
            node.op_type, given, tuple(sizes), node.output[0], _layer_name(node), where, argument
        )
        if node.op_type == "Split":
            _split(call, node, folded.sizes)
        elif node.op_type in CALLS and node.domain in {"", "ai.onnx"}:
            CALLS[node.op_type](call)
        else:
            call.emit(node.op_type, [part for part in inputs if isinstance(part, Ref)])
        found += call.nodes
        made.update(name for name in node.output if name)
    return Graph(image.name, shape, found, [output.name for output in model.graph.output])


def _input(name: str, made: set[str], constants: dict[str, Any]) -> Any:
    if not name:
        return None
    return Ref(name) if name in made else constants.get(name, Ref(name))


def _split(call: Call, node: Any, sizes: dict[str, list[int]]) -> None:
    """An operator of several results, as a slice for each."""
    axis, begin = call.given.get("axis", 0), 0
    for name in node.output:
        call.output = name
        shape = tuple(sizes[name])
        call.emit("slice", call.given["inputs"][:1], None, shape, axis=axis, begin=begin, step=1)
        begin += shape[axis]


def _attributes(node: Any) -> dict[str, Any]:
    from onnx import TensorProto, helper, numpy_helper

    plain = {}
    for attribute in node.attribute:
        value = helper.get_attribute_value(attribute)
        if isinstance(value, TensorProto):
            value = numpy_helper.to_array(value)
        plain[attribute.name] = value.decode() if isinstance(value, bytes) else value
    return plain


def _layer_name(node: Any) -> str:
    return str(node.name or node.output[0])


def _input_shape(given: Any, size: tuple[int, int] | None) -> tuple[int, ...]:
    dims = given.type.tensor_type.shape.dim
    if len(dims) not in {2, 3, 4}:
        msg = f"input {given.name!r} has {len(dims)} dimensions, expected (n, channels, height, width)"
        raise NetworkError(msg)
    sizes = [1, *(dim.dim_value for dim in dims[1:])]
    if size is not None:
        if len(dims) != 4 or min(size) < 1:
            msg = f"size={size} is a height and a width ≥ 1, for an input of four dimensions"
            raise ArgumentError(msg)
        fixed = tuple(sizes[2:])
        if any(a > 0 and a != b for a, b in zip(fixed, size, strict=True)):
            msg = f"the file's image is {fixed[0]}×{fixed[1]}, so size={size} cannot be asked of it"
            raise ArgumentError(msg)
        sizes[2:] = size
    if free := [dim.dim_param or "?" for dim, n in zip(dims[1:], sizes[1:], strict=True) if n < 1]:
        msg = (
            f"input {given.name!r} has free sizes ({', '.join(free)}): an accelerator's program is made "
            "for one size; give `size` (--size HEIGHTxWIDTH), or export the model with fixed height and "
            "width (only the batch may be free)"
        )
        raise NetworkError(msg)
    return tuple(sizes)
