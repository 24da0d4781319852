"""Why a path is recommended, in sentences."""

from typing import TYPE_CHECKING

from supersede.look.numbers import amount, points, share

if TYPE_CHECKING:
    from supersede.embeddings.bridges.forecast import Forecast, Forecasts

__all__ = ["reasons"]


def reasons(
    found: "Forecasts", best: "Forecast", costs: dict[str, float], values: dict[str, float]
) -> tuple[str, ...]:
    """Sentences on a recommended path: what it finds, costs and loses, and what comes next."""
    stay, head = found["stay"], found["old head"]
    apart = best.recall.value - stay.recall.value
    said = [
        f"{best.name}: recall@{found.k} {share(best.recall.value, best.recall.low, best.recall.high)},"
        f" {points(apart, resolution=0.001)} against staying, at a cost of {amount(costs[best.name])}"
        f" (staying: {amount(costs['stay'])}).",
        f"It loses {share(best.lost.value, best.lost.low, best.lost.high)} of the searches that find today.",
    ]
    bridge = found["bridge"]
    if best.name not in {"stay", "old head"} and "new" in best.path.query_models:
        extra = best.against_old_head
        said.append(
            f"Against the old model with a head of its own: {points(extra.value, extra.low, extra.high)}."
        )
    if bridge.recall.value < stay.recall.value:
        said.append(
            f"A bridge keeps less than staying does: {share(bridge.recall.value, bridge.recall.low, bridge.recall.high)}."
        )
    if best.name == "stay" and head.recall.value > stay.recall.value:
        said.append("Fitting the old query side would gain, but not what it costs.")
    second = sorted(values, key=lambda name: -values[name])[1]
    said.append(f"Next best: {second}, worth {amount(values[best.name] - values[second])} less.")
    return tuple(said)
