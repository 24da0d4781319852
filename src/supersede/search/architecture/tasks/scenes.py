"""Detection and segmentation on composed scenes: shapes on a textured ground, with exact answers.

A scene has one to three shapes (disc, square, triangle) of random size, place, colour and grey level;
a later one covers an earlier one. Boxes and masks follow from the drawing, so they are exact. Ground
truth costs nothing, and a network of a quarter of a million multiply-adds already learns something,
which makes the scenes fit a search on a processor. They say nothing about photographs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from supersede.errors import ArgumentError
from supersede.search.architecture.candidates import Candidate, Score

if TYPE_CHECKING:
    from torch import Tensor

    from supersede.hardware.description.network import Network
    from supersede.search.architecture.tasks.training import Recipe, Supervised, Trained

__all__ = ["CLASSES", "Detection", "Scenes", "Segmentation", "mean_iou"]

CLASSES = ("disc", "square", "triangle")
Part = Literal["train", "validation", "test"]
PARTS: dict[str, int] = {"train": 0, "validation": 1, "test": 2}
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Scenes:
    """Composed scenes.

    Args:
        images: Shape (n, 3, pixels, pixels), values around 0 to 1.
        masks: Class of each pixel, shape (n, pixels, pixels): 0 is the ground, 1 to 3 the shapes.
        boxes: Of each scene, rows of left, top, right, bottom and class from 0; only of shapes of
            which at least a fifth is visible.
    """

    images: Floats
    masks: NDArray[np.int64]
    boxes: tuple[Floats, ...]


def compose(count: int, pixels: int, seed: int) -> Scenes:
    """Draw scenes.

    Example:
        >>> scenes = compose(2, 32, 0)
        >>> scenes.images.shape, int(scenes.masks.max()) <= 3
        ((2, 3, 32, 32), True)
    """
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:pixels, 0:pixels] + 0.5
    images = np.empty((count, 3, pixels, pixels), np.float32)
    masks = np.zeros((count, pixels, pixels), np.int64)
    boxes = []
    for n in range(count):
        waves = rng.uniform(0.05, 0.5, 2)
        ground = 0.4 + 0.15 * np.sin(waves[0] * x + rng.uniform(0, 6)) * np.sin(waves[1] * y)
        image = ground + rng.normal(0, 0.08, (3, pixels, pixels))
        owner = np.full((pixels, pixels), -1)
        shapes = []
        for i in range(int(rng.integers(1, 4))):
            kind, radius = int(rng.integers(3)), float(rng.uniform(0.1, 0.22) * pixels)
            cx, cy = rng.uniform(radius, pixels - radius, 2)
            inside = _shape(kind, x - cx, y - cy, radius)
            colour = rng.uniform(0, 1, 3)
            image = np.where(
                inside, colour[:, None, None] + rng.normal(0, 0.05, image.shape), image
            )
            owner[inside] = i
            shapes.append((kind, inside))
        found = []
        for i, (kind, inside) in enumerate(shapes):
            visible = owner == i
            masks[n][visible] = kind + 1
            if visible.sum() >= max(4, 0.2 * inside.sum()):
                rows, columns = np.flatnonzero(visible.any(1)), np.flatnonzero(visible.any(0))
                found.append((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1, kind))
        images[n] = image
        boxes.append(np.array(found, np.float32).reshape(-1, 5))
    return Scenes(images, masks, tuple(boxes))


def _shape(
    kind: int, dx: NDArray[np.float64], dy: NDArray[np.float64], r: float
) -> NDArray[np.bool_]:
    match kind:
        case 0:
            return dx**2 + dy**2 <= r**2
        case 1:
            return np.maximum(abs(dx), abs(dy)) <= 0.85 * r
        case _:
            return (dy <= 0.8 * r) & (dy >= -r + 1.8 * abs(dx))


@dataclass(frozen=True)
class _SceneTask(ABC):
    """What both tasks share.

    Args:
        pixels: Height and width of the scenes.
        train_scenes: How many are trained on.
        check_scenes: How many are validated on, and how many tested on.
        epochs: Of the training; see `Recipe` for the rest.
        device: "cpu" or "cuda".
    """

    pixels: int = 48
    train_scenes: int = 1000
    check_scenes: int = 400
    epochs: int = 12
    device: str = "cpu"

    def __post_init__(self) -> None:
        if min(self.pixels // 16, self.train_scenes, self.check_scenes, self.epochs) < 1:
            msg = f"scenes need pixels ≥ 16 and counts of at least 1, got {self}"
            raise ArgumentError(msg)

    @cached_property
    def recipe(self) -> Recipe:
        """How networks are trained."""
        from supersede.search.architecture.tasks.training import Recipe

        return Recipe(epochs=self.epochs, batch=32, rate=5e-3, device=self.device)

    @cached_property
    def _parts(self) -> dict[str, Scenes]:
        return {}

    def part(self, name: Part) -> Scenes:
        """Scenes of a part of the data; no scene is in two of them."""
        if name not in self._parts:
            count = self.train_scenes if name == "train" else self.check_scenes
            self._parts[name] = compose(count, self.pixels, 1000 + PARTS[name])
        return self._parts[name]

    def fingerprint(self) -> str:
        """Every number that a score depends on."""
        return repr(self)

    @abstractmethod
    def supervised(self, network: Network) -> Supervised:
        """What a network is trained on; each task has its own."""

    def train(self, network: Network, seed: int) -> Trained:
        """Train a network."""
        from supersede.search.architecture.tasks.training import train

        given = self.supervised(network)
        return train(network, given.images, given.targets, given.loss, self.recipe, seed)

    def _check(self, network: Network, outputs: tuple[str, ...]) -> None:
        if network.outputs != outputs or network.input.channels != 3:
            msg = (
                f"the network has outputs {network.outputs} and {network.input.channels} image"
                f" channels, expected {outputs} and 3; use the head of this task"
            )
            raise ArgumentError(msg)

    def _images(self, name: Part, size: int) -> Tensor:
        """Scenes at a network's resolution."""
        import torch
        from torch.nn import functional

        images = torch.from_numpy(self.part(name).images)
        if size == self.pixels:
            return images
        return functional.interpolate(images, size=(size, size), mode="bilinear", antialias=True)


@dataclass(frozen=True)
class Segmentation(_SceneTask):
    """Mean intersection over union of ground and three shapes; the error is one minus it."""

    def supervised(self, network: Network) -> Supervised:
        """Scenes, masks, and the cross entropy of pixels, the output enlarged to the scene's size.

        Raises:
            ArgumentError: The network has another input or other outputs.
        """
        import torch
        from torch.nn import functional

        from supersede.search.architecture.tasks.training import Supervised

        self._check(network, ("classes",))

        def loss(outputs: Tensor, masks: Tensor) -> Tensor:
            large = functional.interpolate(outputs, size=masks.shape[-2:], mode="bilinear")
            return functional.cross_entropy(large, masks)

        masks = torch.from_numpy(self.part("train").masks)
        return Supervised(self._images("train", network.input.height), masks, loss)

    def error(self, trained: Trained, part: Part = "validation") -> tuple[float, float]:
        """One minus the mean IoU, and its standard error over scenes by the jackknife."""
        import torch
        from torch.nn import functional

        images = self._images(part, trained.module.network.input.height)
        found = []
        with torch.no_grad():
            for rows in torch.split(images, 64):
                large = functional.interpolate(
                    trained.module(rows.to(self.device)), size=(self.pixels,) * 2, mode="bilinear"
                )
                found.append(large.argmax(1).cpu().numpy())
        counts = confusion(self.part(part).masks, np.concatenate(found), len(CLASSES) + 1)
        total = counts.sum(axis=0)
        left_out = np.array([mean_iou(total - one) for one in counts])
        n = len(counts)
        spread = float(np.sqrt((n - 1) / n * ((left_out - left_out.mean()) ** 2).sum()))
        return 1 - mean_iou(total), spread

    def evaluate(self, candidate: Candidate, seed: int) -> Score:
        """Train, and validate."""
        trained = self.train(candidate.network, seed)
        error, spread = self.error(trained)
        return Score(error, spread, trained.seconds)


def confusion(
    truth: NDArray[np.int64], found: NDArray[np.int64], classes: int
) -> NDArray[np.int64]:
    """Counts of pixels by true and found class in each image, shape (n, classes, classes)."""
    n = len(truth)
    cells = truth.reshape(n, -1) * classes + found.reshape(n, -1)
    flat = [np.bincount(row, minlength=classes**2) for row in cells]
    return np.array(flat).reshape(n, classes, classes)


def mean_iou(counts: NDArray[np.int64]) -> float:
    """Mean over classes that occur of intersection over union, from a confusion matrix.

    Example:
        >>> mean_iou(np.array([[3, 1], [0, 4]]))
        0.775
    """
    both = np.diag(counts)
    either = counts.sum(0) + counts.sum(1) - both
    occurs = either > 0
    return float((both[occurs] / either[occurs]).mean())


@dataclass(frozen=True)
class Detection(_SceneTask):
    """Mean average precision of COCO (IoU .50 to .95); the error is one minus it.

    One scale, as in Tian et al. 2019, FCOS: places whose centre lies in the middle of a box are
    positive for the smallest such box; cross entropy of classes and an IoU loss of boxes.
    """

    def supervised(self, network: Network) -> Supervised:
        """Scenes, what each place of the grid should say, and both losses.

        Raises:
            ArgumentError: The network has another input or other outputs.
        """
        from supersede.search.architecture.tasks.boxes import detection_loss, place_targets
        from supersede.search.architecture.tasks.training import Supervised

        self._check(network, ("classes", "boxes"))
        grid = network.shapes["classes"].height
        targets = place_targets(self.part("train").boxes, self.pixels, grid)
        images = self._images("train", network.input.height)
        return Supervised(images, targets, detection_loss)

    def error(self, trained: Trained, part: Part = "validation") -> tuple[float, float]:
        """One minus the mAP, and its standard error over ten groups of scenes by the jackknife."""
        import torch

        from supersede.search.architecture.tasks.boxes import mean_average_precision, read_boxes

        images = self._images(part, trained.module.network.input.height)
        found: list[Floats] = []
        with torch.no_grad():
            for rows in torch.split(images, 64):
                classes, boxes = trained.module(rows.to(self.device))
                found += read_boxes(classes.cpu(), boxes.cpu(), self.pixels)
        truth = self.part(part).boxes
        whole = mean_average_precision(truth, found, self.pixels)
        groups = min(10, len(truth))
        left_out = [
            mean_average_precision(
                [t for i, t in enumerate(truth) if i % groups != g],
                [f for i, f in enumerate(found) if i % groups != g],
                self.pixels,
            )
            for g in range(groups)
        ]
        spread = np.std(left_out) * (groups - 1) ** 0.5
        return 1 - whole, float(spread)

    def evaluate(self, candidate: Candidate, seed: int) -> Score:
        """Train, and validate."""
        trained = self.train(candidate.network, seed)
        error, spread = self.error(trained)
        return Score(error, spread, trained.seconds)
