"""What the search looks for: small networks whose queries find their digit in the large one's gallery.

The error of a network is one less the mean average precision of the cross test: it embeds the query,
the large network has embedded the gallery.
"""

import hashlib
from pathlib import Path

from supersede.demo.vision.digits import embedded, fitted, images, query_space, sizes, vectors
from supersede.embeddings.training.heterogeneous import cross_reward
from supersede.embeddings.training.prototypes import prototypes
from supersede.search.architecture import Candidate, Score

GALLERY = "gallery.parquet"


class CrossTest:
    """Train a network towards the gallery's class means, and let it search the gallery."""

    def evaluate(self, candidate: Candidate, seed: int) -> Score:
        """The error on validation images."""
        gallery, digits = vectors(GALLERY)
        shown, right = images("validation")
        means = prototypes(gallery, digits, 10)
        made = fitted(candidate.network, means, epochs=sizes().short, seed=seed)
        found = cross_reward(embedded(made, shown), gallery, right, digits)
        return Score(1 - found.value, seconds=made.seconds)

    def fingerprint(self) -> str:
        """Another gallery, or longer trainings, are another task."""
        digest = hashlib.sha256(Path(GALLERY).read_bytes()).hexdigest()
        return f"cross test, {sizes()}, gallery {digest}"


task = CrossTest()
space = query_space()
