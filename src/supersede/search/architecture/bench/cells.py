"""Cells of NAS-Bench-201, their canonical form, and the networks that they make.

A cell has four nodes; each of its six edges carries one of five operations, and a node is the sum
of its edges. Many of the 15,625 cells are the same function: edges that start from nothing or lead
nowhere, nodes that change places, and skips that only pass a value on. `Cell.canonical` is the
same for two cells exactly where they compute the same function with the same weights, so that a
compiler sees one network for them.

Source: Dong and Yang 2020, NAS-Bench-201, sections 2.1 (skeleton) and 2.2 (cells).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

from supersede.errors import ArgumentError
from supersede.hardware.description.layer import Layer
from supersede.hardware.description.network import Network
from supersede.hardware.description.shapes import Shape

__all__ = ["EDGES", "OPERATIONS", "Cell", "all_cells", "cell_network"]

OPERATIONS = ("none", "skip", "conv1x1", "conv3x3", "avg_pool3x3")
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
"""From node, to node, in the order of a cell's digits."""

NONE, SKIP, CONV1, CONV3, POOL = range(5)
STAGES, CELLS_PER_STAGE, FIRST_CHANNELS = 3, 5, 16


@dataclass(frozen=True)
class _Term:
    """What one edge adds to a node: an operation on the sum of some terms."""

    operation: int
    edge: int  # convolutions with different weights differ; pools do not, and have -1 here
    source: "_Sum"

    @cached_property
    def words(self) -> str:
        return f"{OPERATIONS[self.operation]}({self.source.words})"


@dataclass(frozen=True)
class _Sum:
    """The value of a node: terms, and how often each is added; the cell's input is None."""

    terms: tuple[tuple[_Term | None, int], ...]

    @cached_property
    def words(self) -> str:
        parts = ["x" if term is None else term.words for term, n in self.terms for _ in range(n)]
        return "+".join(sorted(parts))


@dataclass(frozen=True)
class Cell:
    """One cell.

    Args:
        operations: Position in `OPERATIONS` of each edge's operation, in the order of `EDGES`.

    Raises:
        ArgumentError: There are not six of them, or one is out of range.

    Example:
        >>> Cell.of("010100").canonical == Cell.of("000100").canonical  # a skip that leads nowhere
        True
        >>> Cell.of("000100").canonical
        'x'
    """

    operations: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.operations) != len(EDGES) or not all(0 <= o < 5 for o in self.operations):
            msg = f"a cell is six operations from 0 to 4, got {self.operations}"
            raise ArgumentError(msg)

    @classmethod
    def of(cls, key: str) -> "Cell":
        """The cell of six digits."""
        return cls(tuple(int(digit) for digit in key))

    @property
    def key(self) -> str:
        """Six digits, as in the tables of accuracies."""
        return "".join(map(str, self.operations))

    @cached_property
    def output(self) -> _Sum:
        """The last node's value; without terms where nothing reaches it."""
        values = [_Sum(((None, 1),))]
        for node in (1, 2, 3):
            total: Counter[_Term | None] = Counter()
            for edge, ((source, target), operation) in enumerate(
                zip(EDGES, self.operations, strict=True)
            ):
                if target != node or operation == NONE or not values[source].terms:
                    continue
                value = values[source]
                if operation == SKIP:
                    total.update(dict(value.terms))
                else:
                    total[_Term(operation, -1 if operation == POOL else edge, value)] += 1
            values.append(_Sum(tuple(sorted(total.items(), key=_order))))
        return values[3]

    @property
    def connected(self) -> bool:
        """Whether the cell's input reaches its output."""
        return bool(self.output.terms)

    @cached_property
    def canonical(self) -> str:
        """Text that is the same for cells that compute the same; empty if not connected.

        It is the sum written out, and where a convolution's result is used in several places, how
        many different ones there are.
        """
        found: dict[str, set[_Term]] = {}
        for term in _convolutions(self.output):
            found.setdefault(term.words, set()).add(term)
        written = self.output.words
        shared = [
            f"{len(terms)}·{words}"
            for words, terms in sorted(found.items())
            if written.count(words) != len(terms)
        ]
        return " ".join([written, *shared])


def _order(item: tuple[_Term | None, int]) -> tuple[str, int]:
    term, _ = item
    return ("", -1) if term is None else (term.words, term.edge)


def _convolutions(value: _Sum) -> Iterator[_Term]:
    for term, _ in value.terms:
        if term is not None:
            yield from _convolutions(term.source)
            if term.operation != POOL:
                yield term


def all_cells() -> list[Cell]:
    """All 15,625 cells, by their digits.

    Example:
        >>> len(all_cells()), all_cells()[1].key
        (15625, '000001')
    """
    return [Cell(operations) for operations in product(range(5), repeat=len(EDGES))]


def cell_network(
    cell: Cell, *, pixels: int = 32, classes: int = 10, per_stage: int = CELLS_PER_STAGE
) -> Network:
    """The network of NAS-Bench-201 with this cell: a stem, 3 · 5 cells, a classifier.

    Batch normalisation is folded into the convolutions; what is left of it before the classifier is
    a factor per channel. A rectification that several convolutions read is computed once.

    Args:
        cell: The cell.
        pixels: Height and width of the image: 32 for CIFAR, 16 for ImageNet16-120.
        classes: Outputs of the classifier.
        per_stage: Equal cells after another in each stage; 5 in the benchmark.

    Raises:
        ArgumentError: The cell is not connected: its network gives the same for every image.

    Example:
        >>> net = cell_network(Cell.of("333333"))
        >>> net.macs > 200e6, len(net.layers)
        (True, 151)
    """
    if not cell.connected:
        msg = f"cell {cell.key} is not connected; its network gives the same for every image"
        raise ArgumentError(msg)
    build = _Builder([Layer("stem", "conv", ("input",), FIRST_CHANNELS, (3, 3))])
    last, channels = "stem", FIRST_CHANNELS
    for stage in range(STAGES):
        if stage:
            channels *= 2
            last = build.reduction(f"reduce{stage}", last, channels)
        for number in range(per_stage):
            last = build.cell(f"stage{stage}/cell{number}", cell, last, channels)
    build.layers += [
        Layer("scale", "depthwise", (last,), activation="relu"),
        Layer("pool", "global_avg_pool", ("scale",)),
        Layer("classes", "dense", ("pool",), classes),
    ]
    return Network(Shape(pixels, pixels, 3), tuple(_carried(build.layers)))


@dataclass
class _Builder:
    layers: list[Layer]

    def add(self, layer: Layer) -> str:
        self.layers.append(layer)
        return layer.name

    def rectified(self, source: str) -> str:
        name = f"{source}/relu"
        if not any(layer.name == name for layer in self.layers):
            self.add(Layer(name, "activation", (source,), activation="relu"))
        return name

    def reduction(self, name: str, source: str, channels: int) -> str:
        first = self.add(
            Layer(
                f"{name}/a", "conv", (self.rectified(source),), channels, (3, 3), (2, 2),
                activation="relu",
            )
        )  # fmt: skip
        second = self.add(Layer(f"{name}/b", "conv", (first,), channels, (3, 3)))
        small = self.add(Layer(f"{name}/pool", "avg_pool", (source,), 0, (2, 2), (2, 2)))
        short = self.add(Layer(f"{name}/short", "conv", (small,), channels))
        return self.add(Layer(f"{name}/add", "add", (second, short)))

    def cell(self, name: str, cell: Cell, source: str, channels: int) -> str:
        done: dict[_Term | _Sum, str] = {}

        def value(of: _Sum) -> str:
            if of not in done:
                parts = [p for term, n in of.terms for p in [part(term)] * n]
                total = parts[0]
                for count, other in enumerate(parts[1:]):
                    total = self.add(Layer(f"{name}/sum{len(done)}.{count}", "add", (total, other)))
                done[of] = total
            return done[of]

        def part(term: _Term | None) -> str:
            if term is None:
                return source
            if term not in done:
                given = value(term.source)
                label = f"{name}/{OPERATIONS[term.operation]}.{len(done)}"
                if term.operation == POOL:
                    layer = Layer(label, "avg_pool", (given,), 0, (3, 3))
                else:
                    kernel = (1, 1) if term.operation == CONV1 else (3, 3)
                    layer = Layer(label, "conv", (self.rectified(given),), channels, kernel)
                done[term] = self.add(layer)
            return done[term]

        return value(cell.output)


def _carried(layers: list[Layer]) -> list[Layer]:
    """The same layers, where a rectification that is its source's only reader goes into the source."""
    readers = Counter(name for layer in layers for name in layer.inputs)
    by_name = {layer.name: layer for layer in layers}
    moved: dict[str, str] = {}
    for layer in layers:
        if layer.kind != "activation":
            continue
        source = by_name[layer.inputs[0]]
        if readers[source.name] == 1 and source.kind in {"conv", "add"} and not source.activation:
            by_name[source.name] = replace(source, activation="relu")
            moved[layer.name] = source.name
    return [
        replace(
            by_name[layer.name], inputs=tuple(moved.get(name, name) for name in layer.inputs)
        )
        for layer in layers
        if layer.name not in moved
    ]  # fmt: skip
