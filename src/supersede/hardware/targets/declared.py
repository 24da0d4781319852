"""An accelerator that is only a few numbers yet, for the phase in which it is being designed.

A roofline by layer: the time of a layer is the longest of computing, of moving its activations, and
of fetching its weights, and layers run one after the other. Work on channels is done in whole
granules, so a network pays for channels that it does not use.

Assumes: one output channel of a granule and `lanes / granule` input channels meet in a cycle;
activations stay in the fast memory where input and output fit together, and cross the slow one where
not. Effects of a compiler, such as cascading and weight compression, are not in it.

Source of the roofline: Williams, Waterman and Patterson, CACM 52 (2009).
"""

import hashlib
import tomllib
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from math import ceil, isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from supersede.errors import TargetError
from supersede.hardware.targets.measurement import LayerCost, Measurement

if TYPE_CHECKING:
    from supersede.hardware.description.layer import Layer
    from supersede.hardware.description.network import Network

__all__ = ["Declared", "read_declared"]

MAY_BE_ZERO = frozenset({"overhead", "picojoules_per_mac", "picojoules_per_byte"})


@dataclass(frozen=True)
class Declared:
    """An accelerator by its numbers.

    Args:
        lanes: Multiply-adds a cycle.
        clock: Cycles a second.
        bandwidth: Bytes a second from the memory that weights lie in.
        granule: Channels that are computed together; divides `lanes`.
        sram_bytes: Size of the fast memory for activations; without it all of them fit.
        sram_bandwidth: Bytes a second of the fast memory; sixteen times `bandwidth` without it.
        overhead: Seconds that starting a layer takes.
        picojoules_per_mac: Energy of a multiply-add, where energy is wanted.
        picojoules_per_byte: Energy of a byte from the slow memory; likewise.

    Raises:
        TargetError: A number describes no hardware, such as a bandwidth of zero.

    Example:
        >>> from supersede.hardware import Layer, Network
        >>> target = Declared(lanes=256, clock=1e9, bandwidth=4e9)
        >>> for channels in (16, 17):
        ...     layer = Layer("a", "conv", ("input",), channels=channels, kernel=3)
        ...     print(round(target.measure(Network((32, 32, 16), (layer,))).seconds * 1e6, 1))
        9.2
        18.4
    """

    lanes: int
    clock: float
    bandwidth: float
    granule: int = 16
    sram_bytes: int | None = None
    sram_bandwidth: float | None = None
    overhead: float = 0.0
    picojoules_per_mac: float | None = None
    picojoules_per_byte: float | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None and field.default is None:
                continue
            # less than one per second is not hardware, and would give an infinite time
            least = int(field.name not in MAY_BE_ZERO)
            whole = field.name in {"lanes", "granule", "sram_bytes"}
            kind = int if whole else int | float
            if not (isinstance(value, kind) and isfinite(value) and value >= least):
                number = "a whole number" if whole else "a number"
                msg = (
                    f"a declared target's {field.name} is {value!r}; "
                    f"expected {number} of {least} or more"
                )
                raise TargetError(msg)
        if self.lanes % self.granule:
            msg = f"{self.lanes} lanes are not a multiple of the granule {self.granule}; give two that fit"
            raise TargetError(msg)

    def fingerprint(self) -> str:
        """All numbers, and the version of this package, whose model it is."""
        text = version("supersede") + ",".join(
            f"{name}={value!r}" for name, value in asdict(self).items()
        )
        return f"declared {hashlib.sha256(text.encode()).hexdigest()[:16]}"

    def measure(self, network: "Network") -> Measurement:
        """Add up the layers."""
        from supersede.hardware.description.memory import peak_activations

        layers = tuple(
            LayerCost(layer.name, layer.kind, self._seconds(network, layer))
            for layer in network.layers
        )
        return Measurement(
            sum(layer.seconds for layer in layers),
            network.parameters,
            peak_activations(network, brick=self.granule).size,
            layers,
            joules=self._joules(network),
        )

    def _seconds(self, network: "Network", layer: "Layer") -> float:
        inputs = network.inputs_of(layer)
        out = network.shapes[layer.name]
        groups = ceil(out.channels / self.granule)
        cycles = out.height * out.width * groups
        kernel = network.kernel_of(layer)
        if kernel is not None:
            # of a depthwise convolution each output channel sees one input channel
            alone = layer.kind == "depthwise"
            depth, inner = (1, 1) if alone else (kernel[-1], self.lanes // self.granule)
            cycles = network.macs_of(layer) // (out.channels * depth) * groups * ceil(depth / inner)
        touched = sum(self._bytes(shape) for shape in (*inputs, out))
        fits = self.sram_bytes is None or touched <= self.sram_bytes
        fast = self.sram_bandwidth or 16 * self.bandwidth
        return self.overhead + max(
            cycles / self.clock,
            touched / (fast if fits else self.bandwidth),
            network.parameters_of(layer) / self.bandwidth,
        )

    def _bytes(self, shape: tuple[int, int, int]) -> int:
        height, width, channels = shape
        return height * width * ceil(channels / self.granule) * self.granule

    def _joules(self, network: "Network") -> float | None:
        if self.picojoules_per_mac is None or self.picojoules_per_byte is None:
            return None
        moved = network.parameters + sum(
            self._bytes(shape)
            for layer in network.layers
            for shape in (*network.inputs_of(layer), network.shapes[layer.name])
            if self.sram_bytes is not None and self._bytes(shape) > self.sram_bytes
        )
        return 1e-12 * (network.macs * self.picojoules_per_mac + moved * self.picojoules_per_byte)


def read_declared(path: str | Path) -> Declared:
    """Read a declared accelerator from a TOML file with the fields of `Declared`.

    Raises:
        TargetError: The file cannot be read, or does not describe an accelerator.
    """
    try:
        numbers = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        return Declared(**numbers)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, TypeError) as error:
        names = ", ".join(field.name for field in fields(Declared))
        msg = f"cannot read a target from {path}: {error}; expected TOML with some of: {names}"
        raise TargetError(msg) from error
