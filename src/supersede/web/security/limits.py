"""How often a visitor may ask: a bucket of tokens per key, refilled evenly."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from supersede.errors import RateError

__all__ = ["Limiter"]

_MOST_KEYS = 20_000


class Limiter:
    """Allows `per_minute` requests per key, with bursts of as many.

    Args:
        per_minute: Requests per minute.
        clock: Seconds that never go back.

    Example:
        >>> limiter = Limiter(2, clock=lambda: 0.0)
        >>> limiter.take("ada"); limiter.take("ada"); limiter.take("ada")
        Traceback (most recent call last):
        supersede.errors.RateError: too many requests; try again in 30 s
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._most, self._clock = per_minute / 60, float(per_minute), clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: str) -> None:
        """Count a request.

        Raises:
            RateError: There were too many.
        """
        with self._lock:
            now = self._clock()
            left, then = self._buckets.pop(key, (self._most, now))
            left = min(self._most, left + (now - then) * self._rate)
            enough = left >= 1
            self._buckets[key] = (left - enough, now)
            while len(self._buckets) > _MOST_KEYS:  # the ones that were used longest ago
                self._buckets.popitem(last=False)
        if not enough:
            wait = (1 - left) / self._rate
            msg = f"too many requests; try again in {max(1, round(wait))} s"
            raise RateError.wait(msg, wait)
