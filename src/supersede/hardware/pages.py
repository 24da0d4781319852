"""A network's costs, and advice on it, as text for a terminal and as pages."""

from typing import TYPE_CHECKING

from supersede.hardware.picture import Bar, before_after, milliseconds, signed
from supersede.look.numbers import count, share
from supersede.look.page import environment

if TYPE_CHECKING:
    from supersede.hardware.advice.advise import Advice
    from supersede.hardware.targets.measurement import Measurement

__all__ = ["page", "profile_page", "profile_text", "text"]

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


def profile_text(model: str, target: str, cost: "Measurement") -> str:
    """What a network costs, as lines; the layers that take most of the time."""
    lines = [f"{model} on {target}", *_facts(cost)]
    for layer in sorted(cost.layers, key=lambda layer: -layer.seconds)[:ROWS]:
        part = share(layer.seconds / cost.seconds) if cost.seconds else ""
        where = ", on the processor" if layer.on_cpu else ""
        lines.append(
            f"  {milliseconds(layer.seconds):>12}  {part:>6}  {layer.name} ({layer.operator}{where})"
        )
    if len(cost.layers) > ROWS:
        lines.append(f"  and {len(cost.layers) - ROWS} faster layers")
    return "\n".join(lines)


def profile_page(model: str, target: str, cost: "Measurement") -> str:
    """What a network costs, as a page with a bar for each layer."""
    shown = set(sorted((layer.seconds for layer in cost.layers), reverse=True)[:ROWS])
    bars = [Bar(layer.name, layer.seconds, None) for layer in cost.layers if layer.seconds in shown]
    figure = before_after(bars, title="Latency by layer", description=f"{model} on {target}.")
    return environment().get_template("hardware/profile.html").render(
        model=model, target=target, facts=_facts(cost), figure=figure if bars else None,
        latency=milliseconds(cost.seconds), hidden=max(0, len(cost.layers) - len(bars)),
    )  # fmt: skip


def _facts(cost: "Measurement") -> list[str]:
    latency = f"latency {milliseconds(cost.seconds)}"
    if cost.low is not None and cost.high is not None:
        latency += f" [{milliseconds(cost.low)}, {milliseconds(cost.high)}]"
    facts = [latency]
    if cost.peak_bytes is not None:
        facts.append(f"peak memory of activations {count(cost.peak_bytes)} bytes")
    if cost.weight_bytes is not None:
        facts.append(f"weights {count(cost.weight_bytes)} bytes")
    if cost.joules is not None:
        facts.append(f"energy {cost.joules * 1000:.3g} mJ")
    if cost.on_cpu:
        facts.append(
            f"{len(cost.on_cpu)} of {len(cost.layers)} layers fall back to the processor, whose time is"
            f" not in the latency: {', '.join(cost.on_cpu)}"
        )
    return facts
