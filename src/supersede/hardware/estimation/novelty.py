"""How far a network's layers lie from all layers that were measured, looked at jointly.

Each feature of a layer may lie inside its measured range while their combination was never seen: an
expansion of two in every block has channels in and channels out that are both common, but not
together. So a layer's distance is that to its nearest measured neighbour of the same kind, in octaves
of its sizes; a network's distance is the mean of its layers' distances, weighted by their latency.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from supersede.hardware.estimation.features import COLUMNS, KINDS

__all__ = ["Difficulty", "Novelty", "fit_difficulty"]

Floats = NDArray[np.float64]
SIZES = (
    "in_height", "in_width", "in_channels", "out_channels", "kernel_height", "kernel_width",
    "stride_height", "stride_width", "dilation_height", "dilation_width",
)  # fmt: skip
CASES = ("reads_image", "is_output", "joins", "activation")
APART = 2.0  # octaves between layers that differ in a case, such as the activation
ODD = 1.0  # octaves between an odd and an even size: hardware works on blocks of even sizes
UNEVEN = 0.5  # likewise for each factor of two that channels lack of a multiple of four
USUAL = 0.98  # of the networks that were left out are within the limits
UNKNOWN = 10.0  # octaves from anything, for a kind of layer that was never measured


class Novelty:
    """Distances to a table of measured layers."""

    def __init__(self, measured: Floats) -> None:
        from scipy.spatial import cKDTree

        self._nearest = {
            int(kind): cKDTree(np.unique(_places(measured[measured[:, 0] == kind]), axis=0))
            for kind in np.unique(measured[:, 0])
        }

    def octaves(self, table: Floats) -> Floats:
        """Distance of each row to its nearest measured one; 0 where the same layer was measured."""
        found = np.full(len(table), UNKNOWN)
        places = _places(table)
        for kind, nearest in self._nearest.items():
            here = table[:, 0] == kind
            if here.any():
                found[here] = nearest.query(places[here])[0]
        return found


def _places(table: Floats) -> Floats:
    at = {name: table[:, i] for i, name in enumerate(COLUMNS)}
    sizes = [np.log2(at[name]) for name in SIZES]
    cases = [APART * at[name] for name in CASES]
    odd = [ODD * (at[s] % 2 * (at[s] > 1)) for s in ("out_height", "out_width")]
    channels = ("in_channels", "out_channels")
    uneven = [UNEVEN * ((at[c] % 2 != 0) + 1.0 * (at[c] % 4 != 0)) for c in channels]
    return np.column_stack([*sizes, *cases, *odd, *uneven])


@dataclass(frozen=True)
class Difficulty:
    """How large an error to expect of a network, from how strange it is.

    Args:
        weights: Of a constant, of the spread of the regression's trees, and of the distance in octaves.
        quantile: What the ratio of error to expectation stays below with the confidence of the interval.
        octaves: The distance that 98 % of the networks that were left out and estimated stay below.
    """

    weights: tuple[float, float, float]
    quantile: float
    octaves: float

    def half_width(self, spread: Floats, octaves: Floats) -> Floats:
        """Half-width of the interval, on a logarithmic scale."""
        constant, by_spread, by_octaves = self.weights
        return self.quantile * (constant + by_spread * spread + by_octaves * octaves)


def fit_difficulty(
    errors: Floats, spread: Floats, octaves: Floats, confidence: float
) -> Difficulty:
    """Learn it from networks that were left out.

    The expected error is linear in both signs of strangeness, with no negative weight. Intervals are
    conformal in the error relative to its expectation (normalised conformal prediction:
    Papadopoulos, Gammerman and Vovk 2008, section 3).

    Args:
        errors: Logarithm of estimate over measurement, of shape (networks,).
        spread: Of the regression's trees, weighted by latency; zeros where it has no spread.
        octaves: Distance to what was measured, weighted by latency.
        confidence: Of the intervals.
    """
    from scipy.optimize import nnls

    missed = np.abs(errors)
    terms = np.column_stack([np.ones(len(missed)), spread, octaves])
    weights, _ = nnls(terms, missed)
    # a perfect fit is not certainty: a tenth of the typical error always remains, and some of it
    # grows with strangeness even if among these networks it did not
    weights[0] = max(weights[0], 0.1 * float(missed.mean()), 1e-6)
    for column, signs in ((1, spread), (2, octaves)):
        if signs.max() > 0:
            weights[column] = max(weights[column], 0.1 * float(missed.mean() / signs.max()))
    ratios = np.sort(missed / (terms @ weights))
    rank = min(int(np.ceil((len(ratios) + 1) * confidence)), len(ratios))
    return Difficulty(
        (float(weights[0]), float(weights[1]), float(weights[2])),
        float(ratios[rank - 1]),
        float(np.quantile(octaves, USUAL)),
    )


def describe_row(row: Floats) -> str:
    """A layer of a table in a few words."""
    at = {name: row[COLUMNS.index(name)] for name in (*SIZES, "kind")}
    return (
        f"{KINDS[int(at['kind'])]} of {at['in_channels']:g} channels to {at['out_channels']:g} at"
        f" {at['in_height']:g}×{at['in_width']:g}"
    )
