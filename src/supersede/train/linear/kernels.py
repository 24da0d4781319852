"""Kernels J Jᵀ by part of the parameters: the last layer's, and that of the layers before it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from supersede.train.linear.items import Inputs
from supersede.train.linear.jacobian import kernel_parts
from supersede.train.linear.linearized import Linearized
from supersede.train.linear.selection import Direction

__all__ = ["Kernels", "kernels_of", "kernels_with_jacobian"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Kernels:
    """J Jᵀ by part of the parameters, unweighted.

    Attributes:
        last: The last layer's part ``(n·C, n·C)``.
        body: That of all others.
    """

    last: Floats
    body: Floats

    @property
    def sizes(self) -> tuple[float, float]:
        """Their traces."""
        return float(np.trace(self.last)), float(np.trace(self.body))

    def weighted(self, body_weight: float) -> Floats:
        """Their weighted sum."""
        return self.last + body_weight * self.body

    def take(self, rows: npt.NDArray[np.int64]) -> "Kernels":
        """Both for some rows and columns."""
        at = np.ix_(rows, rows)
        return Kernels(self.last[at], self.body[at])


def kernels_of(linear: Linearized, jacobian: Tensor) -> Kernels:
    """The kernels of a Jacobian ``(n·C, P)``."""
    return _summed([(jacobian, linear.directions)], len(jacobian))


def kernels_with_jacobian(
    linear: Linearized, inputs: Inputs, outputs: int, memory: float
) -> tuple[Kernels, Tensor | None]:
    """The kernels of items, and the Jacobian where all of it fits the memory (bytes)."""
    kept: list[Tensor] = []

    def parts() -> Iterator[tuple[Tensor, list[Direction]]]:
        for part, group in kernel_parts(linear, inputs, outputs, memory):
            if len(group) == len(linear.directions):
                kept.append(part.cpu())
            yield part, group

    kernels = _summed(parts(), len(inputs) * outputs)
    return kernels, kept[0] if kept else None


def _summed(parts: Iterable[tuple[Tensor, Iterable[Direction]]], size: int) -> Kernels:
    sums = {last: torch.zeros(size, size, dtype=torch.float64) for last in (True, False)}
    for part, group in parts:
        directions = list(group)
        columns = torch.split(part, [d.coordinates.numel() for d in directions], dim=1)
        for column, direction in zip(columns, directions, strict=True):
            for narrow in torch.split(column, 1 << 15, dim=1):
                wide = narrow.cpu().double()
                sums[direction.last].addmm_(wide, wide.T)
    return Kernels(sums[True].numpy(), sums[False].numpy())
