"""Finalists against a baseline, trained with several seeds: latency saved, and what it cost in accuracy.

``python -m benchmarks.search_trained [device] [minutes]`` works through the queue of trainings until the
minutes of CPU (or of the device) are over, and writes the table of those that are done. Each training is a
line of the file that SUPERSEDE_TRAINED names, and continues from its last epoch when it was
interrupted, so the same command continues on another day; ``cuda`` trains the same on a GPU. The full size is
five seeds of all networks.

Detection starts from inverted bottlenecks, as the article does: fewer channels (width), fused first
blocks (fusion), both. Segmentation starts from a network shaped for a processor, with channels off
the granule and depthwise convolutions throughout. Every latency is Vela's for ethos-u85-1024.
"""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.special import stdtrit

from benchmarks.measure import cpu, write
from supersede.hardware import EthosU
from supersede.search.architecture import Space
from supersede.search.architecture.space import Value
from supersede.search.architecture.tasks.scenes import Detection, Segmentation
from supersede.search.architecture.tasks.spaces import space_for
from supersede.search.architecture.tasks.training import train

KEPT = Path(os.environ.get("SUPERSEDE_TRAINED", "search_trained.jsonl"))
ACCELERATOR, SEEDS = "u85-1024", 5
MARGIN = {"detection": 0.02, "segmentation": 0.01}
TASKS = {
    "detection": Detection(48, 1500, 600, 15),
    "segmentation": Segmentation(48, 1500, 600, 15),
}
Params = dict[str, Value]


def blocks(space: Space, channels: list[int], fused: int, **other: Value) -> Params:
    """A network with these channels, whose first blocks are fused and the others are not."""
    params: Params = {choice.name: choice.values[-1] for choice in space.choices}
    for i, wide in enumerate(channels):
        params |= {f"block{i}.channels": wide, f"block{i}.kind": "fused" if i < fused else "ibn"}
        params[f"block{i}.expansion"] = 4
    return space.check(params | {name.replace("__", "."): v for name, v in other.items()})


def variants(task: str) -> dict[str, Params]:
    """Baseline first."""
    space, base = space_for(task), [24, 32, 32, 48, 48]
    if task == "detection":
        fewer = [16, 16, 16, 32, 32]
        return {
            "baseline": blocks(space, base, 0),
            "width": blocks(space, fewer, 0),
            "fusion": blocks(space, base, best_fused(space, base)),
            "both": blocks(space, fewer, best_fused(space, fewer)),
        }
    found = {"baseline": blocks(space, [20, 28, 28, 44, 44], 0, head__output_stride=2)}
    for name, channels, stride, head in (
        ("A", [16, 16, 32, 32, 32], 2, 16), ("B", [16, 32, 16, 32, 32], 4, 32),
        ("C", [16, 16, 16, 48, 48], 4, 32), ("D", [16, 16, 16, 32, 32], 4, 32),
        ("E", [16, 16, 16, 16, 16], 4, 16),
    ):  # fmt: skip
        found[name] = blocks(space, channels, 2, head__output_stride=stride, head__channels=head)
    return found


def best_fused(space: Space, channels: list[int]) -> int:
    """How many first blocks are fused in the fastest network."""
    target = EthosU(ACCELERATOR)
    seconds = [
        target.measure(space.network(blocks(space, channels, n))).seconds
        for n in range(len(channels) + 1)
    ]
    return int(np.argmin(seconds))


def kept() -> dict[tuple[str, str, int], dict]:
    rows = map(json.loads, KEPT.read_text().splitlines()) if KEPT.exists() else ()
    return {(row["task"], row["variant"], row["seed"]): row for row in rows}


def work(device: str, minutes: float) -> None:
    """Train what is missing, all networks with one seed before the next seed."""
    queue = [
        (task, variant, params, seed)
        for seed in range(SEEDS)
        for task in TASKS
        for variant, params in variants(task).items()
    ]
    began = cpu()
    for task, variant, params, seed in queue:
        if (task, variant, seed) in kept():
            continue
        if cpu() - began > 60 * minutes:
            return
        judge = replace(TASKS[task], device=device)
        network = space_for(task).network(params)
        given = judge.supervised(network)
        trained = train(
            network, given.images, given.targets, given.loss, judge.recipe, seed,
            checkpoint=KEPT.with_name(f"{KEPT.stem}-{task}-{variant}-{seed}.pt"),
        )  # fmt: skip
        error, spread = judge.error(trained, "test")
        row = {
            "task": task, "variant": variant, "seed": seed, "error": error, "spread": spread,
            "seconds": trained.seconds, "device": device,
        }  # fmt: skip
        with KEPT.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(row, flush=True)


def bound(new: np.ndarray, old: np.ndarray) -> float:
    """Upper end of the one-sided 95 % interval of the difference of means (Welch)."""
    parts = new.var(ddof=1) / len(new), old.var(ddof=1) / len(old)
    if sum(parts) == 0:
        return float("inf")  # equal errors of few seeds are no certainty
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / (len(new) - 1) + parts[1] ** 2 / (len(old) - 1))
    return float(new.mean() - old.mean() + stdtrit(freedom, 0.95) * sum(parts) ** 0.5)


def tables() -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [(
        "task", "network", "MMAC", "ms", "latency saved", "seeds", "test error", "no worse by more than",
        "non-inferior",
    )]  # fmt: skip
    done, target = kept(), EthosU(ACCELERATOR)
    for task, margin in MARGIN.items():
        space, first, old = space_for(task), 0.0, np.array([])
        for variant, params in variants(task).items():
            network = space.network(params)
            seconds = target.measure(network).seconds
            errors = np.array(
                [r["error"] for (t, v, _), r in done.items() if (t, v) == (task, variant)]
            )
            if variant == "baseline":
                first, old = seconds, errors
            shown = f"{errors.mean():.3f}" if len(errors) else "–"
            if variant == "baseline" or min(len(errors), len(old)) < 2:
                limit, verdict = "–", "–" if variant == "baseline" else "not enough seeds"
            else:
                upper = bound(errors, old)
                limit, verdict = f"{upper:+.3f}", "shown" if upper <= margin else "not shown"
            rows.append((
                task, variant, f"{network.macs / 1e6:.2f}", f"{seconds * 1e3:.3f}",
                f"{1 - seconds / first:.0%}", str(len(errors)), shown, limit, verdict,
            ))  # fmt: skip
    return rows


if __name__ == "__main__":
    given = sys.argv[1:]
    if "table" not in given:
        work(given[0] if given else "cpu", float(given[1]) if len(given) > 1 else 60.0)
    write(
        "search_trained",
        "Finalists, trained",
        "python -m benchmarks.search_trained",
        tables(),
        f"Composed scenes of 48 pixels; ethos-{ACCELERATOR}, latency by Vela. Errors are one minus mAP, and"
        " one minus mIoU, on scenes that no choice has seen. Non-inferior: the one-sided 95 % interval"
        " (Welch, over seeds) of the difference to the baseline ends below .02 mAP or .01 mIoU. Full size:"
        " five seeds of each. What has fewer has not been trained yet; the same command continues.",
    )
