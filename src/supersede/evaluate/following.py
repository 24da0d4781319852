"""Label one by one, and stop as soon as the intervals are narrow enough or the question is decided.

Checking ordinary intervals repeatedly and stopping when they look favourable makes them cover too
little. There are two remedies. Where every estimand is a share of a simple random sample of its
own, the intervals are a confidence sequence, valid at all times at once
(`hypergeometric.sequence_interval`). Otherwise a fixed number of looks is chosen beforehand and the
error probability is divided among them (Bonferroni), so that all looks together keep the
confidence. Between looks nothing is shown.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from supersede.errors import ArgumentError
from supersede.evaluate.design import Plan
from supersede.evaluate.estimates import Estimate, Estimates, estimate
from supersede.evaluate.labels import Disagreement, Labels, Settled, Words, read_labels, settle
from supersede.evaluate.linear import linearise
from supersede.look.json_values import json_object
from supersede.look.result import ResultMixin, frame_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Following", "Look", "follow", "has_sequence", "in_line", "latest_look"]

LOOKS = 4
_FIRST = 0.4  # of the plan: earlier looks use up error probability and hardly ever stop


@dataclass(frozen=True)
class Look:
    """The estimates after some of the labels.

    Attributes:
        labels: Labels in line so far.
        estimates: Estimates with intervals that hold at all looks together.
    """

    labels: int
    estimates: Estimates


@dataclass(frozen=True)
class Following(ResultMixin, named="labels so far"):
    """Estimates as labels came in.

    Attributes:
        looks: The looks, in order.
        stopped: Whether the last look was enough.
        reason: Why labelling stops or continues.
        next_items: Items to label next, if it continues.
    """

    looks: tuple[Look, ...]
    stopped: bool
    reason: str
    next_items: tuple[object, ...]

    @property
    def last(self) -> Estimates | None:
        """The estimates of the last look; None before the first."""
        return self.looks[-1].estimates if self.looks else None

    def to_dict(self) -> dict[str, Any]:
        """The looks, whether to stop, and what to label next, as JSON values."""
        return json_object({
            "stopped": self.stopped, "reason": self.reason, "next_items": self.next_items,
            "looks": [{"labels": look.labels, **look.estimates.to_dict()} for look in self.looks],
        })  # fmt: skip

    def to_frame(self) -> "pa.Table":
        """One row per look and estimand; ``labels_so_far`` counts all labels up to the look."""
        return frame_of(
            (
                {"labels_so_far": look.labels, **estimate.to_dict()}
                for look in self.looks
                for estimate in look.estimates
            ),
            ["labels_so_far", *Estimate.__dataclass_fields__],
        )

    def to_html(self) -> str:
        """A page: the first estimand as labels came in."""
        from supersede.evaluate.pictures import following_picture

        return following_picture(self)

    def __str__(self) -> str:
        seen = f"{self.looks[-1].labels:,} labels" if self.looks else "no look yet"
        return f"{seen}: {self.reason}"

    def __repr__(self) -> str:
        return f"Following({self})"


def follow(
    plan: Plan,
    labels: object,
    *,
    enough: Callable[[Estimates], bool] | None = None,
    looks: int = LOOKS,
    disagreement: Disagreement = "refuse",
    classes: Sequence[Any] = (),
    same: Words = None,
) -> Following:
    """Replay the labels received so far and decide whether more are needed.

    Call it again whenever labels have arrived: it looks at the same points each time.

    Args:
        plan: The plan that chose the items.
        labels: All labels so far, labelled in the plan's order.
        enough: Predicate that ends labelling; by default, every interval is as narrow as requested.
        looks: For plans without exact sequences, how often to look; each look widens the intervals.
        disagreement: What to do where annotators disagree.
        classes: Classes that labels may have although no model predicts them.
        same: Which words count as equal, as for `estimate`.

    Returns:
        All looks up to now, whether to stop, and otherwise what to label next.

    Raises:
        ArgumentError: There are no looks.
        LabelError: The labels are for another design, contradict each other, or are not a class.

    Assumes: what `estimate` assumes, and that `looks` is not changed while labels arrive.
    """
    if looks < 1:
        msg = f"looks={looks}; look at least once"
        raise ArgumentError(msg)
    given = read_labels(labels, models=plan.patterns.graded)
    settled = settle(plan, given, disagreement, classes=classes, same=same)
    done = in_line(plan, settled)
    look = partial(estimate, plan, disagreement=disagreement, classes=classes, same=same)
    exact = has_sequence(plan)
    satisfied = enough or _narrow
    seen: list[Look] = []
    for due in _points(plan, looks, exact=exact):
        if due > done:
            break
        found = look(_first(plan, given, due), **_valid(plan, looks, exact=exact))
        seen.append(Look(due, found))
        if satisfied(found):
            return Following(tuple(seen), True, f"decided after {due:,} labels", ())
    waiting = plan.items.sort_by("order")["item"].to_pylist()[done : plan.size]
    reason = f"{len(waiting):,} of {plan.size:,} items wait for a label"
    if not waiting:
        reason = (
            "all items of the plan are labelled and the question is undecided: plan more with"
            " after="
        )
    return Following(tuple(seen), False, reason, tuple(waiting))


def latest_look(
    plan: Plan,
    labels: object,
    *,
    looks: int = LOOKS,
    disagreement: Disagreement = "refuse",
    classes: Sequence[Any] = (),
    same: Words = None,
) -> Look | None:
    """The estimates that may be shown now, with intervals that hold at all looks together.

    This is the last look of `follow`, without those before it; where a plan has exact sequences
    (`has_sequence`) it uses every label in line, at any time.

    Args:
        plan: The plan that chose the items.
        labels: All labels so far, labelled in the plan's order.
        looks: As for `follow`.
        disagreement: As for `follow`.
        classes: As for `follow`.
        same: As for `follow`.

    Returns:
        The look; None before the first.

    Raises:
        LabelError: As for `follow`.

    Assumes: as for `follow`.
    """
    given = read_labels(labels, models=plan.patterns.graded)
    settled = settle(plan, given, disagreement, classes=classes, same=same)
    done, exact = in_line(plan, settled), has_sequence(plan)
    if not exact:
        done = max((due for due in _points(plan, looks, exact=False) if due <= done), default=0)
    now = _first(plan, given, done)
    if (
        not done
        or not (settle(plan, now, disagreement, classes=classes, same=same).state >= 0).any()
    ):
        return None
    valid = _valid(plan, looks, exact=exact)
    found = estimate(plan, now, disagreement=disagreement, classes=classes, same=same, **valid)
    return Look(done, found)


def _valid(plan: Plan, looks: int, *, exact: bool) -> dict[str, Any]:
    """Arguments of `estimate` by which all looks together keep the plan's confidence."""
    if exact:
        return {"anytime": True}
    return {"confidence": 1 - (1 - plan.confidence) / looks}


def in_line(plan: Plan, settled: Settled) -> int:
    """Number of items, in the plan's order, before the first without an answer."""
    answered = settled.state >= -1
    in_order = answered[np.argsort(plan.items["order"].to_numpy())]
    gaps = np.flatnonzero(~in_order)
    return int(gaps[0]) if len(gaps) else len(in_order)


def _first(plan: Plan, given: Labels, count: int) -> Labels:
    """The labels of the first items in line."""
    ids = {str(i) for i in plan.items.sort_by("order")["item"].to_pylist()[:count]}
    return replace(given, annotations=tuple(a for a in given.annotations if str(a.item) in ids))


def _points(plan: Plan, looks: int, *, exact: bool) -> Iterator[int]:
    """Numbers of labels at which to look: any for a sequence, otherwise a few fixed beforehand."""
    if exact:  # looks are free; one per percent of the plan is enough for a figure
        step = max(1, plan.size // 100)
        yield from range(min(10, plan.size), plan.size, step)
        yield plan.size
        return
    yield from np.unique(np.linspace(_FIRST * plan.size, plan.size, looks).round().astype(int))


def has_sequence(plan: Plan) -> bool:
    """Whether all estimands of a plan have intervals that hold at all numbers of labels at once."""
    if plan.method not in {"coordinated", "independent"}:
        return False
    return all(
        linear.exact is not None or not linear.domain.any()
        for linear in (linearise(e, plan.patterns, plan.belief) for e in plan.estimands)
    )


def _narrow(found: Estimates) -> bool:
    """Whether every available estimate is as narrow as its margin."""
    margins = {e.name: e.margin for e in found.plan.expectations}
    known = [e for e in found if not e.note.startswith("undefined")]
    return all(e.half_width <= margins[e.name] for e in known)
