"""How smooth latency is along the channels of a space: what curation is for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from supersede.errors import ArgumentError
from supersede.hardware.targets.cache import measure_all
from supersede.look.numbers import share
from supersede.look.page import figure_page
from supersede.look.result import ResultMixin, frame_of
from supersede.search.architecture.candidates import whole_number
from supersede.search.architecture.curate import Curated

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
        after: The same sweeps in the curated space, where there is one.
    """

    sweeps: tuple[tuple[str, tuple[Value, ...], tuple[float, ...]], ...]
    after: Landscape | None = None

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
            "after": None if self.after is None else self.after.to_dict(),
        }

    def to_frame(self) -> pa.Table:
        """One row per network."""
        parts = [("before", self), ("after", self.after)] if self.after else [("", self)]
        return frame_of(
            [
                {"curation": when, "sweep": i, "choice": name, "value": str(v), "seconds": cost}
                for when, part in parts
                for i, (name, values, seconds) in enumerate(part.sweeps)
                for v, cost in zip(values, seconds, strict=True)
            ],
            ("curation", "sweep", "choice", "value", "seconds"),
        )

    def __str__(self) -> str:
        steps = sum(len(values) - 1 for _, values, _ in self.sweeps)
        words = (
            f"{steps} steps to more channels: latency falls in {share(self.falling)} of them and"
            f" rises in {share(self.rising)}"
        )
        return words if self.after is None else f"before curation, {words}; after it, {self.after}"

    def to_html(self) -> str:
        """A page with one panel per sweep: latency along the channels, after curation on top."""
        from supersede.search.architecture.picture import landscape_figure

        title = f"Latency falls in {share(self.falling)} of the steps"
        if self.after is not None:
            title += f" before curation, and in {share(self.after.falling)} after"
        lead = str(self)
        return figure_page(title, f"{lead[0].upper()}{lead[1:]}.", landscape_figure(self))


def landscape(
    space: Space | Curated,
    target: Target,
    *,
    sweeps: int = 4,
    seed: int = 0,
    cache: str | Path | None = None,
) -> Landscape:
    """Measure latency along channel choices, in networks drawn at random.

    Args:
        space: A space with choices of channels that have more than one value; or what `curate` gave,
            for the same sweeps before and after.
        target: What to measure on.
        sweeps: How many choices are swept, each in a network of its own; they are drawn among those
            with the most values.
        seed: Of the networks and choices.
        cache: File of kept measurements, see `measure_all`.

    Raises:
        ArgumentError: The number of sweeps is below 1, or no choice of channels has several values.
        MeasurementError: The target refuses a network.

    Example:
        >>> from supersede.hardware import Declared
        >>> from supersede.search.architecture import seven_blocks
        >>> target = Declared(lanes=256, clock=1e9, bandwidth=4e9, granule=16)
        >>> curated = seven_blocks(channels=(16, 64)).curate(target, samples=20)
        >>> found = landscape(curated, target, sweeps=1)
        >>> found.rising < found.after.rising
        True
    """
    whole_number("sweeps", sweeps, least=1)
    smaller = space.space if isinstance(space, Curated) else space
    before = space.before if isinstance(space, Curated) else space
    able = [c for c in smaller.choices if c.role == "channels" and len(c.values) > 1]
    most = max((len(before.choice(c.name).values) for c in able), default=0)
    swept = [c.name for c in able if len(before.choice(c.name).values) == most]
    if not swept:
        msg = "no choice of channels has more than one value, so there is no landscape"
        raise ArgumentError(msg)
    rng = np.random.default_rng(seed)
    drawn = [(swept[int(rng.integers(len(swept)))], smaller.sample(rng)) for _ in range(sweeps)]

    def measured(one: Space) -> Landscape:
        found = []
        for name, params in drawn:
            values = one.choice(name).values
            networks = [one.network({**params, name: value}) for value in values]
            costs = measure_all(target, networks, cache=cache)
            found.append((name, values, tuple(cost.seconds for cost in costs)))
        return Landscape(tuple(found))

    if not isinstance(space, Curated):
        return measured(space)
    return replace(measured(before), after=measured(smaller))
