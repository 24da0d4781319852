"""Intervals for losses of groups, for their changes between models, and for their gaps.

A **share** lies in [0, 1]; an **amount** is at least 0 and has no upper bound (word errors a word can
exceed 1, costs anything). Shares get score-like intervals (`agresti_coull` for one group at a time,
`clopper_pearson` for many at once), amounts Student's for the logarithm of the mean, since losses are
skewed to the right: at n = 20 and exponential losses it covers .93 of a nominal .95, where Student's
own covers .91 (see the benchmark). Sizes are effective: those of the simple random
sample with the same variance, and where that variance is itself estimated the quantile is Student's
(Korn & Graubard 1998): with clusters, by as many degrees of freedom as the variance rests on clusters in
effect (see `moments`), otherwise with Kish's size less one.
"""

from typing import Literal

import numpy as np
import numpy.typing as npt

from supersede.metrics.agresti_coull import agresti_coull
from supersede.metrics.clopper_pearson import clopper_pearson
from supersede.metrics.intervals import z
from supersede.metrics.mover import difference_interval
from supersede.metrics.ratios import Ratios

__all__ = ["Unit", "change", "gap", "interval", "joint_interval"]

Floats = npt.NDArray[np.float64]
Interval = tuple[Floats, Floats]
Unit = Literal["share", "amount"]


def interval(ratios: Ratios, model: int, unit: Unit, confidence: float) -> Interval:
    """Intervals of a model's loss, each for its group alone.

    Args:
        ratios: The counts, of ``k`` groups.
        model: Which model, by its place.
        unit: Whether the loss is a share or an amount.
        confidence: Two-sided nominal coverage.

    Returns:
        Lower and upper ends, shape ``(k,)``. An amount whose variance cannot be seen (fewer than
        two units, or all of them equal) has NaN for its ends.

    Assumes: independent units; amounts are at least 0 and not much more skewed than exponential.
    """
    moments = ratios.moments(model)
    if unit == "share":
        n = moments.effective_n(moments.mean * (1 - moments.mean))
        return agresti_coull(moments.mean, n, _quantile(ratios, model, confidence))
    return _log_student(ratios, model, confidence)


def joint_interval(ratios: Ratios, model: int, unit: Unit, confidence: float) -> Interval:
    """Intervals that hold for all groups at once (Bonferroni; groups may overlap).

    Args:
        ratios: The counts, of ``k`` groups.
        model: Which model, by its place.
        unit: Whether the loss is a share or an amount.
        confidence: The chance, at least, that every interval holds its group's true loss.

    Returns:
        Lower and upper ends, shape ``(k,)``.

    Assumes: as for `interval`; for shares of independent, equally weighted items no approximation
    is made.
    """
    each = 1 - (1 - confidence) / max(len(ratios), 1)
    moments = ratios.moments(model)
    if unit == "share":
        wider = (z(each) / _quantile(ratios, model, each)) ** 2
        n = moments.effective_n(moments.mean * (1 - moments.mean))
        return clopper_pearson(moments.mean, n * wider, each)
    return _log_student(ratios, model, each)


def change(
    ratios: Ratios, old: int, new: int, unit: Unit, confidence: float
) -> tuple[Floats, Floats, Floats]:
    """What a new model's loss is more than the old one's, on the same items.

    For shares this is Bonett and Price's paired interval (2012), which adds one item on either side,
    written with the variance of the difference so that it serves weights and clusters too.

    Args:
        ratios: The counts.
        old: The place of the old model.
        new: The place of the new model.
        unit: Whether the losses are shares or amounts.
        confidence: Two-sided nominal coverage.

    Returns:
        Differences ``new - old``, and the lower and upper ends of their intervals.
    """
    before, after = ratios.moments(old), ratios.moments(new)
    difference = after.mean - before.mean
    slopes = ratios.slopes(new) - ratios.slopes(old)
    variance = np.maximum(np.einsum("ki,kij,kj->k", slopes, ratios.products, slopes), 0)
    if not ratios.counted:
        several = ratios.units > 1
        variance *= np.divide(
            ratios.units, ratios.units - 1, out=np.zeros(len(ratios)), where=several
        )
    quantile = _quantile(ratios, new, confidence)
    if unit == "amount":
        half = np.where(variance > 0, quantile * np.sqrt(variance), np.nan)
        return difference, difference - half, difference + half
    n = np.minimum(before.kish, after.kish)
    centre = np.nan_to_num(difference) * n / (n + 2)
    half = quantile * np.sqrt(variance * (n / (n + 2)) ** 2 + 2 / (n + 2) ** 2)
    low, high = np.clip(centre - half, -1, 1), np.clip(centre + half, -1, 1)
    return difference, np.where(n > 0, low, -1.0), np.where(n > 0, high, 1.0)


def gap(
    ratios: Ratios, whole: Ratios, model: int, unit: Unit, confidence: float, *, joint: bool = False
) -> tuple[Floats, Floats, Floats]:
    """How far a group's loss lies above that of all items together.

    The group is part of the whole, so the gap is ``(1 - share of the group) × (group - the rest)``,
    and the two sides of that difference share no items.

    Args:
        ratios: The counts, of ``k`` groups.
        whole: The counts of all items, as one group.
        model: Which model, by its place.
        unit: Whether the loss is a share or an amount.
        confidence: Two-sided nominal coverage.
        joint: Whether the intervals hold for all groups at once.

    Returns:
        Gaps, and the lower and upper ends of their intervals. NaN ends where nothing is known of
        the group or of the rest.
    """
    rest = ratios.rest(whole)
    each = 1 - (1 - confidence) / max(len(ratios), 1) if joint else confidence
    method = joint_interval if joint else interval
    own = method(ratios, model, unit, confidence)
    other = method(rest, model, unit, confidence if joint else each)
    group, others = ratios.moments(model), rest.moments(model)
    low, high = difference_interval(
        group.mean, own, others.mean, other, _correlation(ratios, rest, whole, model)
    )
    outside = np.divide(others.w, whole.moments(model).w, out=np.zeros(len(ratios)),
                        where=whole.moments(model).w > 0)  # fmt: skip
    overall = whole.moments(model).mean
    alone = (others.w <= 0) & (group.w > 0)  # the group is everybody
    value = np.where(alone, 0.0, group.mean - overall)
    return value, np.where(alone, 0.0, outside * low), np.where(alone, 0.0, outside * high)


def _quantile(ratios: Ratios, model: int, confidence: float) -> Floats:
    """The normal quantile for counts; Student's where the variance is estimated."""
    if ratios.counted:
        return np.full(len(ratios), z(confidence))
    from scipy.special import stdtrit

    return np.asarray(stdtrit(ratios.moments(model).freedom, 0.5 + confidence / 2))


def _log_student(ratios: Ratios, model: int, confidence: float) -> Interval:
    moments = ratios.moments(model)
    seen = moments.variance > 0
    relative = np.sqrt(np.where(seen, moments.variance, np.nan)) / np.where(seen, moments.mean, 1.0)
    factor = np.exp(np.minimum(_quantile(ratios, model, confidence) * relative, 700.0))
    return moments.mean / factor, moments.mean * factor


def _correlation(ratios: Ratios, rest: Ratios, whole: Ratios, model: int) -> Floats:
    """Of a group's estimate with that of the rest; not 0 only where clusters lie in both."""
    if ratios.shared is None:
        return np.zeros(len(ratios))
    across = ratios.shared - ratios.products  # group part times rest part, cluster by cluster
    mine, theirs = ratios.slopes(model), rest.slopes(model)
    covariance = np.einsum("ki,kij,kj->k", mine, across, theirs)
    own = np.einsum("ki,kij,kj->k", mine, ratios.products, mine)
    other = np.einsum("ki,kij,kj->k", theirs, rest.products, theirs)
    scale = np.sqrt(np.maximum(own * other, 0))
    known = np.divide(covariance, scale, out=np.zeros(len(ratios)), where=scale > 0)
    return np.asarray(np.clip(known, -1, 1))
