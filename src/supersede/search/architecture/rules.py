"""What experts change in a network for an accelerator, as mutations of a candidate.

These are the advisor's rules (`supersede.hardware.advise`) in the terms of a space: fuse, make a
depthwise convolution a standard one, align channels. `EXPERT` leaves it to the search whether they
pay; `TargetRules` asks the target first, as the advisor does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from supersede.errors import CacheError, EstimateError, MeasurementError
from supersede.search.architecture.candidates import Candidate

if TYPE_CHECKING:
    from supersede.search.architecture.candidates import Costs
    from supersede.search.architecture.space import Choice, Params, Space, Value
    from supersede.search.architecture.strategies.evolution import Mutation

__all__ = [
    "EXPERT", "TargetRules", "aligned_channels", "even_channels", "fuse_a_block", "fuse_first_blocks",
    "scale_channels", "standard_block",
]  # fmt: skip


def fuse_a_block(space: Space, params: Params, rng: np.random.Generator) -> dict[str, Value]:
    """One inverted bottleneck becomes fused."""
    able = [c for c in _kinds(space) if params[c.name] == "ibn"]
    return _changed(params, (able and {able[int(rng.integers(len(able)))].name: "fused"}) or {})


def fuse_first_blocks(space: Space, params: Params, rng: np.random.Generator) -> dict[str, Value]:
    """The first blocks are fused and the others not, the boundary being random."""
    kinds = _kinds(space)
    first = int(rng.integers(len(kinds) + 1))
    changes: dict[str, Value] = {
        choice.name: "fused" if i < first else "ibn"
        for i, choice in enumerate(kinds)
        if params[choice.name] in {"ibn", "fused"}
    }
    return _changed(params, changes)


def standard_block(space: Space, params: Params, rng: np.random.Generator) -> dict[str, Value]:
    """One block with a depthwise or group convolution becomes one standard convolution."""
    able = [
        c
        for c in space.choices
        if c.role == "kind" and "standard" in c.values and params[c.name] in {"ibn", "group"}
    ]
    return _changed(params, (able and {able[int(rng.integers(len(able)))].name: "standard"}) or {})


def even_channels(space: Space, params: Params, rng: np.random.Generator) -> dict[str, Value]:
    """Channels of one block become those of the block before it."""
    wide = _channels(space)
    if len(wide) < 2:
        return dict(params)
    at = int(rng.integers(1, len(wide)))
    before = params[wide[at - 1].name]
    return _changed(params, {wide[at].name: before} if before in wide[at].values else {})


def scale_channels(space: Space, params: Params, rng: np.random.Generator) -> dict[str, Value]:
    """All channels go one value up, or one down."""
    step = 1 if rng.random() < 0.5 else -1
    changes: dict[str, Value] = {}
    for choice in _channels(space):
        at = choice.values.index(params[choice.name]) + step
        changes[choice.name] = choice.values[min(max(at, 0), len(choice.values) - 1)]
    return _changed(params, changes)


def aligned_channels(
    space: Space, params: Params, rng: np.random.Generator, *, granule: int = 16
) -> dict[str, Value]:
    """All channels that are off the granule go to the next multiple of it that the space has.

    Other granules are `functools.partial(aligned_channels, granule=8)`.
    """
    changes: dict[str, Value] = {}
    for choice in _channels(space):
        own = int(params[choice.name])
        on = [int(v) for v in choice.values if int(v) % granule == 0]
        if on and own % granule:
            changes[choice.name] = min(on, key=lambda v: (abs(v - own), -v))  # used at once
    return _changed(params, changes)


EXPERT = (
    fuse_a_block, fuse_first_blocks, standard_block, aligned_channels, even_channels, scale_channels,
)  # fmt: skip
"""All of them, for `Evolution(mutations=EXPERT)`."""


@dataclass(frozen=True)
class TargetRules:
    """The rule whose edit gains most on the target; an edit of a random rule where none gains.

    Args:
        costs: An estimator, or a target that answers fast, as `TargetCosts`.
        rules: What is tried; one edit of each.

    Example:
        >>> from supersede.hardware import Declared
        >>> from supersede.search.architecture import TargetCosts, seven_blocks
        >>> chip = Declared(lanes=256, clock=1e9, bandwidth=4e9, granule=16)
        >>> rng, space = np.random.default_rng(0), seven_blocks()
        >>> rules, params = TargetRules(TargetCosts(chip)), space.sample(rng)
        >>> edited = rules(space, params, rng)
        >>> seconds = [chip.measure(space.network(p)).seconds for p in (edited, params)]
        >>> seconds[0] < seconds[1]
        True
    """

    costs: Costs
    rules: tuple[Mutation, ...] = EXPERT

    def __call__(self, space: Space, params: Params, rng: np.random.Generator) -> dict[str, Value]:
        """The edited candidate."""
        edits = [edit for rule in self.rules if (edit := rule(space, params, rng)) != params]
        if not edits:
            return dict(params)
        known = {i: cost for i, edit in enumerate(edits) if (cost := self._seconds(space, edit))}
        before = self._seconds(space, params)
        best = min(known, key=lambda i: known[i], default=None)
        if best is not None and before is not None and known[best] < before:
            return edits[best]
        return edits[int(rng.integers(len(edits)))]

    def _seconds(self, space: Space, params: Params) -> float | None:
        try:
            return self.costs.cost(Candidate(space, params)).seconds
        except CacheError:
            raise
        except (EstimateError, MeasurementError):
            return None

    def __repr__(self) -> str:
        return f"TargetRules({self.costs.fingerprint()}, {self.rules})"


def _kinds(space: Space) -> list[Choice]:
    return [c for c in space.choices if c.role == "kind" and {"ibn", "fused"} <= set(c.values)]


def _channels(space: Space) -> list[Choice]:
    return [c for c in space.choices if c.role == "channels" and c.name != "head.channels"]


def _changed(params: Params, changes: Params) -> dict[str, Value]:
    return {**params, **changes}
