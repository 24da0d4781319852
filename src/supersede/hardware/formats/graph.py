"""A model as its reader hands it on: operators under common names, before they become layers.

Each reader (torch, ONNX, TensorFlow Lite) only names operators and their arguments. What they become
stands once, in `operators`; what several of them together mean, in `patterns`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from supersede.errors import UnsupportedOperatorError

if TYPE_CHECKING:
    from supersede.hardware.description.quantised import Array

__all__ = ["Graph", "Node", "Ref", "unsupported"]


@dataclass(frozen=True)
class Ref:
    """A value that the model computes, by name; constants are arrays instead."""

    name: str


Argument = Any
"""A `Ref`, an array, or None where an operator's argument is left out."""


@dataclass(frozen=True)
class Node:
    """One operator.

    Attributes:
        op: Its common name, a key of the table of operators; another name is the file's own.
        name: What its layer is to be called.
        where: How messages call it.
        inputs: What it reads.
        output: Name of what it gives.
        shape: Of what it gives, with the batch, as the model sees it.
        options: Its arguments, by common names.
    """

    op: str
    name: str
    where: str
    inputs: tuple[Argument, ...]
    output: str
    shape: tuple[int, ...]
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def refs(self) -> tuple[str, ...]:
        """Names of the values that it reads."""
        return tuple(given.name for given in self.inputs if isinstance(given, Ref))

    def array(self, index: int) -> Array:
        """A constant argument.

        Raises:
            UnsupportedOperatorError: The model computes it.
        """
        given = self.inputs[index]
        if isinstance(given, Ref):
            what = f"its input {given.name!r} is computed by the model"
            raise unsupported(self.where, what, "it must be a constant")
        array: Array = given
        return array

    def optional(self, index: int) -> Array | None:
        """A constant argument that may be left out."""
        absent = index >= len(self.inputs) or self.inputs[index] is None
        return None if absent else self.array(index)


@dataclass
class Graph:
    """A model's operators in an order in which they can run.

    Attributes:
        input: Name of the image.
        shape: Of the image, with the batch, as the model sees it.
        nodes: The operators.
        outputs: Names of the results.
        channels_last: Whether images are (n, height, width, channels).
    """

    input: str
    shape: tuple[int, ...]
    nodes: list[Node]
    outputs: list[str]
    channels_last: bool = False

    def readers(self) -> Counter[str]:
        """How often each value is read, as a result of the model too."""
        return Counter([*self.outputs, *(name for node in self.nodes for name in node.refs)])


def unsupported(where: str, what: str, mend: str = "") -> UnsupportedOperatorError:
    """The error for a use of an operator that has no layer."""
    return UnsupportedOperatorError(f"{where}: {what}" + (f"; {mend}" if mend else ""))
