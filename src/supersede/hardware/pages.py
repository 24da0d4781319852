"""A network's costs, and advice on it, as text for a terminal and as pages."""

from typing import TYPE_CHECKING

from supersede.hardware.picture import Bar, before_after, milliseconds, shortened, signed
from supersede.look.numbers import count, share
from supersede.look.page import environment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from supersede.hardware.advice.advice import Advice
    from supersede.hardware.targets.measurement import LayerCost, Measurement

__all__ = ["page", "profile_page", "profile_text", "text"]

ROWS = 20


def text(advice: "Advice") -> str:
    """The table of edits, as lines."""
    lines = [f"{advice.headline}.", f"target {advice.target}, granule {advice.granule}"]
    lines += [
        f"  {signed(edit.alone):>8}  {shortened(edit.words, 100)} (multiply-adds {signed(edit.macs)})"
        for edit in advice.taken
    ]
    if advice.peak_change is not None and advice.taken:
        lines.append(f"peak memory {signed(advice.peak_change)}")
    if advice.left:
        lines.append(f"tried, and slower or no faster here: {len(advice.left)} edits")
        lines += [
            f"  {signed(edit.alone):>8}  {shortened(edit.words, 100)}" for edit in advice.left[:5]
        ]
    lines += [
        f"where accuracy allows: {option.words} takes {milliseconds(option.seconds)}"
        f" ({signed(option.change)})"
        for option in advice.options
    ]
    if (kept := advice.kept) is not None:
        change = kept.after.seconds / advice.before.seconds - 1
        lines.append(
            f"without training: {len(kept.taken)} edits keep the weights and take latency to"
            f" {milliseconds(kept.after.seconds)} ({signed(change)}); outputs differ by"
            f" {kept.difference:.1g} of their size at most"
        )
        lines += [f"  {signed(edit.joint):>8}  {shortened(edit.words, 100)}" for edit in kept.taken]
    if len(advice.front) > 1:
        lines.append("latency against memory, networks that no other one beats in both:")
        lines += [
            f"  {milliseconds(o.seconds):>12}  {count(o.peak_bytes or 0):>12} bytes  {o.words}"
            for o in advice.front[:8]
        ]
    lines += [f"over the budget: {excess}" for excess in advice.budget.excesses(advice.after)]
    if advice.before.on_cpu:
        lines.append(
            f"{len(advice.before.on_cpu)} layers fall back to the processor and are not in these"
            f" figures: {named(advice.before.on_cpu)}"
        )
    lines.append(
        "Train the network again after any edit that is not listed as keeping the weights; accuracy is"
        " not measured here."
    )
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
        milliseconds=milliseconds, named=named,
    )  # fmt: skip


def profile_text(
    model: str, target: str, cost: "Measurement", excesses: "Sequence[str]" = ()
) -> str:
    """What a network costs, as lines; the layers that take most of the time, and why."""
    lines = [f"{model} on {target}", *_facts(cost), *(f"over the budget: {e}" for e in excesses)]
    for layer in sorted(cost.layers, key=lambda layer: -layer.seconds)[:ROWS]:
        part = share(layer.seconds / cost.seconds) if cost.seconds else ""
        lines.append(
            f"  {milliseconds(layer.seconds):>12}  {part:>6}  {shortened(layer.name, 60)}"
            f" ({layer.operator}{_why(layer)})"
        )
    if len(cost.layers) > ROWS:
        lines.append(f"  and {len(cost.layers) - ROWS} faster layers")
    return "\n".join(lines)


def _why(layer: "LayerCost") -> str:
    """Why a layer takes its time, after its operator."""
    if layer.on_cpu:
        return ", on the processor"
    parts = []
    if layer.utilisation is not None and layer.macs:
        parts.append(f"{share(layer.utilisation)} of the multiply-adds used")
    if layer.bound not in {"", "compute"}:
        parts.append(f"waits for {layer.bound}")
    return "".join(f", {part}" for part in parts)


def named(names: "Sequence[str]", most: int = 8) -> str:
    """Names of layers for a sentence."""
    shown = ", ".join(shortened(name, 40) for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def profile_page(
    model: str, target: str, cost: "Measurement", excesses: "Sequence[str]" = ()
) -> str:
    """What a network costs, as a page with a bar for each layer."""
    rows = sorted(cost.layers, key=lambda layer: -layer.seconds)[:ROWS]
    bars = [Bar(x.name, x.seconds, None) for x in cost.layers if x in rows]
    figure = before_after(bars, title="Latency by layer", description=f"{model} on {target}.")
    reasons = [
        {
            "name": shortened(x.name, 60), "operator": x.operator, "seconds": milliseconds(x.seconds),
            "utilisation": "" if x.utilisation is None else share(x.utilisation), "bound": x.bound,
        }
        for x in rows
        if x.bound
    ]  # fmt: skip
    return environment().get_template("hardware/profile.html").render(
        model=model, target=target, facts=_facts(cost), figure=figure if bars else None,
        latency=milliseconds(cost.seconds), hidden=max(0, len(cost.layers) - len(bars)),
        reasons=reasons, excesses=excesses,
    )  # fmt: skip


def _waiting(cost: "Measurement") -> str:
    """Which share of the time goes to layers that wait for each memory."""
    by_memory: dict[str, float] = {}
    for layer in cost.layers:
        if layer.bound not in {"", "compute", "processor"}:
            by_memory[layer.bound] = by_memory.get(layer.bound, 0.0) + layer.seconds
    shares = ", ".join(f"{m} {share(s / cost.seconds)}" for m, s in by_memory.items())
    return f"time of layers that wait for memory: {shares}" if shares else ""


def _facts(cost: "Measurement") -> list[str]:
    latency = f"latency {milliseconds(cost.seconds)}"
    if cost.low is not None and cost.high is not None:
        latency += f" [{milliseconds(cost.low)}, {milliseconds(cost.high)}]"
    facts = [latency]
    if cost.peak_bytes is not None:
        facts.append(f"peak memory of activations {count(cost.peak_bytes)} bytes")
    if cost.weight_bytes is not None:
        facts.append(f"weights {count(cost.weight_bytes)} bytes")
    if cost.utilisation is not None:
        facts.append(f"{share(cost.utilisation)} of the multiply-adds that the target could do")
    if cost.traffic:
        moved = ", ".join(f"{memory} {count(size)}" for memory, size in cost.traffic)
        facts.append(f"bytes read and written: {moved}")
    if waiting := _waiting(cost):
        facts.append(waiting)
    if cost.joules is not None:
        facts.append(f"energy {cost.joules * 1000:.3g} mJ")
    if cost.on_cpu:
        facts.append(
            f"{len(cost.on_cpu)} of {len(cost.layers)} layers fall back to the processor, whose time is"
            f" not in the latency: {named(cost.on_cpu)}"
        )
    return facts
