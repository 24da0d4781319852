"""Every path on the ladder of real text embedders: forecasts against what test queries then show.

Reads the vectors of `debian_search` from the folder named by SUPERSEDE_BENCH_DATA (default
../shared/data) and skips without them. Fits from 500, 2,000 and 4,000 pairs of rows 2,000 to 5,999 and
tests on rows 0 to 1,999, over --seeds draws. Cells are kept in --cache, so that it can be stopped and
continued. `--seeds 5` is the full size.
"""

import argparse
import itertools
import json
import os
import sys
from pathlib import Path

import numpy as np

from benchmarks.measure import cpu, write
from supersede.embeddings import PairedSample, Prices, fit_ridge, forecast_paths
from supersede.embeddings.bridges.fit_paths import _ranks
from supersede.embeddings.report.paired import mean_difference

DATA = Path(os.environ.get("SUPERSEDE_BENCH_DATA", "../shared/data")) / "debian_search"
MODELS = ("wordllama_256", "minilm_l3_384", "minilm_l6_384", "mpnet_768")
SIZES = (500, 2000, 4000)
TEST = np.arange(2000)
# worth of a found search 1e-3; one period of a million searches; embedding and queries by model size
PRICES = {
    "cheap re-embedding": Prices(1e-4, 1e-6, 1e-5, 1e-3, 1e6),
    "dear re-embedding": Prices(2e-2, 1e-6, 1e-5, 1e-3, 1e6),
    "dear new queries": Prices(1e-2, 1e-6, 2e-4, 1e-3, 1e6),
}


def vectors(name: str, kind: str) -> np.ndarray:
    stored = np.load(DATA / f"{name}_{kind}.npz")
    return stored["q"].astype(np.float32) * stored["scale"][:, None]


def cell(old: str, new: str, pairs: int, seed: int) -> dict:
    qo, go, qn, gn = (vectors(m, k) for m, k in ((old, "queries"), (old, "documents"),
                                                 (new, "queries"), (new, "documents")))  # fmt: skip
    rows = 2000 + np.random.default_rng(seed).permutation(4000)[:pairs]
    start = cpu()
    found = forecast_paths(PairedSample(qo[rows], qn[rows], gn[rows], rows, go), seed=seed)
    spent = cpu() - start
    hits = {
        f.name: _ranks(f.path.queries(qo[TEST], qn[TEST]), f.path.gallery(go, gn), TEST)
        for f in found.paths
    }
    stay, head = hits["stay"] <= 10, hits["old head"] <= 10
    plain = fit_ridge(np.vstack([gn[rows], qn[rows]]), np.vstack([go[rows], qo[rows]]))
    ridge = _ranks(plain.apply(qn[TEST]), go / np.linalg.norm(go, axis=1, keepdims=True), TEST)
    out = {"old": old, "new": new, "pairs": pairs, "seed": seed, "cpu": spent, "paths": {},
           "ridge": [float((ridge <= k).mean()) for k in (1, 10)], "advice": {}}  # fmt: skip
    for f in found.paths:
        hit = hits[f.name] <= 10
        against = mean_difference(head.astype(float), hit.astype(float))
        out["paths"][f.name] = {
            "variant": f.path.variant, "forecast": f.recall.to_dict(), "lost": f.lost.to_dict(),
            "recall": [float((hits[f.name] <= k).mean()) for k in (1, 10)],
            "lost_then": float((stay & ~hit).mean()), "head": against.to_dict(),
        }  # fmt: skip
    for name, prices in PRICES.items():
        advice = found.recommend(prices)
        worth = prices.queries * prices.per_found_search
        net = {p: worth * float((hits[p] <= 10).mean()) - advice.costs[p] for p in hits}
        best = max(net, key=net.get)
        # regret in points of recall@10, and whether test queries can tell the two apart
        regret = (net[best] - net[advice.name]) / worth
        apart = mean_difference(
            (hits[advice.name] <= 10).astype(float), (hits[best] <= 10).astype(float)
        )
        half = (apart.high - apart.low) / 2
        out["advice"][name] = {"taken": advice.name, "best": best, "regret": regret,
                               "told": bool(regret > half)}  # fmt: skip
    return out


def table(cells: list[dict]) -> list[list[str]]:
    rows = [["old → new", "pairs", "seeds", "stay", "old head", "bridge", "plain ridge", "new head",
             "fused", "fused + mapped gallery", "against old head", "re-index", "re-index + head",
             "forecast within 3 points", "advice right"]]  # fmt: skip
    key = lambda c: (MODELS.index(c["old"]), MODELS.index(c["new"]), c["pairs"])  # noqa: E731
    for (_, _, pairs), group in itertools.groupby(sorted(cells, key=key), key):
        part = list(group)
        c = part[0]

        def at(name: str, part: list[dict] = part) -> str:
            both = np.mean([p["paths"][name]["recall"] for p in part], axis=0) * 100
            return f"{both[0]:.1f} / {both[1]:.1f}"

        heads = [p["paths"]["fused + mapped gallery"]["head"] for p in part]
        gain = [100 * np.mean([h[k] for h in heads]) for k in ("value", "low", "high")]
        near = [
            abs(v["forecast"]["value"] - v["recall"][1]) < 0.03
            for p in part
            for v in p["paths"].values()
        ]
        near += [
            abs(v["lost"]["value"] - v["lost_then"]) < 0.03
            for p in part
            for v in p["paths"].values()
        ]
        right = [
            a["taken"] == a["best"] or not a["told"] for p in part for a in p["advice"].values()
        ]
        ridge = np.mean([p["ridge"] for p in part], axis=0) * 100
        rows.append([
            f"{c['old']} → {c['new']}", f"{pairs:,}", str(len(part)), at("stay"), at("old head"),
            at("bridge"), f"{ridge[0]:.1f} / {ridge[1]:.1f}", at("new head"), at("fused"),
            at("fused + mapped gallery"), f"{gain[0]:+.1f} [{gain[1]:+.1f}, {gain[2]:+.1f}]",
            at("re-index"), at("re-index + head"), f"{sum(near)} of {len(near)}", f"{sum(right)} of {len(right)}",
        ])  # fmt: skip
    return rows


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seeds", type=int, default=5)
    arguments.add_argument("--cache", type=Path, default=Path(".bench") / "embeddings_ladder.jsonl")
    arguments.add_argument("--table-only", action="store_true")
    given = arguments.parse_args()
    if not DATA.is_dir():
        print(f"skipped: no vectors at {DATA}; name their folder in SUPERSEDE_BENCH_DATA")
        return
    given.cache.parent.mkdir(parents=True, exist_ok=True)
    kept = given.cache.read_text().splitlines() if given.cache.exists() else []
    cells = [json.loads(line) for line in kept]
    done = {(c["old"], c["new"], c["pairs"], c["seed"]) for c in cells}
    for seed, pairs, (old, new) in itertools.product(
        range(given.seeds), SIZES, itertools.combinations(MODELS, 2)
    ):
        if (old, new, pairs, seed) not in done and not given.table_only:
            cells.append(cell(old, new, pairs, seed))
            with given.cache.open("a") as file:
                file.write(json.dumps(cells[-1]) + "\n")
            print(
                old, new, pairs, seed, round(cells[-1]["cpu"]), "CPU-s", file=sys.stderr, flush=True
            )
    values = [v for c in cells for v in c["paths"].values()]
    recall = np.mean([abs(v["forecast"]["value"] - v["recall"][1]) < 0.03 for v in values])
    lost = np.mean([abs(v["lost"]["value"] - v["lost_then"]) < 0.03 for v in values])
    advice = [a for c in cells for a in c["advice"].values()]
    write(
        "embeddings",
        "Replacing a text embedder: the ladder",
        "python -m benchmarks.embeddings_ladder",
        table(cells),
        "Recall@1 / @10 in % on 2,000 test queries in a gallery of 6,000 documents, means over seeds; *against old"
        " head* is recall@10 of the fused queries with a mapped gallery less that of the old model with a head"
        " of its own, in points, with the paired interval on the same queries.\n\n"
        f"Run so far: {len(cells)} of the {6 * len(SIZES) * 5} cells of the full benchmark (six rungs, three sizes,"
        " five seeds).\n\n"
        f"Over {len(cells)} cells of {len(values) // len(cells)} paths each: the forecast of recall@10 lies within 3 points of"
        f" what the test queries show in {100 * recall:.0f} % and that of lost searches in {100 * lost:.0f} %. Given one of three"
        f" lists of prices, the recommended path has the largest net value on the test queries in"
        f" {100 * np.mean([a['taken'] == a['best'] for a in advice]):.0f} %; in {100 * np.mean([a['told'] for a in advice]):.0f} % the test queries show another"
        " path to be better. Mean regret is"
        f" {100 * np.mean([a['regret'] for a in advice]):.2f} points of recall@10.",
    )  # fmt: skip


if __name__ == "__main__":
    main()
