"""Train the network that the search found twice: to fit the gallery, and on its own.

Writes queries-small.parquet and queries-alone.parquet, and the weights for deploy.py.
"""

from pathlib import Path

from supersede.demo.vision.digits import (
    embedded,
    fitted,
    images,
    own_directions,
    sizes,
    vectors,
    write,
)
from supersede.embeddings.training.prototypes import prototypes
from supersede.hardware import Network


def main() -> None:
    """Train, and embed the queries."""
    import torch

    network = Network.from_json(Path("winner/network.json").read_text("utf-8"))
    means = prototypes(*vectors("gallery.parquet"), 10)
    shown, right = images("test")
    small, alone = (
        fitted(network, directions, epochs=sizes().epochs)
        for directions in (means, own_directions(1))
    )
    write("queries-small.parquet", embedded(small, shown), right)
    write("queries-alone.parquet", embedded(alone, shown), right)
    torch.save(small.module.state_dict(), "small.pt")
    print(f"the network found, of {network.macs:,} multiply-adds, is trained")


if __name__ == "__main__":
    main()
