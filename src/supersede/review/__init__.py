"""Old against new: checks, a verdict, and a report in one file."""

from supersede.review.audit_gate import NoGroupRegresses
from supersede.review.checks import Check, MaxChurn, MaxFlipCost, MaxNFR, MinGain
from supersede.review.compare import DEFAULT_CHECKS, compare
from supersede.review.finding import Finding, SliceFinding, Verdict
from supersede.review.metric_checks import MaxDrop, MaxMetric, MaxRise, MinMetric
from supersede.review.must_not_break import MustNotBreak
from supersede.review.review import CandidateReview, Review
from supersede.review.score_shift import MaxScoreShift
from supersede.review.slice_checks import MaxGap, MaxSliceNFR, NoSliceWorse

__all__ = [
    "DEFAULT_CHECKS",
    "CandidateReview",
    "Check",
    "Finding",
    "MaxChurn",
    "MaxDrop",
    "MaxFlipCost",
    "MaxGap",
    "MaxMetric",
    "MaxNFR",
    "MaxRise",
    "MaxScoreShift",
    "MaxSliceNFR",
    "MinGain",
    "MinMetric",
    "MustNotBreak",
    "NoGroupRegresses",
    "NoSliceWorse",
    "Review",
    "SliceFinding",
    "Verdict",
    "compare",
]
