"""Figures of a search: the front, and a network block by block."""

from __future__ import annotations

from itertools import pairwise
from math import floor, log10
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from supersede.hardware.picture import milliseconds, shortened
from supersede.look.numbers import count
from supersede.look.page import environment
from supersede.look.placing import Text, thinned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from supersede.hardware.description.layer import Layer
    from supersede.hardware.description.network import Network
    from supersede.hardware.targets.measurement import Measurement
    from supersede.search.architecture.candidates import Evaluated
    from supersede.search.architecture.found import Found
    from supersede.search.architecture.landscape import Landscape

__all__ = ["drawn_network", "found_page", "front_figure", "landscape_figure"]

HEIGHT, PANEL, LAYER = 300, 150, 15
"""Pixels of a front, of a panel of a landscape, and of a layer's line."""
ROWS, PANELS = 30, 4


def _ticks(low: float, high: float) -> list[float]:
    span = (high - low) or abs(high) or 1.0
    step = 10 ** floor(log10(span / 3))
    step *= next(m for m in (1, 2, 5, 10) if span / (step * m) <= 5)
    first = floor(low / step)
    return [i * step for i in range(first, first + 8) if i * step <= high + step * 0.999]


def front_figure(found: Found, *, baseline: int | None = None) -> Markup:
    """All trained candidates by latency and error; the front as a line of steps.

    Args:
        found: With "error" and one more objective.
        baseline: Number of the candidate that is marked as the reference.
    """
    second = found.objectives[1] if len(found.objectives) > 1 else "latency"
    form = _milliseconds if second == "latency" else _kilobytes
    points = [e for e in found.trained if getattr(e, second) is not None]
    on_front = {e.number for e in found.front}
    xs, ys = [float(getattr(e, second)) for e in points], [e.error or 0.0 for e in points]
    across, up = _ticks(0.0, max(xs)), _ticks(min(ys), max(ys))

    def x(value: float) -> float:
        return round(3 + 94 * value / across[-1], 2)

    def y(value: float) -> float:
        return round(20 + HEIGHT * (1 - (value - up[0]) / ((up[-1] - up[0]) or 1)), 1)

    dots = [
        {
            "x": x(a), "y": y(b), "label": str(e),
            "tone": "old" if e.number == baseline else "new" if e.number in on_front else "quiet",
        }
        for e, a, b in zip(points, xs, ys, strict=True)
    ]  # fmt: skip
    front = sorted((x(getattr(e, second)), y(e.error or 0.0)) for e in found.front)
    steps = [(a[0], b[0], a[1], b[1]) for a, b in pairwise(front)]
    return _render(
        "front", dots=sorted(dots, key=lambda d: d["tone"] != "quiet"), steps=steps, height=HEIGHT,
        across=thinned([(x(t), form(t)) for t in across], HEIGHT + 38),
        up=[Text(f"{t:.3g}", 2, y(t) - 3) for t in up],
        x_name=second, title="Error against " + second, description=found.headline,
    )  # fmt: skip


def _milliseconds(seconds: float) -> str:
    return milliseconds(seconds)


def _kilobytes(size: float) -> str:
    return f"{size / 1024:.0f} KiB"


def drawn_network(network: Network, cost: Measurement | None = None) -> Markup:
    """A network from the image to its outputs, one box per block, with the latency of each layer.

    Args:
        network: What is drawn.
        cost: With costs by layer, where the target gives them. What it merges into another layer has
            none of its own.
    """
    spent = {} if cost is None else {layer.name: layer.seconds for layer in cost.layers}
    longest = max(spent.values(), default=0.0) or 1.0
    blocks: dict[str, list[Layer]] = {}
    for layer in network.layers:
        blocks.setdefault(layer.name.partition("/")[0], []).append(layer)
    rows: list[dict[str, Any]] = []
    y = 30
    for name, layers in blocks.items():
        shape = network.shapes[layers[-1].name]
        kinds = {layer.name.partition("/")[2].rstrip("0123456789.") for layer in layers}
        fused = "fused" in kinds
        what = "inverted bottleneck" if fused or "depthwise" in kinds else layers[0].kind
        seconds = sum(spent.get(layer.name, 0.0) for layer in layers)
        inside = [
            {
                "name": f"{layer.name.partition('/')[2] or layer.kind} {_kernel(layer)}".rstrip(),
                "words": milliseconds(spent[layer.name]),
                "share": spent[layer.name] / longest,
            }
            for layer in layers
            if layer.name in spent
        ]
        height = 36 + LAYER * len(inside)
        rows.append({
            "name": shortened(name), "what": what, "fused": fused, "y": y, "height": height,
            "words": milliseconds(seconds) if spent else "", "layers": inside,
            "shape": f"{shape.height}×{shape.width}×{shape.channels}",
        })  # fmt: skip
        y += height + 6
    return _render(
        "network", rows=rows, image="×".join(map(str, network.input)), height=y, step=LAYER,
        title="The network block by block",
        description=f"{count(network.parameters)} parameters, {network.macs / 1e6:.1f} million multiply-adds",
    )  # fmt: skip


def _kernel(layer: Layer) -> str:
    return "×".join(map(str, layer.kernel)) if layer.kernel != (1, 1) else ""


def landscape_figure(found: Landscape) -> Markup:
    """One panel per sweep: latency along the channels, after curation on top of before."""
    panels = []
    for i, (name, values, seconds) in enumerate(found.sweeps[:PANELS]):
        curated = None if found.after is None else found.after.sweeps[i]
        costs = [*seconds, *(curated[2] if curated else ())]
        across, up = _ticks(0.0, float(max(values))), _ticks(min(costs), max(costs))

        def x(value: float, across: list[float] = across) -> float:
            return round(3 + 94 * value / across[-1], 2)

        def y(value: float, up: list[float] = up) -> float:
            return round(16 + PANEL * (1 - (value - up[0]) / ((up[-1] - up[0]) or 1)), 1)

        after = [(x(float(v)), y(s)) for v, s in zip(*curated[1:], strict=True)] if curated else []
        before = [(x(float(v)), y(s)) for v, s in zip(values, seconds, strict=True)]
        panels.append({
            "name": f"network {i + 1}, {name}", "before": _lines(before), "after": _lines(after),
            "dots": after, "across": thinned([(x(t), f"{t:.0f}") for t in across], PANEL + 32),
            "up": [Text(_milliseconds(t), 2, y(t) - 3) for t in up],
        })  # fmt: skip
    return _render("landscape", panels=panels, height=PANEL, curated=found.after is not None)


def _lines(points: Sequence[tuple[float, float]]) -> list[tuple[float, float, float, float]]:
    return [(a[0], b[0], a[1], b[1]) for a, b in pairwise(points)]


def found_page(found: Found) -> str:
    """The page of a search."""
    rows = [_row(found, e) for e in found.front][:ROWS]
    figure = front_figure(found) if len(found.trained) > 1 else None
    return environment().get_template("search/architecture.html").render(
        found=found, figure=figure, rows=rows, network=_best_drawn(found), count=count,
        hidden=max(0, len(found.front) - ROWS),
    )  # fmt: skip


def _best_drawn(found: Found) -> Markup | None:
    if found.best is None:
        return None
    return drawn_network(found.candidate(found.best).network, found.cost)


def _row(found: Found, e: Evaluated) -> dict[str, Any]:
    parts: dict[str, list[str]] = {}
    for name, value in e.params.items():
        if len(found.space.choice(name).values) > 1:
            part, _, what = name.partition(".")
            said = f"{what} {value}" if what and not isinstance(value, str) else str(value)
            parts.setdefault(part, []).append(said)
    choices = "; ".join(f"{part} {', '.join(some)}" for part, some in parts.items())
    return {
        "number": e.number, "error": f"{e.error:.4f}" + (
            "" if e.standard_error is None else f" ± {e.standard_error:.4f}"
        ),
        "latency": "" if e.latency is None else milliseconds(e.latency),
        "weights": "" if e.weights is None else count(e.weights),
        "peak": "" if e.peak is None else count(e.peak),
        "choices": choices,
    }  # fmt: skip


def _render(figure: str, **values: object) -> Markup:
    module = environment().get_template("search/architecture.svg").module
    return Markup(getattr(module, figure)(**values))  # noqa: S704  # escaped by the template
