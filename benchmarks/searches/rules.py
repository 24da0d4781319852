"""Stopping rules scored on recorded searches.

A rule here is a function of a trace that tells after how many trials it stops (all of them: never).

RTC, the share of trials saved, is (T - t) / T. RYC, the relative test change, is
(Y_T - Y_t) / max(Y_T, Y_t) of the test errors of the best trial at the end and at the stop:
negative where stopping early cost something (both as in Makarova et al., 2022).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.searches.traces import FIRST, Trace

Rule = Callable[[Trace], int]
PATIENCES = (10, 15, 20, 25, 30, 35, 40, 50, 60, 70, 80, 90, 100, 120, 150, 200, 250, 300, 400)


@dataclass(frozen=True)
class Curve:
    """What a search had after each number of trials; index 0 is after one trial.

    Args:
        best: Smallest value, shape ``(T,)``.
        stagnation: Trials since it, shape ``(T,)``.
        ryc: RYC of a stop there, shape ``(T,)``.
        seconds: Share of the seconds that come later, shape ``(T,)``; NaN where unknown.
    """

    best: np.ndarray
    stagnation: np.ndarray
    ryc: np.ndarray
    seconds: np.ndarray


def curve(trace: Trace) -> Curve:
    if "curve" not in trace.memo:
        losses, test = trace.run.history.losses, trace.run.test
        best_at = np.array([int(np.argmin(losses[: i + 1])) for i in range(len(losses))])
        early, late = test[best_at], test[best_at[-1]]
        seconds = np.array([t.seconds or np.nan for t in trace.run.history.finished], dtype=float)
        trace.memo["curve"] = Curve(
            losses[best_at],
            np.arange(len(losses)) - best_at,
            (late - early) / np.maximum(np.maximum(late, early), 1e-300),
            1 - np.cumsum(seconds) / seconds.sum(),
        )
    return trace.memo["curve"]


def patience(trials: int) -> Rule:
    """No improvement for so many trials, from the twentieth on."""

    def stop(trace: Trace) -> int:
        waited = np.flatnonzero(curve(trace).stagnation[FIRST - 1 : -1] >= trials)
        return int(waited[0]) + FIRST if len(waited) else trace.total

    return stop


@dataclass(frozen=True)
class Family:
    """The rules among which the default was chosen: what `DEFAULT` is, with its numbers free.

    Args:
        column: ``"gain"`` (`OptimisticGain`) or ``"bound"`` (`RegretBound`).
        times: Errors that it must be below.
        trials: Patience in trials.
        share: Patience as a share of all trials.
        pool: Best trials whose errors are pooled: 1 or 5.
    """

    column: str
    times: float
    trials: int
    share: float
    pool: int

    def __call__(self, trace: Trace) -> int:
        size, losses = trace.column("trials").astype(int), trace.run.history.losses
        error = trace.column(f"error_of_{self.pool}")
        error = np.where(np.isnan(error), trace.column("noise"), error)
        waited = curve(trace).stagnation[size - 1]
        patient = (waited >= self.trials) & (waited >= np.ceil(self.share * size))
        small = trace.column(self.column) <= self.times * error
        if "apart" not in trace.memo:
            quartiles = [np.quantile(losses[:t], [0.25, 0.75]) for t in size]
            trace.memo["apart"] = np.array([high - low for low, high in quartiles])
        contrast = (trace.memo["apart"] > error) | (size >= 60)
        stop = contrast & ((trace.column("bound") <= error) | (patient & small))
        found = np.flatnonzero(stop)
        return int(size[found[0]]) if len(found) else trace.total

    def __str__(self) -> str:
        name = {"gain": "optimistic gain", "bound": "regret bound"}[self.column]
        return (
            f"{name} <= {self.times:g} errors (pool {self.pool}), "
            f"patience {self.trials} trials and {self.share:.0%}"
        )


@dataclass(frozen=True)
class Score:
    """A rule on some searches.

    Args:
        rtc: Mean share of trials saved.
        seconds: Mean share of seconds saved; NaN where unknown.
        ryc: Mean RYC.
        worst: Smallest RYC of one search.
        stopped: Share of the searches that were stopped.
        wrong: Share of the searches where a later gain exceeded the error at the stop.
    """

    rtc: float
    seconds: float
    ryc: float
    worst: float
    stopped: float
    wrong: float


def score(stops: Sequence[int], traces: Sequence[Trace]) -> Score:
    rows = [_one(stop, trace) for stop, trace in zip(stops, traces, strict=True)]
    rtc, seconds, ryc, stopped, wrong = np.array(rows, dtype=float).T
    return Score(rtc.mean(), seconds.mean(), ryc.mean(), ryc.min(), stopped.mean(), wrong.mean())


def _one(stop: int, trace: Trace) -> tuple[float, float, float, bool, bool]:
    at = curve(trace)
    row = int(np.searchsorted(trace.column("trials"), min(stop, trace.total - 1)))
    row = min(row, len(trace.table) - 1)
    error = trace.column("error_of_1")[row]
    error = trace.column("noise")[row] if np.isnan(error) else error
    gain = at.best[stop - 1] - at.best[-1]
    early = stop < trace.total
    saved = at.seconds[stop - 1] if early else 0.0
    return 1 - stop / trace.total, saved, at.ryc[stop - 1], early, early and gain > error


def frontier(traces: Sequence[Trace]) -> np.ndarray:
    """Mean RTC and RYC of each patience, ascending in RTC, shape ``(p, 2)``."""
    scores = [score([patience(p)(t) for t in traces], traces) for p in PATIENCES]
    points = sorted([(0.0, 0.0), *((s.rtc, s.ryc) for s in scores)])
    return np.array(points)


def naive(rtc: float, points: np.ndarray) -> float:
    """RYC of the naive frontier at a mean RTC, interpolated."""
    return float(np.interp(rtc, points[:, 0], points[:, 1]))
