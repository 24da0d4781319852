"""One call of an operator while a reader translates it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from supersede.hardware.formats.graph import Node, Ref

__all__ = ["Call"]


@dataclass
class Call:
    """One call of an operator, and the nodes that it becomes.

    Attributes:
        kind: The library's name.
        given: Its arguments by the library's names.
        shape: Of its result.
        output: Name of its result.
        name: What its layer is to be called.
        where: How messages call it.
        argument: Turns an argument into a reference, an array or a number.
        nodes: What it becomes.
    """

    kind: str
    given: dict[str, Any]
    shape: tuple[int, ...]
    output: str
    name: str
    where: str
    argument: Callable[[Any], Any]
    nodes: list[Node] = field(default_factory=list)

    def emit(
        self,
        op: str,
        inputs: Sequence[Any],
        output: str | None = None,
        shape: tuple[int, ...] | None = None,
        **options: Any,
    ) -> Ref:
        """Add a node and give its result; the last one gives the call's own."""
        given = tuple(self.argument(part) for part in inputs)
        output = self.output if output is None else f"{self.output}/{output}"
        name = self.name if output == self.output else f"{self.name}/{output.rsplit('/', 1)[-1]}"
        shape = self.shape if shape is None else shape
        self.nodes.append(Node(op, name, self.where, given, output, tuple(shape), options))
        return Ref(output)

    def sizes(self, name: str) -> tuple[int, ...]:
        """Shape of an argument."""
        part = self.given[name]
        return tuple(part.meta["val"].shape) if hasattr(part, "meta") else tuple(np.shape(part))
