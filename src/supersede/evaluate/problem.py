"""The planning problem: patterns, beliefs, and the margin of every estimand.

A plan's intervals are about the table as it is, so that all labels leave nothing open. A review takes
the table's items for draws from a population: labels of all N leave the variance of N draws, and with
inclusion probabilities π its variance is that of the Horvitz-Thompson estimator, Σ d² / π over all items
in expectation, with contributions d as in `linearise`. A problem with ``population=True`` keeps the
margins of such intervals.

References:
    Särndal, Swensson & Wretman (1992), Model Assisted Survey Sampling, section 2.9 (draws with unequal
    probabilities).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from supersede.errors import ArgumentError
from supersede.evaluate.clusters import between_clusters
from supersede.evaluate.estimands import Estimand
from supersede.evaluate.hypergeometric import half_width, sample_size
from supersede.evaluate.linear import Linear, linearise
from supersede.evaluate.patterns import Patterns
from supersede.metrics.intervals import z

__all__ = ["Problem"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_ADDED = 0.25  # times the variance between clusters, where that alone exceeds a margin


@dataclass(frozen=True)
class Problem:
    """Estimands with their requested margins, on counted patterns.

    Attributes:
        estimands: What is estimated.
        patterns: The patterns and their counts.
        belief: Probability of each state for each pattern, shape ``(h, states)``.
        margin: Requested half-widths, shape ``(k,)``.
        confidence: Two-sided confidence of the intervals.
        population: Whether intervals are about the population that the items were drawn from, as those
            of a review.
    """

    estimands: Sequence[Estimand]
    patterns: Patterns
    belief: Floats
    margin: Floats
    confidence: float
    population: bool = False

    @cached_property
    def linear(self) -> list[Linear]:
        """Each estimand, linearised at the belief."""
        found = [linearise(e, self.patterns, self.belief) for e in self.estimands]
        # the exact interval of a share is about the table
        return [replace(one, exact=None) for one in found] if self.population else found

    @cached_property
    def variance(self) -> Floats:
        """Variance of an item's contribution to each estimand, by pattern, shape ``(k, h)``.

        A review knows nothing of patterns: to it, a contribution varies around that of all items.
        """
        square = self.patterns.square
        if self.population:
            squares = [one.square(self.belief) * one.domain for one in self.linear]
        else:
            squares = [one.variance(self.belief) for one in self.linear]
        return np.stack(squares) * square

    @property
    def budget(self) -> Floats:
        """Largest variances by the choice of items that keep the margins, shape ``(k,)``.

        What labels of all items leave is no longer available; where nothing is, labels may add a little.
        """
        allowed = (self.margin / z(self.confidence)) ** 2
        left = np.maximum(allowed - self.between, _ADDED * self.between)
        return np.asarray(np.where(self.margin > 0, left, 0.0))

    @cached_property
    def between(self) -> Floats:
        """Variance of each estimate if all items are labelled, shape ``(k,)``.

        It is 0 where intervals are about the table, unless that has clusters.
        """
        clusters = self.patterns.clusters
        if clusters is None and self.population:
            weighted = self.patterns.count * self.patterns.square
            return np.array([float(one.square(self.belief) @ weighted) for one in self.linear])
        if clusters is None:
            return np.zeros(len(self.estimands))
        anything = np.full_like(self.belief, 1 / self.belief.shape[1])
        return np.array([
            between_clusters(
                clusters, linear.mean(self.belief), noise * self.patterns.count,
                linear.variance(anything) ** 0.5,
            )
            for linear, noise in zip(self.linear, self.variance, strict=True)
        ])  # fmt: skip

    @cached_property
    def items(self) -> list[int]:
        """Items whose labels matter, by estimand."""
        return [int(self.patterns.count[linear.domain].sum()) for linear in self.linear]

    @cached_property
    def alone(self) -> list[int]:
        """Labels of a simple random sample for each estimand alone."""
        return [self._alone(k) for k in range(len(self.estimands))]

    def scaled(self, factor: float) -> "Problem":
        """The same with all margins multiplied by a factor."""
        return replace(self, margin=np.minimum(self.margin * factor, 1.0))

    def share(self) -> Floats:
        """Inclusion probability of each pattern's items if samples overlap as much as possible."""
        share = np.zeros(len(self.patterns))
        for linear, items, take in zip(self.linear, self.items, self.alone, strict=True):
            if items:
                share = np.maximum(share, np.where(linear.domain, take / items, 0.0))
        return share

    def expected_alone(self, k: int) -> float:
        """Expected half-width from estimand k's own random sample."""
        linear, items, take = self.linear[k], self.items[k], self.alone[k]
        between = float(self.between[k])
        if not items or take >= items:
            return float(z(self.confidence) * np.sqrt(between))
        if linear.exact is not None:
            low, high = linear.exact
            return (high - low) * half_width(take, items, self.confidence)
        within = items**2 * self._spread(k) * (1 / take - 1 / items)
        return z(self.confidence) * float(np.sqrt(within + between))

    def _alone(self, k: int) -> int:
        linear, items, margin = self.linear[k], self.items[k], float(self.margin[k])
        if not items:
            return 0
        if linear.exact is not None:
            low, high = linear.exact
            return sample_size(items, min(margin / (high - low), 1.0), self.confidence)
        if margin == 0:
            return items
        n0 = items**2 / float(self.budget[k]) * self._spread(k)
        return min(items, max(2, int(np.ceil(n0 / (1 + n0 / items)))))

    def _spread(self, k: int) -> float:
        """Variance of the contribution of an item of estimand k's domain, pooled over patterns."""
        linear = self.linear[k]
        patterns, domain = self.patterns, linear.domain
        inside, items = linear.influence[:, domain], int(patterns.count[domain].sum())
        first, second = (
            (amount[domain, None] * self.belief[domain]).T / items
            for amount in (patterns.mass, patterns.count * patterns.square)
        )
        mean = 0.0 if self.population else float((inside * first).sum())
        return max(float((inside**2 * second).sum()) - mean**2, 0.0)


def margins(estimands: Sequence[Estimand], margin: float) -> Floats:
    """Each estimand's own margin, or the plan's.

    Raises:
        ArgumentError: A margin is outside [0, 1].
    """
    asked = [margin if e.margin is None else e.margin for e in estimands]
    for value in asked:
        number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
        if not number or not 0 <= value <= 1:
            text = value.strip() if isinstance(value, str) else ""
            meant = f"; write margin={_share(text)}" if _share(text) is not None else ""
            msg = (
                f"margin={value!r} is half the interval width and must be a number in [0, 1] (0 labels"
                f" everything){meant}"
            )
            raise ArgumentError(msg)
    return np.array(asked, float)


def _share(text: str) -> float | None:
    """The share that a text such as 5% or 0.05 names; None if it names none."""
    try:
        share = float(f"{float(text.removesuffix('%')) / (100 if '%' in text else 1):.12g}")
    except ValueError:
        return None
    return share if 0 <= share <= 1 else None
