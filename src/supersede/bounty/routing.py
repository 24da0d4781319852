"""Routing of rows through a patched model: all rows at once, each node once.

Version ``t`` of a patched model evaluates node ``t``'s group first. Rows inside take the node's own
answer, or, if the node is a pointer, continue at an earlier version; rows outside continue at
version ``t - 1``. Versions only lead to earlier ones, so one pass from the last node to the first
suffices: each row stores the version at which it continues, and is skipped until the pass arrives
there.

Groups are evaluated on whole chunks that fit the processor's cache rather than on the unfinished
rows: contiguous comparisons are cheaper than gathering. A chunk shrinks when half of its rows are
finished.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol, cast

import numpy as np
import numpy.typing as npt

from supersede.bounty.artefacts.columns import Column, Columns, columns_of
from supersede.bounty.artefacts.expression import Expression
from supersede.bounty.artefacts.grammar import parse
from supersede.bounty.artefacts.nodes import Node
from supersede.errors import ExpressionError

__all__ = ["Bools", "Group", "Ints", "as_group", "route"]

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
_CHUNK = 1 << 15
_ARRIVED = -1


class Group(Protocol):
    """The group of a patch."""

    @property
    def columns(self) -> Sequence[str]:
        """The columns that it reads."""

    def mask(self, columns: Columns, /) -> Bools:
        """Which rows belong to it, shape ``(n,)``."""


def as_group(group: object) -> Group:
    """A group from its text, from a tree such as `Compare`, or as it is.

    Raises:
        ExpressionError: It is none of these, or the text is not a group.

    Example:
        >>> from supersede.bounty.artefacts import Compare
        >>> str(as_group(Compare("age", ">=", 60)))
        'age >= 60'
    """
    if isinstance(group, str):
        return parse(group)
    if isinstance(group, Node):
        return Expression(group)
    if callable(getattr(group, "mask", None)) and hasattr(group, "columns"):
        return cast("Group", group)
    msg = f"a group is an expression, or its text such as 'age >= 60', not {type(group).__name__}"
    raise ExpressionError(msg)


def route(
    groups: Sequence[Group], pointers: Sequence[int | None], columns: Columns, rows: int
) -> Ints:
    """The version whose own answer each row takes.

    Args:
        groups: The group of each node, the first patch first; `k` of them.
        pointers: For each node the version at which its rows continue, or None if it has its own
            answer. Version 0 is the model before all patches, version `t` comes after `t` nodes.
        columns: Columns by name, shape ``(n,)`` each; only those that the groups need are read.
        rows: The number of rows, `n`.

    Returns:
        Shape ``(n,)``: 0 for the first model's answer, `t` for that of node `t`.

    Example:
        >>> from supersede.bounty.artefacts import parse
        >>> groups = [parse("x > 0"), parse("x > 4"), parse("x > 8")]
        >>> route(groups, [None, None, 1], {"x": [1, 5, 9]}, 3).tolist()
        [1, 2, 1]
    """
    names = sorted({name for group in groups for name in group.columns})
    # if all groups are everyone, any column gives the number of rows
    needed = columns_of(columns, names or list(columns)[:1])
    found = np.empty(rows, np.int64)
    for start in range(0, rows, _CHUNK):
        chunk = slice(start, min(start + _CHUNK, rows))
        parts = {name: column.take(chunk) for name, column in needed.items()}
        found[chunk] = _route_chunk(groups, pointers, parts, chunk.stop - chunk.start)
    return found


def _route_chunk(
    groups: Sequence[Group],
    pointers: Sequence[int | None],
    columns: Mapping[str, Column],
    rows: int,
) -> npt.NDArray[np.int32]:
    found = np.zeros(rows, np.int32)
    place = np.arange(rows)  # indices of the unfinished rows
    goes_on = np.full(rows, len(groups), np.int32)  # the version at which each of them continues
    arrived = 0
    for version in range(len(groups), 0, -1):
        if 2 * arrived > len(place):
            here = goes_on != _ARRIVED
            place, goes_on, arrived = place[here], goes_on[here], 0
            columns = {name: column.take(here) for name, column in columns.items()}
        if not len(place):
            break
        # a row waits while it points below this version
        inside = np.flatnonzero(groups[version - 1].mask(columns) & (goes_on >= version))
        pointer = pointers[version - 1]
        if pointer is not None:
            goes_on[inside] = pointer
            continue
        found[place[inside]] = version
        goes_on[inside] = _ARRIVED
        arrived += len(inside)
    return found
