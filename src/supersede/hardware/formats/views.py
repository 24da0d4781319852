"""How a model's tensor lies in a layer's memory, so that most reshapes and transpositions cost nothing.

A layer's values lie in the order height, width, channels. A model sees them in another order and other
groups: an image as (n, channels, height, width), tokens as (n, height · width, channels). A `View`
splits memory into factors and says which factors, in which order, make up each dimension of the model.
A reshape or a transposition gives another view of the same layer; only where an operator needs another
order of memory is a layer written that moves values.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

from supersede.hardware.description.layer import Padding
from supersede.hardware.description.shapes import Shape

__all__ = ["NONE", "View", "first", "last", "plain"]

NONE: Padding = (0, 0, 0, 0)
Dims = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class View:
    """What an operator of the model gave.

    Attributes:
        layer: The layer that makes it; "input" is the image.
        split: Factors of the layer's values in the order of memory; none of them is 1.
        dims: For each dimension of the model's tensor, the batch included, the factors that make it
            up, by their place in `split`.
        pad: Zeros that surround it as an image, until a window takes them in.
    """

    layer: str
    split: tuple[int, ...]
    dims: Dims
    pad: Padding = NONE

    @property
    def sizes(self) -> tuple[int, ...]:
        """The model's shape.

        Example:
            >>> first("x", Shape(4, 5, 3)).sizes
            (1, 3, 4, 5)
        """
        return tuple(prod(self.split[i] for i in dim) for dim in self.dims)

    @property
    def order(self) -> tuple[int, ...]:
        """Factors in the model's order."""
        return tuple(i for dim in self.dims for i in dim)

    def transposed(self, order: tuple[int, ...]) -> View:
        """Dimensions in another order."""
        return replace(self, dims=tuple(self.dims[i] for i in order))

    def reshaped(self, sizes: tuple[int, ...]) -> View | None:
        """Other dimensions of the same values; None if factors would have to be broken apart.

        Example:
            >>> tokens = first("x", Shape(4, 5, 6)).reshaped((1, 6, 20)).transposed((0, 2, 1))
            >>> tokens.sizes, tokens.reshaped((1, 20, 2, 3)).split
            ((1, 20, 6), (4, 5, 2, 3))
        """
        pieces: dict[int, list[int]] = {i: [] for i in range(len(self.split))}
        waiting = [(i, self.split[i]) for i in self.order][::-1]
        groups: list[list[tuple[int, int]]] = []
        for size in sizes:
            need, group = size, []
            while need > 1:
                if not waiting:
                    return None
                factor, left = waiting.pop()
                if need % left and left % need:
                    return None
                taken = min(left, need)
                group.append((factor, len(pieces[factor])))
                pieces[factor].append(taken)
                if left > taken:
                    waiting.append((factor, left // taken))
                need //= taken
            groups.append(group)
        if waiting:
            return None
        start = {i: sum(len(pieces[j]) for j in range(i)) for i in pieces}
        split = tuple(size for i in range(len(self.split)) for size in pieces[i])
        dims = tuple(tuple(start[f] + at for f, at in group) for group in groups)
        return replace(self, split=split, dims=dims)

    def resized(self, layer: str, dim: int, size: int) -> View:
        """What a layer gives that changes one dimension's size, a dimension alone on its axis.

        Example:
            >>> first("x", Shape(4, 5, 6)).resized("y", 1, 8)
            View(layer='y', split=(4, 5, 8), dims=((), (2,), (0,), (1,)), pad=(0, 0, 0, 0))
        """
        gone = self.dims[dim]
        kept = [i for i in range(len(self.split)) if i not in gone]
        at = sum(i < min(gone) for i in kept) if gone else len(kept)
        split = [self.split[i] for i in kept]
        place = {i: p + (p >= at and size > 1) for p, i in enumerate(kept)}
        if size > 1:
            split.insert(at, size)
        dims = [tuple(place[i] for i in d) for d in self.dims[:dim]]
        dims.append((at,) if size > 1 else ())
        dims += [tuple(place[i] for i in d) for d in self.dims[dim + 1 :]]
        return View(layer, tuple(split), tuple(dims))

    def plan(self, shape: Shape) -> tuple[tuple[int, ...], ...] | None:
        """Dimensions of the model that make up height, width and channels; None where one is spread."""
        axes = self.axes(shape)
        if axes is None:
            return None
        found = []
        for part in axes:
            inside = [
                d for d in range(len(self.dims)) if self.dims[d] and set(self.dims[d]) <= set(part)
            ]
            inside.sort(key=lambda d: self.dims[d][0])
            if tuple(i for d in inside for i in self.dims[d]) != part:
                return None
            found.append(tuple(inside))
        return tuple(found)

    def axes(self, shape: Shape) -> tuple[tuple[int, ...], ...] | None:
        """Factors of the layer's height, width and channels; None where one spans two of them."""
        found, at = [], 0
        for size in shape:
            start, product = at, 1
            while product < size and at < len(self.split):
                product *= self.split[at]
                at += 1
            if product != size:
                return None
            found.append(tuple(range(start, at)))
        return tuple(found)


def plain(layer: str, shape: tuple[int, ...], dims: Dims) -> View:
    """A view whose factors are sizes of the layer, without those of size 1.

    Example:
        >>> plain("x", (1, 7, 3), ((), (0, 1), (2,)))
        View(layer='x', split=(7, 3), dims=((), (0,), (1,)), pad=(0, 0, 0, 0))
    """
    place: dict[int, int] = {}
    split: list[int] = []
    for i, size in enumerate(shape):
        if size > 1:
            place[i] = len(split)
            split.append(size)
    return View(layer, tuple(split), tuple(tuple(place[i] for i in d if i in place) for d in dims))


def first(layer: str, shape: Shape, rank: int = 4) -> View:
    """An image as torch and ONNX see it: (n, channels, height, width), or without height, or both."""
    return plain(
        layer, shape, (((), (2,), (0,), (1,)), ((), (2,), (0, 1)), ((), (2, 0, 1)))[4 - rank]
    )


def last(layer: str, shape: Shape, rank: int = 4) -> View:
    """An image as TensorFlow sees it: (n, height, width, channels)."""
    return plain(
        layer, shape, (((), (0,), (1,), (2,)), ((), (0, 1), (2,)), ((), (0, 1, 2)))[4 - rank]
    )
