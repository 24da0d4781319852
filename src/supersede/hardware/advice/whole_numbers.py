"""An edited network in whole numbers, with the steps of the file that it came from."""

from __future__ import annotations

import numpy as np

from supersede.errors import NetworkError
from supersede.hardware.description.quantised import QuantisedNetwork
from supersede.hardware.description.trained import TrainedNetwork
from supersede.hardware.formats.calibration import whole_weights
from supersede.hardware.formats.reference import from_steps, run_quantised

__all__ = ["requantised", "steps_apart"]


def requantised(before: QuantisedNetwork, edited: TrainedNetwork) -> QuantisedNetwork:
    """The edited network with the steps of its activations as they were.

    Edits that keep weights keep the names of the activations that remain, and these keep their values, so
    no image is needed. Weights that did not change keep their whole numbers.

    Raises:
        NetworkError: The network has an activation that the file does not have.
    """
    missing = sorted(set(edited.network.shapes) - set(before.steps))
    if missing:
        msg = f"the file has no steps for {', '.join(missing)}; quantise the network with images"
        raise NetworkError(msg)
    steps = {name: before.steps[name] for name in edited.network.shapes}
    weights = {}
    for layer in edited.network.layers:
        if (parameters := edited.parameters.get(layer.name)) is None:
            continue
        old = before.weights.get(layer.name)
        if old is not None and old.kernel.shape == parameters.kernel.shape:
            weights[layer.name] = whole_weights(layer, parameters, steps, before.bits, old.scales)
            continue
        scales = None
        if old is not None and layer.kind in {
            "conv",
            "depthwise",
            "dense",
        }:  # new channels are zero
            count = parameters.bias.shape[0]
            scales = np.concatenate([old.scales, np.ones(max(count - len(old.scales), 0))])[:count]
        weights[layer.name] = whole_weights(layer, parameters, steps, before.bits, scales)
    return QuantisedNetwork(edited.network, steps, weights, before.bits)


def steps_apart(
    before: QuantisedNetwork, after: QuantisedNetwork, seed: int = 0
) -> tuple[int, float]:
    """How far outputs differ on eight random images over the whole range: at most, and on average."""
    steps = before.steps["input"]
    low, high = (from_steps(np.array(n, np.int16), steps) for n in _ends(before.bits))
    images = np.random.default_rng(seed).uniform(low, high, (8, *before.network.input))
    one, other = run_quantised(before, images), run_quantised(after, images)
    found = [
        np.abs(one[a].astype(np.int64).ravel() - other[b].astype(np.int64).ravel())
        for a, b in zip(before.network.outputs, after.network.outputs, strict=True)
    ]
    joined = np.concatenate(found)
    return int(joined.max()), float(joined.mean())


def _ends(bits: int) -> tuple[int, int]:
    return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
