"""What makes the program start sooner. Only the program: a library must not touch what others import."""

import sys
from collections.abc import Sequence

__all__ = ["start_quickly"]

_READS = frozenset(["audit", "estimate", "plan", "review"])
"""Verbs that read files and give nobody a pandas frame."""


def start_quickly(tokens: Sequence[str]) -> None:
    """Keep Arrow from importing pandas, which takes a fifth of the time of a small review.

    Where pandas is installed, Arrow imports it to see whether it has been given a frame, and looks for it
    only once. Everybody else finds it as ever.

    Args:
        tokens: The command line; verbs that may meet a frame are left alone.
    """
    if not _READS.intersection(tokens[:1]) or {"pandas", "pyarrow"} & sys.modules.keys():
        return
    import pyarrow as pa

    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(finder)


class _NoPandas:
    """A finder in whose sight there is no pandas."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Refuse one name; leave all others to the next finder."""
        if name == "pandas":
            raise ModuleNotFoundError(name)
