"""What embedding, searching and rewriting cost, and what a path costs with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from supersede.embeddings.bridges.path import Path
from supersede.errors import ArgumentError

__all__ = ["Prices"]


@dataclass(frozen=True)
class Prices:
    """What things cost, all in one currency of your choice.

    Attributes:
        per_embedding: Embedding one gallery item with the new model.
        per_old_query: Embedding one query with the old model.
        per_new_query: Embedding one query with the new model.
        per_found_search: What one more search that succeeds is worth.
        queries: Searches over the period that is looked at.
        gallery: Items to embed; the whole gallery if None.
        per_rewrite: Mapping and rewriting one stored vector.
        training: Extra cost of a path by its name, such as that of a compatible model.
    """

    per_embedding: float
    per_old_query: float
    per_new_query: float
    per_found_search: float
    queries: float
    gallery: int | None = None
    per_rewrite: float = 0.0
    training: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        given = {name: value for name, value in vars(self).items() if name != "training"}
        given |= {f"training[{path!r}]": value for path, value in self.training.items()}
        for name, value in given.items():
            if name == "gallery" and value is None:
                continue
            number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
            if not (number and np.isfinite(value) and value >= 0):
                msg = f"{name}={value!r}; it must be a finite number, 0 or more"
                raise ArgumentError(msg)

    def of(self, path: Path, gallery: int) -> float:
        """What a path costs over the period."""
        items = gallery if self.gallery is None else self.gallery
        per_query = {"old": self.per_old_query, "new": self.per_new_query}
        return (
            self.queries * sum(per_query[model] for model in path.query_models)
            + items
            * (self.per_embedding * path.embeds_gallery + self.per_rewrite * path.rewrites_gallery)
            + self.training.get(path.name, 0.0)
        )
