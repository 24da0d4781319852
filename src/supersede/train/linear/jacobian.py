"""Products with the Jacobian of a network's outputs, and its rows.

Everything is in the coordinates of a `Linearized`: a vector of length P, the chosen parameters one
after another. J has one row per item and output, item by item, so its shape is (n·C, P). The network
computes in its own precision; vectors are kept and summed in double precision, on the CPU.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from supersede.train.linear.items import Inputs
from supersede.train.linear.linearized import Linearized
from supersede.train.linear.selection import Direction

__all__ = [
    "base",
    "flat",
    "kernel_parts",
    "outputs",
    "rows",
    "scales",
    "times",
    "transposed_times",
    "unflat",
]

BATCH = 64


def flat(change: Sequence[Tensor]) -> Tensor:
    """Coordinates by parameter, in order, as one vector ``(P,)``."""
    return torch.cat([part.reshape(-1) for part in change])


def unflat(linear: Linearized, vector: Tensor) -> dict[str, Tensor]:
    """One vector ``(P,)`` as coordinates by key."""
    parts = torch.split(vector, [d.coordinates.numel() for d in linear.directions])
    return {
        d.key: part.view(d.coordinates) for d, part in zip(linear.directions, parts, strict=True)
    }


def scales(linear: Linearized) -> Tensor:
    """What the weights of the two parts do to each coordinate, ``(P,)``, float64."""
    scale = float(linear.body_scale)
    return torch.cat(
        [
            torch.full((d.coordinates.numel(),), 1.0 if d.last else scale, dtype=torch.float64)
            for d in linear.directions
        ]
    )


def base(linear: Linearized, inputs: Inputs) -> Tensor:
    """The network's own outputs, ``(n, C)``."""
    with torch.no_grad():
        parts = [linear.evaluate({}, b.args, b.kwargs) for _, b in inputs.split(BATCH)]
    return torch.cat(parts)


def outputs(linear: Linearized, inputs: Inputs) -> Tensor:
    """The expansion's outputs, ``(n, C)``."""
    with torch.no_grad():
        return torch.cat([linear(*b.args, **b.kwargs) for _, b in inputs.split(BATCH)])


def times(linear: Linearized, inputs: Inputs, vector: Tensor) -> Tensor:
    """J v for one vector ``(P,)``, as ``(n, C)``."""
    change = unflat(linear, vector.to(linear.like))
    with torch.no_grad():
        parts = [linear.expand(change, *b.args, **b.kwargs)[1] for _, b in inputs.split(BATCH)]
    return torch.cat(parts).cpu().double()


def transposed_times(linear: Linearized, inputs: Inputs, weights: Tensor) -> Tensor:
    """Jᵀ u for weights ``(n, C)``, as ``(P,)``; sums over batches in double precision."""
    total = torch.zeros(linear.size, dtype=torch.float64)
    for at, batch in inputs.split(BATCH):
        free = _free(linear, linear.directions)
        with torch.enable_grad():
            made = linear.evaluate(free, batch.args, batch.kwargs)
            found = torch.autograd.grad(
                made, list(free.values()), weights[at].to(made), allow_unused=True
            )
        total += flat(_in_coordinates(linear, linear.directions, found)).cpu().double()
    return total


def rows(
    linear: Linearized, inputs: Inputs, directions: Sequence[Direction] | None = None
) -> Tensor:
    """The rows of J, ``(n, C, P)``, or their part for some directions."""
    chosen = linear.directions if directions is None else tuple(directions)
    made = []
    for _, item in inputs.split(1):
        free = _free(linear, chosen)
        with torch.enable_grad():
            out = linear.evaluate(free, item.args, item.kwargs)[0]
            each = torch.eye(len(out), dtype=out.dtype, device=out.device)
            found = torch.autograd.grad(
                out, list(free.values()), each, is_grads_batched=True, allow_unused=True
            )
        parts = _in_coordinates(linear, chosen, found, len(out))
        made.append(torch.cat([part.reshape(len(out), -1) for part in parts], 1))
    return torch.stack(made)


def kernel_parts(
    linear: Linearized, inputs: Inputs, outputs: int, memory: float
) -> Iterator[tuple[Tensor, list[Direction]]]:
    """J in groups of columns, each of which fits the memory, as ``(n·C, P_group)``.

    Args:
        linear: The expansion.
        inputs: Items.
        outputs: C.
        memory: Bytes that a group may take; a single parameter that takes more is a group alone.

    Yields:
        A group, and its directions.
    """
    groups = _groups(linear, len(inputs) * outputs, memory)
    for group in groups:
        part = rows(linear, inputs, group)
        yield part.reshape(-1, part.shape[-1]), group


def _groups(linear: Linearized, count: int, memory: float) -> list[list[Direction]]:
    width = linear.like.element_size()
    groups: list[list[Direction]] = [[]]
    held = 0
    for direction in linear.directions:
        size = direction.coordinates.numel() * count * width
        if groups[-1] and held + size > memory:
            groups.append([])
            held = 0
        groups[-1].append(direction)
        held += size
    return groups


def _free(linear: Linearized, directions: Sequence[Direction]) -> dict[str, Tensor]:
    return {
        d.name: linear.network.get_parameter(d.name).detach().requires_grad_() for d in directions
    }


def _in_coordinates(
    linear: Linearized,
    directions: Sequence[Direction],
    found: Sequence[Tensor | None],
    *lead: int,
) -> list[Tensor]:
    """Gradients of weights as gradients of coordinates; none where a weight is not used."""
    made = []
    for direction, gradient in zip(directions, found, strict=True):
        weight = linear.network.get_parameter(direction.name)
        if gradient is not None and not direction.last:
            gradient = gradient * linear.body_scale
        if gradient is None:
            made.append(weight.new_zeros(*lead, *direction.coordinates))
        elif direction.rank is None:
            made.append(gradient)
        else:
            fixed = linear.projections.get_buffer(direction.key)
            made.append(gradient.reshape(*lead, direction.shape[0], -1) @ fixed.T)
    return made
