"""What a network costs on a target: the measurement, with names and the budget it must keep."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from supersede.hardware.advice.budget import MemoryBudget
from supersede.look.json_values import json_object
from supersede.look.result import ResultMixin, frame_of

if TYPE_CHECKING:
    import pyarrow as pa

    from supersede.hardware.description.network import Network
    from supersede.hardware.targets.cache import Cache
    from supersede.hardware.targets.measurement import Measurement, Target

__all__ = ["Profile", "profile"]


@dataclass(frozen=True)
class Profile(ResultMixin, named="a profile"):
    """What one network costs on one target.

    Args:
        model: Name of the network.
        target: Fingerprint of the target.
        cost: The measurement.
        budget: Limits of memory.
    """

    model: str
    target: str
    cost: Measurement
    budget: MemoryBudget = field(default_factory=MemoryBudget)

    @property
    def over_budget(self) -> list[str]:
        """What is over its limit, in words; empty if the network is within the budget."""
        return self.budget.excesses(self.cost)

    def to_dict(self) -> dict[str, Any]:
        """The measurement as JSON values, with the target and what is over the budget."""
        record = {"model": self.model, "target": self.target, **self.cost.to_dict()}
        return json_object(record | {"over_budget": self.over_budget})

    def to_frame(self) -> pa.Table:
        """One row per layer; empty where the target knows totals only."""
        columns = ["name", "operator", "seconds", "on_cpu", "macs", "utilisation", "bound"]
        return frame_of((asdict(layer) for layer in self.cost.layers), columns)

    def to_html(self) -> str:
        """A page with a bar for each layer."""
        from supersede.hardware.pages import profile_page

        return profile_page(self.model, self.target, self.cost, self.over_budget)

    def __str__(self) -> str:
        from supersede.hardware.pages import profile_text

        return profile_text(self.model, self.target, self.cost, self.over_budget)


def profile(
    network: Network,
    target: Target,
    *,
    model: str = "network",
    budget: MemoryBudget | None = None,
    cache: Cache | None = None,
) -> Profile:
    """Measure a network on a target.

    Args:
        network: The network.
        target: What it is measured on.
        model: Its name on the page.
        budget: Limits of memory.
        cache: Kept measurements, where measuring takes long.

    Raises:
        ArgumentError: The budget limits what the target does not report.
        MeasurementError: The target refuses the network.

    Example:
        >>> from supersede.hardware import EthosU, Layer, Network, Shape
        >>> net = Network(Shape(8, 8, 3), (Layer("a", "conv", ("input",), channels=8),))
        >>> profile(net, EthosU("u55-128")).to_frame()["name"].to_pylist()
        ['a']
    """
    cost = target.measure(network) if cache is None else cache.measure(target, network)
    limits = budget or MemoryBudget()
    limits.refuse_unknown(cost)
    return Profile(model, target.fingerprint(), cost, limits)
