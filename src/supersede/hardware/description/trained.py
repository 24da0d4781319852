"""A network and its weights as they were trained, in floating point."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from supersede.errors import NetworkError
from supersede.hardware.description.network import Network
from supersede.hardware.description.quantised import Array
from supersede.hardware.description.shapes import MULTIPLYING

__all__ = ["Parameters", "TrainedNetwork", "random_parameters"]


@dataclass(frozen=True, eq=False)
class Parameters:
    """Weights of one layer, float32.

    Attributes:
        kernel: Shape as `Network.kernel_of` says: (out, height, width, in) of a convolution,
            (1, height, width, channels) of a depthwise one, (out, in) of a dense layer; gains of a
            norm, slopes of a PReLU, values of a constant.
        bias: (channels,); zeros where the kind has none.
    """

    kernel: Array
    bias: Array


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A network with the weights of every layer that has any.

    Attributes:
        network: The description.
        parameters: By name of the layer.

    Raises:
        NetworkError: Weights are missing, too many, of another shape, or not finite.
    """

    network: Network
    parameters: Mapping[str, Parameters]

    def __post_init__(self) -> None:
        wanted = {
            layer.name: shape
            for layer in self.network.layers
            if (shape := self.network.kernel_of(layer)) is not None
        }
        if extra := sorted(set(self.parameters) - set(wanted)):
            msg = f"weights are given for {', '.join(extra)}, which have none in the network"
            raise NetworkError(msg)
        for name, shape in wanted.items():
            if name not in self.parameters:
                msg = f"layer {name!r} has no weights; expected a kernel of shape {shape}"
                raise NetworkError(msg)
            kernel, bias = self.parameters[name].kernel, self.parameters[name].bias
            channels = self.network.shapes[name].channels
            if kernel.shape != shape or bias.shape != (channels,):
                msg = (
                    f"layer {name!r} has a kernel of shape {kernel.shape} and a bias of {bias.shape}, "
                    f"expected {shape} and {(channels,)}"
                )
                raise NetworkError(msg)
            if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
                msg = f"layer {name!r} has weights that are not finite; did its training diverge?"
                raise NetworkError(msg)


def random_parameters(network: Network, seed: int = 0) -> TrainedNetwork:
    """Weights as before training: normal, so that activations keep their size.

    Variance 2 / fan-in, biases 0 (He et al. 2015, eq. 10).

    Example:
        >>> from supersede.hardware import Layer, Network, Shape
        >>> net = Network(Shape(8, 8, 3), (Layer("a", "conv", ("input",), channels=4, kernel=3),))
        >>> random_parameters(net).parameters["a"].kernel.shape
        (4, 3, 3, 3)
    """
    rng = np.random.default_rng(seed)
    parameters = {}
    for layer in network.layers:
        shape = network.kernel_of(layer)
        if shape is None:
            continue
        channels = network.shapes[layer.name].channels
        if layer.kind in MULTIPLYING or layer.kind == "constant":
            kernel = rng.standard_normal(shape, dtype=np.float32)
            if layer.kind != "constant":
                kernel *= np.float32((2 * channels / kernel.size) ** 0.5)
        else:  # the slopes and gains that training starts from
            kernel = np.full(shape, 0.25 if layer.kind == "prelu" else 1.0, np.float32)
        parameters[layer.name] = Parameters(kernel, np.zeros(channels, np.float32))
    return TrainedNetwork(network, parameters)
