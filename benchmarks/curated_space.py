"""A curated space of seven blocks against the whole one, on true queries to Arm's compiler.

``python -m benchmarks.curated_space [seeds]`` runs what is missing (each evaluation is kept in the file
that SUPERSEDE_HARDWARE_CACHE names, each run as a line of the file that SUPERSEDE_CURATED_RUNS names,
so that it can be interrupted at any time) and writes the table.

Nothing is trained: latency is Vela's, and quality is a stand-in that says that more channels and fused
blocks are better. The question is how curation changes the search through latencies, not how accurate
the networks are.
"""

import json
import os
import sys
from math import log2
from pathlib import Path

import numpy as np

from benchmarks.measure import cpu, write
from supersede.hardware import EthosU
from supersede.search.architecture import (
    NSGA2,
    Candidate,
    Evaluated,
    Score,
    Space,
    TargetCosts,
    hypervolume,
    landscape,
    nondominated,
    search,
    seven_blocks,
)

CACHE = Path(os.environ.get("SUPERSEDE_HARDWARE_CACHE", "curated_space.db"))
RUNS = Path(os.environ.get("SUPERSEDE_CURATED_RUNS", "curated_space.jsonl"))
ACCELERATOR = "u85-512"
EVALUATIONS, SEEDS, SWEEPS = 400, 5, 3
STEPS = (50, 100, 200, 400)
GOAL = 0.65


class StandIn:
    """Quality without training: the logarithms of the channels, and a little for each fused block."""

    def evaluate(self, candidate: Candidate, seed: int) -> Score:
        params = candidate.params
        channels = sum(log2(float(params[f"block{i}.channels"])) for i in range(7))
        fused = sum(params[f"block{i}.kind"] == "fused" for i in range(7))
        return Score(7 * log2(113) + 7 * 0.15 - channels - 0.15 * fused)

    def fingerprint(self) -> str:
        return "sum of log2 of channels + .15 per fused block"


def spaces() -> dict[str, Space]:
    whole = seven_blocks()
    curated = whole.curate(EthosU(ACCELERATOR), samples=40)
    print(curated, flush=True)
    return {"uncurated": whole, "curated": curated.space}


def kept() -> list[dict]:
    return [json.loads(line) for line in RUNS.read_text().splitlines()] if RUNS.exists() else []


def add(row: dict) -> None:
    with RUNS.open("a") as file:
        file.write(json.dumps(row) + "\n")


def points(trained: tuple[Evaluated, ...]) -> list[tuple[float, float]]:
    return [(e.error or 0.0, e.latency or 0.0) for e in trained]


def work(seeds: int) -> None:
    done = {tuple(row["what"]) for row in kept()}
    target = EthosU(ACCELERATOR)
    made = spaces()
    for name, space in made.items():
        if (name, "landscape") not in done:
            found = landscape(space, target, sweeps=SWEEPS, seed=1, cache=CACHE)
            steps = sum(len(values) - 1 for _, values, _ in found.sweeps)
            row = {"falling": found.falling, "rising": found.rising, "steps": steps}
            add({"what": (name, "landscape"), **row})
    for seed in range(seeds):
        for name, space in made.items():
            if (name, seed) in done:
                continue
            start = cpu()
            costs = TargetCosts(target, CACHE)
            found = search(
                space, StandIn(), costs, strategy=NSGA2(40), evaluations=EVALUATIONS, seed=seed
            )
            add({"what": (name, seed), "points": points(found.trained), "cpu": cpu() - start})


def tables() -> tuple[list[tuple[str, ...]], str]:
    runs = {tuple(row["what"]): row for row in kept()}
    searched = {key: row["points"] for key, row in runs.items() if key[1] != "landscape"}
    seeds = sorted(
        {s for _, s in searched if all((n, s) in searched for n in ("uncurated", "curated"))}
    )
    everything = np.array([p for key, found in searched.items() if key[1] in seeds for p in found])
    front = everything[nondominated(everything)]
    corner = tuple((front.max(axis=0) + 0.01 * np.ptp(front, axis=0)).tolist())
    whole = hypervolume(everything, corner)

    def curve(name: str, seed: int) -> list[float]:
        found = searched[name, seed]
        return [hypervolume(found[:n], corner) / whole for n in range(1, len(found) + 1)]

    rows: list[tuple[str, ...]] = [(
        "space", "seeds", *(f"{n} evaluations" for n in STEPS),
        "evaluations to uncurated's 400, by seed", "latency falls with more channels", "CPU s",
    )]  # fmt: skip
    goals = [curve("uncurated", seed)[-1] for seed in seeds]
    shares = []
    for name in ("uncurated", "curated"):
        curves = [curve(name, seed) for seed in seeds]
        reach = [
            next((n + 1 for n, v in enumerate(c) if v >= goal), None)
            for c, goal in zip(curves, goals, strict=True)
        ]
        if name == "curated":
            shares = [EVALUATIONS * 9 if n is None else n for n in reach]
        rough = runs.get((name, "landscape"))
        rows.append((
            name, str(len(seeds)),
            *(f"{np.mean([c[min(n, len(c)) - 1] for c in curves]):.3f}" for n in STEPS),
            ", ".join("never" if n is None else str(n) for n in reach),
            f"{rough['falling']:.1%} of {rough['steps']} steps" if rough else "–",
            f"{sum(runs[name, seed]['cpu'] for seed in seeds):.0f}",
        ))  # fmt: skip
    ratio = float(np.median(shares)) / EVALUATIONS
    verdict = "met" if ratio <= GOAL else "**missed**"
    if len(seeds) < SEEDS:
        verdict += f" so far, but only {len(seeds)} of {SEEDS} seeds have run"
    each = ", ".join(f"{share / EVALUATIONS:.2f}" for share in shares)
    words = (
        f"Curated, the seeds need {each} of the evaluations, {ratio:.2f} in the median (goal: {GOAL}):"
        f" {verdict}."
    )
    return rows, words


if __name__ == "__main__":
    if "table" not in sys.argv:
        work(int(sys.argv[1]) if len(sys.argv) > 1 else SEEDS)
    rows, words = tables()
    write(
        "curated_space",
        "Curated against uncurated",
        "python -m benchmarks.curated_space",
        rows,
        f"Seven blocks with 17 to 113 channels in steps of one, on ethos-{ACCELERATOR}; NSGA-II with a"
        " population of 40. Numbers are shares of the hypervolume of all runs' front, mean over seeds. "
        + words
        + " Each latency is Vela's; quality is a stand-in (logarithms of channels, and .15 for each fused"
        " block), so this says nothing about accuracy. Full size: five seeds.",
    )
