"""Write a quantised network as a TensorFlow Lite file, the form that compilers and LiteRT read.

The tables of the format come with Arm's compiler; no TensorFlow is needed. Each activation's tensor
bears its layer's name, so that rows of a compiler's report can be matched to layers.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from supersede.errors import MissingExtraError, NetworkError
from supersede.hardware.description.layer import Layer, Padding
from supersede.hardware.description.quantised import (
    FLOATING,
    Array,
    LayerWeights,
    QuantisedNetwork,
    Steps,
)
from supersede.hardware.description.shapes import Shape, explicit_padding
from supersede.hardware.formats.tflite_layers import (
    write_hard_sigmoid,
    write_island,
    write_prelu,
    write_rearranged,
    write_sliced,
)
from supersede.hardware.formats.tflite_versions import OPERATORS, Operator

__all__ = ["to_tflite"]


def to_tflite(quantised: QuantisedNetwork) -> bytes:
    """The file's bytes.

    Raises:
        MissingExtraError: The extra `hardware` is not installed.
        NetworkError: The format has no such operator with 16-bit activations.

    Example:
        >>> from supersede.hardware import Layer, Network, Shape, random_quantised
        >>> net = Network(Shape(8, 8, 3), (Layer("a", "conv", ("input",), channels=4, kernel=3),))
        >>> to_tflite(random_quantised(net))[4:8]
        b'TFL3'
    """
    try:
        import flatbuffers
        from ethosu.vela import tflite as _  # noqa: F401
    except ImportError as error:
        raise MissingExtraError.of(
            package="ethos-u-vela", extra="hardware", purpose="an int8 file"
        ) from error
    writer = Writer(quantised, flatbuffers.Builder(1 << 16))
    for layer in quantised.network.layers:
        writer.layer(layer)
    return writer.finish()


@dataclass
class Writer:
    """The file under way: tables written so far, and where tensors and operator codes stand."""

    quantised: QuantisedNetwork
    builder: Any
    buffers: list[int] = field(default_factory=list)
    tensors: list[int] = field(default_factory=list)
    codes: dict[Operator, int] = field(default_factory=dict)
    operators: list[int] = field(default_factory=list)
    images: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.buffers.append(self.table("Buffer"))  # by convention the first one is empty
        self.images["input"] = self.activation("input", "input")

    def table(self, name: str, **values: Any) -> int:
        """Write one table of the schema; tables that it holds must have been written before."""
        schema = importlib.import_module(f"ethosu.vela.tflite.{name}")
        schema.Start(self.builder)
        for key, value in values.items():
            getattr(schema, f"Add{key}")(self.builder, value)
        return int(schema.End(self.builder))

    def offsets(self, tables: list[int]) -> int:
        self.builder.StartVector(4, len(tables), 4)
        for table in reversed(tables):
            self.builder.PrependUOffsetTRelative(table)
        return int(self.builder.EndVector())

    def vector(self, values: Any, dtype: type) -> int:
        return int(self.builder.CreateNumpyVector(np.asarray(values, dtype)))

    def tensor(
        self,
        name: str,
        shape: tuple[int, ...],
        dtype: str,
        steps: tuple[Any, Any, int] | None = None,
        data: Array | None = None,
    ) -> int:
        """Write a tensor, with scales, zeros and their dimension, and return its number."""
        buffer = 0
        if data is not None:
            raw = np.ascontiguousarray(data).tobytes()
            # kernels read weights where they lie, so they must lie at multiples of 16 bytes
            self.builder.StartVector(1, len(raw), 16)
            self.builder.head -= len(raw)
            self.builder.Bytes[self.builder.head : self.builder.head + len(raw)] = raw
            buffer = len(self.buffers)
            self.buffers.append(self.table("Buffer", Data=self.builder.EndVector()))
        values: dict[str, Any] = {}
        if steps is not None:
            scales, zeros, dimension = steps
            scale, zero = self.vector(scales, np.float32), self.vector(zeros, np.int64)
            values["Quantization"] = self.table(
                "QuantizationParameters", Scale=scale, ZeroPoint=zero, QuantizedDimension=dimension
            )
        self.tensors.append(
            self.table(
                "Tensor",
                Name=self.builder.CreateString(name),
                Shape=self.vector(shape, np.int32),
                Type=getattr(_enumeration("TensorType"), dtype),
                Buffer=buffer,
                **values,
            )
        )
        return len(self.tensors) - 1

    def activation(self, name: str, like: str, shape: tuple[int, ...] | None = None) -> int:
        """Write an activation's tensor with the steps of layer `like`."""
        steps: Steps = self.quantised.steps[like]
        shape = shape or (1, *self.quantised.network.shapes[like])
        return self.tensor(
            name, shape, f"INT{self.quantised.bits}", ([steps.scale], [steps.zero], 0)
        )

    def operator(self, kind: str, inputs: list[int], output: int, **options: Any) -> None:
        """Write one operator; of a kind that the format does not have, one of its own name."""
        entry = OPERATORS.get(kind) or Operator("CUSTOM", "", 1, 1, kind)
        if self.quantised.bits == 16 and entry.version16 is None:
            msg = (
                f"TensorFlow Lite has no {entry.code} with 16-bit activations; let the layer before "
                "carry the activation, or keep 8 bits"
            )
            raise NetworkError(msg)
        values: dict[str, Any] = {}
        if entry.options:
            values["BuiltinOptions"] = self.table(entry.options, **options)
            values["BuiltinOptionsType"] = getattr(_enumeration("BuiltinOptions"), entry.options)
        self.operators.append(
            self.table(
                "Operator",
                OpcodeIndex=self.codes.setdefault(entry, len(self.codes)),
                Inputs=self.vector(inputs, np.int32),
                Outputs=self.vector([output], np.int32),
                **values,
            )
        )

    def layer(self, layer: Layer) -> None:
        """Write a layer's tensors and its operators."""
        if layer.kind == "constant":
            self.images[layer.name] = self.stored(layer)
            return
        special = self.special(layer, [self.images[name] for name in layer.inputs])
        if special is not None:
            self.images[layer.name] = special
            return
        kind = layer.activation if layer.kind == "activation" and layer.activation else layer.kind
        options = self.options(layer)
        inputs = [self.images[name] for name in layer.inputs]
        first = self.quantised.network.inputs_of(layer)[0]
        shape: tuple[int, ...] = (1, *self.quantised.network.shapes[layer.name])
        weights = self.quantised.weights.get(layer.name)
        if layer.kind == "concat":
            steps = self.quantised.steps
            inputs = [
                image if steps[name] == steps[layer.name] else self.requantised(layer, name)
                for image, name in zip(inputs, layer.inputs, strict=True)
            ]
        elif layer.kind in {"conv", "depthwise", "avg_pool", "max_pool"}:
            inputs[0], options["Padding"] = self.padded(layer, inputs[0], first)
        elif layer.kind == "global_avg_pool":
            inputs.append(self.constant(f"{layer.name}/axes", [1, 2]))
        elif layer.kind in {"upsample_nearest", "upsample_bilinear"}:
            inputs.append(self.constant(f"{layer.name}/size", shape[1:3]))
        elif layer.kind == "dense" and first[:2] != (1, 1):
            flat = (1, first.size)
            inputs[0] = self.reshaped(f"{layer.name}/flat", layer.inputs[0], inputs[0], flat)
        if weights is not None:
            inputs += self.weights(layer, weights)
        if layer.kind == "transpose_conv":
            image, kernel, bias = inputs
            inputs = [self.constant(f"{layer.name}/shape", shape), kernel, image, bias]
        output = self.activation(
            layer.name, layer.name, (1, layer.channels) if layer.kind == "dense" else shape
        )
        self.operator(kind, inputs, output, **options)
        if layer.kind == "dense" and self.read_as_image(layer.name):
            output = self.reshaped(f"{layer.name}/image", layer.name, output, shape)
        self.images[layer.name] = output

    def special(self, layer: Layer, images: list[int]) -> int | None:
        """Write a layer that is more than one operator, or another one; None for all others."""
        match layer.kind:
            case "rearrange":
                return write_rearranged(self, layer, images[0])
            case "slice":
                return write_sliced(self, layer, images[0])
            case "prelu":
                return write_prelu(self, layer, images[0])
            case "activation" if layer.activation == "hard_sigmoid":
                return write_hard_sigmoid(self, layer, images[0])
            case kind if kind in FLOATING:
                return write_island(self, layer, images)
            case "processor":
                output = self.activation(layer.name, layer.name)
                self.operator(layer.operator.upper(), images, output)
                return output
        return None

    def requantised(self, layer: Layer, name: str) -> int:
        """An input of a concatenation with the steps of its result."""
        shape = (1, *self.quantised.network.shapes[name])
        output = self.activation(f"{layer.name}/{name}", layer.name, shape)
        self.operator("quantise", [self.images[name]], output)
        return output

    def stored(self, layer: Layer) -> int:
        """A constant's values."""
        steps = self.quantised.steps[layer.name]
        kernel = self.quantised.weights[layer.name].kernel
        data = kernel.astype(np.int8 if self.quantised.bits == 8 else np.int16)
        named = f"INT{self.quantised.bits}"
        return self.tensor(layer.name, kernel.shape, named, ([steps.scale], [steps.zero], 0), data)

    def fused(self, activation: str | None) -> int:
        """The format's number of an activation that an operator carries."""
        named = _enumeration("ActivationFunctionType")
        return int({"relu": named.RELU, "relu6": named.RELU6}.get(activation or "", named.NONE))

    def read_as_image(self, name: str) -> bool:
        """Whether a dense layer's values, (1, channels), must become an image for a later layer."""
        layers = self.quantised.network.layers
        return any(name in layer.inputs and layer.kind != "dense" for layer in layers)

    def options(self, layer: Layer) -> dict[str, Any]:
        """What the operator's own table says."""
        carried = {"FusedActivationFunction": self.fused(layer.activation)}
        strides = {"StrideH": layer.stride[0], "StrideW": layer.stride[1]}
        dilations = {"DilationHFactor": layer.dilation[0], "DilationWFactor": layer.dilation[1]}
        match layer.kind:
            case "conv":
                return strides | dilations | carried
            case "depthwise":
                return {"DepthMultiplier": 1} | strides | dilations | carried
            case "transpose_conv":
                padding = _enumeration("Padding")
                return strides | {
                    "Padding": padding.SAME if layer.padding == "same" else padding.VALID
                }
            case "avg_pool" | "max_pool":
                return strides | {"FilterHeight": layer.kernel[0], "FilterWidth": layer.kernel[1]}
            case "add" if self.quantised.bits == 16:
                return carried | {"PotScaleInt16": False}
            case "dense" | "add" | "multiply" | "subtract":
                return carried
            case "matmul":
                return {"AdjX": False, "AdjY": False}
            case "concat":
                return {"Axis": layer.axis + 1}
            case "global_avg_pool":
                return {"KeepDims": True}
            case "upsample_nearest" | "upsample_bilinear":
                return {"AlignCorners": False, "HalfPixelCenters": True}
            case "activation" if layer.activation == "leaky_relu":
                return {"Alpha": layer.value}
            case "activation" if layer.activation == "gelu":
                return {"Approximate": False}
            case "activation" if layer.activation == "softmax":
                return {"Beta": 1.0}
            case _:
                return {}

    def padded(self, layer: Layer, input: int, shape: Shape) -> tuple[int, int]:
        """The input and the format's padding; an operator of its own adds zeros that it cannot say."""
        padding = _enumeration("Padding")
        wanted = explicit_padding(layer, shape)
        if wanted == (0, 0, 0, 0):
            return input, padding.VALID
        # around a pooling, "same" does not add zeros: they neither count in a mean nor are the largest
        pooling = layer.kind in {"avg_pool", "max_pool"}
        same = explicit_padding(replace(layer, padding="same"), shape)
        if layer.padding == "same" or (wanted == same and not pooling):
            return input, padding.SAME
        return self.zeros_around(layer, input, shape, wanted), padding.VALID

    def zeros_around(self, layer: Layer, input: int, shape: Shape, zeros: Padding) -> int:
        top, bottom, left, right = zeros
        name = f"{layer.name}/pad"
        larger = (1, shape.height + top + bottom, shape.width + left + right, shape.channels)
        output = self.activation(name, layer.inputs[0], larger)
        amounts = self.constant(f"{name}/zeros", [(0, 0), (top, bottom), (left, right), (0, 0)])
        self.operator("pad", [input, amounts], output)
        return output

    def reshaped(self, name: str, like: str, input: int, shape: tuple[int, ...]) -> int:
        output = self.activation(name, like, shape)
        self.operator("reshape", [input, self.constant(f"{name}/shape", shape)], output)
        return output

    def constant(self, name: str, values: Any) -> int:
        data = np.asarray(values, np.int32)
        return self.tensor(name, data.shape, "INT32", data=data)

    def weights(self, layer: Layer, weights: LayerWeights) -> list[int]:
        """Write kernel and bias; scales lie along the kernel's dimension of output channels."""
        given = np.float32(self.quantised.steps[layer.inputs[0]].scale)
        zeros = np.zeros(len(weights.scales), np.int64)
        dimension = 3 if layer.kind == "depthwise" else 0
        kernel = self.tensor(
            f"{layer.name}/kernel", weights.kernel.shape, "INT8",
            (weights.scales, zeros, dimension), weights.kernel,
        )  # fmt: skip
        bias = self.tensor(
            f"{layer.name}/bias", weights.bias.shape,
            "INT32" if weights.bias.dtype == np.int32 else "INT64",
            (given * weights.scales, zeros, 0), weights.bias,
        )  # fmt: skip
        return [kernel, bias]

    def finish(self) -> bytes:
        builder, builtin = self.builder, _enumeration("BuiltinOperator")
        network = self.quantised.network
        graph = self.table(
            "SubGraph",
            Tensors=self.offsets(self.tensors),
            Inputs=self.vector([self.images["input"]], np.int32),
            Outputs=self.vector([self.images[name] for name in network.outputs], np.int32),
            Operators=self.offsets(self.operators),
            Name=builder.CreateString("main"),
        )
        wide = self.quantised.bits == 16
        codes = [
            self.table(
                "OperatorCode",
                BuiltinCode=getattr(builtin, entry.code),
                **({"CustomCode": builder.CreateString(entry.custom)} if entry.custom else {}),
                # readers before 2021 look here; it is one byte
                DeprecatedBuiltinCode=min(getattr(builtin, entry.code), 127),
                Version=entry.version16 if wide else entry.version8,
            )
            for entry in self.codes
        ]
        model = self.table(
            "Model",
            Version=3,
            OperatorCodes=self.offsets(codes),
            Subgraphs=self.offsets([graph]),
            Buffers=self.offsets(self.buffers),
            Description=builder.CreateString("supersede"),
        )
        builder.Finish(model, file_identifier=b"TFL3")
        return bytes(builder.Output())


def _enumeration(name: str) -> Any:
    return getattr(importlib.import_module(f"ethosu.vela.tflite.{name}"), name)
