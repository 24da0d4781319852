"""An audit as a page, a notebook fragment, and Markdown."""

import math
from typing import Any

from markupsafe import Markup

from supersede.audit.coverage import Coverage
from supersede.audit.grid import Grid
from supersede.audit.result import Audit, GroupRow
from supersede.look import figures, maps, numbers
from supersede.look.page import environment

__all__ = ["fragment", "group_plot", "headline", "markdown", "pair_maps", "short"]

_ROWS = 20  # groups in a figure; the table behind it has all
_LABEL = 36  # characters
_MAP = 24  # rows or columns of a map
_SHARE, _AMOUNT = (numbers.share, numbers.points), (numbers.amount, numbers.amount)


def page(audit: Audit, *, covered: Coverage | None = None, sheet: Grid | None = None) -> str:
    """The whole audit as a self-contained page, optionally with coverage and a grid."""
    context = {**_context(audit), "covered": covered, "sheet": sheet}
    return environment().get_template("audit/report.html").render(context)


def fragment(audit: Audit) -> str:
    """Headline and figures, for a notebook."""
    return environment().get_template("audit/notebook.html").render(_context(audit))


def markdown(audit: Audit) -> str:
    """Headline and table, for a comment."""
    return environment().get_template("audit/comment.md").render(_context(audit))


def headline(audit: Audit) -> str:
    """The result of the audit, in a sentence."""
    judged = audit.worst
    beyond = "above" if audit.worse == "more" else "below"
    out = [row for row in judged if row.stands_out]
    few = len(audit.rows) - len(judged)
    left = f" {numbers.count(few)} more are too small to compare." if few else ""
    if not judged:
        return "No group has enough graded items to be compared." + left
    if not out:
        return (
            f"In none of {numbers.count(len(judged))} groups is the {audit.loss} {beyond} that of all"
            f" items, beyond what chance explains.{left}"
        )
    return (
        f"In {numbers.count(len(out))} of {numbers.count(len(judged))} groups the {audit.loss} is"
        f" {beyond} that of all items, beyond what chance explains; most in {out[0].group}.{left}"
    )


def group_plot(audit: Audit) -> Markup:
    """The groups' losses with joint intervals, those furthest above the whole first."""
    value, _ = _forms(audit)
    return figures.dot_plot(
        [_dot(audit, row) for row in _ranked(audit)[:_ROWS]],
        title=f"{audit.loss} of {audit.model} by group",
        description=headline(audit),
        limit=None if math.isnan(audit.overall.value) else audit.overall.value,
        limit_word="all items",
        form=value,
    )


def pair_maps(audit: Audit) -> list[Markup]:
    """A map per split by two attributes."""
    found = []
    for split in audit.splits:
        rows = [row for row in audit.rows if row.split == split and len(row.values) == 2]
        if rows:
            found.append(_pair_map(audit, split, rows))
    return found


def _pair_map(audit: Audit, split: str, rows: list[GroupRow]) -> Markup:
    value, _ = _forms(audit)
    down, across = (
        list(dict.fromkeys(sorted((row.values[i] for row in rows), key=_order)))[:_MAP]
        for i in (0, 1)
    )
    at = {row.values: row for row in rows}
    shown = [row.value for row in rows if row.n >= audit.min_items and not math.isnan(row.value)]
    low, high = min(shown, default=0.0), max(shown, default=1.0)

    def cell(row: GroupRow | None) -> maps.Cell:
        if row is None or not row.n:
            return maps.Cell("none" if row is None else "no labels", kind="missing")
        detail = f"n {numbers.count(row.n)}"
        if row.n < audit.min_items:
            return maps.Cell(value(row.value), detail, kind="thin")
        return maps.Cell(value(row.value), detail, maps.shade(row.value, low, high))

    first, second = split.split(" × ", 1)
    return maps.heat_map(
        [_named(v) for v in down],
        [_named(v) for v in across],
        [[cell(at.get((d, a))) for a in across] for d in down],
        title=f"{audit.loss} of {audit.model} by {split}; dashed: fewer than {audit.min_items} items",
        corner=f"{first} ↓ {second} →",
    )


def _context(audit: Audit) -> dict[str, Any]:
    value, difference = _forms(audit)
    changes = [_change_dot(audit, row) for row in _ranked(audit) if not math.isnan(row.change)]
    sign = -1 if audit.worse == "more" else 1
    changes.sort(key=lambda dot: sign * (dot.low if sign < 0 else dot.high))
    return {
        "audit": audit,
        "headline": headline(audit),
        "tone": "fail" if any(row.stands_out for row in audit.worst) else "quiet",
        "groups": group_plot(audit),
        "more": max(len(audit.rows) - _ROWS, 0),
        "changes": figures.dot_plot(
            changes[:_ROWS],
            title=f"Change of the {audit.loss} from {audit.old} to {audit.model} by group",
            description=f"To the {_worse_side(audit)} of the vertical line the new model is worse.",
            limit=0.0,
            limit_word="no change",
            form=difference,
        )
        if changes
        else None,
        "maps": pair_maps(audit),
        "spreads": audit.spreads,
        "value": value,
        "difference": difference,
        "worse_side": _worse_side(audit),
        "inferred": any(row.inferred for row in audit.rows),
        "synthetic": audit.synthetic,
    }


def _ranked(audit: Audit) -> list[GroupRow]:
    """Groups to compare, then those that are too small, the largest loss first."""
    worst = audit.worst
    chosen = {id(row) for row in worst}
    others = [row for row in audit.rows if id(row) not in chosen]
    return worst + sorted(others, key=lambda row: -row.n)


def _dot(audit: Audit, row: GroupRow) -> figures.Dot:
    small = row.n < audit.min_items
    return figures.Dot(
        label=short(row.group),
        value=_drawn(row.value),
        low=_drawn(row.joint_low),
        high=_drawn(row.joint_high),
        n=row.n,
        tone="fail" if row.stands_out and not small else "quiet",
        note=_few(row.n) if small else "",
    )


def _change_dot(audit: Audit, row: GroupRow) -> figures.Dot:
    small = row.n < audit.min_items
    more, less = row.change_low > 0, row.change_high < 0
    worse, better = (more, less) if audit.worse == "more" else (less, more)
    tone = "fail" if worse else "pass" if better else "quiet"
    return figures.Dot(
        label=short(row.group),
        value=row.change,
        low=_drawn(row.change_low, row.change),
        high=_drawn(row.change_high, row.change),
        n=row.n,
        tone="quiet" if small else tone,
        note=_few(row.n) if small else "",
    )


def short(name: str) -> str:
    """A name shortened so that its number fits beside it on a phone; the table has it in full."""
    return name if len(name) <= _LABEL else name[: _LABEL - 1] + "…"


def _worse_side(audit: Audit) -> str:
    return "right" if audit.worse == "more" else "left"


def _few(n: int) -> str:
    return "no graded item" if not n else f"{n} item{'s' if n > 1 else ''}: too few to judge"


def _drawn(value: float, instead: float = 0.0) -> float:
    """A finite position on the axis, also for values that are not finite."""
    return value if math.isfinite(value) else instead


def _forms(audit: Audit) -> tuple[Any, Any]:
    return _SHARE if audit.unit == "share" else _AMOUNT


def _named(value: object) -> str:
    return "unknown" if value is None else str(value)


def _order(value: object) -> tuple[object, ...]:
    number = value if isinstance(value, int | float) else 0
    return value is None, isinstance(value, str), number, str(value)
