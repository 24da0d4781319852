"""Do the layers' latencies add up to the total, as far as the measurements' noise lets one see?"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from supersede.errors import EstimateError
from supersede.hardware.estimation.features import COLUMNS
from supersede.hardware.targets.measurement import Measurement

__all__ = ["SUMMED", "explain_totals", "noise", "refuse_scatter"]

Floats = NDArray[np.float64]
SUMMED = 0.1  # relative error above which a total is not a sum of its layers
SHARE = 0.9  # of the networks must be explained
PATTERN = 0.25  # share of the errors' variance that sizes must explain to be called a pattern


def noise(measurements: Sequence[Measurement]) -> float:
    """Typical half width of the measurements' own intervals, relative; 0 where they have none.

    Example:
        >>> noise([Measurement(1.0, low=0.9, high=1.1), Measurement(2.0, low=1.8, high=2.4)])
        0.125
    """
    known = [(m.high - m.low) / 2 / m.seconds for m in measurements if m.low and m.high]
    return float(np.median(known)) if known else 0.0


def explain_totals(
    owner: NDArray[np.intp], rows: Floats, totals: Floats, scatter: float = 0.0
) -> tuple[float, float]:
    """Overhead in seconds, and factor, that turn sums of layers into totals.

    Args:
        owner: The network of each layer.
        rows: Seconds of each layer.
        totals: Seconds of each network.
        scatter: Relative noise of the measurements, which no sum can explain.

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
    error = (overhead * unit + factor * sums) / totals - 1
    missed = np.abs(error)
    if np.quantile(missed, SHARE) > SUMMED + 2 * scatter:
        worst = int(missed.argmax())
        counts = np.bincount(owner).astype(np.float64)
        raise EstimateError(
            _cause(np.column_stack([np.log(sums), np.log(counts)]), np.log1p(error))
            + f": after the best correction (factor {factor:.2f}, overhead {overhead * unit:.2g} s) network"
            f" {worst} is still {missed[worst]:.0%} off, and one in ten more than"
            f" {np.quantile(missed, SHARE):.0%}; {SUMMED:.0%} is allowed"
        )
    return float(overhead * unit), float(factor)


def refuse_scatter(
    target: str, table: Floats, owner: NDArray[np.intp], totals: Floats, errors: Floats,
    scatter: float,
) -> None:  # fmt: skip
    """Refuse totals that no sum over layers explains, and say whether that looks like noise.

    Args:
        target: Fingerprint of what was measured.
        table: Rows of all layers.
        owner: The network of each row.
        totals: Seconds of each network.
        errors: Logarithm of estimate over measurement, of networks that were left out.
        scatter: Relative noise of the measurements, where they say it.

    Raises:
        EstimateError: The errors are larger than what is allowed and than the noise.
    """
    mean = float(np.abs(errors).mean())
    if mean <= SUMMED + scatter:
        return
    macs = np.bincount(owner, table[:, COLUMNS.index("macs")])
    sizes = np.log(np.column_stack([np.maximum(macs, 1), np.bincount(owner), totals]))
    raise EstimateError(
        _cause(sizes[:, :2], errors)
        + f": on {target}, estimates miss by {mean:.0%} on average, more than {SUMMED:.0%}"
    )


def _cause(sizes: Floats, errors: Floats) -> str:
    """What the errors look like: a pattern in the networks' sizes, or noise."""
    design = np.column_stack([np.ones(len(errors)), sizes, sizes**2])
    # leave one out, so that a few networks do not seem to have a pattern
    hat = design @ np.linalg.pinv(design)
    left_out = (errors - hat @ errors) / np.maximum(1 - np.diag(hat), 1e-9)
    explained = 1 - float((left_out**2).sum() / ((errors - errors.mean()) ** 2).sum())
    if explained > PATTERN:
        return (
            "the totals are not sums over layers: what is missing follows the networks' sizes; give"
            " costs by layer if they add up, or totals only if they do not"
        )
    return (
        f"the totals scatter by {errors.std():.0%} without a pattern, which is noise of the measurements"
        " or layers that do not add up; measure each network several times and give medians (or"
        " `low` and `high`), then measure more networks"
    )
