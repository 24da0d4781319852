"""The cells of NAS-Bench-201 as a space."""

from dataclasses import dataclass
from functools import cache

from supersede.hardware.description.network import Network
from supersede.search.architecture.bench.cells import EDGES, OPERATIONS, Cell, cell_network
from supersede.search.architecture.space import Choice, Params, Space

__all__ = ["CellBuilder", "cell_of", "cell_space"]

NAMES = tuple(f"edge{i}" for i in range(len(EDGES)))


@dataclass(frozen=True)
class CellBuilder:
    """Networks of NAS-Bench-201.

    Args:
        pixels: Height and width of the image.
        classes: Outputs.
    """

    pixels: int = 32
    classes: int = 10

    def network(self, params: Params) -> Network:
        """The network of a cell; one that is not connected has none."""
        return cell_network(cell_of(params), pixels=self.pixels, classes=self.classes)

    def key(self, params: Params) -> str:
        """The cell's canonical form: cells that compute the same are one candidate."""
        return _canonical(tuple(str(params[name]) for name in NAMES)) or "nothing"


@cache
def _canonical(words: tuple[str, ...]) -> str:
    """There are few cells, and searches ask for the same ones again and again."""
    return cell_of(dict(zip(NAMES, words, strict=True))).canonical


def cell_of(params: Params) -> Cell:
    """The cell of a candidate."""
    return Cell(tuple(OPERATIONS.index(str(params[name])) for name in NAMES))


def cell_space(*, pixels: int = 32, classes: int = 10) -> Space:
    """The 15,625 cells of NAS-Bench-201; `edge0` to `edge5` are in the order of `EDGES`.

    Args:
        pixels: Height and width of the image: 32 for CIFAR, 16 for ImageNet16-120.
        classes: Outputs.

    Example:
        >>> space = cell_space()
        >>> space.size
        15625
    """
    choices = tuple(Choice(name, OPERATIONS, "kind") for name in NAMES)
    return Space(choices, CellBuilder(pixels, classes))
