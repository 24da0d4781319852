"""What the surrogate says after each trial of each recorded search, kept in .cache/ for the tables.

``python -m benchmarks.searches.traces`` makes what is missing (half an hour on one core);
delete .cache/stopping to make it anew.
"""

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.searches.recorded import GROUPS, Run, runs
from supersede.search.stopping import Evidence, Memory, ReportedError, optimistic_gain, regret_bound

CACHE = Path(__file__).parents[2] / ".cache/stopping"
FIRST = 20
COLUMNS = ("trials", "gain", "bound", "noise", "error_of_1", "error_of_5")


@dataclass(frozen=True)
class Trace:
    """One search, and the numbers that rules use.

    Args:
        run: The search.
        table: Rows: checked sizes; columns: `COLUMNS`; shape ``(checks, 6)``.
    """

    run: Run
    table: np.ndarray
    memo: dict = field(default_factory=dict, compare=False)

    def column(self, name: str) -> np.ndarray:
        return self.table[:, COLUMNS.index(name)]

    @property
    def total(self) -> int:
        return len(self.run.history.finished)


def sizes(total: int) -> list[int]:
    """Each trial up to 200, then each fifth."""
    return [t for t in range(FIRST, total) if t <= 200 or t % 5 == 0]


def trace(run: Run) -> np.ndarray:
    rows, memory = [], Memory()
    for count in sizes(len(run.history.finished)):
        evidence = Evidence(run.history.first(count), memory=memory)
        surrogate = evidence.surrogate
        noise = np.nan
        if surrogate is not None:
            noise = surrogate.transform.scale * surrogate.posterior.hyper.noise**0.5
        errors = [ReportedError(pool=pool)(evidence.history) for pool in (1, 5)]
        rows.append(
            [
                count,
                optimistic_gain(evidence),
                regret_bound(evidence),
                noise,
                *(np.nan if e is None else e.value for e in errors),
            ]
        )
    return np.array(rows, dtype=float)


def traces(group: str) -> list[Trace]:
    """The traces of one file, made or recalled."""
    file = CACHE / f"{group}.npz"
    every = list(runs(group))
    if every and not file.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        start = time.process_time()
        np.savez_compressed(file, *[trace(run) for run in every])
        print(f"{group}: {len(every)} runs, {time.process_time() - start:.0f} s", flush=True)
    if not every:
        return []
    stored = np.load(file)
    return [Trace(run, stored[f"arr_{i}"]) for i, run in enumerate(every)]


if __name__ == "__main__":
    for group in GROUPS:
        traces(group)
