"""The pages of a plan and of a migration's progress."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from supersede.look.numbers import count, share
from supersede.look.page import environment

if TYPE_CHECKING:
    from supersede.embeddings.migration.journal import Progress
    from supersede.embeddings.migration.plan import MigrationPlan

__all__ = ["plan_page", "progress_page"]

SHOWN = 50  # items that could not be embedded


def progress_page(found: "Progress") -> str:
    """How far a migration is."""
    total = found.done + found.open + found.failures + found.gone
    part = found.done / total if total else 0.0
    numbers = [
        ("embedded again", count(found.done)),
        ("still to do", count(found.open)),
        ("could not be embedded", count(found.failures)),
        ("deleted meanwhile", count(found.gone)),
        ("live writes that a crash cut off", count(found.intents)),
        ("embeddings paid for", count(found.embeddings)),
        ("spent", f"{found.spent:,.2f}"),
    ]
    lines = [f"The migration is {found.phase}."]
    if found.intents:
        lines.append("Live writes that were cut off are repeated by the next run.")
    lines += found.notes
    title = f"{share(part)} of {count(total)} items are embedded again"
    return _page(title, lines, numbers, found.failed, found.failures)


def plan_page(plan: "MigrationPlan") -> str:
    """What a migration will take."""
    numbers = [
        ("items to embed", count(plan.rows)),
        ("price of one", f"{plan.price_per_embedding:,.6g}"),
        ("price of all", f"{plan.price:,.2f}"),
        ("seconds per embedding, on this machine", f"{plan.seconds_per_embedding:.3g}"),
        ("minutes for all", f"{plan.seconds / 60:,.1f}"),
        ("tokens per item", "–" if plan.tokens_per_item is None else f"{plan.tokens_per_item:.0f}"),
        ("most embeddings per second", "no limit" if plan.rate is None else f"{plan.rate:g}"),
        ("most that may be spent", "no limit" if plan.cap is None else f"{plan.cap:,.2f}"),
        ("items sampled", count(plan.sampled)),
    ]
    lines = [f"From {plan.old} to {plan.new}. Nothing has been written to an index."]
    if plan.cap is not None and plan.price > plan.cap:
        lines.append(f"The cap stops it after {share(plan.cap / plan.price)} of the items.")
    title = f"{count(plan.rows)} items to embed for {plan.price:,.2f}"
    return _page(title, lines, numbers, plan.unembeddable, len(plan.unembeddable))


def _page(
    title: str,
    lines: Sequence[str],
    numbers: Sequence[tuple[str, str]],
    failed: Mapping[str, str],
    failures: int,
) -> str:
    shown = list(failed.items())[:SHOWN]
    return environment().get_template("embeddings/migration.html").render(
        title=title, lines=lines, numbers=numbers, failed=shown, hidden=failures - len(shown),
    )  # fmt: skip
