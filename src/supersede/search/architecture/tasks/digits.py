"""Classification: a digit somewhere on a canvas of noise.

The digits are the 1,797 scanned ones of scikit-learn (8×8 pixels). Each is placed at a random position
on a noisy canvas; training, validation and test use different digits, so that no scan is in two of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from supersede.errors import ArgumentError
from supersede.search.architecture.candidates import Candidate, Score

if TYPE_CHECKING:
    from supersede.hardware.description.network import Network
    from supersede.search.architecture.tasks.training import Recipe, Supervised, Trained

__all__ = ["Digits"]

Part = Literal["train", "validation", "test"]
PARTS: dict[str, tuple[int, int]] = {
    "train": (0, 1100),
    "validation": (1100, 1450),
    "test": (1450, 1797),
}
SIZE = 8


@dataclass(frozen=True)
class Digits:
    """Digits on a canvas.

    Args:
        pixels: Height and width of the canvas, at least 8; networks of another input size see it
            resized by repetition of pixels, so keep them equal.
        copies: Canvases for each scan.
        noise: Standard deviation of the canvas; a digit's strokes are 1.
        epochs: Of the training; see `Recipe` for the rest.
        data_seed: Of positions and noise.

    Raises:
        ArgumentError: A number is out of range.

    Example:
        >>> images, labels = Digits(pixels=12, copies=1).part("test")
        >>> images.shape, labels.shape
        ((347, 1, 12, 12), (347,))
    """

    pixels: int = 16
    copies: int = 3
    noise: float = 0.25
    epochs: int = 10
    data_seed: int = 0

    def __post_init__(self) -> None:
        if self.pixels < SIZE or self.copies < 1 or self.noise < 0 or self.epochs < 1:
            msg = f"digits need pixels ≥ {SIZE}, copies ≥ 1, noise ≥ 0 and epochs ≥ 1, got {self}"
            raise ArgumentError(msg)

    @cached_property
    def recipe(self) -> Recipe:
        """How networks are trained."""
        from supersede.search.architecture.tasks.training import Recipe

        return Recipe(epochs=self.epochs)

    def part(self, name: Part) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Canvases (n, 1, pixels, pixels) and classes (n,) of a part of the data."""
        if name not in self._parts:
            self._parts[name] = self._compose(name)
        return self._parts[name]

    @cached_property
    def _parts(self) -> dict[str, tuple[NDArray[np.float32], NDArray[np.int64]]]:
        return {}

    def _compose(self, name: Part) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        from sklearn.datasets import load_digits

        scans = load_digits()
        order = np.random.default_rng(0).permutation(len(scans.target))[slice(*PARTS[name])]
        rng = np.random.default_rng([self.data_seed, list(PARTS).index(name)])
        chosen = np.tile(order, self.copies)
        size = self.pixels
        canvas = rng.normal(0, self.noise, (len(chosen), 1, size, size)).astype(np.float32)
        tops, lefts = rng.integers(0, size - SIZE + 1, (2, len(chosen)))
        for i, (scan, top, left) in enumerate(zip(chosen, tops, lefts, strict=True)):
            canvas[i, 0, top : top + SIZE, left : left + SIZE] += scans.images[scan] / 16
        return canvas, scans.target[chosen].astype(np.int64)

    def fingerprint(self) -> str:
        """Every number that a score depends on."""
        return repr(self)

    def supervised(self, network: Network) -> Supervised:
        """What a network of this input size is trained on.

        Raises:
            ArgumentError: The network has another input.
        """
        import torch
        from torch.nn import functional

        from supersede.search.architecture.tasks.training import Supervised

        images, labels = self.part("train")
        if tuple(network.input) != (self.pixels, self.pixels, 1):
            msg = (
                f"the network's image is {tuple(network.input)}, the canvas"
                f" {(self.pixels, self.pixels, 1)}; give the space resolutions=({self.pixels},) and"
                " image_channels=1"
            )
            raise ArgumentError(msg)
        return Supervised(
            torch.from_numpy(images), torch.from_numpy(labels), functional.cross_entropy
        )

    def train(self, network: Network, seed: int) -> Trained:
        """Train a network of this input size."""
        from supersede.search.architecture.tasks.training import train

        given = self.supervised(network)
        return train(network, given.images, given.targets, given.loss, self.recipe, seed)

    def error(self, trained: Trained, part: Part = "validation") -> tuple[float, float]:
        """Share of wrong answers, and its standard error over scans."""
        import torch

        images, labels = self.part(part)
        with torch.no_grad():
            outputs = torch.cat(
                [trained.module(x) for x in torch.split(torch.from_numpy(images), 256)]
            )
        wrong = (outputs.argmax(1).numpy() != labels).reshape(self.copies, -1).mean(axis=0)
        return float(wrong.mean()), float(wrong.std(ddof=1) / len(wrong) ** 0.5)

    def evaluate(self, candidate: Candidate, seed: int) -> Score:
        """Train, and validate."""
        trained = self.train(candidate.network, seed)
        error, spread = self.error(trained)
        return Score(error, spread, trained.seconds)
