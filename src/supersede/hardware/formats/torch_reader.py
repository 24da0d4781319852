"""Read a torch module as a trained network, by torch.export."""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from supersede.errors import NetworkError, UnsupportedOperatorError
from supersede.hardware.formats.calls import Call
from supersede.hardware.formats.graph import Graph, Node, Ref, unsupported
from supersede.hardware.formats.operators import Unknown, build
from supersede.hardware.formats.torch_operators import CALLS

if TYPE_CHECKING:
    from supersede.hardware.description.trained import TrainedNetwork

__all__ = ["from_torch"]

KEPT = frozenset({
    "alias", "clone", "contiguous", "detach", "detach_", "dropout", "dropout_", "to", "_to_copy",
    "feature_dropout", "lift_fresh_copy",
})  # fmt: skip
"""Operators that change nothing in service."""

RESHAPES = frozenset({
    "_unsafe_view", "flatten", "reshape", "squeeze", "unflatten", "unsqueeze", "view", "expand",
})  # fmt: skip
SHARING = (
    (KEPT - {"clone"}) | RESHAPES | {"permute", "transpose", "select", "slice", "split", "chunk"}
)
"""Operators whose result may lie in their input's memory."""


def from_torch(
    module: nn.Module, example: Tensor, *, unknown: Unknown = "refuse"
) -> TrainedNetwork:
    """The network and its weights, as the module is in service (eval mode).

    Batch normalisation is folded into the convolution before it. The module is not changed.

    Args:
        module: Takes one tensor.
        example: An image (1, channels, height, width) of the size in service, or a sequence (1,
            channels, steps); a program for an accelerator is made for one size. Its values do not
            matter.
        unknown: What becomes of operators that have no layer here: they are refused, or, for a profile,
            left to the processor. A network with such operators cannot be run or quantised.

    Raises:
        UnsupportedOperatorError: Operators have no layer here (all of them are named and counted),
            or the module cannot be exported, for instance because sizes depend on values.
        NetworkError: The example is not an image.

    Example:
        >>> module = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        >>> (layer,) = from_torch(module, torch.zeros(1, 3, 32, 32)).network.layers
        >>> layer.kind, layer.channels, layer.padding, layer.activation
        ('conv', 8, 'valid', 'relu')
    """
    if example.ndim not in {2, 3, 4}:
        msg = f"the example has shape {tuple(example.shape)}, expected (1, channels, height, width)"
        raise NetworkError(msg)
    training = {part: part.training for part in module.modules()}
    module.eval()
    try:
        program = torch.export.export(module, (example[:1],))
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
    return build(_Reader(program, example).read(), unknown)


class _Reader:
    """One pass over the nodes of an exported program."""

    def __init__(self, program: torch.export.ExportedProgram, example: Tensor) -> None:
        self.shape = (1, *example.shape[1:])
        self.nodes: list[fx.Node] = list(program.graph.nodes)
        signature = program.graph_signature
        held = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
        lifted = signature.inputs_to_lifted_tensor_constants
        tensors = {n: program.state_dict[k] for n, k in held.items() if k in program.state_dict}
        tensors |= {
            n: program.constants[k] for n, k in {**held, **lifted}.items() if k in program.constants
        }
        self.constants: dict[fx.Node, Any] = {
            node: tensors[node.name].detach() for node in self.nodes if node.name in tensors
        }
        self.images = [
            node
            for node in self.nodes
            if node.op == "placeholder" and node.name in signature.user_inputs
        ]
        self.found: list[Node] = []

    def read(self) -> Graph:
        self.refuse_hidden_changes()
        for node in self.nodes:
            if node.op == "call_function":
                self.call(node)
        outputs: list[Any] = []
        for node in self.nodes:
            if node.op == "output":
                outputs = [part for part in node.args[0] if part is not None]  # type: ignore[union-attr]
        made = {self.images[0].name, *(node.output for node in self.found)}
        for part in outputs:
            if not isinstance(part, fx.Node) or part.name not in made:
                where = f"result {part!r} of the module"
                raise unsupported(where, "no layer gives it", "return values of layers only")
        return Graph(self.images[0].name, self.shape, self.found, [part.name for part in outputs])

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

    def call(self, node: fx.Node) -> None:
        """Translate one operator, or compute it where it reads constants only."""
        if node.target is operator.getitem:
            self.part(node)
            return
        if all(given in self.constants for given in node.all_input_nodes):
            known = self.constants
            arguments = fx.map_arg((node.args, node.kwargs), lambda given: known[given])
            self.constants[node] = node.target(*arguments[0], **arguments[1])  # type: ignore[operator]
            return
        value = node.meta.get("val")
        if not isinstance(value, Tensor):
            return  # several results; each is translated where it is taken
        self.tell(node, _kind(node), _arguments(node), tuple(value.shape), node.name)

    def tell(
        self, node: fx.Node, kind: str, given: dict[str, Any], shape: tuple[int, ...], output: str
    ) -> None:
        call = Call(
            kind.removesuffix("_"), given, shape, output, _name(node), _where(node), self.argument
        )
        if kind in KEPT:
            call.emit("identity", [given["self"] if "self" in given else given["input"]])
        elif kind in RESHAPES:
            call.emit("reshape", [given["self"]])
        elif call.kind in CALLS:
            CALLS[call.kind](call)
        else:
            call.emit(call.kind, list(node.all_input_nodes))
        self.found += call.nodes

    def part(self, node: fx.Node) -> None:
        """One of several results of an operator that takes a tensor apart."""
        source, index = node.args
        assert isinstance(source, fx.Node)  # noqa: S101  # getitem has no other form
        if source in self.constants:
            self.constants[node] = self.constants[source][index]
            return
        values = source.meta["val"]
        kind, shape, given = _kind(source), tuple(node.meta["val"].shape), _arguments(source)
        if kind in {"split", "split_with_sizes", "chunk", "unbind"}:
            dim = int(given.get("dim") or 0)
            sizes = [tuple(value.shape) for value in values]
            assert isinstance(index, int)  # noqa: S101  # results are numbered
            whole = tuple(source.args[0].meta["val"].shape)  # type: ignore[union-attr]
            step = 1 if kind == "unbind" else None
            begin = sum(step or size[dim] for size in sizes[:index])
            sliced = {"self": source.args[0], "dim": dim, "start": begin, "step": 1}
            if kind == "unbind":
                dim %= len(whole)
                cut = (*whole[:dim], 1, *whole[dim + 1 :])
                self.tell(node, "slice", sliced, cut, f"{node.name}/slice")
                self.tell(node, "view", {"self": Ref(f"{node.name}/slice")}, shape, node.name)
            else:
                self.tell(node, "slice", sliced, shape, node.name)
        else:
            self.tell(node, kind if index == 0 else f"{kind}[{index}]", given, shape, node.name)

    def argument(self, given: Any) -> Any:
        """An argument as a graph has it: a reference, an array, or a number."""
        if isinstance(given, fx.Node):
            if given not in self.constants:
                return Ref(given.name)
            given = self.constants[given]
        if isinstance(given, Tensor):
            return given.detach().cpu().double().numpy()
        return np.asarray(given, np.float64) if isinstance(given, int | float) else given


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
