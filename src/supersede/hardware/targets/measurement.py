"""What a network costs on a target, and the one method that every target has."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from supersede.errors import MeasurementError

if TYPE_CHECKING:
    from supersede.hardware.description.network import Network

__all__ = ["LayerCost", "Measurement", "Target"]


@dataclass(frozen=True)
class LayerCost:
    """What one layer costs where it stands in its network.

    Args:
        name: The layer's name in the network.
        operator: What the target made of it, in the target's own word.
        seconds: Its share of the latency.
        on_cpu: Whether the accelerator left it to the host.
        macs: Multiply-adds as the target counts them.
        utilisation: Share of the multiply-adds that the target could have done in this time; None where
            it does not say.
        bound: What takes the time: "compute", a memory ("SRAM", "DRAM", "flash"), or "processor"; empty
            where the target does not say.
    """

    name: str
    operator: str
    seconds: float
    on_cpu: bool = False
    macs: int = 0
    utilisation: float | None = None
    bound: str = ""


@dataclass(frozen=True)
class Measurement:
    """What one network costs on one target.

    Args:
        seconds: Latency of one inference of batch one, in seconds.
        weight_bytes: Bytes of weights as the target stores them, where it says so.
        peak_bytes: Largest memory that activations need at a time, where the target says so.
        layers: Costs by layer, in order; empty where the target knows totals only.
        low: Lower end of a 95 % interval of `seconds`, where it was measured with noise.
        high: Upper end.
        joules: Energy of one inference, where the target knows it.
        traffic: Bytes read and written in each memory, where the target says so.
        macs_per_second: The most multiply-adds that the target does in a second, likewise.

    Example:
        >>> Measurement(0.002, layers=(LayerCost("a", "Conv", 0.002, on_cpu=True),)).on_cpu
        ('a',)
    """

    seconds: float
    weight_bytes: int | None = None
    peak_bytes: int | None = None
    layers: tuple[LayerCost, ...] = ()
    low: float | None = None
    high: float | None = None
    joules: float | None = None
    traffic: tuple[tuple[str, int], ...] = ()
    macs_per_second: float | None = None

    @property
    def on_cpu(self) -> tuple[str, ...]:
        """Names of the layers that fell back to the host's processor."""
        return tuple(layer.name for layer in self.layers if layer.on_cpu)

    @property
    def utilisation(self) -> float | None:
        """Share of the target's multiply-adds that the network uses; None where it does not say."""
        if not self.macs_per_second:
            return None
        return sum(layer.macs for layer in self.layers) / (self.seconds * self.macs_per_second)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists, as JSON has them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "Measurement":
        """The measurement that `to_dict` wrote.

        Raises:
            MeasurementError: The record is not one.
        """
        try:
            layers = tuple(LayerCost(**layer) for layer in record.get("layers", ()))
            moved = tuple((str(name), int(size)) for name, size in record.get("traffic", ()))
            found = cls(**{**record, "layers": layers, "traffic": moved})
            if not found.seconds > 0:
                msg = f"seconds is {found.seconds!r}"
                raise TypeError(msg)
        except (TypeError, AttributeError) as error:
            msg = f"not a record of a measurement: {error}; `Measurement.to_dict` writes one"
            raise MeasurementError(msg) from error
        return found


@runtime_checkable
class Target(Protocol):
    """Hardware, or a model of it, that can say what a network costs."""

    def measure(self, network: "Network") -> Measurement:
        """What the network costs, in seconds and bytes."""
        ...

    def fingerprint(self) -> str:
        """A text that changes whenever the same network might cost something else.

        It names the hardware, its configuration, and the version of what measures: caches and
        estimators are kept apart by it.
        """
        ...
