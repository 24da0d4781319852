"""Finalists against a baseline, trained with several seeds: latency saved, and what it cost in accuracy.

``python -m benchmarks.search_trained [device] [minutes] [pixels]`` works through the queue of trainings
until the minutes of CPU (or of the device) are over, and writes the table of those that are done. Each
training is a line of the file that SUPERSEDE_TRAINED names, and continues from its last epoch when it was
interrupted, so the same command continues on another day; benchmarks/trained/search_trained.jsonl has
those of the committed table. ``cuda 600 96`` trains the scenes on a GPU, at 96
pixels instead of 48. The full size is ten seeds of classification, which is cheap, and five of the rest.

Classification starts from inverted bottlenecks on 16 pixels; its finalist is the most accurate network
that a search found within two fifths of the baseline's weights and of its peak memory. Detection starts from inverted bottlenecks, as the article does: fewer channels (width), fused first
blocks (fusion), both. Segmentation starts from a network shaped for a processor, with channels off
the granule and depthwise convolutions throughout. Every latency is Vela's for ethos-u85-1024.
"""

import json
import os
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from scipy.special import stdtrit

from benchmarks.measure import cpu, write
from supersede.hardware import EthosU
from supersede.search.architecture import (
    EXPERT,
    Evolution,
    Limits,
    Space,
    TargetCosts,
    search,
)
from supersede.search.architecture.space import Value
from supersede.search.architecture.tasks.digits import Digits
from supersede.search.architecture.tasks.scenes import Detection, Segmentation
from supersede.search.architecture.tasks.spaces import space_for
from supersede.search.architecture.tasks.training import train

KEPT = Path(os.environ.get("SUPERSEDE_TRAINED", "search_trained.jsonl"))
ACCELERATOR = "u85-1024"
SEEDS = {"classification": 10, "detection": 5, "segmentation": 5}
MARGIN = {"classification": 0.01, "detection": 0.02, "segmentation": 0.01}
BUDGET, SEARCHED = 0.4, 20
"""Share of the baseline's weights and of its memory, and trainings of the search within it."""
TASKS = {
    "classification": Digits(),
    "detection": Detection(48, 1500, 600, 15),
    "segmentation": Segmentation(48, 1500, 600, 15),
}
PIXELS = int(sys.argv[3]) if len(sys.argv) > 3 else 48
Params = dict[str, Value]


def blocks(space: Space, channels: list[int], fused: int, **other: Value) -> Params:
    """A network with these channels, whose first blocks are fused and the others are not."""
    params: Params = {choice.name: choice.values[-1] for choice in space.choices}
    for i, wide in enumerate(channels):
        params |= {f"block{i}.channels": wide, f"block{i}.kind": "fused" if i < fused else "ibn"}
        params[f"block{i}.expansion"] = 4
    return space.check(params | {name.replace("__", "."): v for name, v in other.items()})


def space_of(task: str) -> Space:
    return space_for("digits") if task == "classification" else space_for(task, PIXELS)


def within_budget(space: Space, base: Params) -> Params:
    """The most accurate network on validation data within the budget, by a search that is kept."""
    target = EthosU(ACCELERATOR)
    whole = target.measure(space.network(base))
    limits = Limits(
        weights=int(BUDGET * (whole.weight_bytes or 0)), peak=int(BUDGET * (whole.peak_bytes or 0))
    )
    found = search(
        space.curate(target, granule=16, samples=40, cache=KEPT.with_suffix(".db")).space,
        TASKS["classification"], TargetCosts(target, KEPT.with_suffix(".db")),
        objectives=("error",), limits=limits, strategy=Evolution(16, 5, EXPERT),
        evaluations=SEARCHED, store=KEPT.with_name(f"{KEPT.stem}-search"),
    )  # fmt: skip
    if found.best is None:
        raise SystemExit(str(found))
    return dict(found.best.params)


def variants(task: str) -> dict[str, Params]:
    """Baseline first."""
    space, base = space_of(task), [24, 32, 32, 48, 48]
    if task == "classification":
        plain = blocks(space, [32, 48, 48], 0)
        return {"baseline": plain, "searched": within_budget(space, plain)}
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


known_variants = cache(variants)


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
    return {
        (row["task"], row["variant"], row["seed"]): row
        for row in rows
        if row["pixels"] == pixels_of(row["task"])
    }


def pixels_of(task: str) -> int:
    return 16 if task == "classification" else PIXELS


def work(device: str, minutes: float) -> None:
    """Train what is missing, all networks with one seed before the next seed."""
    queue = [
        (task, variant, params, seed)
        for seed in range(max(SEEDS.values()))
        for task in TASKS
        if seed < SEEDS[task]
        for variant, params in known_variants(task).items()
    ]
    queue.sort(key=lambda job: job[0] != "classification")
    began = cpu()
    for task, variant, params, seed in queue:
        if (task, variant, seed) in kept():
            continue
        if cpu() - began > 60 * minutes:
            return
        judge = TASKS[task]
        if task != "classification":
            judge = replace(judge, device=device, pixels=PIXELS)
        network = space_of(task).network(params)
        given = judge.supervised(network)
        trained = train(
            network, given.images, given.targets, given.loss, judge.recipe, seed,
            checkpoint=KEPT.with_name(f"{KEPT.stem}-{task}-{pixels_of(task)}-{variant}-{seed}.pt"),
        )  # fmt: skip
        error, spread = judge.error(trained, "test")
        row = {
            "task": task, "variant": variant, "seed": seed, "error": error, "spread": spread,
            "seconds": trained.seconds, "device": device, "pixels": pixels_of(task),
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
        "task", "network", "MMAC", "ms", "latency saved", "weights + SRAM saved", "seeds", "test error",
        "no worse by more than", "non-inferior",
    )]  # fmt: skip
    done, target = kept(), EthosU(ACCELERATOR)
    for task, margin in MARGIN.items():
        space, first, bytes_before, old = space_of(task), 0.0, 1, np.array([])
        for variant, params in known_variants(task).items():
            network = space.network(params)
            cost = target.measure(network)
            seconds, size = cost.seconds, (cost.weight_bytes or 0) + (cost.peak_bytes or 0)
            errors = np.array(
                [r["error"] for (t, v, _), r in done.items() if (t, v) == (task, variant)]
            )
            if variant == "baseline":
                first, bytes_before, old = seconds, size, errors
            shown = f"{errors.mean():.3f}" if len(errors) else "–"
            if variant == "baseline" or min(len(errors), len(old)) < 2:
                limit, verdict = "–", "–" if variant == "baseline" else "not enough seeds"
            else:
                upper = bound(errors, old)
                limit, verdict = f"{upper:+.3f}", "shown" if upper <= margin else "not shown"
            rows.append((
                task, variant, f"{network.macs / 1e6:.2f}", f"{seconds * 1e3:.3f}",
                f"{1 - seconds / first:.0%}", f"{1 - size / bytes_before:.0%}", str(len(errors)), shown,
                limit, verdict,
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
        f"Digits on canvases of 16 pixels, composed scenes of {PIXELS}; ethos-{ACCELERATOR}, latency and memory"
        " by Vela. Errors are the share of wrong answers, one minus mAP, and one minus mIoU, on data that"
        " no choice has seen. Non-inferior: the one-sided 95 % interval (Welch, over seeds) of the"
        " difference to the baseline ends below .01, .02 mAP and .01 mIoU. Searched is the most accurate"
        f" network on validation data of {SEARCHED} that were trained within {BUDGET:.0%} of the baseline's weights and of"
        " its peak SRAM. Full size: ten seeds of classification, five of the others. What has fewer has"
        " not been trained yet; the same command continues, on a GPU with `cuda 600 96` at 96 pixels.",
    )
