"""A space without what its target has no use for: channels off the granule, dominated choices.

Two things are removed. Channels off the target's granule cost about as much as the next multiple
above, which has more of them; at times they cost more, which makes latency rough to search. And a value is dominated where another one of the same
choice has at least its capacity and is faster in every network that was looked at: for instance an
inverted bottleneck where the fused one is faster.

Assumes: more channels, a larger width and the fused form of a block are at least as accurate when
trained. The article on which this rests says so from experience; it is an assumption here, and a
space can be searched without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from supersede.errors import ArgumentError
from supersede.hardware.estimation.estimator import Estimator
from supersede.hardware.targets.cache import measure_all
from supersede.hardware.targets.granule import find_granule
from supersede.look.numbers import count
from supersede.look.result import ResultMixin, frame_of

if TYPE_CHECKING:
    import pyarrow as pa

    from supersede.hardware.description.network import Network
    from supersede.hardware.targets.measurement import Target
    from supersede.search.architecture.space import Choice, Space, Value
    from supersede.search.architecture.strategies.combined import Pool

__all__ = ["Curated", "Removed", "curate", "undominated"]

CAPACITY = ("ibn", "group", "fused")
"""Kinds of block in the order of their weights; "standard" is not comparable."""

GROWING = ("channels", "width")
ESTIMATED = 0.02
"""A value is dominated only if the other one is faster by this share: estimates have an error."""

CONTEXTS, LEARN = 12, 60
DRAWS = 8
"""Draws per network that an estimator needs; where they give too few, the space is small."""

Latencies = Callable[[list["Network"]], NDArray[np.float64] | None]
"""Seconds of networks; None where not all of them are known."""


@dataclass(frozen=True)
class Removed:
    """Values that a choice has lost.

    Args:
        choice: Its name.
        values: What was removed.
        why: The reason.
    """

    choice: str
    values: tuple[Value, ...]
    why: str


@dataclass(frozen=True)
class Curated(ResultMixin, named="a curated space"):
    """A curated space, and what was removed from the one before.

    Args:
        space: What is left.
        before: The space as it was.
        target: Fingerprint of the target.
        granule: The channel multiple that the target favours.
        removed: What was removed, choice by choice.
        queries: Networks that were measured for this.
    """

    space: Space
    before: Space
    target: str
    granule: int
    removed: tuple[Removed, ...]
    queries: int

    def to_dict(self) -> dict[str, Any]:
        """Sizes, and what was removed."""
        return {
            "target": self.target,
            "granule": self.granule,
            "size_before": self.before.size,
            "size": self.space.size,
            "queries": self.queries,
            "removed": [
                {"choice": r.choice, "values": list(r.values), "why": r.why} for r in self.removed
            ],
        }

    def __str__(self) -> str:
        lines = [
            f"{_size(self.before.size)} candidates became {_size(self.space.size)}"
            f" (granule {self.granule}, {count(self.queries)} networks measured)"
        ]
        lines += [f"  {r.choice}: {_few(r.values)} removed: {r.why}" for r in self.removed]
        return "\n".join(lines)

    def to_frame(self) -> pa.Table:
        """One row per removed value."""
        return frame_of(
            [
                {"choice": r.choice, "removed": str(value), "why": r.why}
                for r in self.removed
                for value in r.values
            ],
            ("choice", "removed", "why"),
        )

    def to_html(self) -> str:
        """A page with what was removed, and why."""
        from supersede.look.table_page import table_page

        title = f"{_size(self.before.size)} candidates became {_size(self.space.size)}"
        lead = f"On {self.target}, whose granule is {self.granule} channels."
        note = (
            "More channels, a larger width and fused blocks are taken to be at least as accurate."
        )
        return table_page(title, lead, self.to_frame(), note)


def curate(
    space: Space,
    target: Target,
    *,
    granule: int | None = None,
    samples: int = LEARN,
    seed: int = 0,
    cache: str | Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> Curated:
    """Remove channels off the target's granule and choices that are dominated on it.

    Args:
        space: A space of any kind; one without channels and kinds of blocks stays as it is.
        target: Hardware, or an `Estimator` that was fitted to the space.
        granule: The channel multiple; found by probing the target if left out. An estimator cannot
            be probed, so give it then.
        samples: Networks to measure, to learn an estimator from, where the target is not one. A space
            with fewer different networks is measured itself.
        seed: Of the contexts in which choices are compared.
        cache: File of kept measurements, see `measure_all`.
        progress: Called with a line on how far the work is.

    Raises:
        ArgumentError: The target is an estimator and no granule is given.
        EstimateError: The target's latencies cannot be learnt.

    Example:
        >>> from supersede.hardware import Declared
        >>> from supersede.search.architecture import seven_blocks
        >>> target = Declared(lanes=256, clock=1e9, bandwidth=4e9, granule=16)
        >>> curated = curate(seven_blocks(channels=(16, 64)), target, samples=20)
        >>> curated.granule, curated.space.choice("block0.channels").values
        (16, (16, 32, 48, 64))
    """
    queries = 0
    if granule is None:
        if isinstance(target, Estimator):
            msg = "an estimator cannot be probed for its granule; give granule=…, such as 16"
            raise ArgumentError(msg)
        found = find_granule(target)
        granule, queries = found.channels, found.queries
    smaller, removed = _on_granule(space, granule)
    if any(any(_comparable(choice)) for choice in smaller.choices):
        known: dict[str, float] = {}
        rng = np.random.default_rng([seed, 3])
        drawn = (smaller.key(smaller.sample(rng)) for _ in range(DRAWS * samples))
        if isinstance(target, Estimator):
            latencies = _estimated(target)
        elif len(set(drawn)) < samples:
            latencies = _measured(target, known, cache)
        else:
            estimator = Estimator.fit(
                target, lambda rng: smaller.network(smaller.sample(rng)),
                budget=samples, seed=seed, cache=cache, progress=progress,
            )  # fmt: skip
            latencies = _estimated(estimator)
            queries += samples
        smaller, dominated = _without_dominated(smaller, latencies, seed)
        removed += dominated
        queries += len(known)
    return Curated(smaller, space, target.fingerprint(), granule, tuple(removed), queries)


def undominated(pool: Pool) -> frozenset[str]:
    """Keys of a pool without networks that another one makes superfluous, for `Space.only`.

    One is superfluous where another one is faster by more than estimates are off (2 %), and has at least
    as many parameters and paths from input to output, a longest path at least as deep, a shortest one
    at most as deep, and no more pools on its paths.

    Example:
        >>> from dataclasses import replace
        >>> from supersede.hardware import Declared
        >>> from supersede.search.architecture import TargetCosts, make_pool, seven_blocks
        >>> target = Declared(lanes=256, clock=1e9, bandwidth=4e9, granule=16)
        >>> space = seven_blocks(channels=(16, 64), step=16)
        >>> kept = undominated(make_pool(space, TargetCosts(target), size=100))
        >>> smaller = replace(space, only=kept)
    """
    kept = []
    for key, able, seconds in zip(pool.keys, pool.able, pool.latency, strict=True):
        faster = pool.latency < (1 - ESTIMATED) * seconds
        if not (pool.able[faster] >= able).all(axis=1).any():
            kept.append(key)
    return frozenset(kept)


def _on_granule(space: Space, granule: int) -> tuple[Space, list[Removed]]:
    removed = []
    for choice in space.choices:
        if choice.role != "channels":
            continue
        kept = tuple(v for v in choice.values if isinstance(v, int) and v % granule == 0)
        gone = tuple(v for v in choice.values if v not in kept)
        if kept and gone:
            space = space.with_choice(replace(choice, values=kept))
            why = f"no multiples of {granule}, the granule of the target"
            removed.append(Removed(choice.name, gone, why))
    if getattr(space.builder, "granule", granule) != granule:  # hidden and scaled channels, too
        space = replace(space, builder=replace(space.builder, granule=granule))  # type: ignore[type-var]
    return space, removed


def _estimated(estimator: Estimator) -> Latencies:
    def seconds(networks: list[Network]) -> NDArray[np.float64] | None:
        estimates = estimator.predict(networks)
        if any(estimate.outside for estimate in estimates):
            return None
        return np.array([estimate.seconds for estimate in estimates])

    return seconds


def _measured(target: Target, known: dict[str, float], cache: str | Path | None) -> Latencies:
    def seconds(networks: list[Network]) -> NDArray[np.float64]:
        fresh = {n.fingerprint(): n for n in networks if n.fingerprint() not in known}
        costs = measure_all(target, list(fresh.values()), cache=cache)
        known.update(zip(fresh, (cost.seconds for cost in costs), strict=True))
        return np.array([known[network.fingerprint()] for network in networks])

    return seconds


def _without_dominated(
    space: Space, latencies: Latencies, seed: int
) -> tuple[Space, list[Removed]]:
    rng = np.random.default_rng(seed)
    contexts = [space.sample(rng) for _ in range(CONTEXTS)]
    removed = []
    for choice in space.choices:
        while pair := next(_dominations(space, choice.name, contexts, latencies), None):
            worse, better, gain = pair
            left = tuple(v for v in space.choice(choice.name).values if v != worse)
            space = space.with_choice(replace(space.choice(choice.name), values=left))
            contexts = [
                {**c, choice.name: better if c[choice.name] == worse else c[choice.name]}
                for c in contexts
            ]
            why = (
                f"{better} has at least its capacity and is faster in each of {CONTEXTS} networks,"
                f" by {gain:.0%} or more"
            )
            removed.append(Removed(choice.name, (worse,), why))
    return space, removed


def _dominations(
    space: Space, name: str, contexts: list[dict[str, Value]], latencies: Latencies
) -> Iterator[tuple[Value, Value, float]]:
    """Pairs of a value and one that dominates it, with the smallest gain."""
    for worse, better in _comparable(space.choice(name)):
        pairs = [
            space.network({**context, name: value})
            for context in contexts
            for value in (worse, better)
        ]
        seconds = latencies(pairs)
        if seconds is None:
            continue
        slow, fast = seconds.reshape(-1, 2).T
        gain = 1 - fast / slow
        if gain.min() > ESTIMATED:
            yield worse, better, float(gain.min())


def _comparable(choice: Choice) -> Iterator[tuple[Value, Value]]:
    """Pairs of values of which the second one has at least the capacity of the first."""
    if choice.role in GROWING:
        yield from zip(choice.values[:-1], choice.values[1:], strict=True)
    if choice.role == "kind":
        known = [kind for kind in CAPACITY if kind in choice.values]
        for i, worse in enumerate(known):
            yield from ((worse, better) for better in known[i + 1 :])


def _few(values: tuple[Value, ...]) -> str:
    words = ", ".join(map(str, values[:3]))
    return words if len(values) <= 3 else f"{words} and {len(values) - 3} more values"


def _size(size: int) -> str:
    return count(size) if size < 1_000_000 else f"{size:.1e}"
