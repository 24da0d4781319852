"""Pictures of plans and estimates: inline SVG with the numbers in a table behind a disclosure."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from supersede.evaluate.design import Plan
    from supersede.evaluate.estimates import Estimate, Estimates
    from supersede.evaluate.following import Following

__all__ = ["estimates_picture", "following_picture", "plan_picture", "time_picture"]

_SHOWN = 20  # rows of a picture
_ROW, _LEFT, _WIDE, _RIGHT = 22, 250, 330, 120
_STYLE = (
    "<style>.sv{font:14px system-ui,sans-serif;font-variant-numeric:tabular-nums;max-width:48rem;"
    "--ink:#1b1b1b;--quiet:#767676;--accent:#0072b2}"
    "@media(prefers-color-scheme:dark){.sv{--ink:#eee;--quiet:#9a9a9a;--accent:#56b4e9}}"
    ".sv svg{max-width:100%;height:auto}.sv text{fill:var(--ink);font-size:13px}"
    ".sv .quiet{fill:var(--quiet)}.sv table{border-collapse:collapse}"
    ".sv td,.sv th{padding:.1rem .6rem;text-align:right}"
    ".sv td:first-child,.sv th:first-child{text-align:left}</style>"
)


def plan_picture(plan: "Plan") -> str:
    """How many labels the plan takes, beside what each estimand would cost on its own."""
    together = [("all of them, with this plan", plan.size, True)]
    dear = sorted(plan.expectations, key=lambda e: -e.alone)
    alone = [(f"{e.name}, alone", e.alone, False) for e in dear[: _SHOWN - 2]]
    apart = [("each on its own", plan.independent, False)]
    bars = [*together, *apart, *alone]
    most = max(count for _, count, _ in bars) or 1
    body = ""
    for at, (name, count, ours) in enumerate(bars):
        y, width = at * _ROW, _WIDE * count / most
        colour = "var(--accent)" if ours else "var(--quiet)"
        body += _text(name, _LEFT - 8, y + 15, "end")
        body += f'<rect x="{_LEFT}" y="{y + 4}" width="{width:.1f}" height="14" fill="{colour}"/>'
        body += _text(_count(count), _LEFT + width + 6, y + 15)
    title = f"{_count(plan.size)} labels answer {len(plan.estimands)} questions"
    rows = [
        [e.name, f"± {e.expected:.3g}", f"± {e.margin:.3g}", _count(e.items), _count(e.alone)]
        for e in plan.expectations
    ]
    head = ["estimand", "expected", "asked", "items that matter", "labels alone"]
    notes = "".join(f"<p>{escape(note)}</p>" for note in plan.notes)
    return _block(title, _svg(title, body, len(bars) * _ROW) + notes, head, rows)


def estimates_picture(estimates: "Estimates") -> str:
    """A dot and an interval for each estimate, the least certain first."""
    known = [e for e in estimates if e.value is not None]
    shown = sorted(known, key=lambda e: -e.half_width)[:_SHOWN]
    low = min((e.low for e in shown if e.low is not None), default=0.0)
    low, high = min(0.0, low), max((e.high for e in shown if e.high is not None), default=1.0)
    body = _axis(low, high, len(shown))
    for at, e in enumerate(shown):
        y = at * _ROW
        body += _text(e.name, _LEFT - 8, y + 15, "end")
        body += _interval(e, low, high, y + 11)
        body += _text(f"n {_count(e.labels)}", _LEFT + _WIDE + 12, y + 15, quiet=True)
    refused = len(estimates.each) - len(known)
    title = f"{len(known)} estimates from {_count(estimates.labels)} labels"
    if refused:
        title += f"; {refused} refused"
    if len(known) > len(shown):
        title += f"; the {len(shown)} least certain are drawn"
    rows = [[e.name, _interval_text(e), _count(e.labels), e.note] for e in estimates]
    return _block(
        title, _svg(title, body, len(shown) * _ROW + 24), ["estimand", "estimate", "n", ""], rows
    )


def following_picture(following: "Following", name: str | None = None) -> str:
    """One estimate and its interval as labels came in; the first estimand unless named."""
    points = []
    for look in following.looks:
        for e in look.estimates:
            if e.value is not None and name in {None, e.name}:
                points.append((f"{_count(look.labels)}", e))
                break
    what = points[0][1].name if points else "nothing yet"
    title = f"{what}, as labels came in: {following.reason}"
    return _band(title, "labels", points)


def time_picture(points: "Sequence[tuple[str, Estimates]]", name: str) -> str:
    """An estimand over time: one interval for each evaluation.

    Args:
        points: Evaluations in order, each with what to call it (a date).
        name: The estimand.
    """
    found = [(when, e) for when, each in points for e in each if e.name == name]
    return _band(f"{name} over time", "evaluation", [p for p in found if p[1].value is not None])


def _band(title: str, what: str, points: "list[tuple[str, Estimate]]") -> str:
    low = min((e.low for _, e in points if e.low is not None), default=0.0)
    high = max((e.high for _, e in points if e.high is not None), default=1.0)
    low, high = (min(low, 0.0), high) if low < 0 else (max(0.0, low - 0.05), min(1.0, high + 0.05))
    drawn = points if len(points) <= _SHOWN else points[:: -(-len(points) // _SHOWN)]
    body = _axis(low, high, len(drawn))
    for at, (when, e) in enumerate(drawn):
        body += _text(when, _LEFT - 8, at * _ROW + 15, "end")
        body += _interval(e, low, high, at * _ROW + 11)
        body += _text(_interval_text(e), _LEFT + _WIDE + 12, at * _ROW + 15, quiet=True)
    rows = [[when, _interval_text(e)] for when, e in points]
    return _block(title, _svg(title, body, len(drawn) * _ROW + 24), [what, "estimate"], rows)


def _axis(low: float, high: float, rows: int) -> str:
    out = ""
    for at in range(5):
        x = _LEFT + _WIDE * at / 4
        out += (
            f'<line x1="{x:.1f}" y1="0" x2="{x:.1f}" y2="{rows * _ROW}" stroke="var(--quiet)"'
            ' stroke-width="0.4"/>'
        )
        out += _text(
            f"{low + (high - low) * at / 4:.2f}", x, rows * _ROW + 16, "middle", quiet=True
        )
    return out


def _interval(e: "Estimate", low: float, high: float, y: float) -> str:
    scale = _WIDE / max(high - low, 1e-12)
    start, end, dot = (
        _LEFT + scale * ((v if v is not None else low) - low) for v in (e.low, e.high, e.value)
    )
    return (
        f'<line x1="{start:.1f}" y1="{y}" x2="{end:.1f}" y2="{y}" stroke="var(--accent)"'
        f' stroke-width="2"/><circle cx="{dot:.1f}" cy="{y}" r="4" fill="var(--accent)"/>'
    )


def _interval_text(e: "Estimate") -> str:
    if e.value is None:
        return "refused"
    return f"{e.value:.3f} [{e.low:.3f}, {e.high:.3f}]"


def _text(words: str, x: float, y: float, anchor: str = "start", *, quiet: bool = False) -> str:
    short = words if len(words) <= 36 else words[:35] + "…"
    mark = ' class="quiet"' if quiet else ""
    return f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}"{mark}>{escape(short)}</text>'


def _svg(title: str, body: str, height: int) -> str:
    wide = _LEFT + _WIDE + _RIGHT
    return (
        f'<svg role="img" viewBox="0 0 {wide} {max(height, _ROW)}" width="{wide}">'
        f"<title>{escape(title)}</title><desc>The numbers are in the table below.</desc>"
        f"{body}</svg>"
    )


def _block(title: str, picture: str, head: list[str], rows: list[list[str]]) -> str:
    cells = "".join(f"<th>{escape(h)}</th>" for h in head)
    lines = "".join(
        "<tr>" + "".join(f"<td>{escape(c)}</td>" for c in row) + "</tr>" for row in rows
    )
    return (
        f'{_STYLE}<div class="sv"><p><b>{escape(title)}</b></p>{picture}<details><summary>The'
        f" numbers</summary><table><tr>{cells}</tr>{lines}</table></details></div>"
    )


def _count(number: int) -> str:
    return f"{number:,}".replace(",", "\u2009")
