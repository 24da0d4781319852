"""Whole channels removed from a trained network, down to multiples of the target's granule.

Channels that must stay equal (those of a residual path, for instance) are removed together. The least
important ones go: importance is the L2 norm of a channel's weights, each layer's norms scaled to the
same mean, summed over the layers of the group.

Source: Li et al. 2017, Pruning Filters for Efficient ConvNets, section 3.1 (L1 there); groups as in Fang
et al. 2023, DepGraph. Assumes: the network is trained on for a while afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from supersede.errors import ArgumentError, NetworkError
from supersede.hardware.advice.edits import channel_groups
from supersede.hardware.description.trained import Parameters, TrainedNetwork

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Pruned", "keep_channels", "prune"]

Places = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Pruned:
    """A pruned network.

    Args:
        trained: The network with the weights that were kept.
        channels: Of each group, by the name of its first layer, channels before and after.
    """

    trained: TrainedNetwork
    channels: Mapping[str, tuple[int, int]]

    def __str__(self) -> str:
        words = [f"{name} {before} → {after}" for name, (before, after) in self.channels.items()]
        return "channels: " + (", ".join(words) or "nothing was removed")


def prune(trained: TrainedNetwork, share: float, *, granule: int = 1) -> Pruned:
    """Remove a share of the channels of every group that is free to lose some.

    Args:
        trained: The network and its weights.
        share: Of channels to remove, in [0, 1).
        granule: What is left is a multiple of this, and at least as many, where the group had more.

    Raises:
        ArgumentError: The share or the granule is out of range.

    Example:
        >>> from supersede.hardware import Block, mobile_net, random_parameters
        >>> net = mobile_net([Block(32), Block(32)], resolution=32, head=64, classes=4)
        >>> pruned = prune(random_parameters(net), 0.5, granule=8)
        >>> pruned.channels["head"], pruned.trained.network.shapes["block1/add"].channels
        ((64, 32), 16)
    """
    if not 0 <= share < 1 or granule < 1:
        msg = f"share must be in [0, 1) and granule at least 1, got {share} and {granule}"
        raise ArgumentError(msg)
    kept: dict[str, Places] = {}
    channels = {}
    for group in channel_groups(trained.network):
        before = trained.network.layer(group[0]).channels
        wanted = max(granule, int(before * (1 - share) + 1e-9) // granule * granule)
        if wanted >= before:
            continue
        importance = np.sum(
            [_importance(trained.parameters[name].kernel) for name in group], axis=0
        )
        best = np.sort(np.argsort(-importance, kind="stable")[:wanted])
        kept |= dict.fromkeys(group, best)
        channels[group[0]] = before, wanted
    return Pruned(keep_channels(trained, kept), channels)


def _importance(kernel: NDArray[Any]) -> NDArray[np.float64]:
    norms = np.sqrt((kernel.reshape(len(kernel), -1).astype(np.float64) ** 2).sum(axis=1))
    return np.asarray(norms / max(float(norms.mean()), 1e-12))


def keep_channels(trained: TrainedNetwork, kept: Mapping[str, Places]) -> TrainedNetwork:
    """The network with only some output channels of some layers, and of what reads them.

    Args:
        trained: The network and its weights.
        kept: Positions that are kept, by the name of a layer with channels of its own; layers that
            must stay equal need the same ones.

    Raises:
        NetworkError: What reads a layer cannot lose channels.
    """
    network = trained.network
    places: dict[str, Places | None] = {"input": None}
    parameters = {}
    for layer in network.layers:
        given = places[layer.inputs[0]] if layer.inputs else None
        own = trained.parameters.get(layer.name)
        out = kept.get(layer.name) if layer.channels else given
        if own is not None:
            kernel, bias = own.kernel, own.bias
            if given is not None:
                wide = layer.kind == "dense" and network.inputs_of(layer)[0][:2] != (1, 1)
                if wide or layer.groups > 1 or layer.kind == "transpose_conv":
                    msg = f"layer {layer.name!r} reads channels that it cannot lose"
                    raise NetworkError(msg)
                kernel = kernel[..., given]
            if out is not None:
                kernel = kernel[out] if layer.channels else kernel
                bias = bias[out]
            parameters[layer.name] = Parameters(kernel, bias)
        places[layer.name] = out
    layers = tuple(
        replace(layer, channels=len(kept[layer.name])) if layer.name in kept else layer
        for layer in network.layers
    )
    return TrainedNetwork(replace(network, layers=layers), parameters)
