"""Clusters: items that are not independent, such as the sentences of one document.

Where a table has clusters, intervals are about the clusters from which these were drawn, as in a review:
they stay wide where every item is labelled, because other clusters would have given other figures. Items
are still chosen one by one, which spreads labels over clusters and needs the fewest of them.

The variance is that of estimated cluster totals, ``C / (C - 1) sum_c z_c²``, where ``z_c`` adds the
predicted contributions of a cluster's items and the weighted residuals of its labelled ones ("ultimate
clusters"). It contains both the draw of clusters and that of items. From few clusters or few labels it
is known badly, so it is never taken to be less than what independent labels would give (the variance
of the sample, with its own caution, and that of the predictions between clusters), nor than two
clusters whose items are all alike would give: a variance of 0 is not certainty. Its degrees of freedom
are ``(sum z²)² / sum z⁴``, at most C - 1, as in `supersede.metrics.moments`.

References:
    Särndal, Swensson & Wretman (1992), Model Assisted Survey Sampling, sections 4.6 and 8.7; Hansen,
    Hurwitz & Madow (1953), Sample Survey Methods and Theory I, ch. 6.

Assumes: clusters are independent draws.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from supersede.errors import ArgumentError
from supersede.table.outcomes import plain

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from supersede.table.table import Table

__all__ = ["CLUSTER", "Clusters", "between_clusters", "cluster_cells", "cluster_of", "ultimate"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CLUSTER = "__cluster"
_MOST = 2_000_000  # combinations of cluster and pattern that a plan keeps
_ALIKE = 2.0  # clusters, all of whose items are alike, that the variance allows for


@dataclass(frozen=True)
class Clusters:
    """What each cluster has of each pattern, one entry per combination that occurs.

    Attributes:
        number: The cluster, in 0..size-1, shape ``(m,)``.
        pattern: The pattern, shape ``(m,)``.
        count: Number of items, shape ``(m,)``.
        mass: What they count for together, in the unit of `Patterns.mass`, shape ``(m,)``.
        size: Number of clusters.
        names: The clusters as texts, in order; empty where a plan was read from a file.
    """

    number: Ints
    pattern: Ints
    count: Ints
    mass: Floats
    size: int
    names: tuple[str, ...] = ()

    def total(self, by_pattern: Floats) -> Floats:
        """Total of an amount per unit of mass, by cluster, shape ``(size,)``."""
        return np.asarray(
            np.bincount(self.number, self.mass * by_pattern[self.pattern], self.size), float
        )

    def counted(self, by_pattern: Floats) -> Floats:
        """Total of an amount per item, by cluster, shape ``(size,)``."""
        return np.asarray(
            np.bincount(self.number, self.count * by_pattern[self.pattern], self.size), float
        )

    def within(self, patterns: npt.NDArray[np.bool_]) -> int:
        """Number of clusters with an item of one of these patterns."""
        return len(np.unique(self.number[patterns[self.pattern] & (self.mass > 0)]))


def cluster_of(table: "Table") -> "ir.Value":
    """Each row's cluster, as text."""
    return plain(table.rows[table.cluster]).cast("string")


def cluster_cells(cluster: pa.ChunkedArray, pattern: Ints, count: Ints, mass: Floats) -> Clusters:
    """The clusters of counted combinations of cluster and pattern.

    Args:
        cluster: Each combination's cluster, as text.
        pattern: Its pattern.
        count: Its number of items.
        mass: What these count for together.

    Raises:
        ArgumentError: Items have no cluster, there is only one, or there are too many combinations.
    """
    named = cluster.to_numpy(zero_copy_only=False)
    if cluster.null_count:
        none = int(count[np.array([name is None for name in named])].sum())
        msg = f"{none:,} items have no cluster; give them one, such as their own id where they stand alone"
        raise ArgumentError(msg)
    if len(named) > _MOST:
        msg = (
            f"{len(named):,} combinations of cluster and answers are more than a plan keeps"
            f" ({_MOST:,}); plan for fewer models or conditions at a time, with the same seed, or for a"
            " random part of the clusters"
        )
        raise ArgumentError(msg)
    names, number = np.unique(named.astype(str), return_inverse=True)
    if len(names) < 2:
        msg = (
            f"all items are of one cluster ({names[0]}), which shows nothing of other clusters; read the"
            " table without cluster= for figures of just these items"
        )
        raise ArgumentError(msg)
    order = np.lexsort((pattern, number))
    return Clusters(
        number[order].astype(np.int64), pattern[order], count[order], mass[order], len(names),
        tuple(map(str, names)),
    )  # fmt: skip


def between_clusters(clusters: Clusters, mean: Floats, noise: Floats, anything: Floats) -> float:
    """The least variance of an estimate that clusters leave, whatever is labelled.

    Args:
        clusters: The clusters.
        mean: Predicted contribution of an item of weight 1, by pattern, shape ``(h,)``.
        noise: Variance of all contributions of a pattern's items together, as predicted.
        anything: Standard deviation of such a contribution if all states are equally likely.
    """
    predicted = clusters.total(mean)
    spread = (
        float(((predicted - predicted.mean()) ** 2).sum()) * clusters.size / (clusters.size - 1)
    )
    alike = clusters.total(anything)
    alike = alike[alike > 0]
    least = _ALIKE * float((alike**2).mean()) if len(alike) else 0.0
    return max(spread + float(noise.sum()), least)


def ultimate(totals: Floats) -> tuple[float, float]:
    """Variance of the sum of estimated cluster totals, and its degrees of freedom."""
    size = len(totals)
    square = (totals - totals.mean()) ** 2
    found = float(square.sum())
    fourth = float((square**2).sum())
    freedom = found**2 / fourth if fourth > 0 else 1.0
    return found * size / (size - 1), min(max(freedom, 1.0), float(size - 1))
