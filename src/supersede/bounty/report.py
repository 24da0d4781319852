"""A bounty as a page: errors by group and patch, credit, and the patched model."""

from collections.abc import Sequence
from functools import partial

from supersede.bounty.bounty import Bounty
from supersede.bounty.credit import credit
from supersede.bounty.decision_list import DecisionList
from supersede.bounty.fresh_audit import ErrorChange, RoundAudit
from supersede.bounty.hunters.hunt import HuntAttempt
from supersede.bounty.pictures import brief, error_steps, list_diagram, team_map
from supersede.bounty.sample import Sample
from supersede.look import figures, numbers
from supersede.look.page import environment

__all__ = ["headline", "page"]

_ROWS = 20


def page(
    bounty: Bounty,
    sample: Sample,
    *,
    audit: RoundAudit | None = None,
    attempts: Sequence[HuntAttempt] = (),
    title: str = "Bias bounty",
) -> str:
    """A bounty as one HTML file, for its owner.

    Args:
        bounty: The bounty.
        sample: The rows whose errors are shown: fresh ones, or a slice that is used up.
        audit: The audit on fresh rows that closed it.
        attempts: The attempts of hunters.
        title: The page's title.

    Returns:
        The page.
    """
    checker = bounty.checker
    loss, watch = checker.loss, checker.watch
    made = credit(bounty.model, sample, loss=loss, watch=watch)
    word, tone, reason = _verdict(audit, len(made.patches))
    patches = len(made.patches)
    return (
        environment()
        .get_template("bounty/report.html")
        .render(
            title=title,
            headline=headline(bounty, audit),
            word=word,
            tone=tone,
            reason=reason,
            steps_heading=(
                f"Error by patch: {patches} accepted" if patches else "No patch was accepted"
            ),
            steps=error_steps(bounty.model, sample, loss=loss, watch=watch),
            loss=loss.name,
            sample=sample.name,
            audit=audit,
            changes=None if audit is None else _changes(audit, bounty.model),
            patches=made.patches,
            team_map=team_map(bounty.model) if patches else None,
            diagram=list_diagram(bounty.model, sample),
            attempts=attempts,
            brief=partial(brief, bounty.model),
            policy=checker.policy.name,
            promise=checker.policy.promise,
            judged=len(bounty.receipts),
            left=bounty.left,
            model=bounty.digest,
        )
    )


def headline(bounty: Bounty, audit: RoundAudit | None) -> str:
    """The result of the bounty, in a sentence."""
    patches = len(bounty.model.patch_versions)
    accepted = f"{patches} of {len(bounty.receipts)} submissions beat the model"
    if audit is None:
        return f"{accepted} on the holdout"
    before, after = (
        numbers.share(v, resolution=0.001) if 0 <= v <= 1 else numbers.amount(v)
        for v in (audit.overall.before, audit.overall.after)
    )
    return f"{accepted}; on fresh rows its {audit.loss} goes from {before} to {after}"


def _verdict(audit: RoundAudit | None, patches: int) -> tuple[str, str, str]:
    if not patches:
        return (
            "nothing found",
            "pass",
            "No submission showed a group on which another model is better. That does not prove"
            " that there is none.",
        )
    if audit is None:
        return "not audited", "undecided", "Close the round with an audit on fresh rows."
    worse = len(audit.worse)
    if worse:
        return (
            "some are worse off",
            "fail",
            f"On fresh rows, {worse} protected groups are worse off than under the first model.",
        )
    if audit.overall.verdict == "better":
        return (
            "better",
            "pass",
            "On fresh rows the overall error has fallen beyond what chance explains, and no"
            " protected group is worse off beyond what chance explains.",
        )
    return "unclear", "undecided", "On fresh rows, chance could explain the change."


def _changes(audit: RoundAudit, model: DecisionList) -> str:
    rows: list[ErrorChange] = [
        audit.overall,
        *sorted(audit.groups, key=lambda c: -c.change)[:_ROWS],
    ]
    tones = {"better": "pass", "worse": "fail", "unclear": "quiet"}
    dots = [
        figures.Dot(
            brief(model, row.name),
            row.change,
            row.low,
            row.high,
            row.rows,
            tones[row.verdict],
        )
        for row in rows
        if row.rows > 1
    ]
    share = min(d.low for d in dots) >= -1 and max(d.high for d in dots) <= 1
    return figures.dot_plot(
        dots,
        title=f"Change of the {audit.loss} on {audit.sample}",
        description=str(audit),
        limit=0.0,
        limit_word="no change",
        form=numbers.points if share else numbers.amount,
    )
