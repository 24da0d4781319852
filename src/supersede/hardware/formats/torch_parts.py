"""Parts of a torch module for layers that torch has no module for, channels first as torch has them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from supersede.hardware.description.layer import Layer

__all__ = ["ChannelNorm", "Concat", "Constant", "Exponential", "OfTwo", "Rearranged", "Sliced"]


class OfTwo(nn.Module):
    """A sum, difference, product or quotient, or a product of matrices (width × channels)."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        """Both together."""
        match self.kind:
            case "add":
                return left + right
            case "subtract":
                return left - right
            case "multiply":
                return left * right
            case "divide":
                return left / right
            case _:
                return _first(_last(left) @ _last(right))


class Concat(nn.Module):
    """Values side by side along one dimension."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, *inputs: Tensor) -> Tensor:
        """All of them side by side."""
        most = max(len(given) for given in inputs)
        return torch.cat([given.expand(most, -1, -1, -1) for given in inputs], self.dim)


class Exponential(nn.Module):
    """e to each value."""

    def forward(self, values: Tensor) -> Tensor:
        """Each value by itself."""
        return values.exp()


class ChannelNorm(nn.LayerNorm):
    """Each pixel normalised over its channels."""

    def __init__(self, channels: int, epsilon: float) -> None:
        super().__init__(channels, epsilon)

    def forward(self, input: Tensor) -> Tensor:
        """Each pixel by itself."""
        normal = functional.layer_norm(
            _last(input), list(self.normalized_shape), self.weight, self.bias, self.eps
        )
        return _first(normal)


class Rearranged(nn.Module):
    """Values moved in memory, whose order is height, width, channels."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.split, self.order, self.size = layer.split, layer.order, layer.size

    def forward(self, images: Tensor) -> Tensor:
        """The same values elsewhere."""
        n = images.shape[0]
        factors = _last(images).reshape(n, *self.split)
        moved = factors.permute(0, *(i + 1 for i in self.order))
        return _first(moved.reshape(n, *self.size))


class Sliced(nn.Module):
    """A part of an image."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        steps = (*layer.stride, 1)
        self.parts = [
            slice(b, b + (n - 1) * s + 1, s)
            for b, n, s in zip(layer.begin, layer.size, steps, strict=True)
        ]

    def forward(self, images: Tensor) -> Tensor:
        """The part."""
        rows, columns, channels = self.parts
        return images[:, channels, rows, columns]


class Constant(nn.Module):
    """Values that are learnt and depend on nothing."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        height, width, channels = layer.size
        self.weight = nn.Parameter(torch.zeros(1, channels, height, width))

    def forward(self) -> Tensor:
        """The values."""
        return self.weight


def _last(images: Tensor) -> Tensor:
    return images.permute(0, 2, 3, 1)


def _first(images: Tensor) -> Tensor:
    return images.permute(0, 3, 1, 2)
