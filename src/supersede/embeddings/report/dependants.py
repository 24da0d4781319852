"""What else stands on the old space: clusters' centroids, a verification threshold, a linear head.

Each is made of old vectors alone, as it is in service, and then fed with new queries.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from supersede.embeddings.relevance import alike
from supersede.embeddings.report.paired import PairedEstimate, mean, mean_difference
from supersede.embeddings.vectors import Array, prepared, unit
from supersede.errors import ArgumentError, VectorError

__all__ = ["Dependant", "Head", "by_centroids", "by_head", "class_means"]

Wide = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Head:
    """A linear classifier on the old space.

    Attributes:
        weight: Shape ``(c, d)``.
        bias: Shape ``(c,)``; None for none.
        classes: Name of each row of `weight`, in order.
        normalised: Whether the head sees vectors of length one.
    """

    weight: npt.NDArray[Any]
    bias: npt.NDArray[Any] | None
    classes: Sequence[Any] | npt.NDArray[Any]
    normalised: bool = True

    def decide(self, vectors: Array) -> npt.NDArray[Any]:
        """The class of each vector."""
        seen = unit(vectors) if self.normalised else np.asarray(vectors, np.float32)
        made = seen @ np.asarray(self.weight, np.float32).T
        if self.bias is not None:
            made = made + np.asarray(self.bias, np.float32)
        decided: npt.NDArray[Any] = np.asarray(self.classes)[made.argmax(1)]
        return decided


@dataclass(frozen=True)
class Dependant:
    """How something fitted to old vectors does when queries become new.

    Attributes:
        name: What it is.
        old: Share of old queries that it decides rightly.
        new: The same share of new queries.
        change: Paired difference, new − old.
        classes: Number of classes it decides between.
        unknown: Queries whose class it does not know; they are left out.
    """

    name: str
    old: PairedEstimate
    new: PairedEstimate
    change: PairedEstimate
    classes: int
    unknown: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers."""
        return {
            "name": self.name,
            "old": self.old.to_dict(),
            "new": self.new.to_dict(),
            "change": self.change.to_dict(),
            "classes": self.classes,
            "unknown": self.unknown,
        }


def class_means(
    vectors: Array, labels: npt.NDArray[Any]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[Any]]:
    """The mean of each class's unit vectors, itself of length one, and the classes' names.

    Raises:
        VectorError: A class's vectors cancel out, so that its mean has no direction.

    Example:
        >>> import numpy as np
        >>> means, names = class_means(np.array([[1.0, 0], [1, 0], [0, 2]]), np.array(["a", "a", "b"]))
        >>> means.tolist(), names.tolist()
        ([[1.0, 0.0], [0.0, 1.0]], ['a', 'b'])
    """
    names, code = np.unique(labels, return_inverse=True)
    seen = unit(vectors)
    sums = np.zeros((len(names), seen.shape[1]))
    np.add.at(sums, code, seen)
    length = np.linalg.norm(sums, axis=1) / np.bincount(code)
    if (length < 1e-6).any():
        msg = f"the vectors of class {names[int(length.argmin())]!r} cancel out: it has no centroid"
        raise VectorError(msg)
    return unit(sums), names


def by_centroids(
    queries_old: Array,
    queries_new: Array,
    query_labels: npt.NDArray[Any],
    gallery_old: Array,
    gallery_labels: npt.NDArray[Any],
    *,
    confidence: float = 0.95,
    clusters: npt.NDArray[Any] | None = None,
) -> Dependant:
    """Assign each query to the nearest centroid of the old gallery's classes."""
    means, names = class_means(gallery_old, gallery_labels)
    head = Head(means, None, names)
    return _held("centroids", head, queries_old, queries_new, query_labels, confidence, clusters)


def by_head(
    head: Head,
    queries_old: Array,
    queries_new: Array,
    query_labels: npt.NDArray[Any],
    *,
    confidence: float = 0.95,
    clusters: npt.NDArray[Any] | None = None,
) -> Dependant:
    """Feed the old linear head with new queries.

    Raises:
        ArgumentError: The head does not fit the old vectors, or names other classes.
    """
    weight = np.asarray(head.weight)
    if weight.shape != (len(head.classes), queries_old.shape[1]):
        msg = (
            f"the head's weight has shape {weight.shape}; expected ({len(head.classes)},"
            f" {queries_old.shape[1]}): one row per class, one column per dimension of the old vectors"
        )
        raise ArgumentError(msg)
    bias = np.zeros(len(weight)) if head.bias is None else np.asarray(head.bias)
    if bias.shape != (len(weight),) or not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        msg = f"the head's bias has shape {bias.shape}; expected ({len(weight)},), and finite numbers in weight and bias"
        raise ArgumentError(msg)
    return _held("head", head, queries_old, queries_new, query_labels, confidence, clusters)


def _held(
    name: str,
    head: Head,
    queries_old: Array,
    queries_new: Array,
    labels: npt.NDArray[Any],
    confidence: float,
    clusters: npt.NDArray[Any] | None,
) -> Dependant:
    labels, classes = alike(labels, head.classes)
    head = replace(head, classes=classes)
    known = np.isin(labels, classes)
    if not known.any():
        msg = f"the {name} know none of the queries' classes; are the labels written alike?"
        raise ArgumentError(msg)
    before, after = (
        np.where(known, head.decide(prepared(q, "dot")) == labels, np.nan)
        for q in (queries_old, queries_new)
    )
    return Dependant(
        name=name,
        old=mean(before, confidence=confidence, clusters=clusters),
        new=mean(after, confidence=confidence, clusters=clusters),
        change=mean_difference(before, after, confidence=confidence, clusters=clusters),
        classes=len(head.classes),
        unknown=int((~known).sum()),
    )
