"""What experts change in a network for an accelerator, as mutations of a candidate.

The advisor of `supersede.hardware` judges such edits one at a time on any network; here they are steps
of a search, in the terms of a space, and the search judges them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from supersede.search.architecture.space import Choice, Params, Space, Value

__all__ = ["EXPERT", "even_channels", "fuse_a_block", "fuse_first_blocks", "scale_channels"]


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


EXPERT = (fuse_a_block, fuse_first_blocks, even_channels, scale_channels)
"""All of them, for `Evolution(mutations=EXPERT)`."""


def _kinds(space: Space) -> list[Choice]:
    return [c for c in space.choices if c.role == "kind" and {"ibn", "fused"} <= set(c.values)]


def _channels(space: Space) -> list[Choice]:
    return [c for c in space.choices if c.role == "channels" and c.name != "head.channels"]


def _changed(params: Params, changes: Params) -> dict[str, Value]:
    return {**params, **changes}
