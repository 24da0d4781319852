"""The result of a review: a verdict, why, and everything behind it."""

import platform
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from supersede.look import share
from supersede.look.json_values import json_object
from supersede.look.result import ResultMixin, frame_of
from supersede.review.evidence import Evidence
from supersede.review.finding import EXIT_CODES, Finding, Verdict
from supersede.review.steps import labelling_step, other_steps
from supersede.table.table import Table

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["SCHEMA_VERSION", "CandidateReview", "Review"]

SCHEMA_VERSION = 1
"""Version of the JSON form; raised when a field changes its meaning or goes away."""


@dataclass(frozen=True)
class CandidateReview:
    """One new model, compared with the old one.

    Attributes:
        name: The model.
        verdict: Its verdict.
        findings: What each check finds, in the order of the checks.
        evidence: What was counted.
        worst: The negative flips to look at first, one record each.
        notes: What a reader must know that no check looks at; the doubts come first.
        doubts: Reasons to doubt that the label is what the answers should be compared with; while there
            are any, the candidate does not pass.
    """

    name: str
    verdict: Verdict
    findings: tuple[Finding, ...]
    evidence: Evidence = field(repr=False)
    worst: tuple[dict[str, Any], ...] = field(repr=False, default=())
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def next_steps(self) -> list[str]:
        """What to do now, the most useful first."""
        steps = []
        failed = [f for f in self.findings if f.verdict == "fail"]
        if failed:
            broken = [s.slice for f in failed for s in f.slices if s.verdict == "fail"]
            where = f" in {', '.join(dict.fromkeys(broken[:3]))}" if broken else ""
            steps.append(f"Do not deploy {self.name} yet: look at its worst flips{where}.")
        unlabelled = self.evidence.table.size - self.evidence.labelled
        labelling = labelling_step(self.findings, unlabelled=unlabelled)
        steps += [labelling] if labelling else []
        steps += other_steps(self.findings)
        if self.doubts:
            steps.insert(0, "Make sure that the label is the right one; see the first note.")
        if not self.evidence.sampled:
            steps.append("Say how the labelled items were chosen: labels='random', or a column.")
        if self.verdict == "pass":
            steps.append(f"{self.name} keeps every limit that was checked: deploy it.")
        return steps

    def to_dict(self) -> dict[str, Any]:
        """The candidate as plain data."""
        return {
            "name": self.name,
            "verdict": self.verdict,
            "findings": [finding.to_dict() for finding in self.findings],
            "overall": {
                k: v[0] for k, v in self.evidence.whole.to_dict(self.evidence.confidence).items()
            },
            "changed": float(self.evidence.changed.mean[0]),
            "worst_flips": list(self.worst),
            "notes": list(self.notes),
            "next_steps": self.next_steps,
        }


@dataclass(frozen=True)
class Review(ResultMixin, named="a review"):
    """Old against one or several new models.

    Attributes:
        table: The predictions.
        old: The model in service.
        candidates: The new models, in the order asked for.
        chosen: The candidate whose verdict is the review's.
        confidence: Two-sided confidence of every interval.
        labels: How the labelled items were chosen.
        created: When, in UTC.
    """

    table: Table
    old: str
    candidates: tuple[CandidateReview, ...]
    chosen: str
    confidence: float
    labels: str | None
    created: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def candidate(self) -> CandidateReview:
        """The chosen candidate."""
        return next(c for c in self.candidates if c.name == self.chosen)

    @property
    def verdict(self) -> Verdict:
        """The chosen candidate's verdict."""
        return self.candidate.verdict

    @property
    def exit_code(self) -> int:
        """The command line's exit code: 0 pass, 1 fail, 3 undecided."""
        return EXIT_CODES[self.verdict]

    def __repr__(self) -> str:
        lines = [f"{self.old} → {self.chosen}: {self.verdict}"]
        lines += [f"  {f.verdict:9} {f.check}: {f.reason}" for f in self.candidate.findings]
        lines += [
            f"{self.old} → {other.name}: {other.verdict}, with {share(float(other.evidence.whole.nfr[0]))}"
            f" negative flips instead of {share(float(self.candidate.evidence.whole.nfr[0]))}"
            for other in self.candidates
            if other.name != self.chosen
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from supersede.review.report import fragment

        return fragment(self)

    @property
    def made_with(self) -> dict[str, str]:
        """Versions of what made the review."""
        packages = ("supersede", "ibis-framework", "duckdb", "numpy", "scipy")
        return {"python": platform.python_version(), **{name: version(name) for name in packages}}

    def to_dict(self) -> dict[str, Any]:
        """The review as plain data, in the JSON form of `SCHEMA_VERSION`; NaN is null."""
        return json_object(
            {
                "schema_version": SCHEMA_VERSION,
                "created": self.created.isoformat(timespec="seconds"),
                "verdict": self.verdict,
                "exit_code": self.exit_code,
                "old": self.old,
                "chosen": self.chosen,
                "confidence": self.confidence,
                "labels": self.labels,
                "table": {
                    "reading": self.table.reading,
                    "size": self.table.size,
                    "labelled": self.candidate.evidence.labelled,
                    "fingerprint": self.table.fingerprint,
                    "joined": None if self.table.joined is None else self.table.joined.to_dict(),
                },
                "candidates": [candidate.to_dict() for candidate in self.candidates],
                "made_with": self.made_with,
            }
        )

    def to_frame(self) -> "pa.Table":
        """One row per candidate, check and slice; the slice is null for all items."""
        fields = ("estimate", "low", "high", "verdict")
        return frame_of(
            {"new": candidate.name, "check": finding.check, "slice": getattr(part, "slice", None)}
            | {name: getattr(part, name) for name in fields}
            for candidate in self.candidates
            for finding in candidate.findings
            for part in (finding, *finding.slices)
        )

    def to_html(self) -> str:
        """The report: one HTML page that needs nothing else."""
        from supersede.review.report import page

        return page(self)

    def to_markdown(self) -> str:
        """A summary for a pull request's comment."""
        from supersede.review.report import markdown

        return markdown(self)
