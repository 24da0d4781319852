"""A path: how queries and gallery are represented once the update is done.

A representation is one part or several side by side. A part maps one side's queries and one side's
gallery into one space; parts are concatenated with weights, so that scores add up.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from supersede.embeddings.bridges.maps import Identity, Map
from supersede.embeddings.vectors import Floats, unit
from supersede.errors import VectorError

__all__ = ["Part", "Path"]

Side = Literal["old", "new", "both"]


@dataclass(frozen=True, eq=False)
class Part:
    """One space that is searched.

    Attributes:
        query: Which model embeds the query; ``"both"`` puts the two unit vectors side by side.
        query_map: What is done to query vectors.
        gallery: Whose gallery vectors are searched.
        gallery_map: What is done to gallery vectors.
        weight: Of this part's scores.
    """

    query: Side
    query_map: Map
    gallery: Literal["old", "new"]
    gallery_map: Map
    weight: float = 1.0


@dataclass(frozen=True, eq=False)
class Path:
    """A way to carry out an update, fitted.

    Attributes:
        name: Such as ``"stay"`` or ``"fused"``.
        parts: The spaces searched.
        variant: What validation chose, in words.
    """

    name: str
    parts: tuple[Part, ...]
    variant: str = ""

    @property
    def query_models(self) -> frozenset[str]:
        """Which models embed each query: old, new or both."""
        sides = {part.query for part in self.parts}
        return frozenset({"old", "new"}) if "both" in sides else frozenset(sides)

    @property
    def embeds_gallery(self) -> bool:
        """Whether the gallery has to be embedded by the new model."""
        return any(part.gallery == "new" for part in self.parts)

    @property
    def rewrites_gallery(self) -> bool:
        """Whether stored old vectors are mapped, which needs no model but a new index."""
        return any(
            part.gallery == "old" and not isinstance(part.gallery_map, Identity)
            for part in self.parts
        )

    def queries(self, old: Any = None, new: Any = None) -> Floats:
        """Represent queries; a side that the path does not use may be None.

        Raises:
            VectorError: A side that the path uses is missing.
        """
        return self._joined("query", old, new)

    def gallery(self, old: Any = None, new: Any = None) -> Floats:
        """Represent gallery items; arguments as for `queries`."""
        return self._joined("gallery", old, new)

    def _joined(self, what: Literal["query", "gallery"], old: Any, new: Any) -> Floats:
        sides = {"old": old, "new": new}
        made = []
        for part in self.parts:
            side: str = getattr(part, what)
            mapped: Map = getattr(part, f"{what}_map")
            for name in ("old", "new") if side == "both" else (side,):
                if sides[name] is None:
                    msg = f"the path {self.name!r} needs the {what} vectors of the {name} model"
                    raise VectorError(msg)
            given = np.hstack([unit(old), unit(new)]) if side == "both" else sides[side]
            made.append(np.float32(part.weight) ** 0.5 * mapped.apply(given))
        return made[0] if len(made) == 1 and self.parts[0].weight == 1 else np.hstack(made)
