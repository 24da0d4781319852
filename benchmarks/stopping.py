"""Stopping rules side by side; writes docs/benchmarks/stopping.md.

``python -m benchmarks.stopping``, after ``python -m benchmarks.searches.traces`` and, in an
environment with torch, ``python -m benchmarks.searches.optuna_terminator``. Without the recorded searches it
says so and stops.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from benchmarks.searches.default import held_out
from benchmarks.searches.needle import table as needle_table
from benchmarks.searches.optuna_file import FILE, GRID
from benchmarks.searches.recorded import folder
from benchmarks.searches.rules import Family, Rule, curve, frontier, naive, patience, score
from benchmarks.searches.traces import Trace
from supersede.search.stopping import FrozenRegretBound

OUT = Path(__file__).parents[1] / "docs/benchmarks/stopping.md"
DEFAULT = Family("gain", 7, 20, 0.5, 1)  # what supersede.search.stopping.DEFAULT is
PUBLISHED = {
    "published rule (0.21)": "Ours_0.21",
    "published rule (0.5)": "Ours_0.5",
    "EI below 1e-16": "EI_1e-16",
    "PI below 1e-12": "PI_1e-12",
}
TABULAR = ("random_forest", "xgboost")


def published(label: str) -> Rule:
    """A rule that stops where the published table says."""
    rows = pq.read_table(folder() / "published_stops.parquet").to_pylist()
    at = {
        (r["model"], r["dataset"], r["seed"]): int(r["stop_iter"])
        for r in rows
        if r["method"] == label
    }

    def stop(trace: Trace) -> int:
        count = at[trace.run.group, trace.run.dataset, trace.run.seed]
        return trace.total if count >= trace.total - 1 else max(count, 20)

    return stop


def replicated(traces: Sequence[Trace]) -> tuple[int, int]:
    """How many of the published stops of the frozen rule follow from the published bounds."""
    same = total = 0
    for label, name in ((0.21, "Ours_0.21"), (0.5, "Ours_0.5"), (1.0, "Ours_1.0")):
        rule, times = published(name), FrozenRegretBound(label).times
        for trace in traces:
            folds = np.array([t.folds for t in trace.run.history.finished])
            first = folds[int(np.argmin(trace.run.history.losses[:20]))]
            threshold = times * np.sqrt(1 / 10 + 1 / 9) * first.std()
            below = np.flatnonzero(trace.run.bound[20:] < threshold)
            same += (int(below[0]) + 20 if len(below) else trace.total) == rule(trace)
            total += 1
    return same, total


def row(name: str, stops: Sequence[int], part: Sequence[Trace]) -> str:
    s = score(stops, part)
    at = naive(s.rtc, frontier(part))
    seconds = "–" if np.isnan(s.seconds) else f"{s.seconds:.3f}"
    return (
        f"| {name} | {s.rtc:.3f} | {seconds} | {s.ryc:+.4f} | {at:+.4f} | {s.worst:+.3f} | "
        f"{s.stopped:.0%} | {s.wrong:.1%} |"
    )


HEAD = (
    "| rule | RTC | RTC in seconds | RYC | naive RYC at this RTC | worst RYC | stopped | wrong stops |\n"
    "|---|---|---|---|---|---|---|---|"
)


def rules_table(part: Sequence[Trace], outcome: dict[int, int]) -> Iterable[str]:
    yield HEAD
    yield row("**default, data set left out**", [outcome[id(t)] for t in part], part)
    yield row("default, as shipped", [DEFAULT(t) for t in part], part)
    if part[0].run.group in TABULAR:
        for name, label in PUBLISHED.items():
            rule = published(label)
            yield row(name, [rule(t) for t in part], part)
    for wait in (10, 30, 50, 70, 100):
        rule = patience(wait)
        yield row(f"no improvement for {wait}", [rule(t) for t in part], part)


def against_naive(part: Sequence[Trace], outcome: dict[int, int]) -> str:
    """RYC above the naive frontier at the same RTC, with a 95 % bootstrap interval."""
    tabular = part[0].run.group in TABULAR
    units = sorted({t.run.dataset if tabular else str(t.run.seed) for t in part})
    of = {
        u: [t for t in part if (t.run.dataset if tabular else str(t.run.seed)) == u] for u in units
    }
    rng, gains = np.random.default_rng(0), []
    for draw in range(401):
        chosen = units if draw == 0 else rng.choice(units, len(units))
        sample = [t for u in chosen for t in of[u]]
        s = score([outcome[id(t)] for t in sample], sample)
        gains.append(s.ryc - naive(s.rtc, frontier(sample)))
    low, high = np.quantile(gains[1:], [0.025, 0.975])
    return f"{gains[0]:+.4f} [{low:+.4f}, {high:+.4f}] over {len(units)} " + (
        "data sets" if tabular else "seeds"
    )


def calibration(part: Sequence[Trace]) -> str:
    """Share of the checks at which the gain shown lies below one that later came in."""
    shares = {"gain": [], "bound": []}
    for trace in part:
        best = curve(trace).best
        later = best[trace.column("trials").astype(int) - 1] - best[-1]
        for name, found in shares.items():
            found.append(float(np.mean(later > trace.column(name))))
    return " | ".join(
        f"{np.mean(found):.1%} (worst search {np.max(found):.0%})" for found in shares.values()
    )


def optuna_table(every: Sequence[Trace]) -> Iterable[str]:
    if not FILE.exists():
        yield "Optuna's terminator was not measured: no torch here."
        return
    kept = json.loads(FILE.read_text())
    yield f"Checked every {GRID.step} trials from {GRID.start}, both alike."
    yield ""
    yield HEAD
    for group in TABULAR:
        part = [t for t in every if t.run.group == group]
        theirs = [kept["stops"][f"{group}/{t.run.dataset}/{t.run.seed}"] for t in part]
        ours = [next((n for n in GRID if n >= DEFAULT(t)), t.total) for t in part]
        yield row(f"Optuna 5.0, {group}", theirs, part)
        yield row(f"default, {group}", ours, part)
    yield ""
    yield "| one check, 100 trials, 10 parameters | CPU ms | against Optuna's default | all data |"
    yield "|---|---|---|---|"
    costs = kept["costs_ms"]
    half, full = costs["optuna, best half"], costs["optuna, all data"]
    for name, cost in costs.items():
        yield f"| {name} | {cost:.1f} | {cost / half:.2f} | {cost / full:.2f} |"


def import_seconds() -> float:
    """CPU seconds of the import, less those of numpy's own start of Python."""
    code = (
        "import time; a = time.process_time(); import supersede.search.stopping, sys; "
        "assert 'torch' not in sys.modules; print(time.process_time() - a)"
    )
    runs = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
        for _ in range(3)
    ]
    return min(runs)


def page() -> Iterable[str]:
    every, outcome, chosen, _ = held_out()
    groups = sorted({t.run.group for t in every})
    parts = {g: [t for t in every if t.run.group == g] for g in groups}
    tabular = [t for g in TABULAR for t in parts[g]]
    same, total = replicated(tabular)
    yield "# Stopping rules, side by side\n"
    yield "This page is written by `python -m benchmarks.stopping`.\n"
    yield (
        "Real searches are replayed (Makarova et al., 2022: 13 data sets, 10 seeds, 200 trials, random "
        "forest and XGBoost; HPO-Bench: two tables, three optimisers, 10 seeds, 500 trials). RTC is the "
        "share of trials saved, RYC the relative change of the test error by stopping early (negative: "
        "worse), *naive* what the best fixed patience loses at the same RTC, a *wrong stop* one after "
        "which validation gained more than the statistical error. For the HPO-Bench tables, which report no "
        "error, *default* is the rule with the residual noise of the surrogate in its place; what replaced it "
        "is measured in [when a search has done its work]"
        "(../explanation/stopping.md#searches-without-a-reported-error).\n"
    )
    yield f"Published stops reproduced by the frozen rule: {same} of {total}.\n"
    yield "The default by leaving one data set out (`python -m benchmarks.searches.default`):\n"
    yield from (f"- chosen {n} times: {rule}" for rule, n in chosen.most_common())
    for group in groups:
        yield f"\n## {group}\n"
        yield from rules_table(parts[group], outcome)
        yield f"\nRYC above naive patience: {against_naive(parts[group], outcome)}."
    s = score([outcome[id(t)] for t in tabular], tabular)
    yield f"\nWrong stops over forests and boosting together: {s.wrong:.1%} (data set left out).\n"
    yield "## Is the gain that is shown an upper bound?\n"
    yield "Share of the checks at which a larger gain came in later.\n"
    yield "| searches | optimistic gain (shown) | regret bound |"
    yield "|---|---|---|"
    yield from (f"| {g} | {calibration(parts[g])} |" for g in groups)
    yield "\n## Beside Optuna's terminator\n"
    yield from optuna_table(every)
    yield f"\nImport of `supersede.search.stopping`: {import_seconds():.2f} CPU seconds, no torch.\n"
    yield "## A bowl and a needle\n"
    yield needle_table()


def main() -> int:
    if folder() is None:
        print("the recorded searches are not here: name their folder in SUPERSEDE_BENCH_DATA")
        return 0
    start = time.process_time()
    text = "\n".join(page()) + "\n"
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(text)
    print(text)
    print(f"{OUT}: {time.process_time() - start:.0f} CPU seconds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
