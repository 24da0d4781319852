"""What rounding to whole numbers costs, layer by layer, and which layers deserve sixteen bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from supersede.errors import ArgumentError
from supersede.hardware.description.quantised import Array, QuantisedNetwork
from supersede.hardware.description.trained import TrainedNetwork
from supersede.hardware.formats.reference import apply, check_images, from_steps, run, run_quantised
from supersede.look.numbers import share
from supersede.look.result import ResultMixin, frame_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["LayerError", "QuantisationError", "quantisation_error"]

BATCH = 4


@dataclass(frozen=True)
class LayerError:
    """The error of one layer's values.

    Args:
        name: The layer.
        error: Size of the difference to floating point, relative to the values' size (root mean squares),
            with all that was rounded before it.
        own: The part that the layer adds: its error if only its own values were rounded.
    """

    name: str
    error: float
    own: float


@dataclass(frozen=True)
class QuantisationError(ResultMixin, named="the error of quantisation"):
    """What whole numbers cost a network on some images.

    Args:
        layers: Errors by layer, in order.
        outputs: Relative error of the outputs, all together.
        agreement: Share of images with the same largest output, of the first output.
        images: How many were looked at.
        bits: Of the activations.
    """

    layers: tuple[LayerError, ...]
    outputs: float
    agreement: float
    images: int
    bits: int

    @property
    def worst(self) -> tuple[LayerError, ...]:
        """Layers by what they add, the largest first: those to keep in 16 bits."""
        return tuple(sorted(self.layers, key=lambda layer: -layer.own))

    def wide(self, limit: float) -> tuple[str, ...]:
        """The fewest layers that would have to keep 16-bit activations, by a rough count.

        Assumes that what layers add is independent, so that squares add up. On a target of 16 bits
        throughout, `quantise(…, bits=16)` is simpler.

        Args:
            limit: Relative error of the outputs that is wanted.

        Raises:
            ArgumentError: The limit is not above 0.
        """
        if not limit > 0:
            msg = f"limit={limit} must be a relative error above 0, such as 0.05"
            raise ArgumentError(msg)
        left = sum(layer.own**2 for layer in self.layers)
        unit = self.outputs**2 / left if left else 0.0
        chosen: list[str] = []
        for layer in self.worst:
            if left * unit <= limit**2:
                break
            chosen.append(layer.name)
            left -= layer.own**2
        return tuple(chosen)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists, as JSON has them."""
        return {
            "outputs": self.outputs,
            "agreement": self.agreement,
            "images": self.images,
            "bits": self.bits,
            "layers": [{"name": x.name, "error": x.error, "own": x.own} for x in self.layers],
        }

    def to_frame(self) -> pa.Table:
        """One row per layer."""
        return frame_of(self.to_dict()["layers"])

    def __str__(self) -> str:
        rows = [f"  {share(x.own):>8}  {x.name}" for x in self.worst[:5]]
        return "\n".join([
            f"{self.bits}-bit activations change the outputs by {share(self.outputs)} of their size; the"
            f" largest output is the same on {share(self.agreement)} of {self.images} images",
            "layers that add most:", *rows,
        ])  # fmt: skip

    def to_html(self) -> str:
        """A page with a bar for each of the layers that add most."""
        from supersede.hardware.picture import Bar, before_after
        from supersede.look.page import figure_page

        title = f"Whole numbers change the outputs by {share(self.outputs)}"
        bars = [Bar(x.name, x.error, x.own, share(x.error), share(x.own)) for x in self.worst[:20]]
        figure = before_after(
            bars, title="Error by layer", description="Grey: with all before it; colour: its own."
        )
        lead = "Grey is a layer's error with all that was rounded before it, colour what it adds itself."
        return figure_page(title, f"{self.images} images. {lead}", figure)


def quantisation_error(
    trained: TrainedNetwork, quantised: QuantisedNetwork, images: Array
) -> QuantisationError:
    """Hold a network in whole numbers against the one in floating point that it was made from.

    Args:
        trained: The network in floating point.
        quantised: What `quantise` gave.
        images: Other ones than for calibration, (n, height, width, channels).

    Raises:
        ArgumentError: The images do not fit, or the networks are not of the same layers.

    Example:
        >>> from supersede.hardware import Layer, Network, Shape, quantise, random_parameters
        >>> net = Network(Shape(8, 8, 3), (Layer("a", "conv", ("input",), channels=4, kernel=3),))
        >>> trained = random_parameters(net)
        >>> images = np.random.default_rng(0).normal(size=(20, 8, 8, 3))
        >>> found = quantisation_error(trained, quantise(trained, images[:16]), images[16:])
        >>> found.outputs < 0.03
        True
    """
    if trained.network != quantised.network:
        msg = "the two networks differ; compare a quantised network with the one it was made from"
        raise ArgumentError(msg)
    network = trained.network
    images = check_images(network, images).astype(np.float32)
    sums = {layer.name: np.zeros(3) for layer in network.layers}
    same = 0
    for start in range(0, len(images), BATCH):
        some = images[start : start + BATCH]
        real, whole = run(trained, some), run_quantised(quantised, some)
        for layer in network.layers:
            wanted = real[layer.name].astype(np.float64)
            found = from_steps(whole[layer.name], quantised.steps[layer.name])
            # what the layer makes of the rounded values before it, itself not rounded
            given = [
                from_steps(whole[n], quantised.steps[n]).astype(np.float32) for n in layer.inputs
            ]
            plain = apply(layer, given, trained.parameters.get(layer.name))
            sums[layer.name] += [
                (wanted**2).sum(),
                ((found - wanted) ** 2).sum(),
                ((found - plain) ** 2).sum(),
            ]
        name = network.outputs[0]
        one, other = real[name].reshape(len(some), -1), whole[name].reshape(len(some), -1)
        same += int((one.argmax(1) == other.argmax(1)).sum())
    size, off, own = np.maximum(np.array(list(sums.values())).T, 1e-30)
    layers = tuple(
        LayerError(name, float(e), float(o))
        for name, e, o in zip(sums, np.sqrt(off / size), np.sqrt(own / size), strict=True)
    )
    ends = np.array([sums[name] for name in network.outputs]).sum(0)
    total = float(np.sqrt(ends[1] / max(ends[0], 1e-30)))
    return QuantisationError(layers, total, same / len(images), len(images), quantised.bits)
