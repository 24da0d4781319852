"""What the search looks for: small networks whose queries find their digit in the large one's gallery.

The error of a network is one less the mean average precision of the cross test: it embeds the query,
the large network has embedded the gallery.
"""

from typing import TYPE_CHECKING

from supersede.demo.vision.digits import embedded, fitted, images, query_space, sizes, vectors
from supersede.embeddings.training.heterogeneous import cross_reward
from supersede.embeddings.training.prototypes import prototypes
from supersede.search.architecture import Reward

if TYPE_CHECKING:
    from supersede.hardware.description.network import Network

gallery, digits = vectors("gallery.parquet")
means = prototypes(gallery, digits, 10)
shown, right = images("validation")


def cross_error(network: "Network", seed: int) -> float:
    """Train a network towards the gallery's class means, and let it search the gallery."""
    made = fitted(network, means, epochs=sizes().short, seed=seed)
    return 1 - cross_reward(embedded(made, shown), gallery, right, digits).value


task = Reward("cross test against gallery.parquet", cross_error)
space = query_space()
