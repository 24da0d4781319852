"""A first guess of each layer's latency, linear in its work: what is left, trees can learn.

For each kind of layer, seconds = a · multiply-adds + b · bytes read + c · bytes written +
d · parameters + e, with no coefficient below zero, fitted to relative errors. Trees alone cannot
extrapolate; on top of this they need not.

Source of the idea: Williams, Waterman and Patterson, CACM 52 (2009), with a sum for the maximum.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from supersede.hardware.estimation.features import COLUMNS, WORK

__all__ = ["Roofline", "fit_rows", "fit_totals"]

Floats = NDArray[np.float64]
KIND = COLUMNS.index("kind")
TERMS = [COLUMNS.index(name) for name in WORK]


@dataclass(frozen=True)
class Roofline:
    """Coefficients by kind of layer, one for each of `WORK` and a constant."""

    coefficients: dict[int, Floats]

    def seconds(self, table: Floats) -> Floats:
        """A latency above zero for each row of the table; kinds must be among those fitted."""
        found = np.zeros(len(table))
        terms = _terms(table)
        for kind, coefficients in self.coefficients.items():
            here = table[:, KIND] == kind
            found[here] = terms[here] @ coefficients
        return np.maximum(found, 1e-9)


def fit_rows(table: Floats, seconds: Floats) -> Roofline:
    """Fit to latencies of layers, shape (layers,)."""
    terms = _terms(table)
    return Roofline({
        int(kind): _fit(terms[table[:, KIND] == kind], seconds[table[:, KIND] == kind])
        for kind in np.unique(table[:, KIND])
    })  # fmt: skip


def fit_totals(table: Floats, owner: NDArray[np.intp], seconds: Floats) -> Roofline:
    """Fit to latencies of whole networks.

    Args:
        table: Rows of all layers.
        owner: The network of each row.
        seconds: Latency of each network.
    """
    kinds = np.unique(table[:, KIND])
    terms = _terms(table)
    blocks = []
    for kind in kinds:
        block = np.zeros((len(seconds), terms.shape[1]))
        here = table[:, KIND] == kind
        np.add.at(block, owner[here], terms[here])
        blocks.append(block)
    found = _fit(np.hstack(blocks), seconds).reshape(len(kinds), -1)
    return Roofline({int(kind): row for kind, row in zip(kinds, found, strict=True)})


def _terms(table: Floats) -> Floats:
    return np.column_stack([table[:, TERMS], np.ones(len(table))])


def _fit(terms: Floats, seconds: Floats) -> Floats:
    """Coefficients of least relative error, none below zero."""
    from scipy.optimize import nnls

    floor = 1e-3 * float(seconds.mean()) or 1e-9
    weights = 1 / np.maximum(seconds, floor)
    scale = np.maximum(terms.max(axis=0), 1e-30)
    found, _ = nnls(
        terms * weights[:, None] / scale, seconds * weights, maxiter=100 * terms.shape[1]
    )
    return np.asarray(found / scale)
