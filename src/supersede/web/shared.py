"""Parts of pages that many people ask for at the same moment, drawn once per second."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

__all__ = ["Shared"]

_MOST = 1000  # parts that are kept


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
        self._kept: OrderedDict[Hashable, tuple[float, str]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, draw: Callable[[], tuple[str, bool]]) -> str:
        """A part.

        Args:
            key: Whoever has this key is allowed to see the same.
            draw: Draws it, and says whether others may see it.
        """
        now = time.monotonic()
        with self._lock:
            until, text = self._kept.get(key, (now, ""))
        if now < until:
            return text
        text, for_others = draw()
        if for_others:
            with self._lock:
                self._kept[key] = now + self._seconds, text
                self._kept.move_to_end(key)
                while len(self._kept) > _MOST:
                    self._kept.popitem(last=False)
        return text
