"""Advice as text for a terminal, and as a page."""

from typing import TYPE_CHECKING

from supersede.hardware.picture import before_after, milliseconds, signed
from supersede.look.page import environment

if TYPE_CHECKING:
    from supersede.hardware.advise import Advice

__all__ = ["page", "text"]

ROWS = 20


def text(advice: "Advice") -> str:
    """The table of edits, as lines."""
    lines = [f"{advice.headline}.", f"target {advice.target}, granule {advice.granule}"]
    lines += [
        f"  {signed(edit.alone):>8}  {edit.words} (multiply-adds {signed(edit.macs)})"
        for edit in advice.taken
    ]
    if advice.peak_change is not None and advice.taken:
        lines.append(f"peak memory {signed(advice.peak_change)}")
    if advice.left:
        lines.append(f"tried, and slower or no faster here: {len(advice.left)} edits")
        lines += [f"  {signed(edit.alone):>8}  {edit.words}" for edit in advice.left[:5]]
    lines += [
        f"where accuracy allows: {option.words} takes {milliseconds(option.seconds)}"
        f" ({signed(option.change)})"
        for option in advice.options
    ]
    if advice.before.on_cpu:
        lines.append(
            f"{len(advice.before.on_cpu)} layers fall back to the processor and are not in these"
            f" figures: {', '.join(advice.before.on_cpu)}"
        )
    lines.append("Train the network again after any edit; accuracy is not measured here.")
    return "\n".join(lines)


def page(advice: "Advice") -> str:
    """The page."""
    bars = advice.bars()
    shown = sorted(bars, key=lambda bar: -max(bar.before, bar.after or 0))[:ROWS]
    figure = None
    if bars:
        figure = before_after(
            [bar for bar in bars if bar in shown],
            title="Latency by layer, before and after",
            description=f"{advice.headline}; grey is before, colour is after.",
        )
    return environment().get_template("hardware/advice.html").render(
        advice=advice, figure=figure, hidden=max(0, len(bars) - ROWS), signed=signed,
        milliseconds=milliseconds,
    )  # fmt: skip
