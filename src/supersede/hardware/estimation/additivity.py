"""Do the layers' latencies add up to the total?"""

import numpy as np
from numpy.typing import NDArray

from supersede.errors import EstimateError

__all__ = ["SUMMED", "explain_totals"]

Floats = NDArray[np.float64]
SUMMED = 0.1  # relative error above which a total is not a sum of its layers
SHARE = 0.9  # of the networks must be explained


def explain_totals(owner: NDArray[np.intp], rows: Floats, totals: Floats) -> tuple[float, float]:
    """Overhead in seconds, and factor, that turn sums of layers into totals.

    Args:
        owner: The network of each layer.
        rows: Seconds of each layer.
        totals: Seconds of each network.

    Raises:
        EstimateError: No such pair explains the totals.

    Example:
        >>> owner = np.array([0, 0, 1])
        >>> explain_totals(owner, np.array([1.0, 2.0, 4.0]), np.array([3.0, 4.0]))
        (0.0, 1.0)
    """
    from scipy.optimize import nnls

    sums = np.bincount(owner, rows)
    if np.allclose(sums, totals, rtol=1e-3):
        return 0.0, 1.0
    unit = float(totals.mean())
    terms = np.column_stack([np.full(len(totals), unit), sums])
    (overhead, factor), _ = nnls(terms / totals[:, None], np.ones(len(totals)))
    missed = np.abs((overhead * unit + factor * sums) / totals - 1)
    if np.quantile(missed, SHARE) > SUMMED:
        worst = int(missed.argmax())
        msg = (
            "the layers' latencies do not add up to the totals: after the best correction (factor"
            f" {factor:.2f}, overhead {overhead * unit:.2g} s) network {worst} is still"
            f" {missed[worst]:.0%} off, and one in ten more than {SUMMED:.0%}; give totals only"
        )
        raise EstimateError(msg)
    return float(overhead * unit), float(factor)
