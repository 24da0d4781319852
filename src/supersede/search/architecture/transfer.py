"""What was found on one task, as the start of a search on another.

The guard against harm is the number: a start of ten candidates costs at most ten trainings, whatever
the other task is like. They are spread along the front, since it is unknown which part carries over.
"""

from typing import TYPE_CHECKING

from supersede.errors import ArgumentError, SpaceError

if TYPE_CHECKING:
    from supersede.search.architecture.found import Found
    from supersede.search.architecture.space import Space, Value

__all__ = ["transferred"]


def transferred(found: "Found", space: "Space", *, most: int = 10) -> list[dict[str, "Value"]]:
    """Candidates of a space from the front of another search, for `search(start=…)`.

    Args:
        found: The finished search.
        space: The space of the new one; candidates that are not in it are left out.
        most: How many at most.

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
    if most < 1:
        msg = f"most is {most}; it must be at least 1"
        raise ArgumentError(msg)
    able = []
    for evaluated in found.front:
        try:
            able.append(space.check(evaluated.params))
        except SpaceError:
            continue
    if not able:
        msg = (
            f"none of the {len(found.front)} networks of the front is in the other space; both need"
            " the same choices"
        )
        raise SpaceError(msg)
    if len(able) <= most:
        return able
    return [able[round(i * (len(able) - 1) / max(1, most - 1))] for i in range(most)]
