"""What of a network lies outside of what was measured; an estimate there would be a guess."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from supersede.errors import EstimateError
from supersede.hardware.estimation.features import COLUMNS, KINDS

if TYPE_CHECKING:
    from supersede.hardware.description.network import Network

__all__ = ["outside", "refuse_unknown"]

Floats = NDArray[np.float64]
SLACK = 1.25  # sizes may leave what was measured by this factor before they are flagged
EXACT = ("kernel_height", "kernel_width", "stride", "dilation")
RANGED = ("in_height", "in_channels", "out_channels", "macs", "parameters")


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
    for kind in np.unique(table[:, 0]):
        seen = measured[measured[:, 0] == kind]
        here = np.flatnonzero(table[:, 0] == kind)
        for name in (*EXACT, *RANGED):
            column = COLUMNS.index(name)
            values = table[here, column]
            if name in EXACT:
                known = np.unique(seen[:, column])
                bad = ~np.isin(values, known)
                words = ", ".join(f"{value:g}" for value in known)
            else:
                low, high = seen[:, column].min(), seen[:, column].max()
                bad = (values < low / SLACK) | (values > high * SLACK)
                words = f"{low:g} to {high:g}"
            for at, value in zip(here[bad], values[bad], strict=True):
                layer = networks[owner[at]].layers[at - first[owner[at]]]
                flags[owner[at]].append(
                    f"{layer.name}: {name.replace('_', ' ')} {value:g}, measured {words}"
                )
    return flags
