"""The networks that the benchmarks of `hardware` measure."""

from collections.abc import Collection

import numpy as np

from supersede.hardware import Block, Network, mobile_net

SEVEN = (16, 24, 24, 32, 32, 64, 64), (1, 2, 1, 2, 1, 2, 1)
TEN = (16, 24, 24, 32, 32, 64, 64, 96, 160, 160), (1, 2, 1, 2, 1, 2, 1, 1, 2, 1)

CHOICES = {"none": (), "first-3": (0, 1, 2), "last-4": (3, 4, 5, 6), "all": tuple(range(7))}
"""Which blocks of `seven_blocks` are fused."""


def seven_blocks(fused: Collection[int] = ()) -> Network:
    """A small classifier at 96×96; the blocks in `fused` are fused."""
    blocks = [
        Block(c, 4, stride=s, fused=i in fused) for i, (c, s) in enumerate(zip(*SEVEN, strict=True))
    ]
    return mobile_net(blocks, resolution=96, head=128, classes=10)


def ten_blocks(fused: Collection[int] = ()) -> Network:
    """A classifier like MobileNetV2 at 160×160; the blocks in `fused` are fused."""
    blocks = [
        Block(c, 6, stride=s, fused=i in fused) for i, (c, s) in enumerate(zip(*TEN, strict=True))
    ]
    return mobile_net(blocks, resolution=160, head=320, classes=10)


def random_seven_blocks(rng: np.random.Generator) -> Network:
    """A network of a space of about 10¹³: resolution, and of each block kind, kernel, expansion, width."""
    widths = [(8, 12, 16, 20, 24, 32), (16, 20, 24, 28, 32, 40), (16, 20, 24, 28, 32, 40),
              (24, 28, 32, 40, 44, 48), (24, 28, 32, 40, 44, 48), (40, 48, 56, 64, 72, 96),
              (40, 48, 56, 64, 72, 96)]  # fmt: skip
    blocks = [
        Block(
            channels=int(rng.choice(width)),
            expansion=int(rng.choice([3, 4, 6])),
            kernel=int(rng.choice([3, 5])),
            stride=stride,
            fused=bool(rng.integers(2)),
        )
        for width, stride in zip(widths, SEVEN[1], strict=True)
    ]
    return mobile_net(blocks, resolution=int(rng.choice([96, 128, 160])), head=128, classes=10)
