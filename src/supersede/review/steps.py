"""What a person can do about an undecided check, the cheapest first."""

from collections.abc import Sequence

from supersede.look.numbers import items
from supersede.review.evidence import TRUE_CLASS
from supersede.review.finding import Finding

__all__ = ["labelling_step", "other_steps"]


def labelling_step(findings: Sequence[Finding], *, unlabelled: int) -> str | None:
    """How many labels decide all checks that labels can decide; None where there are none.

    Args:
        findings: What the checks find.
        unlabelled: Items of the table that have no label yet.
    """
    wanted = [f for f in findings if f.verdict == "undecided" and f.more_labels is not None]
    if not wanted:
        return None
    chosen = max(f.more_labels or 0 for f in wanted)
    # where random labels cannot decide a check, only chosen ones are offered
    each = [f.more_labels_random for f in wanted]
    random = None if any(more is None for more in each) else max(more or 0 for more in each)
    few = "" if unlabelled else " (every item of this table is labelled, so bring new ones)"
    if random is None:
        what = f"Label {items(chosen, 'more item')}, chosen from {_of(wanted)}"
    elif random > chosen:
        what = (
            f"Label {items(chosen, 'more item')} chosen from {_of(wanted)}, or {items(random)} drawn at"
            " random"
        )
    else:
        what = f"Label {items(random, 'more item')} drawn at random"
    return (
        f"{what}{few}, and review again: that decides with 80 % chance if the true rates are those"
        " observed."
    )


def other_steps(findings: Sequence[Finding]) -> list[str]:
    """Steps besides labelling: what findings suggest, each once."""
    undecided = [f for f in findings if f.verdict == "undecided"]
    return list(dict.fromkeys(step for f in undecided for step in f.steps))


def _of(findings: Sequence[Finding]) -> str:
    """The slices that chosen labels should come from."""
    open_ = [s for f in findings for s in f.slices if s.verdict == "undecided"]
    # the class of an item is unknown before it is labelled
    names = list(dict.fromkeys(s.slice for s in open_ if TRUE_CLASS not in s.values))
    more = f" and {items(len(names) - 3, 'more slice')}" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more if names else "the table"
