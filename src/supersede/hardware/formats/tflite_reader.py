"""Read a TensorFlow Lite file as a network with its weights, in floating point or in whole numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from supersede.errors import NetworkError
from supersede.hardware.description.quantised import (
    Array,
    QuantisedNetwork,
    Steps,
    fixed_steps,
)
from supersede.hardware.formats.calibration import SAME_STEPS, whole_weights
from supersede.hardware.formats.calls import Call
from supersede.hardware.formats.graph import Graph, Node, Ref
from supersede.hardware.formats.operators import Unknown, build
from supersede.hardware.formats.tflite_operators import CALLS
from supersede.hardware.formats.tflite_tables import File, Operation, Tensor, read_file

if TYPE_CHECKING:
    from supersede.hardware.description.trained import TrainedNetwork

__all__ = ["from_tflite", "quantised_from_tflite"]


def from_tflite(source: bytes | str | Path, *, unknown: Unknown = "refuse") -> TrainedNetwork:
    """The network and its weights, in floating point: whole numbers become what they stand for.

    Args:
        source: The file, or its bytes, with one input.
        unknown: What becomes of operators that have no layer here: they are refused, or, for a profile,
            left to the processor.

    Raises:
        MissingExtraError: The extra `hardware` is not installed.
        NetworkFileError: The file is missing, damaged or of another kind.
        UnsupportedOperatorError: Operators have no layer here; all of them are named and counted.
        NetworkError: A size of the input is free, or there are several inputs.

    Example:
        >>> from supersede.hardware import Layer, Network, Shape, random_quantised, to_tflite
        >>> net = Network(Shape(8, 8, 3), (Layer("a", "conv", ("input",), channels=4, kernel=3),))
        >>> from_tflite(to_tflite(random_quantised(net))).network == net
        True
    """
    return _Reader(read_file(source)).trained(unknown)


def quantised_from_tflite(source: bytes | str | Path) -> QuantisedNetwork:
    """The network in whole numbers, with the file's own steps; written again, it computes the same.

    Raises:
        MissingExtraError: The extra `hardware` is not installed.
        NetworkFileError: The file is missing, damaged or of another kind.
        UnsupportedOperatorError: Operators have no layer here; all of them are named and counted.
        NetworkError: The file holds floating point, has free sizes or several inputs.

    Example:
        >>> from supersede.hardware import Layer, Network, Shape, random_quantised, to_tflite
        >>> net = Network(Shape(8, 8, 3), (Layer("a", "conv", ("input",), channels=4, kernel=3),))
        >>> file = to_tflite(random_quantised(net))
        >>> to_tflite(quantised_from_tflite(file)) == file
        True
    """
    return _Reader(read_file(source)).quantised()


@dataclass
class _Reader:
    """A file, and what of it lies where in the network."""

    file: File
    nodes: list[Node] = field(default_factory=list)

    def graph(self) -> Graph:
        """The operators that depend on the image, under common names."""
        images = [n for n in self.file.inputs if self.file.tensors[n].data is None]
        if len(images) != 1:
            names = ", ".join(self.file.tensors[n].name for n in images) or "none"
            msg = f"the model has {len(images)} inputs ({names}), expected one image"
            raise NetworkError(msg)
        shape = self.file.tensors[images[0]].shape
        shape = (max(shape[0], 1), *shape[1:]) if shape else shape
        if not 2 <= len(shape) <= 4 or min(shape) < 1 or shape[0] != 1:
            msg = (
                f"input {self.file.tensors[images[0]].name!r} has the shape {shape}, expected"
                " (1, height, width, channels) with sizes that are known"
            )
            raise NetworkError(msg)
        for operation in self.file.operations:
            self.call(operation)
        outputs = [str(n) for n in self.file.outputs]
        return Graph(str(images[0]), shape, self.nodes, outputs, channels_last=True)

    def call(self, operation: Operation) -> None:
        """Translate one operator."""
        tensor = self.file.tensors[operation.outputs[0]]
        where = f"operator {operation.code} {tensor.name!r}"
        tensors = [self.file.tensors[n] if n >= 0 else None for n in operation.inputs]
        given = dict(operation.options) | {
            "inputs": [
                None if part is None else Ref(str(n)) if part.data is None else part.real
                for n, part in zip(operation.inputs, tensors, strict=True)
            ],
            "tensors": tensors,
            "results": [(str(n), self.file.tensors[n].shape) for n in operation.outputs],
            "output": tensor,
        }
        call = Call(operation.code, given, tensor.shape, str(operation.outputs[0]), tensor.name,
                    where, lambda part: part)  # fmt: skip
        if operation.code in CALLS:
            CALLS[operation.code](call)
        else:
            call.emit(operation.code, [part for part in given["inputs"] if isinstance(part, Ref)])
        self.nodes += call.nodes

    def trained(self, unknown: Unknown) -> TrainedNetwork:
        """The network in floating point."""
        return build(self.graph(), unknown)

    def quantised(self) -> QuantisedNetwork:
        """The network in whole numbers."""
        trained = self.trained("refuse")
        image = self.file.tensors[self.file.inputs[0]]
        bits: Literal[8, 16] = 16 if image.type == "INT16" else 8
        named = {tensor.name: tensor for tensor in self.file.tensors if tensor.data is None}
        steps = self.steps(trained, image, named, bits)
        kernels = self.kernels()
        weights = {}
        for layer in trained.network.layers:
            if (parameters := trained.parameters.get(layer.name)) is None:
                continue
            weights[layer.name] = whole_weights(
                layer, parameters, steps, bits, kernels.get(layer.name)
            )
        return QuantisedNetwork(trained.network, steps, weights, bits)

    def steps(
        self, trained: TrainedNetwork, image: Tensor, named: dict[str, Tensor], bits: int
    ) -> dict[str, Steps]:
        """Of every activation: the file's, or those of what it was made from by moving values."""
        found: dict[str, Steps] = {}
        if image.steps is None:
            msg = (
                f"the file's image {image.name!r} is {image.type}, not whole numbers: read it with"
                " `from_tflite` and `quantise` it"
            )
            raise NetworkError(msg)
        found["input"] = image.steps
        for layer in trained.network.layers:
            own = named[layer.name].steps if layer.name in named else None
            if own is None and layer.kind in SAME_STEPS and layer.inputs:
                own = found[layer.inputs[0]]
            if own is None and layer.kind == "constant":
                values = trained.parameters[layer.name].kernel
                own = Steps(float(np.float32(max(np.abs(values).max(), 1e-6) / 127)), 0)
            own = own or self.later(layer.name) or fixed_steps(layer, bits)
            if own is None:
                msg = (
                    f"layer {layer.name!r} has no steps in the file; read it with `from_tflite` and"
                    " `quantise` it with images"
                )
                raise NetworkError(msg)
            found[layer.name] = own
        return found

    def later(self, name: str) -> Steps | None:
        """Steps that a value gets when floating point ends, further on in the file."""
        tensors, seen = self.file.tensors, {name}
        for operation in self.file.operations:
            if seen.intersection(tensors[n].name for n in operation.inputs if n >= 0):
                result = tensors[operation.outputs[0]]
                if result.steps is not None:
                    return result.steps
                seen.add(result.name)
        return None

    def kernels(self) -> dict[str, Array]:
        """Scales of weights in the file, by the layer that has them."""
        found = {}
        for operation in self.file.operations:
            at = {"TRANSPOSE_CONV": 1}.get(operation.code, 1)
            if operation.code in WEIGHTED and len(operation.inputs) > at:
                scales = self.file.tensors[operation.inputs[at]].scales
                found[self.file.tensors[operation.outputs[0]].name] = scales
        return found


WEIGHTED = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED"})
