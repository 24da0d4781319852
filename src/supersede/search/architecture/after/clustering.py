"""Weights of few different values: compilers for accelerators compress those better.

An Ethos-U reads compressed weights, so that fewer different ones are fewer bytes to fetch. The whole
numbers of each layer are clustered by k-means (Lloyd's algorithm in one dimension, from quantiles), so
that what is written is what was clustered: clustering before quantisation would be undone by the
scales, of which every channel has its own.

Source: Han et al. 2016, Deep Compression, section 3 (shared weights).
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from supersede.errors import ArgumentError
from supersede.hardware.description.quantised import QuantisedNetwork

__all__ = ["cluster", "clustered"]

ROUNDS = 30


def clustered(quantised: QuantisedNetwork, values: int) -> QuantisedNetwork:
    """The network with few different weights in each layer.

    Args:
        quantised: From `supersede.hardware.quantise`.
        values: Different weights per layer, 2 to 255.

    Raises:
        ArgumentError: The number is out of range.

    Example:
        >>> from supersede.hardware import Block, mobile_net, random_quantised
        >>> net = mobile_net([Block(16)], resolution=32, head=32, classes=4)
        >>> fewer = clustered(random_quantised(net), 16)
        >>> max(len(np.unique(w.kernel)) for w in fewer.weights.values()) <= 16
        True
    """
    if not 2 <= values <= 255:
        msg = f"values is {values}; expected 2 to 255 different weights"
        raise ArgumentError(msg)
    weights = {
        name: replace(layer, kernel=cluster(layer.kernel, values))
        if layer.kernel.dtype == np.int8
        else layer
        for name, layer in quantised.weights.items()
    }
    return replace(quantised, weights=weights)


def cluster(kernel: NDArray[Any], values: int) -> NDArray[np.int8]:
    """Whole numbers replaced by the nearest of a few centres; zero stays zero."""
    numbers, counts = np.unique(kernel, return_counts=True)
    if len(numbers) <= values:
        return kernel.astype(np.int8)
    order = np.cumsum(counts) / counts.sum()
    centres = numbers[np.searchsorted(order, (np.arange(values) + 0.5) / values)].astype(float)
    for _ in range(ROUNDS):
        nearest = abs(numbers[:, None] - centres[None]).argmin(axis=1)
        weight = np.bincount(nearest, counts, minlength=values)
        moved = np.bincount(nearest, counts * numbers, minlength=values)
        fresh = np.where(weight > 0, moved / np.maximum(weight, 1), centres)
        if np.allclose(fresh, centres):
            break
        centres = fresh
    centres[abs(centres).argmin()] = 0.0  # pruned weights and padding stay what they are
    nearest = abs(numbers[:, None] - np.rint(centres)[None]).argmin(axis=1)
    table = np.rint(centres)[nearest].astype(np.int8)
    return np.asarray(table[np.searchsorted(numbers, kernel)])
