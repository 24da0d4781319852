"""A space of networks: a few named choices, and what builds a network from them.

Every choice is always there, with the same values in every candidate, so that any sampler of any
library can work on it; choices without influence on a candidate are found by `Space.key`, which is
the same for candidates that are the same network.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from supersede.errors import SpaceError
from supersede.hardware.description.network import Network

if TYPE_CHECKING:
    from pathlib import Path

    from supersede.hardware.targets.measurement import Target
    from supersede.search.architecture.curate import Curated

__all__ = ["Builder", "Choice", "Params", "Space", "Value"]

Value = int | float | str
Params = Mapping[str, Value]
"""One value for each choice, by its name."""

TRIES = 10_000
"""Random candidates that are tried for one that belongs to a space."""

Role = Literal["channels", "width", "kind", "kernel", "expansion", "depth", "size", "other"]


def lasting(thing: object) -> str:
    """The `repr` of an object without addresses in memory, which differ from process to process.

    Example:
        >>> def mutation(): ...
        >>> lasting((mutation, 3))
        '(<function mutation>, 3)'
    """
    return re.sub(r" at 0x[0-9a-f]+", "", repr(thing))


class Builder(Protocol):
    """Makes networks of values; a frozen object, whose `repr` says all that it depends on."""

    def network(self, params: Params) -> Network:
        """The network."""
        ...

    def key(self, params: Params) -> str:
        """A text that is the same exactly for candidates that are the same network."""
        ...


@dataclass(frozen=True)
class Choice:
    """One choice of a space.

    Args:
        name: Its name, unique in the space.
        values: What may be chosen, at least one; numbers in ascending order, or words.
        role: What it decides. Curation treats channels, widths and kinds; a wider network is one of
            more channels, a larger width, and so on.

    Raises:
        SpaceError: There are no values, or some are there twice, or they are out of order.

    Example:
        >>> Choice("block0.channels", (16, 24, 32), "channels").ordered
        True
    """

    name: str
    values: tuple[Value, ...]
    role: Role = "other"

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(self.values))
        if not self.values:
            msg = f"choice {self.name!r} has no values; give at least one"
            raise SpaceError(msg)
        if len(set(self.values)) < len(self.values):
            msg = f"choice {self.name!r} has values twice: {self.values}"
            raise SpaceError(msg)
        if not all(isinstance(v, int | float | str) for v in self.values):
            msg = f"values of {self.name!r} must be numbers or words, got {self.values}"
            raise SpaceError(msg)
        if self.ordered and list(self.values) != sorted(self.values):
            msg = f"values of {self.name!r} must be in ascending order, got {self.values}"
            raise SpaceError(msg)

    @property
    def ordered(self) -> bool:
        """Whether the values are numbers."""
        return all(not isinstance(value, str) for value in self.values)


@dataclass(frozen=True)
class Space:
    """Choices, and what builds a network from them.

    Args:
        choices: In a fixed order, with unique names.
        builder: Makes the network of some values.
        only: Keys of the networks that belong to the space, where not all combinations do.

    Raises:
        SpaceError: There are no choices, or two have one name.

    Example:
        >>> from supersede.search.architecture import cell_space
        >>> space = cell_space()
        >>> space.size, len(space.choices)
        (15625, 6)
    """

    choices: tuple[Choice, ...]
    builder: Builder
    only: frozenset[str] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "choices", tuple(self.choices))
        if self.only is not None and not self.only:
            msg = "no network belongs to this space; give at least one key, or leave `only` out"
            raise SpaceError(msg)
        names = [choice.name for choice in self.choices]
        if not names or len(set(names)) < len(names):
            msg = f"a space needs choices with different names, got {names}"
            raise SpaceError(msg)

    @property
    def size(self) -> int:
        """How many combinations there are; some of them may be the same network."""
        return prod(len(choice.values) for choice in self.choices)

    def choice(self, name: str) -> Choice:
        """The choice of this name.

        Raises:
            SpaceError: There is none.
        """
        for choice in self.choices:
            if choice.name == name:
                return choice
        known = ", ".join(choice.name for choice in self.choices)
        msg = f"no choice {name!r} in this space; there are: {known}"
        raise SpaceError(msg)

    def sample(self, rng: np.random.Generator) -> dict[str, Value]:
        """One candidate, each choice uniform and independent.

        Raises:
            SpaceError: `only` holds so few networks that none was found.
        """
        for _ in range(TRIES):
            params = {c.name: c.values[int(rng.integers(len(c.values)))] for c in self.choices}
            if self.belongs(params):
                return params
        msg = f"none of {TRIES} random candidates belongs to the space; limit its choices, too"
        raise SpaceError(msg)

    def belongs(self, params: Params) -> bool:
        """Whether `only` lets this candidate in."""
        return self.only is None or self.key(params) in self.only

    def neighbour(self, params: Params, rng: np.random.Generator) -> dict[str, Value]:
        """A candidate that differs in one choice, drawn among those with more than one value.

        Raises:
            SpaceError: There is none.
        """
        free = [choice for choice in self.choices if len(choice.values) > 1]
        if not free:
            msg = "the space has one candidate, which has no neighbours"
            raise SpaceError(msg)
        if self.only is None:
            choice = free[int(rng.integers(len(free)))]
            others = [value for value in choice.values if value != params[choice.name]]
            return {**params, choice.name: others[int(rng.integers(len(others)))]}
        near = [
            {**params, choice.name: value}
            for choice in free
            for value in choice.values
            if value != params[choice.name]
        ]
        able = [changed for changed in near if self.belongs(changed)]
        # an island has nothing that belongs one choice away
        return able[int(rng.integers(len(able)))] if able else self.sample(rng)

    def check(self, params: Params) -> dict[str, Value]:
        """The same values in the space's order, if they are a candidate of it.

        Raises:
            SpaceError: A choice is missing or unknown, or a value is not in it.
        """
        for name in params:
            self.choice(name)
        for choice in self.choices:
            if params.get(choice.name) not in choice.values:
                msg = (
                    f"{choice.name} is {params.get(choice.name)!r}, which is none of"
                    f" {', '.join(map(str, choice.values))}"
                )
                raise SpaceError(msg)
        return {choice.name: params[choice.name] for choice in self.choices}

    def edited(self, params: Params, **changes: Value) -> dict[str, Value]:
        """A candidate with some values changed by hand; dots in names are written as ``__``.

        Raises:
            SpaceError: A name or a value is not in the space.

        Example:
            >>> from supersede.search.architecture import seven_blocks
            >>> space = seven_blocks()
            >>> params = space.sample(np.random.default_rng(0))
            >>> space.edited(params, block0__kind="fused")["block0.kind"]
            'fused'
        """
        return self.check({**params, **{k.replace("__", "."): v for k, v in changes.items()}})

    def limited(self, **values: Sequence[Value]) -> Space:
        """The space with some choices reduced to fewer values; dots in names are written as ``__``.

        Raises:
            SpaceError: A name is not in the space, or a value is not in its choice.

        Example:
            >>> from supersede.search.architecture import seven_blocks
            >>> space = seven_blocks().limited(block0__kind=["ibn"])
            >>> space.choice("block0.kind").values
            ('ibn',)
        """
        space = self
        for name, some in values.items():
            known = self.choice(name.replace("__", "."))
            if unknown := [value for value in some if value not in known.values]:
                msg = f"{known.name} has no value {unknown[0]!r}; it has {known.values}"
                raise SpaceError(msg)
            space = space.with_choice(replace(known, values=tuple(some)))
        return space

    def with_choice(self, changed: Choice) -> Space:
        """The space with the choice of this name replaced."""
        return replace(
            self, choices=tuple(changed if c.name == changed.name else c for c in self.choices)
        )

    def network(self, params: Params) -> Network:
        """The network of a candidate.

        Raises:
            SpaceError: It is not a candidate of this space.
        """
        return self.builder.network(self.check(params))

    def key(self, params: Params) -> str:
        """A text that is the same exactly for candidates that are the same network."""
        return self.builder.key(params)

    def fingerprint(self) -> str:
        """Hexadecimal digest of choices and builder: studies of different spaces are kept apart."""
        text = json.dumps([[c.name, list(c.values)] for c in self.choices]) + lasting(self.builder)
        text += "" if self.only is None else " ".join(sorted(self.only))
        return hashlib.sha256(text.encode()).hexdigest()

    def features(self, params: Params) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Numbers for a regression: places on a scale for numbers, one column per word for words."""
        row: list[float] = []
        for choice in self.choices:
            at = choice.values.index(params[choice.name])
            if choice.ordered:
                row.append(at / max(1, len(choice.values) - 1))
            else:
                row += [float(i == at) for i in range(len(choice.values))]
        return np.array(row)

    def curate(
        self,
        target: Target,
        *,
        granule: int | None = None,
        samples: int = 40,
        seed: int = 0,
        cache: str | Path | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> Curated:
        """Remove what a target has no use for; see `curate.curate`."""
        from supersede.search.architecture.curate import curate

        return curate(
            self,
            target,
            granule=granule,
            samples=samples,
            seed=seed,
            cache=cache,
            progress=progress,
        )
