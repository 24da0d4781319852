"""What a compatibility report is given, checked: both models' vectors, and what is known of each query."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from supersede.embeddings.relevance import missing
from supersede.embeddings.vectors import Array, Metric, blocks, checked, comparable
from supersede.errors import ArgumentError, VectorError

__all__ = ["Queries", "Sides"]


@dataclass(frozen=True, eq=False)
class Sides:
    """Queries and gallery of both models, in the same order."""

    queries_old: Array
    queries_new: Array
    gallery_old: Array
    gallery_new: Array | None

    @classmethod
    def read(
        cls, queries_old: Any, queries_new: Any, gallery_old: Any, gallery_new: Any, metric: Metric
    ) -> "Sides":
        """Check vectors, counts and dimensions."""
        made = cls(
            checked(queries_old, "queries_old", metric=metric),
            checked(queries_new, "queries_new", metric=metric),
            checked(gallery_old, "gallery_old", metric=metric),
            None if gallery_new is None else checked(gallery_new, "gallery_new", metric=metric),
        )
        comparable(made.queries_old, made.gallery_old, "queries_old", "gallery_old")
        for first, second, a, b in (
            ("queries_old", "queries_new", made.queries_old, made.queries_new),
            ("gallery_old", "gallery_new", made.gallery_old, made.gallery_new),
        ):
            if b is not None and len(a) != len(b):
                msg = (
                    f"{first} has {len(a)} rows and {second} {len(b)}; both models must embed the same items"
                    " in the same order (match them by id with supersede.embeddings.aligned)"
                )
                raise VectorError(msg)
        if made.gallery_new is not None:
            comparable(made.queries_new, made.gallery_new, "queries_new", "gallery_new")
        return made

    def doubts(self, own: npt.NDArray[np.intp] | None) -> list[str]:
        """What speaks for files that were mistaken for others."""
        found = [
            f"{first} and {second} are the same vectors: is one file given for the other?"
            for first, second, a, b in (
                ("queries_old", "queries_new", self.queries_old, self.queries_new),
                ("gallery_old", "gallery_new", self.gallery_old, self.gallery_new),
            )
            if b is not None and a.shape == b.shape and np.array_equal(a, b)
        ]
        copies = 0
        if own is None:
            asked = [row.tobytes() for row in np.asarray(self.queries_old, np.float32)]
            wanted = set(asked)
            held = {
                name
                for _, block in blocks(self.gallery_old)
                for row in block
                if (name := row.tobytes()) in wanted
            }
            copies = sum(name in held for name in asked)
        if copies:
            found.append(
                f"{copies} of {len(self.queries_old)} queries have an exact copy in the old gallery. If it is the"
                " query itself, every model finds it: name it (own=… or --same-items)."
            )
        return found


@dataclass(frozen=True, eq=False)
class Queries:
    """What is known of each query, checked for its length."""

    n: int
    labels: Any
    groups: Any
    clusters: Any
    names: Any

    def __post_init__(self) -> None:
        columns = {"labels": self.labels, "clusters": self.clusters, "names": self.names}
        for name, column in {**columns, **dict(self.groups or {})}.items():
            if column is not None and np.shape(column) != (self.n,):
                msg = f"{name} has shape {np.shape(column)}; expected one value for each of {self.n} queries"
                raise ArgumentError(msg)
            if name in columns:
                object.__setattr__(self, name, None if column is None else np.asarray(column))
        if self.clusters is None:
            return
        absent = missing(self.clusters)
        if absent.any():
            msg = (
                f"clusters: {int(absent.sum())} of {self.n} queries have none, first in row"
                f" {int(absent.argmax())}; give a query that belongs to no other a cluster of its own"
            )
            raise ArgumentError(msg)
        if self.clusters.dtype == object:
            object.__setattr__(self, "clusters", self.clusters.astype(str))
