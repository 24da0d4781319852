"""Which parameters of a network are linearised, chosen by name.

A choice is ``"all"``, ``"head"`` (the last layer with a weight), `LastBlocks`, `LowRank`, or one or
several name patterns such as ``"encoder.layer.5.*"``.
"""

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from supersede.errors import ArgumentError

__all__ = [
    "Direction",
    "LastBlocks",
    "LowRank",
    "ParameterChoice",
    "chosen_directions",
    "head_name",
    "projection",
]


@dataclass(frozen=True)
class LastBlocks:
    """The last blocks of the network, and every parameter registered after them.

    Blocks are the members of the network's longest `nn.ModuleList` or `nn.Sequential`: the layers
    of a transformer, the stages of a convolutional network. Where several are equally long, the
    outermost counts.

    Attributes:
        count: How many blocks, from the end.
    """

    count: int


@dataclass(frozen=True)
class LowRank:
    """Changes of low rank: each weight matrix W may change by B·A with A fixed and B fitted.

    A has orthonormal random rows, so that the change is linear in B. Weights of more than two
    dimensions are read as matrices ``(first dimension, rest)``. Vectors, such as biases, matrices
    with at most `rank` columns and the last layer are fitted in full: at rank 8 a last layer would
    see 8 random directions of its features, and lose to a linear probe.

    Attributes:
        rank: Rows of A.
        of: Which parameters.
        seed: Seed of A.
    """

    rank: int
    of: "ParameterChoice" = "all"
    seed: int = 0


ParameterChoice = str | Sequence[str] | LastBlocks | LowRank


@dataclass(frozen=True)
class Direction:
    """One parameter along which a network is expanded.

    Attributes:
        name: The parameter's name in the network.
        shape: Its shape.
        rank: Rank of the allowed change; None for any change.
        last: Whether it belongs to the last layer with a weight matrix.
    """

    name: str
    shape: torch.Size
    rank: int | None = None
    last: bool = False

    @property
    def key(self) -> str:
        """The name as a key of a state dict's part, which must not have dots."""
        return self.name.replace(".", "/")

    @property
    def coordinates(self) -> torch.Size:
        """Shape of what is fitted."""
        return self.shape if self.rank is None else torch.Size((self.shape[0], self.rank))


def chosen_directions(network: nn.Module, choice: ParameterChoice) -> tuple[Direction, ...]:
    """The chosen parameters, in the network's order, each once however many names it has.

    Args:
        network: The network.
        choice: Which.

    Returns:
        One direction per parameter.

    Raises:
        ArgumentError: A pattern matches nothing, or a number makes no sense.

    Example:
        >>> net = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> [d.name for d in chosen_directions(net, "head")]
        ['2.weight', '2.bias']
    """
    parameters = dict(network.named_parameters())
    if not parameters:
        msg = f"{type(network).__name__} has no parameters to linearise"
        raise ArgumentError(msg)
    match choice:
        case LowRank():
            if choice.rank < 1:
                msg = f"LowRank({choice.rank}): the rank is 1 or more"
                raise ArgumentError(msg)
            found = chosen_directions(network, choice.of)
            wide = {d.name for d in found if _wide(d.shape, choice.rank)}
            return tuple(
                replace(d, rank=choice.rank if d.name in wide and not d.last else None)
                for d in found
            )
        case "all":
            names = set(parameters)
        case "head":
            names = _head(network)
        case LastBlocks():
            names = _last(network, choice.count)
        case _:
            names = _matching(network, [choice] if isinstance(choice, str) else list(choice))
    canonical = _canonical(network)
    wanted = {canonical[name] for name in names}
    last = _head(network) if any(p.dim() >= 2 for p in parameters.values()) else set()
    return tuple(
        Direction(n, p.shape, last=n in last) for n, p in parameters.items() if n in wanted
    )


def projection(direction: Direction, seed: int, like: Tensor) -> Tensor:
    """The fixed factor A of a low-rank change: orthonormal rows, ``(rank, columns)``."""
    columns = direction.shape[1:].numel()
    generator = torch.Generator().manual_seed(seed)
    random = torch.randn(columns, direction.rank or 0, generator=generator, dtype=torch.float64)
    made: Tensor = torch.linalg.qr(random).Q.T.to(like)
    return made


def _wide(shape: torch.Size, rank: int) -> bool:
    return len(shape) >= 2 and shape[1:].numel() > rank


def _canonical(network: nn.Module) -> dict[str, str]:
    """Every name of every parameter, to the first name of the same parameter."""
    first = {id(p): name for name, p in network.named_parameters()}
    every = network.named_parameters(remove_duplicate=False)
    return {name: first[id(p)] for name, p in every}


def head_name(network: nn.Module) -> str:
    """Name of the last registered layer with a weight matrix; empty for the network itself.

    Raises:
        ArgumentError: There is none.
    """
    heads: list[str] = [
        prefix
        for prefix, module in network.named_modules()
        if any(p.dim() >= 2 for p in module.parameters(recurse=False))
    ]
    if not heads:
        msg = "the network has no layer with a weight matrix; name parameters by pattern"
        raise ArgumentError(msg)
    return heads[-1]


def _head(network: nn.Module) -> set[str]:
    """First names of the last layer's parameters."""
    name = head_name(network)
    dot = f"{name}." if name else ""
    own = network.get_submodule(name).named_parameters(recurse=False)
    canonical = _canonical(network)
    return {canonical[f"{dot}{parameter}"] for parameter, _ in own}


def _last(network: nn.Module, count: int) -> set[str]:
    lists = {
        prefix: module
        for prefix, module in network.named_modules()
        if isinstance(module, nn.ModuleList | nn.Sequential)
    }
    if not lists:
        msg = (
            "LastBlocks needs a network with an nn.Sequential or nn.ModuleList, and"
            f" {type(network).__name__} has none; name parameters by pattern"
        )
        raise ArgumentError(msg)
    prefix = max(lists, key=lambda name: (len(lists[name]), -name.count(".")))
    blocks = [
        name
        for name, block in lists[prefix].named_children()
        if any(True for _ in block.parameters())
    ]
    if not 1 <= count <= len(blocks):
        msg = f"LastBlocks({count}): {prefix or 'the network'} has {len(blocks)} blocks with parameters"
        raise ArgumentError(msg)
    dot = f"{prefix}." if prefix else ""
    order = [name for name, _ in network.named_parameters(remove_duplicate=False)]
    first = next(i for i, n in enumerate(order) if n.startswith(f"{dot}{blocks[-count]}."))
    return set(order[first:])


def _matching(network: nn.Module, patterns: Sequence[str]) -> set[str]:
    known = list(_canonical(network))
    names: set[str] = set()
    for pattern in patterns:
        found = fnmatch.filter(known, pattern)
        if not found:
            listed = ", ".join(known[:8]) + (", …" if len(known) > 8 else "")
            msg = (
                f"no parameter is called {pattern!r}; expected 'all', 'head' or patterns of names such"
                f" as 'layer4.*' (the network has: {listed})"
            )
            raise ArgumentError(msg)
        names.update(found)
    return names
