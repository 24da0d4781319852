"""What each version of a chain of compatible models costs and keeps.

Version n searches galleries that versions 1 to n embedded. The report is a triangle: the row is the
version that embeds queries, the column the one that indexed the gallery. The price of compatibility is
what a version's self test loses against a model trained without the constraint.

Reference: Shen et al. (2020), arXiv 2003.11942, section 4.5: chains of updates.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from supersede.embeddings.relevance import Relevance, relevance_of
from supersede.embeddings.report.paired import PairedEstimate, mean, mean_difference
from supersede.embeddings.report.ranking import rank
from supersede.embeddings.vectors import checked
from supersede.errors import ArgumentError
from supersede.look.result import ResultMixin, frame_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ChainReport", "chain_report"]


@dataclass(frozen=True)
class ChainReport(ResultMixin, named="a chain of versions"):
    """A chain of versions.

    Attributes:
        versions: Names in order.
        measure: ``"map"`` or ``"recall@1"``.
        tests: For each query version, the tests against galleries of versions up to it.
        gains: For each version after the first, cross test against the version before less that
            version's own self test, on the same queries.
        prices: Self test less that of an unconstrained model, for versions that have one.
    """

    versions: tuple[str, ...]
    measure: str
    tests: dict[str, dict[str, PairedEstimate]]
    gains: dict[str, PairedEstimate]
    prices: dict[str, PairedEstimate]

    def to_frame(self) -> "pa.Table":
        """One row per pair of versions: queries of the one, gallery of the other."""
        return frame_of(
            {"queries": query, "gallery": gallery, **found.to_dict()}
            for query, row in self.tests.items()
            for gallery, found in row.items()
        )

    def to_html(self) -> str:
        """A page with the tests of all pairs."""
        from supersede.look.table_page import table_page

        last = self.versions[-1]
        title = f"{last} with the galleries of {len(self.versions) - 1} earlier versions"
        return table_page(title, f"{self.measure}.", self.to_frame())

    def __str__(self) -> str:
        lines = [f"{self.measure}: queries of the row, gallery of the column, in %"]
        for query, row in self.tests.items():
            values = "  ".join(f"{gallery} {100 * e.value:.1f}" for gallery, e in row.items())
            price = self.prices.get(query)
            tail = (
                "" if price is None else f"  (compatibility costs {-100 * price.value:+.1f} points)"
            )
            lines.append(f"  {query}: {values}{tail}")
        return "\n".join(lines)


def chain_report(
    queries: Sequence[Any],
    galleries: Sequence[Any],
    query_labels: Any,
    gallery_labels: Any,
    *,
    versions: Sequence[str] | None = None,
    independent: Mapping[str, tuple[Any, Any]] | None = None,
    measure: str = "map",
    confidence: float = 0.95,
) -> ChainReport:
    """Test every version against the galleries of all versions before it.

    Args:
        queries: Query vectors of each version, first to last, each of shape ``(q, d)``. A wider
            version is cut to the gallery's dimensions, where its old part lies.
        galleries: Gallery vectors of each version.
        query_labels: Class of each query.
        gallery_labels: Class of each gallery item.
        versions: Names; v1, v2, … if None.
        independent: Queries and gallery of models trained without the constraint, by version.
        measure: ``"map"`` or ``"recall@1"``.
        confidence: Of the intervals.

    Raises:
        ArgumentError: Fewer than two versions, or counts differ, names repeat or are unknown, or the
            measure or confidence is none.
        VectorError: Vectors are broken, or a version is narrower than one before.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> y = np.arange(60) % 3
        >>> old = np.eye(3)[y] + rng.normal(size=(60, 3)) * .4
        >>> new = np.eye(3)[y] + rng.normal(size=(60, 3)) * .2
        >>> found = chain_report([old, new], [old, new], y, y)
        >>> found.gains["v2"].value > 0
        True
    """
    if len(queries) != len(galleries) or len(queries) < 2:
        msg = f"{len(queries)} versions of queries and {len(galleries)} of galleries; a chain has two or more of both"
        raise ArgumentError(msg)
    if measure not in {"map", "recall@1"}:
        msg = f"measure={measure!r}; it must be 'map' or 'recall@1'"
        raise ArgumentError(msg)
    if not 0 < confidence < 1:
        msg = f"confidence={confidence!r} must be between 0 and 1, such as 0.95"
        raise ArgumentError(msg)
    names = tuple(versions or (f"v{at + 1}" for at in range(len(queries))))
    if len(names) != len(queries) or len(set(names)) < len(names):
        msg = f"versions={names!r}; expected {len(queries)} different names"
        raise ArgumentError(msg)
    unknown = sorted(set(independent or {}) - set(names))
    if unknown:
        msg = f"independent names {unknown[0]!r}; the versions are {', '.join(names)}"
        raise ArgumentError(msg)
    asked = [checked(q, f"queries of {name}") for q, name in zip(queries, names, strict=True)]
    held = [checked(g, f"gallery of {name}") for g, name in zip(galleries, names, strict=True)]
    sets = [*zip(asked, held, strict=True), *(independent or {}).values()]
    if any((len(q), len(g)) != (len(asked[0]), len(held[0])) for q, g in sets):
        msg = "every version must embed the same queries and the same gallery, independent ones as well"
        raise ArgumentError(msg)
    relevance = relevance_of(
        len(asked[0]), len(held[0]), query_labels=query_labels, gallery_labels=gallery_labels
    )
    values = {
        (a, b): _values(asked[i], held[j], relevance, measure)
        for i, a in enumerate(names)
        for j, b in enumerate(names[: i + 1])
    }
    alone = {
        name: _values(checked(q, name), checked(g, name), relevance, measure)
        for name, (q, g) in (independent or {}).items()
    }
    pairs = zip(names[1:], names[:-1], strict=True)
    return ChainReport(
        versions=names,
        measure=measure,
        tests={
            a: {b: mean(values[a, b], confidence=confidence) for b in names[: i + 1]}
            for i, a in enumerate(names)
        },
        gains={
            new: mean_difference(values[old, old], values[new, old], confidence=confidence)
            for new, old in pairs
        },
        prices={
            name: mean_difference(found, values[name, name], confidence=confidence)
            for name, found in alone.items()
        },
    )


def _values(queries: Any, gallery: Any, relevance: Relevance, measure: str) -> Any:
    cut = queries[:, : gallery.shape[1]] if queries.shape[1] > gallery.shape[1] else queries
    ranks = rank(cut, gallery, relevance)
    return ranks.precision if measure == "map" else ranks.found(1)
