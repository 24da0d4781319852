"""Read an ONNX file as a trained network."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from supersede.errors import (
    MissingExtraError,
    NetworkError,
    NetworkFileError,
    UnsupportedOperatorError,
)
from supersede.hardware.description.quantised import Array
from supersede.hardware.description.shapes import Padding, Shape
from supersede.hardware.description.trained import TrainedNetwork
from supersede.hardware.formats.importing import Importer, Value, unsupported, zeros_around

__all__ = ["from_onnx"]

IMAGES = frozenset({
    "Add", "AveragePool", "BatchNormalization", "Clip", "Concat", "Conv", "ConvTranspose",
    "Dropout", "Flatten", "Gemm", "GlobalAveragePool", "HardSwish", "Identity", "MatMul",
    "MaxPool", "Mul", "Pad", "ReduceMean", "Relu", "Reshape", "Resize", "Sigmoid", "Squeeze",
})  # fmt: skip
"""Operators on images that have a layer."""

SIZES = frozenset({"Cast", "Constant", "Gather", "Shape", "Slice", "Unsqueeze"})
"""Operators by which exporters compute the target of a Reshape; shape inference evaluates them."""

NONE: Padding = (0, 0, 0, 0)

MENDS = {
    "Softmax": "end the model before it: the largest score stays the largest",
    "QuantizeLinear": "give the model in floating point; quantisation comes after",
    "Gelu": "train with relu or hard swish, which accelerators have",
}


def from_onnx(path: str | Path) -> TrainedNetwork:
    """The network and its weights.

    Args:
        path: A file with one input, of a fixed height and width (n, channels, height, width) or of
            features (n, channels); n may be free.

    Raises:
        MissingExtraError: The package onnx is not installed.
        NetworkFileError: The file is missing, damaged or no ONNX file.
        UnsupportedOperatorError: Operators have no layer here; all of them are named and counted.
        NetworkError: A size of the input is free, or there are several inputs.
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
    return _Reader(model).read()


class _Reader:
    """One pass over the nodes, which ONNX keeps in an order in which they can run."""

    def __init__(self, model: Any) -> None:
        from onnx import numpy_helper, shape_inference

        graph = model.graph
        self.constants: dict[str, Array] = {
            tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer
        }
        for node in graph.node:
            if node.op_type == "Constant":
                value = _attributes(node).get("value")
                if value is not None:
                    self.constants[node.output[0]] = np.asarray(value)
        _refuse_unknown(graph)
        images = [given for given in graph.input if given.name not in self.constants]
        if len(images) != 1:
            names = ", ".join(given.name for given in images) or "none"
            msg = f"the model has {len(images)} inputs ({names}), expected one image"
            raise NetworkError(msg)
        self.importer = Importer(_input_shape(images[0]))
        flat = len(images[0].type.tensor_type.shape.dim) == 2
        self.values = {images[0].name: Value("input", flat)}
        self.pads: dict[str, Padding] = {}
        # one image at a time, so that shape inference can evaluate what depends on the batch
        images[0].type.tensor_type.shape.dim[0].dim_value = 1
        del graph.value_info[:]
        for output in graph.output:
            output.type.tensor_type.ClearField("shape")
        inferred = shape_inference.infer_shapes(model, data_prop=True).graph
        self.sizes = {
            info.name: [dim.dim_value for dim in info.type.tensor_type.shape.dim]
            for info in (*inferred.value_info, *inferred.output)
        }
        self.graph = graph

    def read(self) -> TrainedNetwork:
        for node in self.graph.node:
            if node.op_type == "Shape" or not any(name in self.values for name in node.input):
                continue  # part of a computation of sizes
            if node.op_type in SIZES:
                raise unsupported(_where(node), "reads an image, not a size")
            self.values[node.output[0]] = self.node(node)
        for output in self.graph.output:
            if output.name not in self.values:
                msg = f"the model's output {output.name!r} does not depend on its input"
                raise NetworkError(msg)
            if output.name in self.pads:
                where = f"output {output.name!r} of the model"
                raise unsupported(where, "a Pad gives it", "only windows can be padded")
        return self.importer.finish([self.values[output.name] for output in self.graph.output])

    def constant(self, node: Any, index: int) -> Array:
        name = node.input[index]
        if name not in self.constants:
            raise unsupported(
                _where(node),
                f"its input {name!r} is computed by the model",
                "it must be a constant",
            )
        return self.constants[name]

    def optional(self, node: Any, index: int) -> Array | None:
        return self.constant(node, index) if len(node.input) > index and node.input[index] else None

    def node(self, node: Any) -> Value:
        """Tell the importer one operator."""
        importer, attributes, name = self.importer, _attributes(node), _layer_name(node)
        values = [self.values[i] for i in node.input if i in self.values]
        source = values[0]
        pad = self.pads.get(node.input[0], NONE)
        windowed = node.op_type in {"Conv", "MaxPool", "AveragePool"}
        if not windowed and any(i in self.pads for i in node.input):
            raise unsupported(_where(node), "reads what a Pad gave", "only windows can be padded")
        match node.op_type:
            case "Conv":
                window = self.window(node, attributes, pad)
                kernel, bias = self.constant(node, 1), self.optional(node, 2)
                if kernel.ndim != 4:
                    what = f"a convolution in {kernel.ndim - 2} dimensions"
                    raise unsupported(_where(node), what)
                window.pop("kernel")
                groups = attributes.get("group", 1)
                return importer.conv(name, source, kernel, bias, groups, **window)
            case "ConvTranspose":
                return self.transposed(node, attributes, name, source)
            case "MaxPool" | "AveragePool":
                return self.pooled(node, attributes, name, source, pad)
            case "BatchNormalization":
                gain, shift, mean, variance = (self.constant(node, i) for i in range(1, 5))
                factor = gain / np.sqrt(variance + attributes.get("epsilon", 1e-5))
                return importer.scale(name, source, factor, shift - mean * factor)
            case "Relu":
                return importer.activation(name, source, "relu")
            case "Clip":
                return self.clip(node, attributes, name, source)
            case "HardSwish":
                return importer.activation(name, source, "hard_swish")
            case "Sigmoid":
                return importer.activation(name, source, "sigmoid")
            case "Add" | "Mul" if len(values) == 2:
                if node.op_type == "Mul":
                    return importer.product(name, values[0], values[1])
                return importer.add(name, "add", values)
            case "Add" | "Mul":
                return self.scaled(node, name, source)
            case "Concat":
                if attributes.get("axis") != 1 or len(values) != len(node.input):
                    raise unsupported(_where(node), "a concatenation of other than channels")
                return importer.add(name, "concat", values)
            case "GlobalAveragePool":
                return importer.add(name, "global_avg_pool", [source])
            case "ReduceMean":
                axes = attributes.get("axes", self.optional(node, 1))
                if axes is None or sorted(a % 4 for a in np.asarray(axes).tolist()) != [2, 3]:
                    raise unsupported(_where(node), "a mean over other than height and width")
                value = importer.add(name, "global_avg_pool", [source])
                return Value(value.layer, flat=not attributes.get("keepdims", 1))
            case "Gemm" | "MatMul":
                kernel, bias = self.constant(node, 1), self.optional(node, 2)
                factors = {attributes.get("alpha", 1), attributes.get("beta", 1)}
                if kernel.ndim != 2 or attributes.get("transA") or factors != {1}:
                    raise unsupported(_where(node), "a matrix product other than of a dense layer")
                kernel = kernel if attributes.get("transB") else kernel.T
                if bias is not None:
                    bias = np.broadcast_to(bias.reshape(-1), len(kernel))
                return importer.dense(name, source, kernel, bias)
            case "Resize":
                return self.resize(node, attributes, name, source)
            case "Pad":
                return self.padded(node, attributes, source)
            case _:  # Identity, Dropout, Flatten, Reshape, Squeeze
                return self.reshaped(node, source)

    def window(self, node: Any, attributes: dict[str, Any], pad: Padding = NONE) -> dict[str, Any]:
        """Stride, dilation, padding (with what a Pad gave before) and kernel, in our words."""
        pads = attributes.get("pads", [0, 0, 0, 0])
        auto = attributes.get("auto_pad", "NOTSET")
        same = auto == "SAME_UPPER"
        ceil = attributes.get("ceil_mode", 0)
        if auto == "SAME_LOWER" or ceil or len(pads) != 4 or (same and any(pad)):
            what = f"a window with auto_pad={auto}, ceil_mode={ceil}, pads={list(pads)}"
            raise unsupported(_where(node), what, "two dimensions, rounded down, padded once")
        top, left, bottom, right = pads
        around = (top + pad[0], bottom + pad[1], left + pad[2], right + pad[3])
        return {
            "kernel": tuple(attributes.get("kernel_shape", (1, 1))),
            "stride": tuple(attributes.get("strides", (1, 1))),
            "dilation": tuple(attributes.get("dilations", (1, 1))),
            "padding": "same" if same else around,
        }

    def pooled(
        self, node: Any, attributes: dict[str, Any], name: str, source: Value, pad: Padding
    ) -> Value:
        window = self.window(node, attributes, pad)
        own = any(attributes.get("pads", ()))
        counted = bool(attributes.get("count_include_pad", 0))
        if window.pop("dilation") != (1, 1):
            raise unsupported(_where(node), "a dilated window")
        if node.op_type == "AveragePool":
            if any(pad) and own and not counted:
                raise unsupported(_where(node), "a mean over a twice padded window")
            return self.importer.avg_pool(name, source, zeros_count=counted or any(pad), **window)
        if any(pad) and own:
            raise unsupported(_where(node), "a maximum over a twice padded window")
        return self.importer.max_pool(name, source, zeros=any(pad), **window)

    def scaled(self, node: Any, name: str, source: Value) -> Value:
        """A product or sum with a constant: one for all values, or one a channel."""
        constant = self.constant(node, 1 if node.input[0] in self.values else 0)
        height, width, channels = self.importer.shape(source)
        flat = source.flat and (height, width) == (1, 1)
        forms = {(channels,), (1, channels)} if flat else {(channels, 1, 1), (1, channels, 1, 1)}
        if constant.size != 1 and constant.shape not in forms:
            what = f"a constant of shape {constant.shape}"
            raise unsupported(_where(node), what, "one value, or one a channel, is needed")
        by_channel = np.broadcast_to(constant.reshape(-1), (channels,))
        one, zero = np.ones(channels), np.zeros(channels)
        factor, shift = (one, by_channel) if node.op_type == "Add" else (by_channel, zero)
        return self.importer.scale(name, source, factor, shift)

    def transposed(self, node: Any, attributes: dict[str, Any], name: str, source: Value) -> Value:
        window = self.window(node, attributes)
        if attributes.get("group", 1) != 1 or window["dilation"] != (1, 1):
            raise unsupported(_where(node), "a transposed convolution in groups or dilated")
        if window["padding"] == "same" or "output_shape" in attributes:
            raise unsupported(_where(node), "a transposed convolution by output size", "give pads")
        extra = tuple(attributes.get("output_padding", (0, 0)))
        return self.importer.transpose_conv(
            name, source, self.constant(node, 1), self.optional(node, 2),
            stride=window["stride"], cropped=window["padding"], extra=(extra[0], extra[1]),
        )  # fmt: skip

    def clip(self, node: Any, attributes: dict[str, Any], name: str, source: Value) -> Value:
        low = attributes.get("min", self.optional(node, 1))
        high = attributes.get("max", self.optional(node, 2))
        least = -np.inf if low is None else np.asarray(low).item()
        most = np.inf if high is None else np.asarray(high).item()
        if least == 0 and most == 6:
            return self.importer.activation(name, source, "relu6")
        if least == 0 and most > 1e30:  # exporters write the largest float32 for no limit
            return self.importer.activation(name, source, "relu")
        raise unsupported(_where(node), f"values clipped to {(least, most)}", "0 to 6 is relu6")

    def resize(self, node: Any, attributes: dict[str, Any], name: str, source: Value) -> Value:
        height, width, _ = self.importer.shape(source)
        size = self.sizes.get(node.output[0], [])
        mode = attributes.get("mode", "nearest")
        at = attributes.get("coordinate_transformation_mode", "half_pixel")
        rounding = attributes.get("nearest_mode", "round_prefer_floor")
        if len(node.input) < 3:
            raise unsupported(_where(node), "its form before opset 11", "export with a newer opset")
        whole = len(size) == 4 and min(size) > 0 and size[2] % height == 0 == size[3] % width
        scales = self.optional(node, 2)
        if whole and scales is not None and scales.size:
            # a given factor counts, not the size: 2.1 gives 16 rows of 8, other pixels than 2 does
            whole = scales.tolist() == [1, 1, size[2] // height, size[3] // width]
        whole &= attributes.get("keep_aspect_ratio_policy", "stretch") == "stretch"
        kind: Any
        between = at == "half_pixel" and rounding.startswith("round_")
        if mode == "nearest" and (between or (at, rounding) == ("asymmetric", "floor")):
            kind = "upsample_nearest"
        elif mode == "linear" and at in {"half_pixel", "pytorch_half_pixel"}:
            kind = "upsample_bilinear"
        else:
            kind = None
        if kind is None or not whole:
            by = "" if scales is None else f" by {scales.tolist()}"
            how = f"{mode}, {at}" + (f", {rounding}" if mode == "nearest" else "")
            raise unsupported(
                _where(node), f"a resize to {size[2:] or 'an unknown size'}{by} in mode {how}",
                "a whole factor, nearest or bilinear between pixel centres, is needed",
            )  # fmt: skip
        factors = (size[2] // height, size[3] // width)
        return self.importer.add(name, kind, [source], stride=factors)

    def padded(self, node: Any, attributes: dict[str, Any], source: Value) -> Value:
        given = attributes.get("pads", self.optional(node, 1))
        amounts = np.asarray([] if given is None else given).tolist()
        fill = attributes.get("value", self.optional(node, 2))  # an attribute before opset 11
        zeros = attributes.get("mode", "constant") == "constant" and not np.any(fill)
        axes = self.optional(node, 3)
        around = axes is None and len(amounts) == 8 and not any(amounts[i] for i in (0, 1, 4, 5))
        if not (zeros and around):
            raise unsupported(_where(node), "padding other than zeros around the image")
        top, left, bottom, right = amounts[2], amounts[3], amounts[6], amounts[7]
        if found := zeros_around(_where(node), top, bottom, left, right):
            self.pads[node.output[0]] = found
        return source

    def reshaped(self, node: Any, source: Value) -> Value:
        """A change of form that keeps every value: to (n, values), or back where it is one pixel."""
        if node.op_type in {"Identity", "Dropout"}:
            return source
        height, width, channels = self.importer.shape(source)
        match self.sizes.get(node.output[0]):
            case [1, size] if size == height * width * channels:
                return Value(source.layer, flat=True)
            case [1, c, h, w] if (h, w, c) == (height, width, channels) and (
                not source.flat or (height, width) == (1, 1)
            ):
                return Value(source.layer)
            case size:
                raise unsupported(
                    _where(node),
                    f"{channels}×{height}×{width} values reshaped to {size or 'an unknown size'}",
                    "an image can be flattened, and nothing else",
                )


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


def _where(node: Any) -> str:
    return f"operator {node.op_type} {_layer_name(node)!r}"


def _refuse_unknown(graph: Any) -> None:
    known = IMAGES | SIZES
    unknown = Counter(node.op_type for node in graph.node if node.op_type not in known)
    if unknown:
        named = ", ".join(f"{kind} ({n})" for kind, n in sorted(unknown.items()))
        mends = "; ".join(f"{kind}: {MENDS[kind]}" for kind in sorted(unknown) if kind in MENDS)
        msg = f"the model has operators that have no layer here: {named}" + (
            f". {mends}" if mends else ""
        )
        raise UnsupportedOperatorError(msg)


def _input_shape(given: Any) -> Shape:
    dims = given.type.tensor_type.shape.dim
    if len(dims) not in {2, 4}:
        msg = f"input {given.name!r} has {len(dims)} dimensions, expected (n, channels, height, width)"
        raise NetworkError(msg)
    sizes = [dim.dim_value for dim in dims]
    if free := [
        dim.dim_param or "?" for dim, size in zip(dims[1:], sizes[1:], strict=True) if size < 1
    ]:
        msg = (
            f"input {given.name!r} has free sizes ({', '.join(free)}): an accelerator's program is made "
            "for one size; export the model with fixed height and width (only the batch may be free)"
        )
        raise NetworkError(msg)
    channels, height, width = sizes[1:] if len(sizes) == 4 else (sizes[1], 1, 1)
    return Shape(height, width, channels)
