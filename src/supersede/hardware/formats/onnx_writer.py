"""Write a trained network as an ONNX file, in floating point.

Images are (n, channels, height, width) there, as in torch, and n is free.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from supersede.errors import MissingExtraError
from supersede.hardware.description.layer import Layer
from supersede.hardware.description.network import Network
from supersede.hardware.description.quantised import Array
from supersede.hardware.description.shapes import explicit_padding
from supersede.hardware.description.trained import TrainedNetwork
from supersede.hardware.formats.onnx_layers import write_activation, write_special

__all__ = ["to_onnx"]

OPSET = 17
"""Old enough for every runtime of today, new enough for hard swish."""


def to_onnx(trained: TrainedNetwork, path: str | Path) -> Path:
    """Write the file and return its path.

    Raises:
        MissingExtraError: The package onnx is not installed.
        UnsupportedOperatorError: The network has an operator that only the processor knows.

    Example:
        >>> import tempfile
        >>> from supersede.hardware import Layer, Network, Shape, from_onnx, random_parameters
        >>> net = Network(Shape(8, 8, 3), (Layer("a", "conv", ("input",), channels=4, kernel=3),))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = to_onnx(random_parameters(net), f"{folder}/net.onnx")
        ...     from_onnx(path).network == net
        True
    """
    try:
        import onnx
        from onnx import helper, numpy_helper
    except ImportError as error:
        raise MissingExtraError.of(
            package="onnx", extra="hardware", purpose="an ONNX file"
        ) from error
    network = trained.network
    writer = Writer(trained)
    for layer in network.layers:
        writer.layer(layer)
    graph = helper.make_graph(
        [helper.make_node(**node) for node in writer.nodes],
        "network",
        [_tensor(helper, network, "input")],
        [_tensor(helper, network, name) for name in network.outputs],
        [numpy_helper.from_array(value, name) for name, value in writer.constants.items()],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8,
        producer_name="supersede",
    )  # fmt: skip
    path = Path(path)
    onnx.save(model, path)
    return path


ELEMENTWISE = {
    "add": "Add",
    "multiply": "Mul",
    "subtract": "Sub",
    "divide": "Div",
    "global_avg_pool": "GlobalAveragePool",
}
ACTIVATIONS = {
    "relu": "Relu", "hard_swish": "HardSwish", "sigmoid": "Sigmoid", "tanh": "Tanh", "exp": "Exp",
}  # fmt: skip
POOLS = {"max_pool": "MaxPool", "avg_pool": "AveragePool"}


@dataclass
class Writer:
    """Nodes and constants so far."""

    trained: TrainedNetwork
    nodes: list[dict[str, Any]] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)

    def node(
        self, kind: str, inputs: Sequence[str], output: str, name: str = "", **attributes: Any
    ) -> str:
        """Write a node, named after its layer or otherwise after its result, and return its result."""
        self.nodes.append(
            {"op_type": kind, "inputs": inputs, "outputs": [output], "name": name or output}
            | attributes
        )
        return output

    def constant(self, name: str, values: Any, dtype: type = np.int64) -> str:
        self.constants[name] = np.asarray(values, dtype)
        return name

    def layer(self, layer: Layer) -> None:
        """Write a layer: its operator, and its activation, which is a node of its own here."""
        if layer.activation is None:
            self.linear(layer, layer.name)
            return
        plain = self.linear(layer, f"{layer.name}/linear")
        name = layer.name if layer.kind == "activation" else f"{layer.name}/{layer.activation}"
        if not write_activation(self, layer, plain, name):
            self.node(ACTIVATIONS[layer.activation], [plain], layer.name, name)

    def linear(self, layer: Layer, output: str) -> str:
        """Write a layer but for its activation; gives the name of its result."""
        network, name, inputs = self.trained.network, layer.name, list(layer.inputs)
        if write_special(self, layer, output):
            return output
        weights: list[str] = []
        if parameters := self.trained.parameters.get(name):
            kernel = _channels_first(network, layer, parameters.kernel)
            weights = [
                self.constant(f"{name}/kernel", kernel, np.float32),
                self.constant(f"{name}/bias", parameters.bias, np.float32),
            ]
        size: dict[str, Any] = {"name": name, "kernel_shape": layer.kernel, "strides": layer.stride}
        match layer.kind:
            case "conv" | "depthwise":
                channels = network.inputs_of(layer)[0].channels
                groups = channels if layer.kind == "depthwise" else layer.groups
                size |= {"dilations": layer.dilation, "group": groups}
                return self.node("Conv", inputs + weights, output, pads=self.pads(layer), **size)
            case "transpose_conv":
                cut = [
                    k - s if layer.padding == "same" else 0
                    for k, s in zip(layer.kernel, layer.stride, strict=True)
                ]
                pads = [n // 2 for n in cut] + [n - n // 2 for n in cut]
                return self.node("ConvTranspose", inputs + weights, output, pads=pads, **size)
            case "dense":
                flat = self.node("Flatten", inputs, f"{name}/flat")
                product = self.node("Gemm", [flat, *weights], f"{name}/product", name, transB=1)
                image = self.constant(f"{name}/shape", [-1, layer.channels, 1, 1])
                return self.node("Reshape", [product, image], output, f"{name}/image")
            case "max_pool" | "avg_pool":
                return self.pool(layer, inputs, output, size)
            case "upsample_nearest" | "upsample_bilinear":
                scales = self.constant(f"{name}/scales", [1, 1, *layer.stride], np.float32)
                how = (
                    {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
                    if layer.kind == "upsample_bilinear"
                    else {
                        "mode": "nearest",
                        "coordinate_transformation_mode": "asymmetric",
                        "nearest_mode": "floor",
                    }
                )
                return self.node("Resize", [*inputs, "", scales], output, name, **how)
            case "concat":
                return self.node("Concat", inputs, output, name, axis=(2, 3, 1)[layer.axis])
            case "activation":
                return inputs[0]
            case kind:
                return self.node(ELEMENTWISE[kind], inputs, output, name)

    def pool(self, layer: Layer, inputs: list[str], output: str, size: dict[str, Any]) -> str:
        pads = self.pads(layer)
        zeros = layer.padding != "same" and any(pads)
        if layer.kind == "avg_pool":
            size["count_include_pad"] = int(zeros)
        elif zeros:  # the operator's own padding is never the largest
            amounts = self.constant(f"{layer.name}/zeros", [0, 0, *pads[:2], 0, 0, *pads[2:]])
            inputs, pads = [self.node("Pad", [*inputs, amounts], f"{layer.name}/pad")], [0, 0, 0, 0]
        return self.node(POOLS[layer.kind], inputs, output, pads=pads, **size)

    def pads(self, layer: Layer) -> list[int]:
        """Padding in the format's order: starts, then ends."""
        given = self.trained.network.inputs_of(layer)[0]
        top, bottom, left, right = explicit_padding(layer, given)
        return [top, left, bottom, right]


def _tensor(helper: Any, network: Network, name: str) -> Any:
    height, width, channels = network.shapes[name]
    return helper.make_tensor_value_info(name, 1, ["n", channels, height, width])  # 1: float32


def _channels_first(network: Network, layer: Layer, kernel: Any) -> Any:
    match layer.kind:
        case "conv":
            return kernel.transpose(0, 3, 1, 2)
        case "depthwise":
            return kernel.transpose(3, 0, 1, 2)
        case "transpose_conv":
            return kernel.transpose(3, 0, 1, 2)
        case _:
            height, width, channels = network.inputs_of(layer)[0]
            ours = kernel.reshape(-1, height, width, channels)
            return ours.transpose(0, 3, 1, 2).reshape(len(kernel), -1)
