"""Train the large network, index the gallery with it, and embed the queries as the service does today.

Writes gallery.parquet and queries-large.parquet (id, digit, vector).
"""

from supersede.demo.vision.digits import (
    embedded,
    fitted,
    images,
    large_network,
    own_directions,
    sizes,
    write,
)


def main() -> None:
    """Train, and embed."""
    network = large_network()
    made = fitted(network, own_directions(0), epochs=sizes().epochs)
    parts = [("gallery", images("train")), ("queries-large", images("test"))]
    for name, (shown, digits) in parts:
        write(f"{name}.parquet", embedded(made, shown), digits)
    print(f"a network of {network.macs:,} multiply-adds has indexed the gallery")


if __name__ == "__main__":
    main()
