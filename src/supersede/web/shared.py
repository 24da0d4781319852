"""What many people ask for at the same moment: parts of pages and what is in them, once per second."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

__all__ = ["Shared"]

_MOST = 1000  # parts that are kept
Part = TypeVar("Part")


class Shared:
    """What was drawn a moment ago, for everybody who may see the same.

    Args:
        seconds: How long a part is shown again.

    Example:
        >>> parts = Shared(60)
        >>> parts.get("a", lambda: ("drawn", True)), parts.get("a", lambda: ("again", True))
        ('drawn', 'drawn')
        >>> parts.get("b", lambda: ("mine", False)), parts.get("b", lambda: ("anew", False))
        ('mine', 'anew')
    """

    def __init__(self, seconds: float = 1.0) -> None:
        self._seconds = seconds
        self._kept: OrderedDict[Hashable, tuple[float, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, draw: Callable[[], tuple[Part, bool]]) -> Part:
        """A part.

        Args:
            key: Whoever has this key is allowed to see the same.
            draw: Draws it, and says whether others may see it.
        """
        now = time.monotonic()
        with self._lock:
            until, kept = self._kept.get(key, (now, None))
        if now < until:
            found: Part = kept
            return found
        part, for_others = draw()
        if for_others:
            with self._lock:
                self._kept[key] = now + self._seconds, part
                self._kept.move_to_end(key)
                while len(self._kept) > _MOST:
                    self._kept.popitem(last=False)
        return part
