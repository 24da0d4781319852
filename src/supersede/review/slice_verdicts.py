"""From every slice's estimate to one verdict: which slices fail, which pass, and what of the rest.

Many slices are looked at, and some look bad by chance. A slice *fails* only if its p value, adjusted for
all slices of the check (`conditional_holm`), says that its limit is exceeded; so the chance of failing a
model that keeps every limit stays below ``(1 - confidence) / 2``. It *passes* if its own interval keeps
the limit. Passing the check takes every slice: each by its own interval, where no correction is needed
since all of them must (an intersection-union test, Berger 1982), or all slices of a margin together,
where there are enough of them to borrow strength from each other (`alike`). A slice with fewer than
`min_items` items, labelled or not, can fail but does not hold up the verdict, and one whose items all have
weight 0 can do neither: both are named as too small to judge. A larger one of which few items or none are
labelled does hold it up, and so does it if no slice is large enough.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from supersede.errors import ArgumentError
from supersede.look.numbers import count, items, level, points, share
from supersede.metrics.conditional_holm import conditional_holm
from supersede.review.alike import ALIKE, LONE
from supersede.review.evidence import Evidence, Margin, slice_name
from supersede.review.finding import Finding, SliceFinding, Verdict
from supersede.review.slice_labels import Future, Needs, labels_for_slices

__all__ = [
    "SHOWN",
    "JudgedMargin",
    "SliceQuestion",
    "Unlabelled",
    "slices_finding",
    "unlabelled_step",
    "unlabelled_words",
]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Unlabelled = tuple[dict[str, Any], int]
"""A slice of which no item is labelled, and how many items it has."""

SHOWN = 200
"""Slices that a finding carries; the others are counted."""


@dataclass(frozen=True)
class JudgedMargin:
    """All slices of one margin, each judged by itself.

    Attributes:
        margin: The slices.
        estimate: Estimates, shape ``(k,)``.
        low: Lower ends of each slice's own interval.
        high: Upper ends.
        p: P values for "the limit is kept".
        reach: The largest p values of at most one half that these can be.
        expected: What estimates are expected to become with more labels, shape ``(k,)``.
        together: Whether some of the slices are shown to keep the limit together.
        needs: Labels with which one slice is decided.
        future: Whether all of some slices would be shown to keep the limit with more labels.
    """

    margin: Margin
    estimate: Floats
    low: Floats
    high: Floats
    p: Floats
    reach: Floats
    expected: Floats
    together: Callable[[npt.NDArray[np.intp]], bool]
    needs: Needs
    future: Future


@dataclass(frozen=True)
class SliceQuestion:
    """The question that every slice has to answer.

    Attributes:
        check: The check's name.
        question: What it asks, in a sentence.
        limit: What estimates are compared with.
        unit: Of the estimates.
        sense: 1 where more is worse, -1 where less is.
        min_items: Smaller slices can fail but do not hold up the verdict.
    """

    check: str
    question: str
    limit: float
    unit: Literal["share", "points"]
    sense: int
    min_items: int

    def beyond(self, estimate: Floats) -> Floats:
        """How far estimates lie beyond the limit."""
        return self.sense * (estimate - self.limit)

    def said(self, estimate: float, low: float, high: float) -> str:
        """An estimate in words."""
        form = share if self.unit == "share" else points
        return form(estimate, low, high, against=self.limit)

    @property
    def bound(self) -> str:
        """The limit in words."""
        if self.unit == "share":
            return f"at most {share(self.limit, exact=True)}"
        return f"at least {points(self.limit, exact=True)}"


def slices_finding(
    judged: Sequence[JudgedMargin], asked: SliceQuestion, evidence: Evidence
) -> Finding:
    """Judge every slice, and all of them.

    Raises:
        ArgumentError: There are no slices.
    """
    if not judged:
        msg = "the check of slices needs slices: name groups, or give the table a class label"
        raise ArgumentError(msg)
    estimate, low, high, p, reach = (
        np.concatenate([getattr(part, name) for part in judged])
        for name in ("estimate", "low", "high", "p", "reach")
    )
    n = np.concatenate([part.margin.flips.n for part in judged])
    adjusted = conditional_holm(p, reach)
    alpha = (1 - evidence.confidence) / 2
    fails = adjusted < alpha
    passes = (high <= asked.limit) if asked.sense > 0 else (low >= asked.limit)
    items_of = np.concatenate([part.margin.items for part in judged])
    small = (items_of < asked.min_items) | np.isnan(estimate)  # without weight, items say nothing
    silent = [
        (values, size)
        for part in judged
        for values, size in part.margin.unlabelled
        if size >= asked.min_items
    ]
    verdicts = np.select([fails, passes, ~small], ["fail", "pass", "undecided"], "")
    ends = np.cumsum([len(part.estimate) for part in judged])[:-1]
    apart = np.split(verdicts, ends)
    shown_together = [_together(part, v) for part, v in zip(judged, apart, strict=True)]
    verdict: Verdict = (
        "fail"
        if fails.any()
        else "pass"
        if all(s != "open" for s in shown_together) and not silent and not small.all()
        else "undecided"
    )
    chosen = random = None
    if "open" in shown_together and verdict == "undecided":
        waiting = [i for i, state in enumerate(shown_together) if state == "open"]
        labels = labels_for_slices(
            [(judged[i].margin, judged[i].needs, judged[i].future) for i in waiting],
            [np.flatnonzero(apart[i] == "undecided") for i in waiting],
            [np.flatnonzero(apart[i] != "") for i in waiting],
            [asked.beyond(judged[i].expected) for i in waiting],
            alpha / max(int((p <= reach).sum()), 1),
            evidence,
        )
        chosen, random = labels.chosen, labels.random
    excess = np.where(np.isnan(estimate), -np.inf, asked.beyond(estimate))
    rank = np.select([verdicts == "fail", verdicts == "undecided"], [0, 1], 2)
    order = np.lexsort((-n, -excess, rank))
    first = next((at for at in order if verdicts[at]), order[0])  # of those that are large enough
    places = [(part, i) for part in judged for i in range(len(part.estimate))]

    def told(at: int) -> SliceFinding:
        part, place = places[at]
        return SliceFinding(
            slice=part.margin.name(place),
            n=int(n[at]),
            estimate=float(estimate[at]),
            low=float(low[at]),
            high=float(high[at]),
            verdict=str(verdicts[at]) or None,  # type: ignore[arg-type]
            p_adjusted=float(adjusted[at]),
            values=part.margin.values(place),
        )

    slices = tuple(told(at) for at in order[:SHOWN])
    return Finding(
        check=asked.check,
        question=asked.question,
        verdict=verdict,
        reason=_reason(
            told(first), verdicts, shown_together, judged, silent, asked, evidence.confidence
        ),
        estimate=float(estimate[first]),
        low=float(low[first]),
        high=float(high[first]),
        limit=asked.limit,
        unit=asked.unit,
        more_labels=chosen,
        more_labels_random=random,
        steps=_steps(slices, silent, asked, chosen, random) if verdict == "undecided" else (),
        slices=slices,
        slice_count=len(estimate),
    )


def _together(part: JudgedMargin, verdicts: npt.NDArray[np.str_]) -> str:
    """Whether a margin is shown to keep the limit slice by slice, together, or not yet."""
    if not (verdicts == "undecided").any():
        return "each"
    held = np.flatnonzero(verdicts != "")
    return "together" if len(held) >= ALIKE and part.together(held) else "open"


def _reason(
    worst: SliceFinding,
    verdicts: npt.NDArray[np.str_],
    states: Sequence[str],
    judged: Sequence[JudgedMargin],
    silent: Sequence[Unlabelled],
    asked: SliceQuestion,
    confidence: float,
) -> str:
    failed, open_, small = (int((verdicts == word).sum()) for word in ("fail", "undecided", ""))
    total = items(len(verdicts), "slice")
    said = []
    if failed:
        said.append(f"{count(failed)} of {total} break the limit of {asked.bound}")
    joint = [part.margin for part, state in zip(judged, states, strict=True) if state == "together"]
    if "open" in states or (failed and open_):
        said.append(f"{count(open_)} of {total} cannot be decided yet")
    elif small == len(verdicts):
        said.append(f"none of {total} has enough items to judge")
    elif not failed:
        kept = items(len(verdicts) - small, "slice")
        said.append(f"{level(confidence)} sure that all {kept} keep the limit of {asked.bound}")
    if silent:
        said.append(unlabelled_words(silent))
    if joint and "open" not in states and not failed:
        by = ", ".join(" × ".join(margin.words) for margin in joint)
        said.append(
            f"the slices of {by} are shown to keep it together, as they are alike, and each to keep"
            f" {LONE:g} times the limit by itself; {count(open_)} of them would not pass alone"
        )
    text = f"{'; '.join(said)}; the furthest is {worst.slice} with"
    text += f" {asked.said(worst.estimate, worst.low, worst.high)} ({items(worst.n)})."
    if small:
        text += f" Too small to judge: {count(small)}."
    return text[0].upper() + text[1:]


def unlabelled_words(silent: Sequence[Unlabelled]) -> str:
    """That some slices have no label."""
    values, size = silent[0]
    have = "has" if len(silent) == 1 else "have"
    return (
        f"{items(len(silent), 'slice')} {have} no label, first {slice_name(values)} ({items(size)})"
    )


def unlabelled_step(check: str, silent: Sequence[Unlabelled]) -> str:
    """What to do about them."""
    return f"{check}: label items of {slice_name(silent[0][0])}; none is labelled."


def _steps(
    slices: Sequence[SliceFinding],
    silent: Sequence[Unlabelled],
    asked: SliceQuestion,
    chosen: int | None,
    random: int | None,
) -> tuple[str, ...]:
    """What to do besides labelling: narrow the gate, or accept a named risk."""
    first = (unlabelled_step(asked.check, silent),) if silent else ()
    open_ = [s for s in slices if s.verdict == "undecided"]
    if not any(s.verdict for s in slices):
        return (
            *first,
            f"{asked.check}: compare slices of {asked.min_items} items, or lower min_items.",
        )
    if not open_:
        return first
    worst = max(open_, key=lambda s: s.high if asked.sense > 0 else -s.low)
    end = worst.high if asked.sense > 0 else worst.low
    risk = (
        share(end) + " may break" if asked.unit == "share" else points(end) + " may be the change"
    )
    none = ""
    if chosen is None and random is None:
        none = "no number of labels will do, a slice's estimate is at the limit; "
    least = max(s.n for s in open_) + 1
    narrow = ""
    if any(s.n >= least for s in slices):  # some slices are still judged then
        narrow = f"take the open slices out of the gate (min_items={least}), or "
    return (
        *first,
        f"{asked.check}: {none}{narrow}accept the open slices with a named risk: in {worst.slice},"
        f" {risk}.",
    )
