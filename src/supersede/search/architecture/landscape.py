"""How smooth latency is along the channels of a space: what curation is for."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from supersede.hardware.targets.cache import measure_all
from supersede.look.figures import Line, line_plot
from supersede.look.numbers import share
from supersede.look.page import figure_page
from supersede.look.result import ResultMixin, frame_of

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from supersede.hardware.targets.measurement import Target
    from supersede.search.architecture.space import Space, Value

__all__ = ["Landscape", "landscape"]

FLAT = 1e-3
"""Changes of latency below this share count as flat."""


@dataclass(frozen=True)
class Landscape(ResultMixin, named="a landscape"):
    """Latency along one choice after another, everything else being equal.

    Args:
        sweeps: For each sweep, the name of the choice, its values, and the latencies in seconds.
    """

    sweeps: tuple[tuple[str, tuple[Value, ...], tuple[float, ...]], ...]

    @property
    def falling(self) -> float:
        """Share of steps to more channels at which latency falls: the landscape is not monotone."""
        return self._share(lambda a, b: b < a * (1 - FLAT))

    @property
    def rising(self) -> float:
        """Share of steps to more channels at which latency rises; the rest are free."""
        return self._share(lambda a, b: b > a * (1 + FLAT))

    def _share(self, counts: Any) -> float:
        steps = [pair for _, _, seconds in self.sweeps for pair in pairwise(seconds)]
        return sum(counts(a, b) for a, b in steps) / len(steps) if steps else 0.0

    def to_dict(self) -> dict[str, Any]:
        """The shares, and the sweeps."""
        return {
            "falling": self.falling,
            "rising": self.rising,
            "sweeps": [
                {"choice": name, "values": list(values), "seconds": list(seconds)}
                for name, values, seconds in self.sweeps
            ],
        }

    def to_frame(self) -> pa.Table:
        """One row per network."""
        return frame_of(
            [
                {"sweep": i, "choice": name, "value": str(value), "seconds": cost}
                for i, (name, values, seconds) in enumerate(self.sweeps)
                for value, cost in zip(values, seconds, strict=True)
            ],
            ("sweep", "choice", "value", "seconds"),
        )

    def __str__(self) -> str:
        steps = sum(len(values) - 1 for _, values, _ in self.sweeps)
        return (
            f"{steps} steps to more channels: latency falls in {share(self.falling)} of them and"
            f" rises in {share(self.rising)}"
        )

    def to_html(self) -> str:
        """A page with the first sweeps as lines, each relative to its first value."""
        _, values, _ = max(self.sweeps, key=lambda sweep: len(sweep[1]))
        same = [sweep for sweep in self.sweeps if sweep[1] == values][:4]
        lines = [
            Line(
                f"network {i + 1}: {label.partition('.')[0]}",
                [s / seconds[0] for s in seconds],
                "quiet",
            )
            for i, (label, _, seconds) in enumerate(same)
        ]
        figure = line_plot(
            lines, [str(value) for value in values], zero=False,
            title="Latency along the channels of one block, relative to the fewest",
            y_name="latency",
        )  # fmt: skip
        return figure_page(
            f"Latency falls in {share(self.falling)} of the steps", f"{self}.", figure
        )


def landscape(
    space: Space, target: Target, *, sweeps: int = 4, seed: int = 0, cache: str | Path | None = None
) -> Landscape:
    """Measure latency along channel choices, in networks drawn at random.

    Args:
        space: A space with choices of channels that have more than one value.
        target: What to measure on.
        sweeps: How many choices are swept, each in a network of its own.
        seed: Of the networks and choices; the same seed sweeps the same blocks of a curated space.
        cache: File of kept measurements, see `measure_all`.

    Example:
        >>> from supersede.hardware import Declared
        >>> from supersede.search.architecture import seven_blocks
        >>> target = Declared(lanes=256, clock=1e9, bandwidth=4e9, granule=16)
        >>> landscape(seven_blocks(channels=(16, 40)), target, sweeps=1).falling < 0.2
        True
    """
    rng = np.random.default_rng(seed)
    swept = [c for c in space.choices if c.role == "channels" and len(c.values) > 1]
    found = []
    for _ in range(sweeps if swept else 0):
        choice = swept[int(rng.integers(len(swept)))]
        params = space.sample(rng)
        networks = [space.network({**params, choice.name: value}) for value in choice.values]
        costs = measure_all(target, networks, cache=cache)
        found.append((choice.name, choice.values, tuple(cost.seconds for cost in costs)))
    return Landscape(tuple(found))
