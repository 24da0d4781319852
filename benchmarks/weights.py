"""Weights and clusters: coverage of the intervals, and what they cost in labels.

    python -m benchmarks.weights [REPLICATIONS [OF CLUSTERS]]      writes docs/benchmarks/weights.md

With 0, it prints what earlier runs have done. What is done is kept in the folder that SUPERSEDE_STATE names, so that a run that was ended goes on.
Each replication draws the plan's sample anew and calls `supersede.evaluate.estimate` with the labels.
Of tables with clusters, the clusters are drawn anew too, from a population of clusters whose figures are
the truth, and the plan is made for each table (by `supersede.evaluate.plan`).
"""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

import supersede
from supersede.evaluate import accuracy, estimate, f1, negative_flips, plan, precision, recall
from supersede.evaluate.counting import locate, words
from supersede.evaluate.design import Plan, Sample
from supersede.evaluate.estimates import Estimates
from supersede.evaluate.weights import weight_of
from supersede.table.source import collect
from supersede.table.table import Table

DOC = Path("docs/benchmarks/weights.md")
ASKED = [
    accuracy("a"), precision("a"), recall("b"), accuracy("b") - accuracy("a"), negative_flips("a", "b"),
    f1("b"),
]  # fmt: skip
CHUNK = 50  # replications between two saves
STATE = Path(os.environ.get("SUPERSEDE_STATE", tempfile.gettempdir())) / "supersede-weights"


def truths(data: dict[str, np.ndarray]) -> np.ndarray:
    """The figures of `ASKED` with weights."""
    a, b, y, w = (data[name] for name in "abyw")
    right_a, right_b = a == y, b == y
    total = w.sum()
    return np.array([
        w[right_a].sum() / total, (w * a * y).sum() / (w * a).sum(), (w * b * y).sum() / (w * y).sum(),
        (w[right_b].sum() - w[right_a].sum()) / total, w[right_a & ~right_b].sum() / total,
        2 * (w * b * y).sum() / ((w * b).sum() + (w * y).sum()),
    ])  # fmt: skip


def people(items: int, rate: float, spread: float, seed: int) -> dict[str, np.ndarray]:
    """Labels and two models; weights are heavier where positives are."""
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=items)
    cut = np.quantile(latent, 1 - rate)
    data = {"y": (latent + rng.normal(0, 0.4, items) > cut).astype(np.int64)}
    data |= {m: (latent + rng.normal(0, 0.5, items) > cut).astype(np.int64) for m in "ab"}
    weight = rng.lognormal(0, spread, items) * np.where(latent > cut, 2.0, 0.5)
    return {**data, "w": weight, "item": np.arange(items)}


def redrawn(made: Plan, table: Table, seed: int) -> Iterator[Plan]:
    """The same plan with other items, drawn as permanent random numbers would."""
    rng = np.random.default_rng(seed)
    named = words(table, made.patterns)
    rows = collect(table.rows.select("item", w=weight_of(table), **named)).sort_by("item")
    pattern = locate(made.patterns, [rows[name].to_numpy().astype(np.int64) for name in named])
    assert made.patterns.weights is not None
    weight = rows["w"].to_numpy() / made.patterns.weights.unit
    of = made.stratum[pattern]
    members = [np.flatnonzero(of == g) for g in range(len(made.samples))]
    while True:
        drawn = [
            rng.choice(m, s.take, replace=False) for m, s in zip(members, made.samples, strict=True)
        ]
        chosen = np.concatenate(drawn)
        ends = np.cumsum([len(d) for d in drawn])
        items = pa.table({
            "item": chosen, "order": np.arange(1, len(chosen) + 1), "inclusion": np.ones(len(chosen)),
            "stratum": of[chosen], "number": [""] * len(chosen), "reserve": np.zeros(len(chosen), bool),
            "pattern": pattern[chosen], "weight": weight[chosen],
        })  # fmt: skip
        samples = tuple(
            Sample(np.arange(end - s.take, end), s.take, s.of)
            for s, end in zip(made.samples, ends, strict=True)
        )
        yield replace(made, items=items, samples=samples)


@dataclass(frozen=True)
class Chunk:
    """What became of some replications: estimates, half-widths, whether they hold the truth, labels."""

    value: np.ndarray
    half: np.ndarray
    held: np.ndarray
    labels: np.ndarray
    true: np.ndarray


def recorded(found: "list[tuple[Estimates, int]]", true: np.ndarray) -> Chunk:
    """Estimates as arrays; NaN where one is refused."""
    value, half, held = (np.full((len(found), len(true)), np.nan) for _ in range(3))
    for r, (estimates, _) in enumerate(found):
        for k, e in enumerate(estimates):
            if e.value is not None and e.low is not None and e.high is not None:
                value[r, k], half[r, k] = e.value, e.half_width
                held[r, k] = e.low - 1e-12 <= true[k] <= e.high + 1e-12
    return Chunk(value, half, held, np.array([n for _, n in found]), true)


def weighted(items: int, rate: float, spread: float, margin: float, seed: int) -> Chunk:
    """Estimates of one weighted table, from samples drawn anew."""
    data = people(items, rate, spread, 3)
    answers = {k: v for k, v in data.items() if k != "y"}
    table = supersede.read(answers, models=["a", "b"], weight="w", labelled=False)
    made = plan(table, ASKED, margin=margin, seed=1)
    if made.method != "allocated":
        msg = "the benchmark draws from strata"
        raise SystemExit(msg)
    label, found = data["y"], []
    for _, drawn in zip(range(CHUNK), redrawn(made, table, seed), strict=False):
        ids = drawn.items["item"].to_numpy()
        found.append((estimate(drawn, {"item": ids, "label": label[ids]}), drawn.size))
    return recorded(found, truths(data))


def superpopulation(alike: float, seed: int) -> dict[str, np.ndarray]:
    """4,000 clusters of 5 to 40 items whose labels and mistakes come together."""
    rng = np.random.default_rng(seed)
    size = rng.integers(5, 41, 4000)
    cluster = np.repeat(np.arange(len(size)), size)
    n = len(cluster)
    easy, hard = (rng.normal(0, alike, len(size))[cluster] for _ in range(2))
    latent = rng.normal(size=n) + easy
    data = {"y": (latent + hard + rng.normal(0, 0.5, n) > 0.5).astype(np.int64)}
    data |= {m: (latent + rng.normal(0, 0.6, n) > 0.5).astype(np.int64) for m in "ab"}
    return data | {"w": rng.lognormal(0, 0.5, n), "cluster": cluster}


def clustered(alike: float, clusters: int, margin: float, seed: int) -> Chunk:
    """Estimates for other clusters, from plans of clusters drawn anew."""
    everyone = superpopulation(alike, 2)
    start = np.searchsorted(everyone["cluster"], np.arange(4001))
    rng, found = np.random.default_rng([9, seed]), []
    for r in range(CHUNK):
        drawn = rng.choice(4000, clusters, replace=False)
        rows = np.concatenate([np.arange(start[c], start[c + 1]) for c in drawn])
        data = {name: values[rows] for name, values in everyone.items()}
        data["item"] = np.arange(len(rows))
        label = data.pop("y")
        table = supersede.read(
            data, models=["a", "b"], weight="w", cluster="cluster", labelled=False
        )
        made = plan(table, ASKED, margin=margin, seed=seed * CHUNK + r)
        ids = made.items["item"].to_numpy()
        found.append((estimate(made, {"item": ids, "label": label[ids]}), made.size))
    return recorded(found, truths(everyone))


def replicated(name: str, cell: Callable[[int], Chunk], reps: int) -> dict[str, np.ndarray] | None:
    """Chunks of replications, those of earlier runs read from their files, even beyond `reps`."""
    chunks: list[dict[str, np.ndarray]] = []
    while True:
        seed = len(chunks)
        path = STATE / f"{name}-{seed}.npz"
        if not path.exists():
            if seed * CHUNK >= reps:
                break
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.with_suffix(".part").open("wb") as file:
                np.savez(file, **vars(cell(seed)))
            path.with_suffix(".part").rename(path)
        chunks.append(dict(np.load(path)))
    if not chunks:
        return None
    found = {
        key: np.concatenate([c[key] for c in chunks]) for key in ("value", "half", "held", "labels")
    }
    return found | {"true": chunks[0]["true"]}


def lines(name: str, found: dict[str, np.ndarray]) -> tuple[list[str], np.ndarray]:
    """Rows of the table, and the coverage of each estimand."""
    value, half, held, true = (found[key] for key in ("value", "half", "held", "true"))
    reps, cover = len(value), np.nanmean(held, axis=0)
    spread = np.nanstd(value, axis=0)
    return [
        f"| {name} | {e.name} | {true[k]:.3f} | {found['labels'].mean():.0f} | {reps:,} | {cover[k]:.3f} |"
        f" {(np.nanmean(value[:, k]) - true[k]) / (spread[k] / reps**0.5):+.1f} |"
        f" {np.nanmean(half[:, k]):.3f} | {np.nanmean(half[:, k]) / (1.96 * spread[k]):.2f} |"
        f" {np.isnan(value[:, k]).mean():.1%} |"
        for k, e in enumerate(ASKED)
    ], cover


def main(reps: int, of_clusters: int) -> None:
    rows: list[str] = []
    covers: list[float] = []
    counts: list[int] = []

    def add(name: str, found: dict[str, np.ndarray] | None) -> None:
        if found is not None:
            more, cover = lines(name, found)
            rows.extend(more)
            covers.extend(cover)
            counts.append(len(found["value"]))

    for name, items, rate, spread, margin in (
        ("weights, small cells", 1500, 0.1, 1.0, 0.1),
        ("weights, smaller cells", 800, 0.06, 0.7, 0.15),
        ("weights, 4,000 items", 4000, 0.3, 1.0, 0.05),
    ):
        cell = partial(weighted, items, rate, spread, margin)
        add(name, replicated(name.replace(" ", "-"), cell, reps))
    for clusters, alike, margin in ((60, 0.5, 0.12), (12, 0.5, 0.2), (60, 0.0, 0.12)):
        name = f"{clusters} clusters, alike by {alike}"
        cell = partial(clustered, alike, clusters, margin)
        add(name, replicated(f"clusters-{clusters}-{alike}", cell, of_clusters))
    mean, least = float(np.mean(covers)), float(np.min(covers))
    page = PAGE.format(
        mean=f"{mean:.4f}", least=f"{least:.3f}", rows="\n".join(rows),
        met_mean="met" if mean >= 0.945 else "missed", met_least="met" if least >= 0.93 else "missed",
        fewest=min(counts), met_fewest="met" if min(counts) >= 2000 else "missed",
    )  # fmt: skip
    DOC.write_text(page, encoding="utf-8")


PAGE = """*Printed by `python -m benchmarks.weights`; each figure is measured by that command.*

# Weights and clusters: coverage

Two models, six estimands at once, weights that vary by a log-normal factor and are four times as high
where positives are likely. Of tables with clusters, both the clusters (of 5 to 40 items, out of 4,000)
and the items to label are drawn anew in every replication, the plan is made for each table, and the
truth is that of all 4,000 clusters.

| target | goal | measured | |
| --- | --- | --- | --- |
| mean coverage | ≥ .945 | {mean} | {met_mean} |
| least coverage | ≥ .93 | {least} | {met_least} |
| replications of each table, at least | ≥ 2000 | {fewest} | {met_fewest} |

| table | estimand | truth | labels | replications | coverage | bias in errors | half-width | half-width / 1.96 sd | refused |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
{rows}
"""


if __name__ == "__main__":
    wanted = [int(text) for text in sys.argv[1:]] or [2000]
    main(wanted[0], wanted[-1])
