"""How layers that ONNX has no single operator for, or another layout, are written."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from supersede.hardware.formats.graph import unsupported

if TYPE_CHECKING:
    from supersede.hardware.description.layer import Layer
    from supersede.hardware.formats.onnx_writer import Writer

__all__ = ["write_activation", "write_special"]


def write_activation(writer: Writer, layer: Layer, plain: str, name: str) -> bool:
    """Write an activation that is not an operator with one input; whether it was one."""
    match layer.activation:
        case "relu6":
            bounds = [writer.constant(str(n), n, np.float32) for n in (0, 6)]
            writer.node("Clip", [plain, *bounds], layer.name, name)
        case "hard_sigmoid":
            # written in full: an attribute's 1/6 is a float32, with ½ exact
            writer.node("HardSigmoid", [plain], layer.name, name, alpha=1 / 6, beta=0.5)
        case "leaky_relu":
            writer.node("LeakyRelu", [plain], layer.name, name, alpha=layer.value)
        case "softmax":
            writer.node("Softmax", [plain], layer.name, name, axis=1)
        case "gelu":
            numbers = {"root": sqrt(2), "one": 1.0, "half": 0.5}
            root, one, half = (
                writer.constant(f"gelu/{key}", value, np.float32) for key, value in numbers.items()
            )
            scaled = writer.node("Div", [plain, root], f"{layer.name}/scaled")
            erf = writer.node("Erf", [scaled], f"{layer.name}/erf")
            gate = writer.node("Add", [erf, one], f"{layer.name}/gate")
            twice = writer.node("Mul", [plain, gate], f"{layer.name}/twice")
            writer.node("Mul", [twice, half], layer.name, name)
        case _:
            return False
    return True


def write_special(writer: Writer, layer: Layer, output: str) -> bool:
    """Write a layer that needs more than one operator, or another order of axes; whether it did."""
    name, inputs = layer.name, list(layer.inputs)
    match layer.kind:
        case "constant":
            values = writer.trained.parameters[name].kernel.transpose(0, 3, 1, 2)
            writer.constant(f"{name}/values", values, np.float32)
            writer.node("Identity", [f"{name}/values"], output, name)
        case "prelu":
            slopes = writer.trained.parameters[name].kernel.reshape(-1, 1, 1)
            writer.constant(f"{name}/slopes", slopes, np.float32)
            writer.node("PRelu", [*inputs, f"{name}/slopes"], output, name)
        case "matmul":
            left, right = (
                _last(writer, source, f"{name}/{side}")
                for source, side in zip(inputs, ("left", "right"), strict=True)
            )
            product = writer.node("MatMul", [left, right], f"{name}/product", name)
            _first(writer, product, output)
        case "layer_norm":
            image = _last(writer, inputs[0], f"{name}/last")
            weights = _gain_and_shift(writer, layer, (-1,))
            normal = writer.node(
                "LayerNormalization", [image, *weights], f"{name}/normal", name, axis=-1,
                epsilon=layer.value,
            )  # fmt: skip
            _first(writer, normal, output)
        case "group_norm":
            _write_group_norm(writer, layer, output)
        case "rearrange":
            image = _last(writer, inputs[0], f"{name}/last")
            split = writer.constant(f"{name}/split", [-1, *layer.split])
            parts = writer.node("Reshape", [image, split], f"{name}/parts")
            order = [0, *(i + 1 for i in layer.order)]
            moved = writer.node("Transpose", [parts], f"{name}/moved", perm=order)
            size = writer.constant(f"{name}/size", [-1, *layer.size])
            whole = writer.node("Reshape", [moved, size], f"{name}/whole", name)
            _first(writer, whole, output)
        case "slice":
            steps = (*layer.stride, 1)
            ends = [
                b + (n - 1) * s + 1 for b, n, s in zip(layer.begin, layer.size, steps, strict=True)
            ]
            given = {"begin": layer.begin, "ends": ends, "axes": [2, 3, 1], "steps": steps}
            amounts = [writer.constant(f"{name}/{what}", values) for what, values in given.items()]
            writer.node("Slice", [*inputs, *amounts], output, name)
        case "processor":
            what = f"it is the processor's operator {layer.operator}"
            where = f"layer {name!r}"
            raise unsupported(where, what, "leave it out of the network")
        case _:
            return False
    return True


def _write_group_norm(writer: Writer, layer: Layer, output: str) -> None:
    name = layer.name
    shape = writer.trained.network.shapes[name]
    split = writer.constant(f"{name}/split", [0, layer.groups, -1])
    groups = writer.node("Reshape", [*layer.inputs, split], f"{name}/groups")
    one, zero = (
        writer.constant(f"{name}/{key}", np.full(layer.groups, value), np.float32)
        for key, value in (("one", 1.0), ("zero", 0.0))
    )
    normal = writer.node(
        "InstanceNormalization", [groups, one, zero], f"{name}/normal", name, epsilon=layer.value
    )
    whole = writer.constant(f"{name}/whole", [0, shape.channels, shape.height, shape.width])
    image = writer.node("Reshape", [normal, whole], f"{name}/image")
    gain, shift = _gain_and_shift(writer, layer, (1, -1, 1, 1))
    scaled = writer.node("Mul", [image, gain], f"{name}/scaled")
    writer.node("Add", [scaled, shift], output, f"{name}/shifted")


def _gain_and_shift(writer: Writer, layer: Layer, shape: tuple[int, ...]) -> list[str]:
    weights = writer.trained.parameters[layer.name]
    return [
        writer.constant(f"{layer.name}/{what}", values.reshape(shape), np.float32)
        for what, values in (("gain", weights.kernel), ("shift", weights.bias))
    ]


def _last(writer: Writer, source: str, output: str) -> str:
    return writer.node("Transpose", [source], output, perm=[0, 2, 3, 1])


def _first(writer: Writer, source: str, output: str) -> str:
    return writer.node("Transpose", [source], output, f"{output}/first", perm=[0, 3, 1, 2])
