"""The one description of a network from which everything else is built.

The torch module that is trained, the ONNX file and the int8 file that is compiled and shipped all
come from a `Network`: a small directed graph of layers, frozen, hashable, and plain JSON on disk.
It has one image as its input. What a layer may be is what accelerators for vision run: see `Kind`.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, replace
from functools import cached_property
from math import prod
from typing import Any

from supersede.errors import NetworkError
from supersede.hardware.description.layer import WITHOUT_BIAS, Layer
from supersede.hardware.description.shapes import (
    Shape,
    kernel_shape,
    layer_macs,
    output_shape,
)

__all__ = ["Network"]


@dataclass(frozen=True)
class Network:
    """A network for one image: layers in an order in which they can run.

    Attributes:
        input: Height, width and channels of the image.
        layers: Each layer reads the image ("input") or layers before it.
        outputs: Names of the layers whose values are the result; the last layer if left out.

    Raises:
        NetworkError: A name is taken twice or unknown, or shapes do not fit.

    Example:
        >>> net = Network(
        ...     Shape(32, 32, 3),
        ...     (
        ...         Layer("stem", "conv", ("input",), channels=8, kernel=3, stride=2),
        ...         Layer("pool", "global_avg_pool", ("stem",)),
        ...         Layer("classes", "dense", ("pool",), channels=10),
        ...     ),
        ... )
        >>> net.shapes["stem"]
        Shape(height=16, width=16, channels=8)
        >>> net.macs, net.parameters
        (55376, 314)
        >>> Network.from_json(net.to_json()) == net
        True
    """

    input: Shape
    layers: tuple[Layer, ...]
    outputs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "input", Shape(*self.input))
        object.__setattr__(self, "layers", tuple(self.layers))
        if not self.layers:
            msg = "the network has no layers"
            raise NetworkError(msg)
        if any(not isinstance(size, int) or size < 1 for size in self.input):
            msg = (
                f"the input's size is {tuple(self.input)}, expected height, width and channels ≥ 1; "
                "sizes must be known before a network can be compiled"
            )
            raise NetworkError(msg)
        object.__setattr__(self, "outputs", tuple(self.outputs) or (self.layers[-1].name,))
        known = {"input"}
        for layer in self.layers:
            if layer.name in known:
                msg = f"layer {layer.name!r} is there twice; names must be unique"
                raise NetworkError(msg)
            for source in layer.inputs:
                if source not in known:
                    msg = (
                        f"layer {layer.name!r} reads {source!r}, which is not a layer before it; "
                        "put layers in the order in which they run"
                    )
                    raise NetworkError(msg)
            known.add(layer.name)
        for name in self.outputs:
            if name not in known - {"input"}:
                msg = f"output {name!r} is not a layer of the network"
                raise NetworkError(msg)
        _ = self.shapes  # a network whose shapes do not fit is none

    @cached_property
    def shapes(self) -> Mapping[str, Shape]:
        """Shape of every activation, by name; "input" is the image."""
        shapes = {"input": self.input}
        for layer in self.layers:
            shapes[layer.name] = output_shape(layer, [shapes[name] for name in layer.inputs])
        return shapes

    def inputs_of(self, layer: Layer) -> list[Shape]:
        """Shapes of what a layer reads."""
        return [self.shapes[name] for name in layer.inputs]

    def kernel_of(self, layer: Layer) -> tuple[int, ...] | None:
        """Shape of a layer's weights; None where it has none. See `kernel_shape`."""
        return kernel_shape(layer, self.inputs_of(layer))

    def macs_of(self, layer: Layer) -> int:
        """Multiply-adds of one layer."""
        return layer_macs(layer, self.inputs_of(layer))

    def parameters_of(self, layer: Layer) -> int:
        """Weights and biases of one layer."""
        kernel = self.kernel_of(layer)
        if kernel is None:
            return 0
        biases = 0 if layer.kind in WITHOUT_BIAS else self.shapes[layer.name].channels
        return prod(kernel) + biases

    @cached_property
    def macs(self) -> int:
        """Multiply-adds for one image."""
        return sum(self.macs_of(layer) for layer in self.layers)

    @cached_property
    def parameters(self) -> int:
        """Weights and biases; at eight bits a weight about the bytes of the file."""
        return sum(self.parameters_of(layer) for layer in self.layers)

    def layer(self, name: str) -> Layer:
        """The layer of this name.

        Raises:
            NetworkError: There is none.
        """
        for layer in self.layers:
            if layer.name == name:
                return layer
        msg = f"no layer {name!r} in the network"
        raise NetworkError(msg)

    def with_layer(self, name: str, **changes: Any) -> "Network":
        """The same network with some fields of one layer changed.

        Example:
            >>> net = Network(Shape(8, 8, 3), (Layer("a", "conv", ("input",), channels=7),))
            >>> net.with_layer("a", channels=8).shapes["a"].channels
            8
        """
        self.layer(name)
        layers = tuple(
            replace(layer, **changes) if layer.name == name else layer for layer in self.layers
        )
        return replace(self, layers=layers)

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, lists, strings and numbers; fields at their default are left out."""
        layers = []
        for layer in self.layers:
            plain = {
                field.name: getattr(layer, field.name)
                for field in fields(Layer)
                if field.default is MISSING or getattr(layer, field.name) != field.default
            }
            layers.append({key: list(v) if isinstance(v, tuple) else v for key, v in plain.items()})
        return {"input": list(self.input), "layers": layers, "outputs": list(self.outputs)}

    def to_json(self) -> str:
        """The description as text; the same network gives the same text."""
        return json.dumps(self.to_dict(), separators=(",", ":"))

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Network":
        """Read back what `to_dict` gave.

        Raises:
            NetworkError: It is not a network's description.
        """
        try:
            return cls(
                Shape(*plain["input"]),
                tuple(Layer(**layer) for layer in plain["layers"]),
                tuple(plain.get("outputs", ())),
            )
        except (KeyError, TypeError) as error:
            msg = f"this is no description of a network: {error!r}; it needs 'input' and 'layers'"
            raise NetworkError(msg) from error

    @classmethod
    def from_json(cls, text: str) -> "Network":
        """Read back what `to_json` gave.

        Raises:
            NetworkError: It is not JSON, or not a network's description.
        """
        try:
            plain = json.loads(text)
        except json.JSONDecodeError as error:
            msg = f"this is no description of a network: it is not JSON ({error})"
            raise NetworkError(msg) from error
        return cls.from_dict(plain)

    def fingerprint(self) -> str:
        """Hexadecimal digest of the description, for caches; names of layers count."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()
