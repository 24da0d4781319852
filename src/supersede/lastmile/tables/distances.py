"""How far two samples of one column are apart, and how surprising that is: logarithms of p-values."""

import numpy as np
import numpy.typing as npt

__all__ = ["chi_square", "enriched", "newcomers", "smirnov", "smirnov_log_p", "spread_log_p"]

Floats = npt.NDArray[np.float64]


def smirnov(a: Floats, b: Floats) -> tuple[float, float]:
    """Distance of two samples, and the logarithm of its asymptotic p-value."""
    if not len(a) or not len(b):
        return 0.0, 0.0
    # rounding must not separate equal values, as after a division
    scale = float(np.abs(a).max()) or 1.0
    a, b = (np.sort(np.round(v / scale, 10)) for v in (a, b))
    both = np.unique(np.concatenate([a, b]))
    distance = float(np.abs(np.searchsorted(a, both, "right") / len(a) - np.searchsorted(b, both, "right") / len(b)).max())  # fmt: skip
    return distance, smirnov_log_p(distance, len(a), len(b))


def smirnov_log_p(distance: float, n: int, m: int) -> float:
    """The asymptotic p-value of a distance of ``n`` from ``m`` values."""
    return min(0.0, float(np.log(2) - 2 * n * m / (n + m) * distance**2))


def spread_log_p(a: Floats, b: Floats) -> float:
    """Whether two samples have the same variance; sees what moves tails and not the middle.

    The logarithm of the ratio of the variances has a variance of ``(kurtosis - 1) (1/n + 1/m)``.
    """
    from scipy.special import log_ndtr

    if min(len(a), len(b)) < 2 or not (a.std() > 0 and b.std() > 0):
        return 0.0
    centred = np.concatenate([(v - v.mean()) / v.std() for v in (a, b)])
    kurtosis = float(np.mean(centred**4))
    error = np.sqrt((kurtosis - 1) * (1 / len(a) + 1 / len(b)))
    if not error > 0:
        return 0.0
    z = 2 * abs(np.log(a.std() / b.std())) / error
    return min(0.0, float(np.log(2) + log_ndtr(-z)))


def chi_square(counts: Floats) -> float:
    """Pearson's test of a 2 × k table; rare columns are pooled."""
    from scipy.special import chdtrc

    total = counts.sum()
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0) / total
    rare = expected.min(axis=0) < 5
    pooled = (
        np.column_stack([counts[:, ~rare], counts[:, rare].sum(axis=1)]) if rare.any() else counts
    )
    pooled = pooled[:, pooled.sum(axis=0) > 0]
    if pooled.shape[1] < 2:
        return 0.0
    expected = pooled.sum(axis=1, keepdims=True) * pooled.sum(axis=0) / total
    statistic = float(((pooled - expected) ** 2 / expected).sum())
    freedom = pooled.shape[1] - 1
    if expected.min() < 1:
        return 0.0
    p = float(chdtrc(freedom, statistic))
    return float(np.log(p)) if p > 1e-290 else -statistic / 2


def newcomers(counts: Floats) -> float:
    """Whether more rows of the second sample have values of their own than a random split gives.

    If rows are split at random, a value of ``c`` rows lies wholly in the second sample with a chance
    of ``q^c``. The tail of the rows in such values is bounded by Chernoff's inequality, so columns in
    which most values are rare (names, free text) are not suspects for having new ones.

    Args:
        counts: Rows of each value in both samples, shape ``(2, k)``.
    """
    total = counts.sum(axis=0)
    rows = float(counts[1, counts[0] == 0].sum())
    if not rows:
        return 0.0
    q = float(counts[1].sum() / counts.sum())
    steps = -np.log(q) * np.linspace(0.02, 1.5, 60)[:, None]
    # log E exp(step × rows): each value contributes c rows with a chance of q^c
    grown = np.logaddexp(np.log1p(-(q**total)), total * (np.log(q) + steps)).sum(axis=1)
    return min(0.0, float((grown - steps[:, 0] * rows).min()))


def enriched(known: Floats, met: Floats) -> tuple[float, float, float, float]:
    """The value whose share has grown most surprisingly: value, both shares, logarithm of p.

    Chernoff's bound of the binomial tail, times the number of values it was chosen from.
    """
    values, place = np.unique(np.concatenate([known, met]), return_inverse=True)
    total = np.bincount(place, minlength=len(values)).astype(float)
    here = np.bincount(place[len(known) :], minlength=len(values)).astype(float)
    q = len(met) / (len(known) + len(met))
    part = here / total
    with np.errstate(divide="ignore", invalid="ignore"):
        other = np.where(part < 1, (1 - part) * np.log((1 - part) / (1 - q)), 0.0)
        surprise = np.where(part > q, total * (part * np.log(part / q) + other), 0.0)
    at = int(np.argmax(surprise))
    before = float((total[at] - here[at]) / max(len(known), 1))
    log_p = min(0.0, float(np.log(len(values)) - surprise[at]))
    return float(values[at]), before, float(here[at] / max(len(met), 1)), log_p
