"""Reviews of a judge's scores without a threshold: by wins and losses, and by mean scores.

A score says which of two answers is better, not whether one is right. So an answer counts as right
if its score is at least the other model's: losses are then negative flips, wins positive ones, and
every interval of the review holds for them. Wins say nothing of their size, so the mean score must
not fall either.
"""

from collections.abc import Sequence

from supersede.errors import ArgumentError
from supersede.look.numbers import share
from supersede.review.checks import Check, MaxFlipCost, MaxNFR, MinGain
from supersede.review.evidence import Evidence
from supersede.review.metric_checks import MaxDrop
from supersede.review.must_not_break import MustNotBreak
from supersede.review.slice_checks import MaxSliceNFR, NoSliceWorse
from supersede.table.source import collect
from supersede.table.table import Table

__all__ = ["judged_checks", "judged_note", "refuse_flip_checks"]

_FALL = 0.01  # of the range of scores


def judged_checks(table: Table, old: str, new: str, *, slices: bool) -> tuple[Check, ...]:
    """The checks that are made where none is named.

    Net losses and the fall of the mean score, as a part of the range of all scores, may be at most
    one point overall; net losses in a slice at most five.
    """
    values = {name: table.given(name) for name in (old, new)}
    ends = {f"{name} low": value.min() for name, value in values.items()}
    ends |= {f"{name} high": value.max() for name, value in values.items()}
    found = collect(table.rows.aggregate(**ends)).to_pylist()[0]
    span = max(v for k, v in found.items() if k.endswith("high")) - min(
        v for k, v in found.items() if k.endswith("low")
    )
    checks: tuple[Check, ...] = (MinGain(-_FALL), MaxDrop("judge", _FALL * (span or 1.0)))
    return (*checks, NoSliceWorse(0.05)) if slices else checks


def refuse_flip_checks(checks: Sequence[Check]) -> None:
    """Refuse checks of flips, since without a threshold nothing is right or wrong.

    Raises:
        ArgumentError: There is one.
    """
    flips = [c for c in checks if isinstance(c, MaxNFR | MaxSliceNFR | MaxFlipCost | MustNotBreak)]
    if flips:
        msg = (
            f"{type(flips[0]).__name__} limits flips from right to wrong, and a judge's scores say"
            " only which answer is better. Say from which score on an answer is right: --threshold 0.7"
            " (in Python: supersede.table.Judge(column, threshold=0.7)); or limit the mean score:"
            " --max-drop judge=0.1 (in Python: MaxDrop('judge', 0.1))"
        )
        raise ArgumentError(msg)


def judged_note(evidence: Evidence) -> str:
    """What "right" means in this review."""
    whole = evidence.whole
    lost, won = float(whole.nfr[0]), float(whole.pfr[0])
    return (
        f"The columns hold a judge's scores: {evidence.new} wins on {share(won)} of the items, loses on"
        f" {share(lost)} and ties on {share(1 - won - lost)}. In this review an answer is right if its"
        " score is at least the other model's, so that losses are negative flips."
    )
