"""One set of weights from which every network of a space takes its part.

A network's convolution takes the first channels of the widest one of its name, and a smaller window
is the middle of the larger one, as in once-for-all networks. Weights are found by the name and the
kind of a layer, so a space fits whose networks name layers alike; `block_space` makes such spaces.

Source: Cai et al. 2020, Once-for-All, section 3.3; Yu et al. 2020, BigNAS (arXiv 2003.11142).
Deviation: no transform between windows of different size.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from supersede.errors import ArgumentError
from supersede.hardware.description.trained import random_parameters
from supersede.hardware.formats.torch_module import TorchNetwork, to_torch

if TYPE_CHECKING:
    from supersede.hardware.description.network import Network
    from supersede.search.architecture.space import Params, Space, Value

__all__ = ["SharedWeights", "extremes"]

CALIBRATION, DRAWS = 256, 100


def extremes(space: Space) -> tuple[dict[str, Value], dict[str, Value]]:
    """The smallest and the largest network: first and last value of every choice."""
    return (
        {choice.name: choice.values[0] for choice in space.choices},
        {choice.name: choice.values[-1] for choice in space.choices},
    )


class SharedWeights(nn.Module):
    """Weights that the networks of a space share.

    Args:
        space: The space.
        seed: Of the first weights.

    Raises:
        ArgumentError: The space has networks of listed keys only.

    Example:
        >>> from supersede.search.architecture import seven_blocks
        >>> space = seven_blocks(channels=(8, 16), step=8, resolutions=(32,))
        >>> shared = SharedWeights(space)
        >>> small, large = extremes(space)
        >>> shared.outputs(space.network(small), torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 10])
    """

    def __init__(self, space: Space, seed: int = 0) -> None:
        super().__init__()
        if space.only is not None:
            msg = "a supernet needs every combination of its space's choices; leave `only` out"
            raise ArgumentError(msg)
        self.space = space
        wanted: dict[str, tuple[int, ...]] = {}
        for network in _looked_at(space):
            for key, _, shape in _named(network):
                wanted[key] = tuple(map(max, wanted.get(key, shape), shape))
        torch.manual_seed(seed)
        self.places = {key: i for i, key in enumerate(sorted(wanted))}
        self.bank = nn.ParameterList(_first(key, wanted[key]) for key in sorted(wanted))

    def slices(self, network: Network) -> dict[str, Tensor]:
        """Parts of the weights, by the parameters' names in the torch module of a network.

        Raises:
            ArgumentError: A layer has no part in these weights.
        """
        found = {}
        for key, name, shape in _named(network):
            whole = self.bank[self.places[key]] if key in self.places else None
            if whole is None or any(n > m for n, m in zip(shape, whole.shape, strict=True)):
                msg = (
                    f"{key} is not among the shared weights, or larger than them: the space's networks"
                    " must name and size their layers alike"
                )
                raise ArgumentError(msg)
            found[name] = whole[_part(shape, tuple(whole.shape))]
        return found

    def outputs(self, network: Network, images: Tensor) -> Tensor | tuple[Tensor, ...]:
        """What a network of the space says, with normalisation by the batch."""
        module = _module(network)
        module.train()
        found: Tensor | tuple[Tensor, ...] = functional_call(
            module, self.slices(network), (images,)
        )
        return found

    def extracted(self, params: Params, images: Tensor) -> TorchNetwork:
        """A network of its own with its part of the weights, in evaluation mode.

        Args:
            params: A candidate.
            images: From which the statistics of normalisation are taken: those of other networks do
                not fit.
        """
        network = self.space.network(params)
        module = to_torch(random_parameters(network), batch_norm=True)
        with torch.no_grad():
            mine = dict(module.named_parameters())
            for name, part in self.slices(network).items():
                mine[name].copy_(part)
            norms = [m for m in module.modules() if isinstance(m, nn.BatchNorm2d)]
            for norm in norms:
                norm.reset_running_stats()
                norm.momentum = None  # a plain mean over the batches
            module.train()
            for rows in torch.split(images[:CALIBRATION], 64):
                if len(rows) > 1:
                    module(rows)
        return module.eval()


def _looked_at(space: Space) -> Iterator[Network]:
    """Networks from which the sizes of the weights are learnt: one choice at a time, and some draws."""
    grouped = False
    for end in extremes(space):
        for params in {
            space.key(p): p for p in ({**end, c.name: v} for c in space.choices for v in c.values)
        }.values():
            network = space.network(params)
            grouped |= any(layer.groups > 1 for layer in network.layers)
            yield network
    if grouped:  # whose sizes depend on several choices at a time
        rng = np.random.default_rng(0)
        for _ in range(DRAWS):
            yield space.network(space.sample(rng))


@lru_cache(maxsize=256)
def _module(network: Network) -> TorchNetwork:
    """The shape of a network; its own weights are never used."""
    return to_torch(random_parameters(network), batch_norm=True)


def _named(network: Network) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """Of each parameter: its key, which all networks that share it have; its name here; its shape."""
    for i, (layer, operator) in enumerate(
        zip(network.layers, _module(network).operators, strict=True)
    ):
        for where, part in operator.named_modules():
            for name, parameter in part.named_parameters(recurse=False):
                key = f"{layer.name} ({layer.kind}), {name} of {type(part).__name__}"
                yield key, f"operators.{i}.{where}.{name}", tuple(parameter.shape)


def _part(shape: tuple[int, ...], whole: tuple[int, ...]) -> tuple[slice, ...]:
    """The first channels, and the middle of the window."""
    found = []
    for axis, (n, m) in enumerate(zip(shape, whole, strict=True)):
        first = (m - n) // 2 if axis >= 2 else 0
        found.append(slice(first, first + n))
    return tuple(found)


def _first(key: str, shape: tuple[int, ...]) -> nn.Parameter:
    if len(shape) == 1:
        return nn.Parameter(torch.zeros(shape) if ", bias" in key else torch.ones(shape))
    weight = torch.empty(shape)
    nn.init.kaiming_normal_(weight)
    return nn.Parameter(weight)
