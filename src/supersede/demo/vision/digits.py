"""Digits on a canvas, the networks that embed them, and files of vectors."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from supersede.embeddings.training.losses import CompatibleLoss
from supersede.search.architecture import Classifier, Stage, block_space
from supersede.search.architecture.tasks.digits import Digits, Part
from supersede.search.architecture.tasks.training import Recipe, Trained, train

if TYPE_CHECKING:
    from supersede.hardware.description.network import Network
    from supersede.search.architecture import Space
    from supersede.search.architecture.blocks import BlockKind

__all__ = [
    "TARGET", "Sizes", "embedded", "fitted", "images", "large_network", "own_directions", "query_space",
    "scans", "sizes", "vectors", "write",
]  # fmt: skip

Floats = NDArray[np.float32]
TARGET = "u55-64"
SIZES = "sizes.json"
CLASSES, DIMENSIONS, PIXELS = 10, 16, 16
_LARGE = ((24, 1), (32, 2), (48, 1))  # channels and stride of each block


@dataclass(frozen=True)
class Sizes:
    """How much is computed; every command in the demonstration's folder reads it there.

    Attributes:
        copies: Images of each scan.
        epochs: Passes over the images in a training.
        short: Passes in a training of the search.
        evaluations: Networks that the search trains.
    """

    copies: int = 3
    epochs: int = 20
    short: int = 4
    evaluations: int = 10

    def write(self, folder: Path) -> None:
        """Leave the sizes in a folder."""
        (folder / SIZES).write_text(json.dumps(asdict(self)), encoding="utf-8")


@cache
def sizes() -> Sizes:
    """The sizes of this folder."""
    return Sizes(**json.loads(Path(SIZES).read_text("utf-8")))


@cache
def _digits() -> Digits:
    return Digits(pixels=PIXELS, noise=0.1, copies=sizes().copies)


def images(part: Part) -> tuple[Floats, NDArray[np.int64]]:
    """Images (n, 1, 16, 16) and digits (n,) of a part of the data."""
    return _digits().part(part)


def large_network() -> Network:
    """The network in service; the last layer of it is the embedding."""
    stages = [Stage((channels,), ("fused",), (3,), (4,), stride=s) for channels, s in _LARGE]
    head = Classifier(DIMENSIONS, (128,))
    space = block_space(stages, head, resolutions=(PIXELS,), stems=(24,), image_channels=1)
    return space.network(space.sample(np.random.default_rng(0)))


def query_space() -> Space:
    """Small networks for the device, whose embedding is as wide as the gallery's."""
    kinds: tuple[BlockKind, ...] = ("ibn", "fused", "standard")
    stages = [Stage((8, 12, 16, 20, 24, 32), kinds, (3,), (1, 2), stride=s) for s in (2, 1, 1)]
    head = Classifier(DIMENSIONS, (32, 64))
    return block_space(stages, head, resolutions=(PIXELS,), stems=(8, 16), image_channels=1)


def own_directions(seed: int) -> Floats:
    """A direction for each digit, at right angles to each other: what a network without a past takes."""
    square = np.random.default_rng(seed).normal(size=(DIMENSIONS, DIMENSIONS))
    return np.linalg.qr(square)[0][:CLASSES].astype(np.float32)


def fitted(network: Network, directions: Floats, *, epochs: int, seed: int = 0) -> Trained:
    """Train a network to embed each digit in its direction."""
    import torch

    shown, digits = images("train")
    return train(
        network, torch.from_numpy(shown), torch.from_numpy(digits), CompatibleLoss(directions),
        Recipe(epochs, batch=32, rate=0.02), seed,
    )  # fmt: skip


def embedded(trained: Trained, shown: Floats) -> Floats:
    """Vectors (n, 16) of images."""
    import torch

    with torch.no_grad():
        parts = [trained.module(part) for part in torch.split(torch.from_numpy(shown), 256)]
    return np.asarray(torch.cat(parts).numpy(), np.float32)


def write(name: str, found: Floats, digits: NDArray[np.int64]) -> None:
    """Write vectors with ids, digits and scans: images of one scan are not independent."""
    columns = {"id": np.arange(len(found)), "digit": digits, "scan": scans(len(found))}
    pq.write_table(pa.table({**columns, "vector": list(found)}), name)


def scans(rows: int) -> NDArray[np.int64]:
    """Which scan each of a part's images shows."""
    return np.arange(rows) % (rows // _digits().copies)


def vectors(name: str) -> tuple[Floats, NDArray[np.int64]]:
    """Vectors and digits of a file."""
    rows = pq.read_table(name)
    return np.asarray(rows["vector"].to_pylist(), np.float32), rows["digit"].to_numpy()
