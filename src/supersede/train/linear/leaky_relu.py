"""Leaky activations, which keep a gradient where ReLU has none."""

import copy

from torch import nn

from supersede.errors import ArgumentError

__all__ = ["leaky"]


def leaky(network: nn.Module, *, slope: float = 0.2) -> nn.Module:
    """A copy of a network with each ReLU replaced by a leaky one.

    The copy computes something else than the network: train it, or pretrain it so, before it is
    linearised. In the paper the leaky network is the one that is pretrained.

    Args:
        network: A network with `nn.ReLU` or `nn.ReLU6` modules. ReLU6 loses its upper bound.
        slope: Slope for negative values, above 0 and below 1.

    Returns:
        The copy, in the mode of the network.

    Raises:
        ArgumentError: There is no such module, or the slope is out of range. Calls of
            `torch.nn.functional.relu` inside a ``forward`` cannot be replaced.

    Example:
        >>> leaky(nn.Sequential(nn.Linear(2, 2), nn.ReLU()))
        Sequential(
          (0): Linear(in_features=2, out_features=2, bias=True)
          (1): LeakyReLU(negative_slope=0.2)
        )

    References:
        Achille et al. (2021), LQF, CVPR, section 3.2.
    """
    if not 0 < slope < 1:
        msg = f"slope={slope!r} must lie between 0 and 1, such as 0.2"
        raise ArgumentError(msg)
    made = copy.deepcopy(network)
    found = 0
    for parent in list(made.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.ReLU | nn.ReLU6):
                parent.add_module(name, nn.LeakyReLU(slope, inplace=child.inplace))
                found += 1
    if not found:
        msg = (
            f"{type(network).__name__} has no nn.ReLU module to replace; where its forward calls"
            " torch.nn.functional.relu, write nn.LeakyReLU there"
        )
        raise ArgumentError(msg)
    return made
