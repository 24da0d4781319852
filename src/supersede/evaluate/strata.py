"""Group patterns into strata from which fixed numbers of items are drawn.

Most patterns are so rare that the best plan would label a fraction of an item of each. Patterns
that deserve nearly the same inclusion probability, and whose labels are expected to be alike, are
therefore merged until a stratum yields several labels; within it all items are equally likely. The
sample is then a stratified simple random sample, whose variance is known without approximation.

Merging costs labels where patterns serve different estimands, and small strata cost labels because
each needs two. Which matters more depends on the margins, so coarse and fine strata are tried, with
patterns of different estimands merged or kept apart, until the labels are close to the programme's
optimum.
"""

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from supersede.evaluate.allocate import allocate

__all__ = ["Strata", "stratify"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_LABELS = (
    8.0,
    4.0,
    2.0,
)  # labels that a stratum should yield; its variance is known better from more
_CLOSE = 1.02  # times the optimum's labels, at which no other strata are tried
_LEAST = 2  # fewest labels from which a variance can be estimated
_LEVEL = 1.5  # inclusion probabilities within this factor count as the same


@dataclass(frozen=True)
class Strata:
    """Strata of patterns, and how many items of each to label.

    Attributes:
        of: Stratum of each pattern, or -1 where no label is needed, shape ``(h,)``.
        items: Number of items of each stratum, shape ``(g,)``.
        take: Number of labels from each stratum, shape ``(g,)``.
        usage: Expected variance of each estimate over its target, shape ``(k,)``; at most 1.
    """

    of: Ints
    items: Ints
    take: Ints
    usage: Floats


def stratify(
    count: Ints,
    variance: Floats,
    budget: Floats,
    probability: Floats,
    likeness: Floats,
    least: Floats | float = 0.0,
) -> Strata:
    """Form strata and decide how many labels each gets, so that all targets are met.

    Args:
        count: Items of each pattern, shape ``(h,)``.
        variance: Variance of an item's contribution to each estimate, shape ``(k, h)``.
        budget: Largest variance of each estimate, shape ``(k,)``.
        probability: Inclusion probabilities that meet the targets pattern by pattern.
        likeness: Similarity key of expected labels, such as the belief in one state, shape
            ``(h,)``.
        least: Lower bounds of the inclusion probabilities (labels already bought).

    Returns:
        Strata with integer numbers of labels.
    """
    needed = (probability > 0) & (count > 0)
    optimum = float((probability * count)[needed].sum())
    _, serves = np.unique(variance[:, needed] > 0, axis=1, return_inverse=True)
    best = None
    for apart, labels in itertools.product((False, True), _LABELS):
        of = np.full(len(count), -1, np.int64)
        among = serves.reshape(-1) if apart else np.zeros(int(needed.sum()), np.int64)
        of[needed] = _gather(count[needed], probability[needed], likeness[needed], among, labels)
        found = _filled(of, count, variance, budget, least)
        if best is None or found.take.sum() < best.take.sum():
            best = found
        if best.take.sum() <= _CLOSE * optimum:
            break
    assert best is not None  # noqa: S101  # the loop runs
    return best


def _filled(
    of: Ints, count: Ints, variance: Floats, budget: Floats, least: Floats | float
) -> Strata:
    """Strata with the fewest labels that meet all targets."""
    needed = of >= 0
    groups = int(of.max()) + 1 if needed.any() else 0
    place = of[needed]
    items = np.bincount(place, count[needed], groups).astype(float)
    weighted = variance[:, needed] * count[needed]
    mean = np.stack([np.bincount(place, row, groups) for row in weighted]) / items
    kept = np.broadcast_to(np.asarray(least, float), count.shape)[needed] * count[needed]
    lower = np.minimum(np.maximum(np.bincount(place, kept, groups), _LEAST) / items, 1.0)
    lower = np.where(items <= _LEAST, 1.0, lower)
    found = allocate(items, mean, budget, lower)
    take = _whole(found.probability * items, items, mean, budget, lower)
    use = _usage(take, items, mean)
    with np.errstate(divide="ignore", invalid="ignore"):
        usage = np.where(use > 0, use / budget, 0.0)
    return Strata(of, items.astype(np.int64), take, usage)


def _gather(count: Ints, probability: Floats, likeness: Floats, among: Ints, labels: float) -> Ints:
    """Stratum numbers: patterns by level and likeness, cut once enough labels are reached."""
    level = np.round(np.log(probability) / np.log(_LEVEL))
    order = np.lexsort((likeness, level, among))
    expected = (count * probability)[order]
    kind = among[order]
    total = np.bincount(kind, expected)
    start = np.cumsum(total) - total
    middle = np.cumsum(expected) - expected / 2 - start[kind]
    parts = np.maximum(np.floor(total / labels), 1.0)
    chunk = np.floor(middle / np.maximum(total, 1e-300)[kind] * parts[kind])
    chunk = np.clip(chunk, 0, parts[kind] - 1)
    certain = probability[order] > 1 / _LEVEL**0.5  # nearly certain: kept separate from the rest
    chunk = np.where(certain, -1, chunk)
    _, number = np.unique(np.stack([kind, chunk]), axis=1, return_inverse=True)
    out = np.empty(len(count), np.int64)
    out[order] = number.reshape(-1)
    return out


def _whole(real: Floats, items: Floats, mean: Floats, budget: Floats, lower: Floats) -> Ints:
    """Integer numbers of labels: rounded down, then added where the worst target gains most."""
    take = np.minimum(np.maximum(np.floor(real + 1e-9), np.ceil(lower * items - 1e-9)), items)
    for _ in range(len(items) * 4):
        with np.errstate(divide="ignore", invalid="ignore"):
            usage = np.where(budget > 0, _usage(take, items, mean) / budget, 0.0)
        worst = int(usage.argmax())
        if usage[worst] <= 1:
            break
        gain = np.where(take < items, items**2 * mean[worst] / (take * (take + 1)), -1.0)
        take[gain.argmax()] += 1
    return take.astype(np.int64)


def _usage(take: Floats | Ints, items: Floats, mean: Floats) -> Floats:
    """Variances of the estimates: ``sum_g N_g² S_kg² (1 / n_g - 1 / N_g)``."""
    return np.asarray(mean @ (items**2 * (1 / take - 1 / items)))
