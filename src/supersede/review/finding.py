"""What a check finds, and how findings become a verdict."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

__all__ = ["EXIT_CODES", "Finding", "SliceFinding", "Verdict", "combined"]

Verdict = Literal["pass", "fail", "undecided"]
"""Undecided: the labels so far support neither of the others; a finding says how many more do."""

EXIT_CODES: dict[Verdict, int] = {"pass": 0, "fail": 1, "undecided": 3}
"""The command line's exit codes; 2 is a usage or data error."""


@dataclass(frozen=True)
class SliceFinding:
    """What a check finds in one slice.

    Attributes:
        slice: The slice in words, such as ``sex = f``.
        n: Labelled items in it.
        estimate: The estimate.
        low: Lower end of its interval, for this slice alone.
        high: Upper end.
        verdict: The slice's own verdict: it passes by its own interval, and fails by `p_adjusted`;
            None where it has too few items to hold up the review.
        p_adjusted: The p value for "the limit is kept", adjusted for all slices of the check.
        values: The slice as columns and values, such as ``{"sex": "f"}``; None is a missing value.
    """

    slice: str
    n: int
    estimate: float
    low: float
    high: float
    verdict: Verdict | None
    p_adjusted: float
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """What one check finds.

    Attributes:
        check: The check's name, as on the command line.
        question: What it asks, in a sentence.
        verdict: Its answer.
        reason: Why, in a sentence.
        estimate: The estimate; NaN where there is none.
        low: Lower end of the interval at the review's confidence.
        high: Upper end.
        limit: What the estimate is compared with.
        unit: ``"share"``, ``"points"`` (differences of shares), ``"cost"``, ``"items"`` or
            ``"amount"`` (of a metric that is not a share).
        more_labels: How many more labels, chosen for the question, decide it with 80 % chance if the
            true rates are those observed; None where it is decided, or where no number of labels
            decides it.
        more_labels_random: The same for labels of items drawn at random from all.
        steps: What to do besides labelling where it is undecided, the cheapest first; none where it is
            decided.
        slices: The slices, those furthest beyond the limit first; at most `SHOWN`.
        slice_count: How many slices were judged.
        figures: More pictures for the report, as safe markup; not part of the plain data.
    """

    check: str
    question: str
    verdict: Verdict
    reason: str
    estimate: float
    low: float
    high: float
    limit: float
    unit: Literal["share", "points", "cost", "items", "amount"] = "share"
    more_labels: int | None = None
    more_labels_random: int | None = None
    steps: tuple[str, ...] = field(default=())
    slices: tuple[SliceFinding, ...] = field(default=())
    slice_count: int = 0
    figures: tuple[str, ...] = field(default=(), repr=False)

    def to_dict(self) -> dict[str, Any]:
        """The finding as plain data."""
        data = asdict(self)
        del data["figures"]
        return data


def combined(verdicts: Iterable[Verdict]) -> Verdict:
    """One verdict from many: a failure fails, and passing needs every check to pass.

    Example:
        >>> combined(["pass", "undecided", "pass"])
        'undecided'
    """
    found = set(verdicts)
    return "fail" if "fail" in found else "undecided" if "undecided" in found else "pass"
