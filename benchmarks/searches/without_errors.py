"""The default rule on searches that report no error; prints the table of docs/explanation/stopping.md.

``python -m benchmarks.searches.without_errors`` replays searches of NAS-Bench-201 (see
`benchmarks.searches.nas_bench_201` for the tables) and, with ``--chosen-on``, those of HPO-Bench, on which
the rule was chosen. Checked every fifth trial, from 200 on every twentieth.
"""

import sys
from collections.abc import Iterable

import numpy as np

from benchmarks.searches import nas_bench_201 as nas
from benchmarks.searches.recorded import Run
from benchmarks.searches.recorded import runs as recorded
from supersede.search.stopping import Memory, NoImprovement, decide
from supersede.search.stopping.decide import DEFAULT

SEEDS = 4


def checks(total: int) -> list[int]:
    return [t for t in range(20, total) if (t <= 200 and t % 5 == 0) or t % 20 == 0]


def stop_of(run: Run, rule: object) -> int:
    """Number of trials at the stop; all of them without one."""
    total, memory = len(run.history.finished), Memory()
    for count in checks(total):
        if decide(run.history.first(count), rule, memory=memory).stop:
            return count
    return total


def score(run: Run, stop: int) -> tuple[float, float]:
    """RTC and RYC of a stop."""
    losses, total = run.history.losses, len(run.history.finished)
    early, late = run.test[int(np.argmin(losses[:stop]))], run.test[int(np.argmin(losses))]
    return 1 - stop / total, (late - early) / max(late, early)


def table(runs: Iterable[Run]) -> None:
    rules = {"default": DEFAULT} | {
        f"no improvement for {wait}": NoImprovement(wait) for wait in (30, 50, 70, 100)
    }
    every = list(runs)
    groups = sorted({run.dataset for run in every})
    print("| rule | " + " | ".join(groups) + " |")
    print("|---" * (len(groups) + 1) + "|")
    for name, rule in rules.items():
        cells = []
        for group in groups:
            found = [score(run, stop_of(run, rule)) for run in every if run.dataset == group]
            rtc, ryc = np.mean(found, axis=0)
            cells.append(f"{rtc:.2f} / {ryc:+.4f}")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    if nas.folder() is None:
        print("SUPERSEDE_NAS_BENCH does not name the tables of NAS-Bench-201; see nas_bench_201.py")
    else:
        table(nas.runs(range(SEEDS)))
    if "--chosen-on" in sys.argv:
        for group in ("hpobench_naval", "hpobench_parkinsons"):
            seeds = sorted({run.seed for run in recorded(group)})[:SEEDS]
            table(run for run in recorded(group) if run.seed in seeds)


if __name__ == "__main__":
    main()
