"""What was found on one task, as a prior of a search on another, with a guard against harm.

A prior may be worthless on the other task, or worse. So three of its candidates, spread along its
front, are trained first, and three of the strategy's own after them. The rest of the prior follows only
if its three beat the strategy's more often than they are beaten, pair by pair. A prior that misleads
therefore costs three trainings.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from supersede.errors import HistoryError, SpaceError
from supersede.search.architecture.candidates import whole_number

if TYPE_CHECKING:
    from supersede.search.architecture.found import Found
    from supersede.search.architecture.space import Params, Space, Value
    from supersede.search.architecture.strategies.view import View

__all__ = ["guarded", "read_front", "transferred"]

TRIED = 3


def transferred(found: Found, space: Space, *, most: int = 10) -> list[dict[str, Value]]:
    """Candidates of a space from the front of another search, for `search(prior=…)`.

    Args:
        found: The finished search.
        space: The space of the new one; candidates that are not in it are left out.
        most: How many at most, spread along the front.

    Raises:
        ArgumentError: `most` is below 1.
        SpaceError: No candidate of the front is in the space.

    Example:
        >>> from supersede.hardware import Declared
        >>> from supersede.search.architecture import RandomSearch, Reward, search, seven_blocks
        >>> chip = Declared(lanes=256, clock=1e9, bandwidth=4e9, granule=16)
        >>> space = seven_blocks(channels=(16, 64), step=16)
        >>> task = Reward("capacity", lambda net, seed: 1e5 / net.parameters)
        >>> found = search(space, task, chip, strategy=RandomSearch(), evaluations=9)
        >>> 1 <= len(transferred(found, space, most=3)) <= 3
        True
    """
    return _within([e.params for e in found.front], space, most)


def read_front(path: str | Path, space: Space, *, most: int = 10) -> list[dict[str, Value]]:
    """The same from the JSON that `Found.save` wrote.

    Raises:
        ArgumentError: `most` is below 1.
        HistoryError: The file is not the record of a search for networks.
        SpaceError: No candidate of the front is in the space.
    """
    try:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
        params = {row["number"]: dict(row["params"]) for row in record["evaluated"]}
        front = [params[number] for number in record["front"]]
    except (OSError, UnicodeDecodeError, ValueError, KeyError, TypeError) as error:
        msg = f"{path} is not the record of a search for networks, as --json writes it: {error!r}"
        raise HistoryError(msg) from error
    return _within(front, space, most)


def _within(front: Sequence[Params], space: Space, most: int) -> list[dict[str, Value]]:
    whole_number("most", most, least=1)
    able = []
    for params in front:
        try:
            able.append(space.check(params))
        except SpaceError:
            continue
    if not able:
        msg = (
            f"none of the {len(front)} networks of the front is in the other space; both need"
            " the same choices"
        )
        raise SpaceError(msg)
    return [able[i] for i in spread(len(able), most)]


def spread(count: int, most: int) -> list[int]:
    """Positions of a sequence at equal distances, its ends among them.

    Example:
        >>> spread(10, 3), spread(2, 3)
        ([0, 4, 9], [0, 1])
    """
    if count <= most:
        return list(range(count))
    return [round(i * (count - 1) / max(1, most - 1)) for i in range(most)]


def guarded(prior: Sequence[Params], view: View, turn: int) -> Params | None:
    """The prior's candidate whose turn it is; None where the strategy chooses.

    Args:
        prior: Candidates, by the last objective.
        view: What is known.
        turn: Candidates before, counted from the prior's first.
    """
    first = spread(len(prior), TRIED)
    if turn < len(first):
        return prior[first[turn]]
    rest = [params for i, params in enumerate(prior) if i not in first]
    at = turn - 2 * len(first)
    if not 0 <= at < len(rest) or not _helps([prior[i] for i in first], view):
        return None
    return rest[at]


def _helps(tried: Sequence[Params], view: View) -> bool:
    """Whether what was tried beats the strategy's first candidates more often than it is beaten."""
    keys = {view.space.key(params) for params in tried}
    known: dict[str, Any] = {e.key: e.values(view.objectives) for e in reversed(view.settled)}
    theirs = np.array([values for key, values in known.items() if key in keys])
    others = [e.key for e in view.settled if e.key not in keys][: len(tried)]
    ours = np.array([known[key] for key in dict.fromkeys(others)])
    if not len(theirs) or not len(ours):
        return True
    a, b = theirs[:, None], ours[None]
    beats = (a <= b).all(axis=2) & (a < b).any(axis=2)
    beaten = (b <= a).all(axis=2) & (b < a).any(axis=2)
    return int(beats.sum()) > int(beaten.sum())
