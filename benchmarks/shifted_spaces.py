"""Spaces of networks that lie beside the seven-block space in one respect each, and a wide one."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from benchmarks.networks import SEVEN
from supersede.hardware import Block, Layer, Network, mobile_net

NetworkSampler = Callable[[np.random.Generator], Network]

WIDTHS = ((8, 12, 16, 20, 24, 32), (16, 20, 24, 28, 32, 40), (16, 20, 24, 28, 32, 40),
          (24, 28, 32, 40, 44, 48), (24, 28, 32, 40, 44, 48), (40, 48, 56, 64, 72, 96),
          (40, 48, 56, 64, 72, 96))  # fmt: skip


def _blocks(
    rng: np.random.Generator,
    *,
    expansions: tuple[int, ...] = (3, 4, 6),
    kernels: tuple[int, ...] = (3, 5),
    strides: tuple[int, ...] = SEVEN[1],
    widths: tuple[tuple[int, ...], ...] = WIDTHS,
    fused: float = 0.5,
) -> list[Block]:
    return [
        Block(
            channels=int(rng.choice(width)),
            expansion=int(rng.choice(expansions)),
            kernel=int(rng.choice(kernels)),
            stride=stride,
            fused=bool(rng.random() < fused),
        )
        for width, stride in zip(widths, strides, strict=True)
    ]


def _network(rng: np.random.Generator, blocks: list[Block], **changes: int) -> Network:
    sizes = {"resolution": int(rng.choice([96, 128, 160])), "head": 128, "classes": 10}
    return mobile_net(blocks, **sizes | changes)


def expansion(rng: np.random.Generator) -> Network:
    """One expansion below or above those of the space, in every block."""
    return _network(rng, _blocks(rng, expansions=(int(rng.choice([1, 2, 8, 10])),)))


def resolution(rng: np.random.Generator) -> Network:
    """Image sizes between, below and above those of the space; most give odd sizes further in."""
    size = int(rng.choice([48, 64, 80, 100, 108, 112, 140, 150, 192, 224]))
    return _network(rng, _blocks(rng), resolution=size)


def off_granule(rng: np.random.Generator) -> Network:
    """Widths that are no multiple of four."""
    odd = tuple(tuple(w + int(rng.integers(1, 4)) for w in width) for width in WIDTHS)
    return _network(rng, _blocks(rng, widths=odd))


def depth(rng: np.random.Generator) -> Network:
    """Three blocks, or twelve."""
    picked = [0, 3, 5] if rng.random() < 0.5 else [0, 0, 1, 2, 2, 3, 4, 4, 4, 5, 6, 6]
    strides, seen = [], set()
    for i in picked:
        strides.append(1 if i in seen else SEVEN[1][i])
        seen.add(i)
    widths = tuple(WIDTHS[i] for i in picked)
    return _network(rng, _blocks(rng, widths=widths, strides=tuple(strides)))


def kernels(rng: np.random.Generator) -> Network:
    """Kernels beyond those of the space, all over or here and there."""
    mixes = [(1, 3), (3, 7), (5, 7), (7,), (1, 7)]
    return _network(rng, _blocks(rng, kernels=mixes[int(rng.integers(len(mixes)))]))


def heads(rng: np.random.Generator) -> Network:
    """Other widths of the last convolution and other numbers of classes."""
    head, classes = int(rng.choice([32, 64, 256, 512, 1280])), int(rng.choice([2, 100, 1000]))
    return _network(rng, _blocks(rng), head=head, classes=classes)


def concatenations(rng: np.random.Generator) -> Network:
    """Residual additions are concatenations instead."""
    network = _network(rng, _blocks(rng))
    layers = tuple(
        replace(layer, kind="concat", activation=None) if layer.kind == "add" else layer
        for layer in network.layers
    )
    if all(layer.kind != "concat" for layer in layers):
        first = next(layer for layer in layers if layer.name == "block0/project")
        again = Layer("twice", "concat", (first.name, first.name))
        at = layers.index(first) + 1
        later = tuple(
            replace(x, inputs=tuple("twice" if i == first.name else i for i in x.inputs))
            for x in layers[at:]
        )
        layers = (*layers[:at], again, *later)
    return replace(network, layers=layers)


def strides(rng: np.random.Generator) -> Network:
    """The image shrinks at other places than in the space."""
    patterns = [(2, 2, 2, 1, 1, 1, 1), (1, 1, 1, 1, 2, 2, 2), (1, 1, 1, 1, 1, 1, 1), (1, 1, 1, 2, 1, 1, 2),
                (2, 1, 2, 1, 2, 1, 2), (2, 2, 1, 1, 1, 1, 1)]  # fmt: skip
    return _network(rng, _blocks(rng, strides=patterns[int(rng.integers(len(patterns)))]))


SHIFTED: dict[str, NetworkSampler] = {
    "expansion": expansion,
    "resolution": resolution,
    "widths off the granule": off_granule,
    "depth": depth,
    "kernels": kernels,
    "heads": heads,
    "concatenations": concatenations,
    "strides": strides,
}


def wide(rng: np.random.Generator) -> Network:
    """Depth 3–12, kernels 3, 5 and 7, expansions 1.5–6, images of 64–224 pixels."""
    count = int(rng.integers(3, 13))
    halvings = set(
        rng.choice(count, size=min(count, int(rng.integers(1, 4))), replace=False).tolist()
    )
    blocks, given, out = [], 16, 16
    for i in range(count):
        out = int(min(160, out * rng.uniform(1.2, 1.8))) // 4 * 4 if i in halvings else out
        wanted = int(max(8, out * rng.uniform(0.75, 1.25))) // 4 * 4
        blocks.append(
            Block(
                channels=wanted,
                expansion=max(1, round(float(rng.choice([1.5, 2, 3, 4, 5, 6])) * given)) / given,
                kernel=int(rng.choice([3, 5, 7])),
                stride=2 if i in halvings else 1,
                fused=bool(rng.integers(2)),
            )
        )
        given = wanted
    return mobile_net(blocks, resolution=int(rng.integers(8, 29)) * 8, head=128, classes=10)
