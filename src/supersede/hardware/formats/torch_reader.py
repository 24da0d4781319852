"""Read a torch module as a trained network, by torch.export."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from supersede.errors import NetworkError, UnsupportedOperatorError
from supersede.hardware.description.shapes import Padding, Shape
from supersede.hardware.description.trained import TrainedNetwork
from supersede.hardware.formats.importing import Importer, Value, unsupported, zeros_around

__all__ = ["from_torch"]

KEPT = frozenset(
    {"alias", "clone", "contiguous", "detach", "dropout", "dropout_", "to", "feature_dropout"}
)
"""Operators that change nothing in service."""

RESHAPES = frozenset({"flatten", "reshape", "squeeze", "unflatten", "unsqueeze", "view"})
SHARING = (KEPT - {"clone"}) | RESHAPES
"""Operators whose result may lie in their input's memory."""

KNOWN = KEPT | {
    "adaptive_avg_pool2d", "add", "add_", "avg_pool2d", "batch_norm", "cat", "clamp", "clamp_",
    "conv2d", "conv_transpose2d", "flatten", "hardswish", "hardswish_", "hardtanh", "hardtanh_",
    "linear", "max_pool2d", "mean", "mul", "mul_", "pad", "relu", "relu6", "relu6_", "relu_",
    "reshape", "sigmoid", "silu", "silu_", "squeeze", "unflatten", "unsqueeze", "upsample_bilinear2d",
    "upsample_nearest2d", "view",
}  # fmt: skip


def from_torch(module: nn.Module, example: Tensor) -> TrainedNetwork:
    """The network and its weights, as the module is in service (eval mode).

    Batch normalisation is folded into the convolution before it. The module is not changed.

    Args:
        module: Takes one tensor.
        example: An image (1, channels, height, width) of the size in service; a program for an
            accelerator is made for one size. Its values do not matter.

    Raises:
        UnsupportedOperatorError: Operators have no layer here (all of them are named and counted),
            or the module cannot be exported, for instance because sizes depend on values.
        NetworkError: The example is no image.

    Example:
        >>> module = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        >>> from_torch(module, torch.zeros(1, 3, 32, 32)).network.layers
        (Layer(name='0', kind='conv', inputs=('input',), channels=8, kernel=(3, 3), stride=(1, 1),
               padding='valid', dilation=(1, 1), activation='relu'),)
    """
    if example.ndim not in {2, 4}:
        msg = f"the example has shape {tuple(example.shape)}, expected (1, channels, height, width)"
        raise NetworkError(msg)
    training = {part: part.training for part in module.modules()}
    module.eval()
    try:
        program = torch.export.export(module, (example,))
    except Exception as error:  # export raises many kinds, most of them private
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        msg = (
            f"torch.export cannot follow this module: {reason}; sizes and branches must not depend "
            "on the values of the image"
        )
        raise UnsupportedOperatorError(msg) from error
    finally:
        for part, mode in training.items():
            part.training = mode
    return _Reader(program, example).read()


class _Reader:
    """One pass over the nodes of an exported program."""

    def __init__(self, program: torch.export.ExportedProgram, example: Tensor) -> None:
        channels, height, width = (*example.shape[1:], 1, 1)[:3]
        self.importer = Importer(Shape(height, width, channels))
        self.nodes: list[fx.Node] = list(program.graph.nodes)
        signature = program.graph_signature
        held = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
        constants = signature.inputs_to_lifted_tensor_constants
        self.tensors = {
            name: program.state_dict[key] for name, key in held.items() if key in program.state_dict
        }
        self.tensors |= {
            name: program.constants[key]
            for name, key in {**held, **constants}.items()
            if key in program.constants
        }
        self.values: dict[fx.Node, Value] = {
            node: Value("input", flat=example.ndim == 2)
            for node in self.nodes
            if node.op == "placeholder" and node.name in signature.user_inputs
        }
        self.pads: dict[fx.Node, Padding] = {}

    def read(self) -> TrainedNetwork:
        self.refuse_unknown()
        self.refuse_hidden_changes()
        for node in self.nodes:
            if node.op == "call_function":
                self.values[node] = self.node(node)
        outputs: list[Any] = []
        for node in self.nodes:
            if node.op == "output":
                outputs = [part for part in node.args[0] if part is not None]  # type: ignore[union-attr]
        return self.importer.finish([self.output(part) for part in outputs])

    def output(self, part: Any) -> Value:
        """What the module returns, one of possibly several."""
        if part not in self.values:
            where = f"result {part!r} of the module"
            raise unsupported(where, "no layer gives it", "return values of layers only")
        if part in self.pads:
            raise unsupported(_where(part), "its result is returned", "only windows can be padded")
        return self.values[part]

    def refuse_unknown(self) -> None:
        unknown = Counter(
            _kind(node)
            for node in self.nodes
            if node.op == "call_function" and _kind(node) not in KNOWN
        )
        if unknown:
            named = ", ".join(f"{kind} ({n})" for kind, n in sorted(unknown.items()))
            msg = f"the module has operators that have no layer here: {named}"
            raise UnsupportedOperatorError(msg)

    def refuse_hidden_changes(self) -> None:
        """Refuse an operator in place whose change is read by another name than its result."""
        root: dict[fx.Node, fx.Node] = {}  # by value, the one whose memory it shares
        position = {node: i for i, node in enumerate(self.nodes)}
        for node in self.nodes:
            in_place = _kind(node).endswith("_") and _kind(node) not in KEPT
            shares = node.op == "call_function" and (in_place or _kind(node) in SHARING)
            first = node.args[0] if shares else None
            if in_place and isinstance(first, fx.Node):
                others = [other for other in root if root[other] is root[first]]
                if any(position[user] > position[node] for other in others for user in other.users):
                    what = "changes a value in place that is read again by another name"
                    raise unsupported(_where(node), what, "let it give a new value")
            root[node] = root[first] if isinstance(first, fx.Node) else node

    def constant(self, node: fx.Node, argument: Any) -> np.ndarray | None:
        """The values of a parameter or buffer; None stays None."""
        if argument is None:
            return None
        if argument.name not in self.tensors:
            raise unsupported(
                _where(node),
                f"its argument {argument.name!r} is computed",
                "it must be a parameter",
            )
        array: np.ndarray = self.tensors[argument.name].detach().cpu().float().numpy()
        return array

    def node(self, node: fx.Node) -> Value:
        """Tell the importer one operator."""
        importer, name, kind = self.importer, _name(node), _kind(node)
        given = _arguments(node)
        sources = [part for part in node.all_input_nodes if part in self.values]
        if not sources:
            raise unsupported(_where(node), "does not depend on the image")
        values = [self.values[part] for part in sources]
        source = values[0]
        pad = self.pads.get(sources[0], (0, 0, 0, 0))
        windowed = kind in {"conv2d", "max_pool2d", "avg_pool2d"}
        if not windowed and any(part in self.pads for part in sources):
            raise unsupported(_where(node), "reads what was padded", "only windows can be padded")
        match kind.removesuffix("_"):
            case "conv2d":
                padding = 0 if given["padding"] == "valid" else given["padding"]
                if padding == "same" and any(pad):
                    raise unsupported(_where(node), "a convolution that is padded twice")
                return importer.conv(
                    name, source, _there(self.constant(node, given["weight"])),
                    self.constant(node, given["bias"]), given["groups"],
                    stride=_two(given["stride"]), dilation=_two(given["dilation"]),
                    padding=padding if padding == "same" else _around(padding, pad),
                )  # fmt: skip
            case "conv_transpose2d":
                if given["groups"] != 1 or _two(given["dilation"]) != (1, 1):
                    raise unsupported(_where(node), "a transposed convolution in groups or dilated")
                return importer.transpose_conv(
                    name, source, _there(self.constant(node, given["weight"])),
                    self.constant(node, given["bias"]), stride=_two(given["stride"]),
                    cropped=_around(given["padding"]), extra=_two(given["output_padding"]),
                )  # fmt: skip
            case "linear":
                kernel = _there(self.constant(node, given["weight"]))
                return importer.dense(name, source, kernel, self.constant(node, given["bias"]))
            case "batch_norm":
                return self.normalised(node, given, name, source)
            case "relu" | "relu6" | "hardtanh" | "clamp":
                return importer.activation(name, source, _clipped(node, given))
            case "hardswish":
                return importer.activation(name, source, "hard_swish")
            case "sigmoid":
                return importer.activation(name, source, "sigmoid")
            case "silu":
                gate = importer.activation(f"{name}/sigmoid", source, "sigmoid")
                return importer.product(name, source, gate)
            case "add" | "mul":
                if len(node.all_input_nodes) == 1 and isinstance(node.args[1], fx.Node):
                    values = values * 2  # a value and itself
                if len(values) != 2 or given.get("alpha", 1) != 1:
                    raise unsupported(
                        _where(node), "with a constant", "only values of layers combine"
                    )
                if kind.removesuffix("_") == "mul":
                    return importer.product(name, *values)
                return importer.add(name, "add", values)
            case "cat":
                if given["dim"] not in {1, -3}:
                    raise unsupported(_where(node), "a concatenation of other than channels")
                parts = [self.values[part] for part in given["tensors"]]
                return importer.add(name, "concat", parts)
            case "max_pool2d" | "avg_pool2d":
                return self.pooled(node, given, name, source, pad)
            case "adaptive_avg_pool2d":
                if tuple(_two(given["output_size"])) != (1, 1):
                    raise unsupported(_where(node), f"to {given['output_size']}", "1×1 is the mean")
                return importer.add(name, "global_avg_pool", [source])
            case "mean":
                if sorted(axis % 4 for axis in given["dim"] or ()) != [2, 3]:
                    raise unsupported(_where(node), "a mean over other than height and width")
                value = importer.add(name, "global_avg_pool", [source])
                return Value(value.layer, flat=not given["keepdim"])
            case "upsample_nearest2d" | "upsample_bilinear2d":
                return self.enlarged(node, given, name, source)
            case "pad":
                filled = given["mode"] != "constant" or given["value"]
                if filled or len(given["pad"]) != 4 or source.flat:
                    raise unsupported(_where(node), "padding other than zeros around the image")
                left, right, top, bottom = given["pad"]
                if zeros := zeros_around(_where(node), top, bottom, left, right):
                    self.pads[node] = zeros
                return source
            case "dropout" | "alias" | "clone" | "contiguous" | "detach" | "to" | "feature_dropout":
                return source
            case _:  # flatten, view, reshape, squeeze, unsqueeze, unflatten
                return self.reshaped(node, source)

    def normalised(self, node: fx.Node, given: dict[str, Any], name: str, source: Value) -> Value:
        mean = self.constant(node, given["running_mean"])
        variance = self.constant(node, given["running_var"])
        if mean is None or variance is None:
            raise unsupported(_where(node), "batch normalisation without running statistics")
        gain, shift = self.constant(node, given["weight"]), self.constant(node, given["bias"])
        factor = (1 if gain is None else gain) / np.sqrt(variance + given["eps"])
        return self.importer.scale(
            name, source, factor, (0 if shift is None else shift) - mean * factor
        )

    def pooled(
        self, node: fx.Node, given: dict[str, Any], name: str, source: Value, pad: Padding
    ) -> Value:
        if given["ceil_mode"] or given.get("divisor_override"):
            raise unsupported(_where(node), "with ceil_mode or a divisor of its own", "round down")
        kernel = _two(given["kernel_size"])
        window: dict[str, Any] = {
            "kernel": kernel,
            "stride": _two(given["stride"]) if given["stride"] else kernel,
            "padding": _around(given["padding"]),
        }
        if _kind(node) == "avg_pool2d":
            counted = given["count_include_pad"]
            if any(pad) and any(window["padding"]) and not counted:
                raise unsupported(_where(node), "a mean over a twice padded window")
            window["padding"] = _around(given["padding"], pad)
            return self.importer.avg_pool(name, source, zeros_count=counted or any(pad), **window)
        if _two(given["dilation"]) != (1, 1):
            raise unsupported(_where(node), "a maximum over a dilated window")
        if any(pad) and any(window["padding"]):
            raise unsupported(_where(node), "a maximum over a twice padded window")
        if any(pad):
            window["padding"] = pad
        return self.importer.max_pool(name, source, zeros=any(pad), **window)

    def enlarged(self, node: fx.Node, given: dict[str, Any], name: str, source: Value) -> Value:
        height, width, _ = self.importer.shape(source)
        tall, wide = node.meta["val"].shape[2:]
        factors = (tall // height, wide // width)
        # a given factor counts, not the size: 2.1 gives 16 rows of 8, but other pixels than 2 does
        by = given.get("scale_factors") or (given.get("scales_h"), given.get("scales_w"))
        exact = all(s in {None, f} for s, f in zip(by, factors, strict=True))
        whole = exact and tall % height == 0 == wide % width
        if not whole or given.get("align_corners"):
            raise unsupported(
                _where(node), f"from {height}×{width} to {tall}×{wide}"
                + ("" if exact else f" by {tuple(by)}")
                + (" with align_corners" if given.get("align_corners") else ""),
                "a whole factor and align_corners=False are needed",
            )  # fmt: skip
        kind: Any = "upsample_nearest" if "nearest" in _kind(node) else "upsample_bilinear"
        return self.importer.add(name, kind, [source], stride=factors)

    def reshaped(self, node: fx.Node, source: Value) -> Value:
        height, width, channels = self.importer.shape(source)
        size = tuple(node.meta["val"].shape[1:])
        if size == (height * width * channels,):
            return Value(source.layer, flat=True)
        if size == (channels, height, width) and (not source.flat or (height, width) == (1, 1)):
            return Value(source.layer)
        onward = all(_kind(user) in RESHAPES for user in node.users)
        if size == (channels, 1) and (height, width) == (1, 1) and onward:
            return Value(source.layer, flat=True)  # on the way to (channels, 1, 1)
        what = f"{channels}×{height}×{width} values reshaped to {size}"
        raise unsupported(_where(node), what, "an image can be flattened, and nothing else")


def _kind(node: fx.Node) -> str:
    """The operator's name without library and overload: conv2d of aten.conv2d.default."""
    return str(getattr(node.target, "__name__", node.target)).split(".")[0]


def _name(node: fx.Node) -> str:
    """The path of the module that runs the operator, or the operator's own name."""
    stack = list(node.meta.get("nn_module_stack", {}).values())
    if stack and stack[-1][0] and "torch.nn.modules" in str(stack[-1][1]):
        return re.sub(r"@\d+$", "", str(stack[-1][0]))
    return node.name


def _where(node: fx.Node) -> str:
    return f"operator {_kind(node)} {_name(node)!r}"


def _arguments(node: fx.Node) -> dict[str, Any]:
    """Arguments by the names that the operator's schema gives them, with its defaults."""
    names = node.target._schema.arguments  # type: ignore[union-attr] # torch's way to ask
    given = {a.name: a.default_value if a.has_default_value() else None for a in names}
    given |= dict(zip((a.name for a in names), node.args, strict=False))
    return given | node.kwargs


def _clipped(node: fx.Node, given: dict[str, Any]) -> Any:
    if _kind(node).startswith("relu"):
        return _kind(node).removesuffix("_")
    low, high = given.get("min_val", given.get("min")), given.get("max_val", given.get("max"))
    if low == 0 and high in {6, None}:
        return "relu6" if high == 6 else "relu"
    raise unsupported(_where(node), f"values clipped to {(low, high)}", "0 to 6 is relu6")


def _there(array: np.ndarray | None) -> np.ndarray:
    assert array is not None  # noqa: S101  # the schema says so
    return array


def _two(value: Any) -> tuple[int, int]:
    numbers = [value] if isinstance(value, int) else list(value)
    return (numbers[0], numbers[-1])


def _around(padding: Any, pad: Padding = (0, 0, 0, 0)) -> Padding:
    tall, wide = _two(padding)
    return (tall + pad[0], tall + pad[1], wide + pad[2], wide + pad[3])
