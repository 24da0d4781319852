"""Backward-congruent weight interpolation (BCWI): a network between the old one and the new one.

With w° the old weights and w those of the new network, fine-tuned from w°, the network in service
is ``share · w° + (1 − share) · w``. Training is not repeated: the share is tuned on validation
data, and one network stays in service.

References:
    Schumann et al. (2023), Backward compatibility during data updates by weight interpolation,
    arXiv 2301.10546.

Assumes: both networks share one architecture, and the new one started from the old one's weights;
between networks with different initialisations, interpolation leaves the region in which either
works.
"""

from collections.abc import Mapping

from torch import Tensor

from supersede.errors import ArgumentError

__all__ = ["interpolated"]


def interpolated(
    old: Mapping[str, Tensor], new: Mapping[str, Tensor], share: float
) -> dict[str, Tensor]:
    """Weights between two networks.

    Args:
        old: The old network's ``state_dict()``.
        new: The new network's.
        share: The old one's share, from 0 (exactly the new network) to 1 (the old one).

    Returns:
        A state to be loaded; integers, such as batch counts, are the new network's.

    Raises:
        ArgumentError: The share is not in [0, 1], or the networks differ in shape.

    Example:
        >>> import torch
        >>> old, new = {"w": torch.tensor([0.0])}, {"w": torch.tensor([4.0])}
        >>> interpolated(old, new, 0.25)["w"]
        tensor([3.])
    """
    if not 0 <= share <= 1:
        msg = f"share={share!r}: the old network's share must lie between 0 and 1"
        raise ArgumentError(msg)
    differing = [
        name
        for name in dict.fromkeys([*old, *new])
        if name not in old or name not in new or old[name].shape != new[name].shape
    ]
    if differing:
        listed = ", ".join(differing[:5]) + (", …" if len(differing) > 5 else "")
        msg = f"the networks differ in {listed}; only networks of one architecture can be interpolated"
        raise ArgumentError(msg)
    return {name: _between(old[name], value, share) for name, value in new.items()}


def _between(old: Tensor, new: Tensor, share: float) -> Tensor:
    if share == 0 or not new.is_floating_point():
        return new.clone()
    return old.clone() if share == 1 else new.lerp(old.to(new), share)
