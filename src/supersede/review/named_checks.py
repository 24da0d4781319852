"""Checks by the names that they have on the command line: ``max_nfr="0.5%"``."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from supersede.review.checks import Check

__all__ = ["named_checks"]

Limit = float | str | None


def named_checks(
    *,
    min_gain: Limit = None,
    max_nfr: Limit = None,
    max_slice_nfr: Limit = None,
    max_slice_drop: Limit = None,
    max_gap: Limit = None,
    max_churn: Limit = None,
    max_score_shift: Limit = None,
    max_flip_cost: float | None = None,
    must_not_break: Iterable[str] | None = None,
    must_not_break_where: Iterable[str] = (),
    min_items: int = 30,
) -> "list[Check]":
    """The checks that the limits ask for; a limit that is left out asks for none.

    Args:
        min_gain: The new model's accuracy is higher by at least this; negative allows a loss.
        max_nfr: At most this share of items flips from right to wrong.
        max_slice_nfr: The same in every slice.
        max_slice_drop: In no slice does accuracy fall by more than this.
        max_gap: Accuracies of two groups of one column differ by at most this.
        max_churn: At most this share of items gets another answer.
        max_score_shift: At no threshold does the share of items above change by more than this.
        max_flip_cost: Negative flips cost at most this per item.
        must_not_break: Ids of items that must not flip.
        must_not_break_where: SQL conditions on the table's columns; no such item may flip.
        min_items: Smaller slices can fail but do not hold up the verdict.

    Raises:
        ArgumentError: A limit is out of range, or text without a unit.

    Example:
        >>> named_checks(max_nfr="0.5%", min_gain=-0.01)
        [MinGain(limit=-0.01), MaxNFR(limit=0.005)]
    """
    from supersede.review.checks import MaxChurn, MaxFlipCost, MaxNFR, MinGain
    from supersede.review.must_not_break import MustNotBreak
    from supersede.review.score_shift import MaxScoreShift
    from supersede.review.slice_checks import MaxGap, MaxSliceNFR, NoSliceWorse

    sized = {"min_items": min_items}
    asked: list[tuple[Callable[[Any], Check], Limit]] = [
        (MinGain, min_gain),
        (MaxNFR, max_nfr),
        (partial(MaxSliceNFR, **sized), max_slice_nfr),
        (partial(NoSliceWorse, **sized), max_slice_drop),
        (partial(MaxGap, **sized), max_gap),
        (MaxChurn, max_churn),
        (MaxScoreShift, max_score_shift),
        (MaxFlipCost, max_flip_cost),
    ]
    checks = [check(limit) for check, limit in asked if limit is not None]
    if must_not_break is not None:
        checks.append(MustNotBreak(items=list(must_not_break)))
    return checks + [MustNotBreak(where=condition) for condition in must_not_break_where]
