"""Standard error of a cross-validated score.

Folds share their training data, so their scores are positively correlated, and the
naive s / sqrt(k) is too small. Nadeau & Bengio (2003, Machine Learning 52, "Inference for the
generalization error", the corrected resampled variance) enlarge it:

    variance of the mean  =  (1/k + n_test / n_train) s^2

with s^2 the sample variance of the k scores. For ordinary k-fold n_test / n_train = 1 / (k - 1).

Assumes: the correlation of two scores is n_test / (n_test + n_train); the scores' order has no
meaning (for time series use `blocked`).
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from supersede.errors import ArgumentError

__all__ = ["blocked", "corrected_error", "variance_factor"]


def variance_factor(
    k: int,
    *,
    folds_per_repeat: int | None = None,
    test_sizes: Sequence[float] | None = None,
    train_sizes: Sequence[float] | None = None,
) -> float:
    """The factor from the variance of one score to that of the mean of ``k`` scores.

    Args:
        k: Number of scores.
        folds_per_repeat: Folds of one repetition, for repeated cross-validation; ``k`` if None.
        test_sizes: Items of each test part, shape ``(k,)``: for shuffled splits or unequal folds.
        train_sizes: Items of each training part, shape ``(k,)``.

    Returns:
        The factor, positive. With sizes, the mean is the one weighted by test size, and the factor
        is the sum of squared weights plus the mean of n_test / n_train.

    Raises:
        ArgumentError: Fewer than two folds, or sizes that are not ``k`` positive numbers.

    Example:
        >>> round(variance_factor(10), 4)           # 1/10 + 1/9
        0.2111
        >>> round(variance_factor(30, folds_per_repeat=10), 4)  # 3 x 10-fold: 1/30 + 1/9
        0.1444
    """
    if test_sizes is not None or train_sizes is not None:
        test, train = _sizes("test_sizes", test_sizes, k), _sizes("train_sizes", train_sizes, k)
        weights = test / test.sum()
        return float((weights**2).sum() + (test / train).mean())
    per_repeat = k if folds_per_repeat is None else folds_per_repeat
    if per_repeat < 2:
        msg = f"got {per_repeat} folds in a repetition; expected at least 2"
        raise ArgumentError(msg)
    return 1 / k + 1 / (per_repeat - 1)


def _sizes(name: str, sizes: Sequence[float] | None, k: int) -> np.ndarray:
    found = np.asarray([] if sizes is None else sizes, dtype=np.float64)
    if found.shape != (k,) or not np.all(found > 0):
        msg = f"{name}: got {sizes!r}; expected {k} positive numbers, one per score"
        raise ArgumentError(msg)
    return found


def corrected_error(
    scores: Sequence[float] | NDArray[np.float64], factor: float | None = None
) -> float:
    """Standard error of the mean of fold scores; NaN with fewer than two finite ones.

    Args:
        scores: One per fold, shape ``(k,)``; those that are not finite are left out.
        factor: See `variance_factor`; None for ordinary k-fold.

    Returns:
        The error, in units of the score.

    Example:
        >>> round(corrected_error([0.80, 0.82, 0.79, 0.84, 0.80]), 4)
        0.0134
    """
    finite = np.asarray(scores, dtype=np.float64)
    finite = finite[np.isfinite(finite)]
    if len(finite) < 2:
        return math.nan
    # dividing by the largest first prevents scores of 1e300 from overflowing when squared
    unit = float(np.abs(finite).max()) or 1.0
    spread = float(np.std(finite / unit, ddof=1)) * unit
    return math.sqrt(variance_factor(len(finite)) if factor is None else factor) * spread


def blocked(scores: Sequence[float] | NDArray[np.float64]) -> float:
    """Standard error of the mean of scores that follow one another in time.

    Neighbouring scores are correlated, so the covariances are added to the variance of the mean,
    with weights that decrease with distance (Newey & West, 1987, with floor(4 (k/100)^(2/9)) lags),
    and the result is at least that of independent scores.

    Args:
        scores: One for each successive test period, shape ``(k,)``.

    Returns:
        The error; NaN with fewer than two finite scores.
    """
    finite = np.asarray(scores, dtype=np.float64)
    finite = finite[np.isfinite(finite)]
    k = len(finite)
    if k < 2:
        return math.nan
    off = finite - finite.mean()
    lags = max(1, int(4 * (k / 100) ** (2 / 9)))
    independent = float(off @ off) / (k - 1)
    covariances = [
        2 * (1 - lag / (lags + 1)) * float(off[lag:] @ off[:-lag]) / (k - 1)
        for lag in range(1, min(lags, k - 1) + 1)
    ]
    return math.sqrt(max(independent + sum(covariances), independent) / k)
