"""What of a network lies outside of what was measured; an estimate there would be a guess."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from supersede.errors import EstimateError
from supersede.hardware.estimation.features import ACTIVATIONS, COLUMNS, FITS, KINDS

if TYPE_CHECKING:
    from supersede.hardware.description.network import Network

__all__ = ["outside", "refuse_unknown"]

Floats = NDArray[np.float64]
SLACK = 1.25  # sizes may leave what was measured by this factor before they are flagged
PAIRS = ("kernel", "stride", "dilation")
RANGED = ("in_height", "in_width", "in_channels", "out_channels", "macs", "parameters")


def refuse_unknown(
    networks: Sequence["Network"], table: Floats, measured: Floats, target: str
) -> None:
    """Refuse networks with a kind of layer that is not in the measured table.

    Raises:
        EstimateError: There is such a layer.
    """
    strange = np.setdiff1d(table[:, 0], measured[:, 0])
    if strange.size:
        kinds = {KINDS[int(kind)] for kind in strange}
        name = next(layer.name for n in networks for layer in n.layers if layer.kind in kinds)
        msg = (
            f"no network that was measured on {target} has: {', '.join(sorted(kinds))} (layer"
            f" {name!r}); fit the estimator on a space that has it"
        )
        raise EstimateError(msg)


def outside(
    networks: Sequence["Network"], table: Floats, owner: NDArray[np.intp], measured: Floats
) -> list[list[str]]:
    """For each network, its layers' features that no measured layer of the kind comes near to."""
    flags: list[list[str]] = [[] for _ in networks]
    first = np.searchsorted(owner, np.arange(len(networks)))

    def flag(rows: NDArray[np.intp], words: Iterable[str]) -> None:
        for row, what in zip(rows, words, strict=True):
            layer = networks[owner[row]].layers[row - first[owner[row]]]
            flags[owner[row]].append(f"{layer.name}: {what}")

    for kind in np.unique(table[:, 0]):
        seen = measured[measured[:, 0] == kind]
        here = np.flatnonzero(table[:, 0] == kind)
        for name in PAIRS:
            both = _columns(f"{name}_height", f"{name}_width")
            known = np.unique(seen[:, both], axis=0)
            words = ", ".join(map(_pair, known))
            odd = _unseen(table[here][:, both], known)
            flag(
                here[odd],
                (f"{name} {_pair(t)}, measured {words}" for t in table[here[odd]][:, both]),
            )
        (column,) = _columns("activation")
        known = np.unique(seen[:, column])
        words = ", ".join(map(_activation, known))
        odd = ~np.isin(table[here, column], known)
        found = map(_activation, table[here[odd], column])
        flag(here[odd], (f"activation {one}, measured {words}" for one in found))
        # channels off the granule cost far more than their number: each case must have been seen
        fits = _columns("reads_image", *FITS)
        odd = _unseen(table[here][:, fits], seen[:, fits])
        flag(here[odd], map(_channels, table[here[odd]]))
        for name in RANGED:
            (column,) = _columns(name)
            values = table[here, column]
            low, high = seen[:, column].min(), seen[:, column].max()
            odd = (values < low / SLACK) | (values > high * SLACK)
            title = name.replace("_", " ")
            flag(here[odd], (f"{title} {v:g}, measured {low:g} to {high:g}" for v in values[odd]))
    return flags


def _columns(*names: str) -> list[int]:
    return [COLUMNS.index(name) for name in names]


def _unseen(rows: Floats, seen: Floats) -> NDArray[np.bool_]:
    """Which rows are not among those seen."""
    cases = set(map(tuple, seen))
    return np.array([case not in cases for case in map(tuple, rows)])


def _pair(values: Floats) -> str:
    return "×".join(f"{value:g}" for value in values)


def _activation(number: float) -> str:
    return str(ACTIVATIONS[int(number)] or "none")


def _channels(row: Floats) -> str:
    ins, outs = (int(row[COLUMNS.index(f"{side}_channels")]) for side in ("in", "out"))
    return (
        f"{ins} channels in and {outs} out, measured none that fit multiples of 8 and 16 like these"
    )
