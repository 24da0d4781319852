"""How a processor that others use too is timed.

Timings are noisy, and drift from minute to minute. So networks are timed in turns, one batch of runs
each, for several rounds; a latency is the median of the batches' medians, with an interval that needs
no assumption about the noise (order statistics: David and Nagaraja 2003, section 7.1). Networks whose
intervals overlap are not distinguished.
"""

import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from supersede.errors import ArgumentError

__all__ = ["interleaved", "processor", "refuse_too_few"]

CONFIDENCE = 0.95
Interval = tuple[float, float, float]


def refuse_too_few(threads: int, rounds: int, runs: int) -> None:
    """Refuse numbers that give no interval.

    Raises:
        ArgumentError: A number is too small.
    """
    if threads < 1 or rounds < 6 or runs < 1:
        msg = (
            "threads and runs must be at least 1 and rounds at least 6, got"
            f" {threads}, {runs} and {rounds}"
        )
        raise ArgumentError(msg)


def interleaved(calls: Sequence[Callable[[], Any]], *, rounds: int, runs: int) -> list[Interval]:
    """Median seconds of each call with its 95 % interval, all timed in turns.

    Args:
        calls: What to time.
        rounds: Batches that each call gets.
        runs: Runs in a batch.
    """
    rng = np.random.default_rng(0)
    batches = np.empty((len(calls), rounds))
    for call in calls:
        call()  # the first run allocates
    for turn in range(rounds):
        for i in rng.permutation(len(calls)):
            batches[i, turn] = _batch(calls[i], runs)
    return [_median(row) for row in batches]


def _batch(call: Callable[[], Any], runs: int) -> float:
    taken = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return float(np.median(taken))


def _median(batches: "np.ndarray[Any, np.dtype[np.float64]]") -> tuple[float, float, float]:
    from scipy.stats import binom

    n = len(batches)
    # P(k-th smallest ≤ median ≤ k-th largest) = 1 − 2·P(Binomial(n, ½) < k)
    k = int(binom.ppf((1 - CONFIDENCE) / 2, n, 0.5))
    ordered = np.sort(batches)
    return float(np.median(batches)), float(ordered[k - 1]), float(ordered[n - k])


def processor() -> str:
    """The name of this machine's processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
