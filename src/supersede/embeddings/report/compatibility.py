"""The compatibility report: may new queries search what the old model indexed, and what is lost?

Old test: old queries, old gallery. Cross test: new queries, old gallery. Self test: both new. The
criterion is met if the cross test beats the old test (Shen et al. 2020, arXiv 2003.11942, the
empirical criterion), judged here by an interval of the paired difference.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from supersede.embeddings.relevance import Relevance, alike, relevance_of
from supersede.embeddings.report.dependants import Head, by_centroids, by_head
from supersede.embeddings.report.paired import PairedEstimate, gain_ratio, mean, mean_difference
from supersede.embeddings.report.ranking import Ranks, rank
from supersede.embeddings.report.result import Compatibility, Test, Threshold, Verdict
from supersede.embeddings.report.searches import lost_and_found
from supersede.embeddings.report.sides import Queries, Sides
from supersede.embeddings.report.verification import accepted_at, threshold_at
from supersede.embeddings.vectors import Array, Metric, checked, comparable
from supersede.errors import ArgumentError, TooFewLabelsError, VectorError

__all__ = ["Bridge", "compatibility"]

Wide = npt.NDArray[np.float64]


class Bridge(Protocol):
    """A map from the new space into the old one."""

    def apply(self, vectors: Any) -> npt.NDArray[np.float32]:
        """The vectors in the old space, shape ``(n, d_old)``."""


def compatibility(
    queries_old: Any,
    queries_new: Any,
    gallery_old: Any,
    gallery_new: Any = None,
    *,
    query_labels: Any = None,
    gallery_labels: Any = None,
    pairs: Any = None,
    own: Any = None,
    bridge: Bridge | None = None,
    cross: bool = True,
    paragon: tuple[Any, Any] | None = None,
    head: Head | None = None,
    groups: Mapping[str, Any] | None = None,
    clusters: Any = None,
    names: Any = None,
    ks: Sequence[int] = (1, 10),
    measure: str = "recall@1",
    far: float | None = None,
    metric: Metric = "cosine",
    confidence: float = 0.95,
) -> Compatibility:
    """Compare new queries with the old gallery.

    Args:
        queries_old: Query vectors of the old model, shape ``(q, d_old)``.
        queries_new: Query vectors of the new model for the same queries in the same order.
        gallery_old: Gallery vectors of the old model, shape ``(g, d_old)``.
        gallery_new: Gallery vectors of the new model for the same items in the same order; without
            them there is no self test.
        query_labels: Class of each query: a gallery item of the same class is a right answer.
        gallery_labels: Class of each gallery item.
        pairs: In place of labels: the gallery row that answers each query, shape ``(q,)``, −1 for
            none; or pairs of query and gallery rows, shape ``(m, 2)``.
        own: Gallery row that is the query itself, which never counts, −1 for none.
        bridge: Map of new queries into the old space.
        cross: False leaves the cross test out, such as where dimensions differ.
        paragon: Queries and gallery of a model trained without the compatibility constraint; the
            update gain is measured against it. The new model itself if left out.
        head: A linear classifier on the old space, needs labels.
        groups: Columns by which lost searches are split, one value per query.
        clusters: Cluster of each query, such as the person or the session.
        names: Id of each query.
        ks: Lengths of result lists.
        measure: What the criterion is judged by: ``"recall@1"``, …, ``"mrr"`` or ``"map"``.
        far: False accept rate of the old verification threshold; not judged if None.
        metric: How two vectors are compared.
        confidence: Of every interval, in (0, 1).

    Raises:
        VectorError: Vectors are ragged, NaN or zero, counts differ, or dimensions differ without a
            bridge.
        ArgumentError: Arguments do not fit each other.
        TooFewLabelsError: No query has a right answer, or `far` is too small for the wrong pairs.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> old = rng.normal(size=(100, 8))
        >>> turn = np.linalg.qr(rng.normal(size=(8, 8)))[0]
        >>> found = compatibility(old, old @ turn, old, old @ turn, pairs=np.arange(100))
        >>> found.criterion, found.test("self").recall[1].value
        ('not met', 1.0)

    Assumes: as for `supersede.embeddings.report.paired`.
    """
    _check_arguments(ks, measure, confidence)
    parts = Sides.read(queries_old, queries_new, gallery_old, gallery_new, metric)
    relevance = relevance_of(
        len(parts.queries_old),
        len(parts.gallery_old),
        query_labels=query_labels,
        gallery_labels=gallery_labels,
        pairs=pairs,
        own=own,
    )
    by_query = Queries(
        n=len(parts.queries_old), labels=query_labels, groups=groups, clusters=clusters, names=names
    )
    search = _Search(relevance, None if own is None else np.asarray(own, np.intp), metric)
    crossing = _crossing(parts, bridge, metric, cross=cross)

    ranks = {"old": search(parts.queries_old, parts.gallery_old)}
    if crossing is not None:
        ranks["cross"] = search(crossing, parts.gallery_old)
    if parts.gallery_new is not None:
        ranks["self"] = search(parts.queries_new, parts.gallery_new)
    if paragon is not None:
        ranks["paragon"] = search(*_paragon(paragon, parts, metric))
    notes = (
        *_notes(crossing is not None, parts.gallery_new is not None, bridge),
        *parts.doubts(search.own),
    )
    idle = [k for k in ks if k >= len(parts.gallery_old)]
    if idle:
        notes = (
            *notes,
            f"recall@{min(idle)} says nothing: the gallery has {len(parts.gallery_old)} items, so every"
            " search finds.",
        )

    measured = {name: _measured(found, ks) for name, found in ranks.items()}
    differences = _apart(measured, "old", "cross", confidence, by_query.clusters)
    best = "paragon" if "paragon" in measured else "self"
    gain = (
        {
            name: gain_ratio(
                values, measured["cross"][name], measured[best][name], confidence=confidence
            )
            for name, values in measured["old"].items()
        }
        if "cross" in measured and best in measured
        else {}
    )
    judged = {"confidence": confidence, "clusters": by_query.clusters}
    split = {
        "names": by_query.names,
        "labels": by_query.labels,
        "groups": by_query.groups,
        **judged,
    }
    k = min(ks) if measure in {"map", "mrr"} else int(measure.removeprefix("recall@"))
    labelled = query_labels is not None and crossing is not None
    if head is not None and not labelled:
        msg = "an old head is judged with labels and a cross test: give query_labels and gallery_labels"
        raise ArgumentError(msg)
    centroids = None
    if labelled and crossing is not None:
        asked, held = alike(query_labels, gallery_labels)
        try:
            centroids = by_centroids(
                parts.queries_old, crossing, asked, parts.gallery_old, held, **judged
            )
        except VectorError as error:
            notes = (*notes, f"Centroids were not judged: {error}.")
    return Compatibility(
        tests=tuple(
            _test(name, values, bridge is not None, confidence, by_query.clusters)
            for name, values in measured.items()
        ),
        measure=measure,
        criterion=_criterion(differences[measure]) if differences else None,
        differences=differences,
        self_differences=_apart(measured, "old", "self", confidence, by_query.clusters),
        gain=gain,
        searches=lost_and_found(ranks["old"], ranks["cross"], k, **split)
        if "cross" in ranks
        else None,
        reindexed=lost_and_found(ranks["old"], ranks["self"], k, **split)
        if "self" in ranks
        else None,
        centroids=centroids,
        head=by_head(head, parts.queries_old, crossing, np.asarray(query_labels), **judged)
        if head is not None and crossing is not None
        else None,
        threshold=_threshold(far, parts, crossing, search, judged)
        if far is not None and crossing is not None
        else None,
        gallery=len(parts.gallery_old),
        skipped=int((~ranks["old"].asked).sum()),
        confidence=confidence,
        notes=notes,
    )


@dataclass(frozen=True, eq=False)
class _Search:
    relevance: Relevance
    own: npt.NDArray[np.intp] | None
    metric: Metric

    def __call__(self, queries: Array, gallery: Array) -> Ranks:
        return rank(queries, gallery, self.relevance, metric=self.metric, own=self.own)


def _check_arguments(ks: Sequence[int], measure: str, confidence: float) -> None:
    whole = isinstance(ks, Sequence) and all(
        isinstance(k, int | np.integer) and not isinstance(k, bool) and k >= 1 for k in ks
    )
    if not whole or not ks:
        msg = f"ks={ks!r}; they must be whole numbers of at least 1, such as (1, 10)"
        raise ArgumentError(msg)
    known = [*(f"recall@{k}" for k in ks), "mrr", "map"]
    if measure not in known:
        msg = f"measure={measure!r}; it must be one of {', '.join(known)} (ks=… or --k adds others)"
        raise ArgumentError(msg)
    if not 0 < confidence < 1:
        msg = f"confidence={confidence!r} must be between 0 and 1, such as 0.95"
        raise ArgumentError(msg)


def _crossing(parts: Sides, bridge: Bridge | None, metric: Metric, *, cross: bool) -> Array | None:
    """New queries in the old space."""
    if not cross:
        return None
    if bridge is None:
        comparable(parts.queries_new, parts.gallery_old, "queries_new", "gallery_old")
        return parts.queries_new
    if not hasattr(bridge, "apply"):
        msg = f"bridge is a {type(bridge).__name__} without a method apply; fit one (fit_ridge) or load_map(path)"
        raise ArgumentError(msg)
    if metric != "cosine":
        msg = f"a bridge's vectors have length one, so {metric!r} cannot compare them with the gallery; use the cosine"
        raise ArgumentError(msg)
    made = checked(bridge.apply(parts.queries_new), "the bridge's queries")
    comparable(made, parts.gallery_old, "the bridge's queries", "gallery_old")
    return made


def _paragon(given: tuple[Any, Any], parts: Sides, metric: Metric) -> tuple[Array, Array]:
    if not (isinstance(given, tuple) and len(given) == 2):
        msg = "paragon must be two sets of vectors: (queries, gallery)"
        raise ArgumentError(msg)
    queries = checked(given[0], "the paragon's queries", metric=metric)
    gallery = checked(given[1], "the paragon's gallery", metric=metric)
    if len(queries) != len(parts.queries_old) or len(gallery) != len(parts.gallery_old):
        msg = (
            f"the paragon has {len(queries)} queries and {len(gallery)} gallery items; expected"
            f" {len(parts.queries_old)} and {len(parts.gallery_old)}: the same items"
        )
        raise VectorError(msg)
    return queries, gallery


def _notes(crossed: bool, selfed: bool, bridge: Bridge | None) -> tuple[str, ...]:
    notes = []
    if not crossed:
        notes.append("No cross test: new queries were not compared with the old gallery.")
    if not selfed:
        notes.append("No self test: the gallery was not embedded with the new model.")
    if bridge is not None:
        notes.append("New queries went through a bridge into the old space.")
    return tuple(notes)


def _measured(found: Ranks, ks: Sequence[int]) -> dict[str, Wide]:
    return {
        **{f"recall@{k}": found.found(k) for k in ks},
        "mrr": found.reciprocal,
        "map": found.precision,
    }


def _apart(
    measured: dict[str, dict[str, Wide]], old: str, new: str, confidence: float, clusters: Any
) -> dict[str, PairedEstimate]:
    if new not in measured:
        return {}
    return {
        name: mean_difference(values, measured[new][name], confidence=confidence, clusters=clusters)
        for name, values in measured[old].items()
    }


def _criterion(apart: PairedEstimate) -> Verdict:
    return "met" if apart.low > 0 else "not met" if apart.high <= 0 else "undecided"


def _test(
    name: str, values: dict[str, Wide], bridged: bool, confidence: float, clusters: Any
) -> Test:
    sides = {
        "old": ("old", "old"),
        "cross": ("new, bridged" if bridged else "new", "old"),
        "self": ("new", "new"),
        "paragon": ("paragon", "paragon"),
    }[name]
    found = {
        key: mean(value, confidence=confidence, clusters=clusters) for key, value in values.items()
    }
    recall = {
        int(k.removeprefix("recall@")): v for k, v in found.items() if k.startswith("recall@")
    }
    return Test(name, *sides, recall=recall, mrr=found["mrr"], map=found["map"])


def _threshold(
    far: float, parts: Sides, crossing: Array, search: _Search, judged: dict[str, Any]
) -> Threshold:
    if not 0 < far < 1:
        msg = f"far={far!r} must be between 0 and 1, such as 0.001"
        raise ArgumentError(msg)
    if not search.relevance.counts().sum():
        msg = "a threshold needs right pairs"
        raise TooFewLabelsError(msg)
    how: dict[str, Any] = {"metric": search.metric, "own": search.own}
    fixed = threshold_at(parts.queries_old, parts.gallery_old, search.relevance, far, **how)
    again = threshold_at(crossing, parts.gallery_old, search.relevance, far, **how)
    old, new, refitted = (
        accepted_at(at, queries, parts.gallery_old, search.relevance, **how, **judged)
        for at, queries in ((fixed, parts.queries_old), (fixed, crossing), (again, crossing))
    )
    return Threshold(far, old, new, refitted)
