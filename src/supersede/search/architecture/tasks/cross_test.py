"""A successor of an embedding model, rewarded by the cross test: new queries against the old gallery.

Networks are trained with the loss that keeps new embeddings in the old space; the error is one minus
the recall at 1 of new queries in the gallery that the old model indexed, which nobody embeds again.

Source: Shen et al. 2020, Towards Backward-Compatible Representation Learning, sections 3.2 and 3.3.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from supersede.errors import ArgumentError
from supersede.search.architecture.candidates import Candidate, Score

if TYPE_CHECKING:
    from supersede.hardware.description.network import Network
    from supersede.search.architecture.tasks.training import Recipe, Supervised, Trained

__all__ = ["CrossTest"]

Part = Literal["validation", "test"]


@dataclass(frozen=True, eq=False)
class CrossTest:
    """Recall at 1 of new queries against the old gallery.

    A network's output must have as many channels as the old embeddings: `Classifier(d_old)`.

    Args:
        images: Of all items, shape (n, channels, height, width).
        labels: Classes (n,): a gallery item of a query's class is a right answer.
        old: The old model's embeddings of all items, shape (n, d_old).
        seen: Positions of the items that networks are trained on.
        queries: Positions of the queries of validation.
        test: Positions of the queries that no choice sees.
        gallery: Positions of the gallery's items.
        recipe: How networks are trained.

    Raises:
        ArgumentError: The lengths differ, a part is empty, or queries are trained on or in the gallery.

    Example:
        >>> from supersede.search.architecture import Classifier, Stage, block_space
        >>> from supersede.search.architecture.tasks.training import Recipe
        >>> rng = np.random.default_rng(0)
        >>> labels = np.arange(120) % 3
        >>> images = (labels[:, None, None, None] + rng.normal(0, 0.1, (120, 1, 8, 8))).astype("float32")
        >>> old = np.eye(3)[labels] + rng.normal(0, 0.1, (120, 3))
        >>> parts = np.split(np.arange(120), 4)
        >>> task = CrossTest(images, labels, old, *parts, Recipe(epochs=4))
        >>> space = block_space([Stage((8,))], Classifier(3), resolutions=(8,), image_channels=1)
        >>> candidate = Candidate(space, space.sample(rng))
        >>> task.evaluate(candidate, 0).error < 0.7
        True
    """

    images: NDArray[Any]
    labels: NDArray[Any]
    old: NDArray[Any]
    seen: NDArray[Any]
    queries: NDArray[Any]
    test: NDArray[Any]
    gallery: NDArray[Any]
    recipe: Recipe

    def __post_init__(self) -> None:
        lengths = [len(self.images), len(self.labels), len(self.old)]
        parts = {n: getattr(self, n) for n in ("seen", "queries", "test", "gallery")}
        if len(set(lengths)) > 1 or min(map(len, parts.values())) == 0:
            msg = (
                f"{lengths} images, labels and old embeddings, expected the same of each; and"
                f" { {n: len(p) for n, p in parts.items()} } positions, expected some of each"
            )
            raise ArgumentError(msg)
        asked = np.concatenate([self.queries, self.test])
        known = np.concatenate([self.seen, self.gallery])
        if np.isin(asked, known).any() or np.isin(self.queries, self.test).any():
            msg = (
                "queries must be neither trained on, nor in the gallery, nor in both of their parts"
            )
            raise ArgumentError(msg)

    def supervised(self, network: Network) -> Supervised:
        """Training images, and the loss that keeps the old space.

        Raises:
            ArgumentError: The network's output is not of the old embeddings' size.
        """
        import torch

        from supersede.embeddings.training.losses import CompatibleLoss
        from supersede.embeddings.training.prototypes import prototypes
        from supersede.search.architecture.tasks.training import Supervised

        wide = network.shapes[network.outputs[0]].channels
        if wide != self.old.shape[1]:
            msg = f"the network gives {wide} numbers, the old model {self.old.shape[1]}; give both the same"
            raise ArgumentError(msg)
        names, targets = np.unique(self.labels[self.seen], return_inverse=True)
        centres = prototypes(self.old[self.seen], targets, len(names))
        images = torch.from_numpy(np.asarray(self.images[self.seen], dtype=np.float32))
        return Supervised(images, torch.from_numpy(targets), CompatibleLoss(centres))

    def train(self, network: Network, seed: int) -> Trained:
        """Train a network."""
        from supersede.search.architecture.tasks.training import train

        given = self.supervised(network)
        return train(network, given.images, given.targets, given.loss, self.recipe, seed)

    def error(self, trained: Trained, part: Part = "validation") -> tuple[float, float]:
        """One minus the recall at 1 of the cross test, and its standard error over queries."""
        import torch

        from supersede.embeddings.training.heterogeneous import cross_reward

        asked = self.queries if part == "validation" else self.test
        images = torch.from_numpy(np.asarray(self.images[asked], dtype=np.float32))
        with torch.no_grad():
            new = np.concatenate([trained.module(x).numpy() for x in torch.split(images, 256)])
        found = cross_reward(
            new, self.old[self.gallery], self.labels[asked], self.labels[self.gallery]
        )
        recall = found.recall.value
        return 1 - recall, float((recall * (1 - recall) / (len(asked) - 1)) ** 0.5)

    def evaluate(self, candidate: Candidate, seed: int) -> Score:
        """Train, and validate."""
        trained = self.train(candidate.network, seed)
        error, spread = self.error(trained)
        return Score(error, spread, trained.seconds)

    def fingerprint(self) -> str:
        """A digest of the data and their parts, and the recipe."""
        digest = hashlib.sha256()
        for values in (
            self.images, self.labels, self.old, self.seen, self.queries, self.test, self.gallery,
        ):  # fmt: skip
            digest.update(np.ascontiguousarray(values).tobytes())
        return f"cross test {digest.hexdigest()[:16]}, {self.recipe}"
