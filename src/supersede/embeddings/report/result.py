"""What a compatibility report holds, and its forms: text, page, JSON, frame."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from supersede.embeddings.report.dependants import Dependant
from supersede.embeddings.report.paired import PairedEstimate
from supersede.embeddings.report.searches import Searches
from supersede.embeddings.report.verification import Verification
from supersede.look.json_values import json_object
from supersede.look.result import ResultMixin, frame_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Compatibility", "Test", "Threshold", "Verdict"]

Verdict = Literal["met", "not met", "undecided"]


@dataclass(frozen=True)
class Test:
    """One query side against one gallery side.

    Attributes:
        name: ``"old"``, ``"cross"``, ``"self"`` or ``"paragon"``.
        queries: Which model embedded the queries, in words.
        gallery: Which model embedded the gallery.
        recall: For each k, the share of searches with a right answer among the first k.
        mrr: Mean reciprocal rank of the first right answer.
        map: Mean average precision over the whole gallery.
    """

    __test__ = False  # no test case of pytest

    name: str
    queries: str
    gallery: str
    recall: dict[int, PairedEstimate]
    mrr: PairedEstimate
    map: PairedEstimate

    def measure(self, measure: str) -> PairedEstimate:
        """The measure of that name: ``"map"``, ``"mrr"``, ``"recall@1"``, ``"recall@10"``."""
        if measure in {"map", "mrr"}:
            found: PairedEstimate = getattr(self, measure)
            return found
        return self.recall[int(measure.removeprefix("recall@"))]

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers."""
        return {
            "name": self.name,
            "queries": self.queries,
            "gallery": self.gallery,
            "recall": {str(k): value.to_dict() for k, value in self.recall.items()},
            "mrr": self.mrr.to_dict(),
            "map": self.map.to_dict(),
        }


@dataclass(frozen=True)
class Threshold:
    """The old verification threshold.

    Attributes:
        asked: The false accept rate that it was set for.
        old: What it accepts of old queries.
        new: What the same threshold accepts of new queries against the old gallery.
        refitted: The threshold that would give new queries the rate asked for.
    """

    asked: float
    old: Verification
    new: Verification
    refitted: Verification

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers."""
        return {
            "asked": self.asked,
            "old": self.old.to_dict(),
            "new": self.new.to_dict(),
            "refitted": self.refitted.to_dict(),
        }


@dataclass(frozen=True)
class Compatibility(ResultMixin, named="the compatibility report"):
    """Whether new queries may search what an old model indexed.

    Attributes:
        tests: The old test, and the cross, self and paragon tests where there are vectors for them.
        measure: What the criterion is judged by.
        criterion: The compatibility criterion: is the cross test better than the old test?
        differences: For each measure, cross − old on the same queries.
        self_differences: For each measure, self − old on the same queries.
        gain: For each measure, the update gain (cross − old) / (paragon − old). The paragon is the
            unconstrained new model where its vectors were given, otherwise the new model itself.
        searches: Lost and found searches of the cross test.
        reindexed: Lost and found searches of the self test: what a full re-index would change.
        centroids: The old gallery's class centroids with new queries.
        head: The old linear head with new queries.
        threshold: The old verification threshold with new queries.
        gallery: Number of gallery items.
        skipped: Queries without a right answer in the gallery; they are left out.
        confidence: Of the intervals.
        notes: What was not judged, and why.
    """

    tests: tuple[Test, ...]
    measure: str
    criterion: Verdict | None
    differences: dict[str, PairedEstimate]
    self_differences: dict[str, PairedEstimate]
    gain: dict[str, PairedEstimate]
    searches: Searches | None
    reindexed: Searches | None
    centroids: Dependant | None
    head: Dependant | None
    threshold: Threshold | None
    gallery: int
    skipped: int
    confidence: float
    notes: tuple[str, ...] = ()

    def test(self, name: str) -> Test | None:
        """The test of that name, None where it was not run."""
        return next((test for test in self.tests if test.name == name), None)

    @property
    def headline(self) -> str:
        """The finding in one sentence."""
        from supersede.embeddings.report.pages import headline

        return headline(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists, as JSON has them."""

        def plain(values: dict[str, PairedEstimate]) -> dict[str, Any]:
            return {name: value.to_dict() for name, value in values.items()}

        def of(part: Any) -> Any:
            return None if part is None else part.to_dict()

        return json_object(
            {
                "headline": self.headline,
                "criterion": self.criterion,
                "measure": self.measure,
                "confidence": self.confidence,
                "gallery": self.gallery,
                "skipped": self.skipped,
                "tests": [test.to_dict() for test in self.tests],
                "differences": plain(self.differences),
                "self_differences": plain(self.self_differences),
                "gain": plain(self.gain),
                "searches": of(self.searches),
                "reindexed": of(self.reindexed),
                "centroids": of(self.centroids),
                "head": of(self.head),
                "threshold": of(self.threshold),
                "notes": list(self.notes),
            }
        )

    def to_frame(self) -> "pa.Table":
        """One row per test and measure."""
        return frame_of(
            {"test": test.name, "measure": name, **test.measure(name).to_dict()}
            for test in self.tests
            for name in [*(f"recall@{k}" for k in test.recall), "mrr", "map"]
        )

    def __str__(self) -> str:
        from supersede.embeddings.report.pages import text

        return text(self)

    def to_html(self) -> str:
        """A page: the criterion, the bars, lost searches, and what else stands on the old space."""
        from supersede.embeddings.report.pages import page

        return page(self)
