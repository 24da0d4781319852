"""Evaluate with few labels: every target with the figure measured, in one committed table.

    python -m benchmarks.evaluate [SECTION …]

Environment: SUPERSEDE_SIMULATIONS (replications of coverage, 2000), SUPERSEDE_BENCH_DATA (the folder of
real data sets, ../shared/data), SUPERSEDE_PEERS (a Python with ssepy and ppi-python), SUPERSEDE_BIG (a
Parquet file of 10⁸ rows made by benchmarks.evaluate_scale). What is not there is said in the table.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import supersede
from benchmarks import evaluate_article as article
from benchmarks import evaluate_models as models
from benchmarks import evaluate_peers as peers
from benchmarks.evaluate_replicate import Population, replicate, two_phase
from benchmarks.forests import Ensemble, digits, made
from supersede.evaluate import plan, precision
from supersede.evaluate.allocate import allocate
from supersede.evaluate.hypergeometric import exact_interval, sample_size, sequence_interval

REPS = int(os.environ.get("SUPERSEDE_SIMULATIONS", "2000"))
OUT = Path("docs/benchmarks/evaluate.md")


def main() -> None:
    sections = [
        article_method, real_data, overlap, programme, forests, two_models, small_cells, exactness,
        scale, beside_peers,
    ]  # fmt: skip
    parts = [
        "*Printed by `python -m benchmarks.evaluate`; each figure is measured by that command.*",
        "# Evaluate with few labels: targets and figures",
        f"Replications of coverage: {REPS}. CPU seconds of a shared 2-core machine.",
    ]
    wanted = sys.argv[1:] or [section.__name__ for section in sections]
    kept = OUT.read_text(encoding="utf-8").split("\n\n## ")[1:] if OUT.exists() else []
    texts = [f"## {text}".rstrip() for text in kept] or [""] * len(sections)
    for at, section in enumerate(sections):  # those not named keep what an earlier run printed
        if section.__name__ not in wanted:
            continue
        start = time.process_time()
        texts[at] = section()
        print(f"{section.__name__}: {time.process_time() - start:.0f} CPU-s", file=sys.stderr)
        OUT.parent.mkdir(parents=True, exist_ok=True)
        OUT.write_text("\n\n".join(filter(None, parts + texts)) + "\n", encoding="utf-8")


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def verdict(met: bool) -> str:
    return "met" if met else "**missed**"


def article_method() -> str:
    grid = np.arange(0.5, 1.001, 0.05)
    mean = float(article.closed_form("reshuffle", grid).mean())
    cells = np.arange(0.1, 1.001, 0.1)
    maps = []
    for mix in ("reshuffle", "resample"):
        saved = article.heat_map(mix, cells)
        gap = np.abs(saved - article.closed_form(mix, cells)).max()
        rows = [
            [f"{cells[a]:.1f}", *(f"{saved[a, b]:.0%}" for b in range(len(cells)))]
            for a in range(len(cells))
        ]
        head = ["parent's ratio \\ child's", *(f"{c:.1f}" for c in cells)]
        maps.append(
            f"**{mix}**: share of labels saved, mean {saved.mean():.1%}; at most"
            f" {100 * gap:.1f} pp from the closed form.\n\n{table(head, rows)}"
        )
    reps, rows, worst = max(10 * REPS, 200), [], 0.0
    for case in article.CASES:
        for mix in ("reshuffle", "resample"):
            o = article.simulate(case, mix, reps)
            worst = max(worst, abs(o.bias) / o.error)
            rows.append(
                [case.name, mix, f"{o.bias:+.5f}", f"{o.error:.5f}", f"{o.bias / o.error:+.1f}",
                 f"{o.variance_ratio:.2f}", f"{o.labels:.1f}", f"{o.naive:.0f}", f"{o.coverage:.3f}"]
            )  # fmt: skip
    head = ["case", "mix", "bias", "its error", "in errors", "variance / random sample", "labels",
            "separately", "coverage of the usual interval"]  # fmt: skip
    return "\n\n".join([
        "## The article's method",
        table(["target", "goal", "measured", ""], [
            ["mean saving, ratios .5 to 1, reshuffle (closed form; continuous: 1/3)", "32–34 %",
             f"{mean:.1%}", verdict(0.32 <= mean <= 0.34)],
            [f"largest bias over 16 cases, {reps} replications", "< 3 standard errors",
             f"{worst:.1f}", verdict(worst < 3)],
        ]),
        *maps,
        table(head, rows),
        "Resample's usual interval covers far too little; `estimate` counts every label once instead.",
    ])  # fmt: skip


def real_data() -> str:
    rows = []
    for mix in ("reshuffle", "resample"):
        for name, error, labels, coverage in article.real(mix, max(REPS // 4, 20)):
            rows.append([name, mix, f"{error:.2f}", f"{1 - labels:.0%}", f"{coverage:.3f}"])
    if not rows:
        return "## The article's method on real data\n\nSkipped: no data sets found."
    head = ["data set (forest of 5 trees)", "mix", "error / random sample's", "labels saved",
            "coverage of the usual interval"]  # fmt: skip
    return "## The article's method on real data\n\n" + table(head, rows)


def overlap() -> str:
    rows, met = [], True
    for name, ensemble in (("digits, K = 10", digits(10)), ("made, K = 10", made(10))):
        chosen = plan(_table(ensemble), _precisions(ensemble), method="coordinated", seed=1)
        sizes = [sample_size(int(v.sum()), 0.05, 0.95) for v in ensemble.votes]
        share = [v * n / v.sum() for v, n in zip(ensemble.votes, sizes, strict=True)]
        bound = float(np.max(share, axis=0).sum())
        counts = [
            plan(_table(ensemble), _precisions(ensemble), method="coordinated", seed=s).size
            for s in range(8)
        ]
        mean = float(np.mean(counts))
        met &= abs(mean / bound - 1) <= 0.025
        rows.append(
            [name, f"{bound:.0f}", f"{mean:.0f}", f"{mean / bound - 1:+.1%}", str(chosen.size)]
        )
    head = ["ensemble", "Σ max π", "labels, mean of 8 seeds", "beyond", "labels of seed 1"]
    return (
        "## Coordinated samples\n\nWithin 2.5 % of the least that equal-probability samples can need: "
        f"{verdict(met)}. Rows, columns and engines in any order: tests/evaluate.\n\n"
        + table(head, rows)
    )


def programme() -> str:
    import cvxpy as cp

    gaps, infeasible = [], 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        k, h = int(rng.integers(2, 11)), int(rng.integers(10, 400))
        count = rng.integers(1, 60, h).astype(float)
        p = rng.uniform(0.02, 0.98, h)
        inside = rng.random((k, h)) < 0.4
        variance = inside * p * (1 - p) / np.maximum(inside @ count, 1)[:, None] ** 2
        budget = np.full(k, (0.05 / 1.96) ** 2)
        found = allocate(count, variance, budget)
        used = (variance * count * (1 / np.maximum(found.probability, 1e-300) - 1)).sum(axis=1)
        infeasible += bool((used > budget * (1 + 1e-9)).any())
        pi = cp.Variable(h)
        scaled = variance * count / budget[:, None]
        meets = [scaled[j] @ cp.inv_pos(pi) <= 1 + scaled[j].sum() for j in range(k)]
        problem = cp.Problem(cp.Minimize(count @ pi), [*meets, pi <= 1, pi >= 1e-7])
        problem.solve(solver=cp.CLARABEL)
        gaps.append(found.labels / problem.value - 1)
    rng = np.random.default_rng(0)
    count = rng.integers(1, 50, 10**6).astype(float)
    p = rng.uniform(0.02, 0.98, 10**6)
    inside = rng.random((20, 10**6)) < 0.3
    variance = inside * (p * (1 - p)) / (inside @ count)[:, None] ** 2
    start = time.process_time()
    large = allocate(count, variance, np.full(20, (0.05 / 1.96) ** 2))
    spent = time.process_time() - start
    return "## The convex programme\n\n" + table(["target", "goal", "measured", ""], [
        ["20 random instances against cvxpy with Clarabel: largest gap", "≤ 0.05 %",
         f"{100 * max(gaps):.4f} %", verdict(max(gaps) <= 5e-4)],
        ["instances that miss a precision target", "0", str(infeasible), verdict(not infeasible)],
        ["K = 20, 10⁶ patterns", "≤ 5 CPU-s", f"{spent:.1f} CPU-s", verdict(spent <= 5)],
        ["its gap to the dual bound", "", f"{100 * (large.labels / large.bound - 1):.4f} %", ""],
    ])  # fmt: skip


def forests() -> str:
    rows, tables = [], []
    for name, ensemble, goal in (
        ("digits, K = 10", digits(10), 500),
        ("digits, K = 100", digits(100), 650),
        ("made, K = 10", made(10), None),
    ):
        table_, asked = _table(ensemble), _precisions(ensemble)
        few = plan(table_, asked)
        people = _population(few, ensemble)
        found = replicate(few, people, REPS)
        cover = found.coverage
        shared = plan(table_, asked, method="coordinated", seed=1).size
        low = _article_labels(ensemble)
        line = [name, f"{few.independent:,}", f"{low:,}", str(shared), str(few.size),
                f"{1 - few.size / few.independent:.1%}", f"{1 - low / few.independent:.1%}",
                f"{found.half.mean(axis=0).max():.4f}", f"{cover.mean():.4f}", f"{cover.min():.4f}",
                f"{(cover < 0.93).mean():.1%}", f"{np.abs(found.bias).max():.4f}"]  # fmt: skip
        tables.append(line)
        if goal is not None:
            good = cover.mean() >= 0.945 and (cover < 0.93).mean() <= 0.02
            rows.append([f"{name}: labels", f"≤ {goal}", str(few.size), verdict(few.size <= goal)])
            rows.append([f"{name}: coverage, {REPS} replications", "mean ≥ .945, ≤ 2 % of models below .93",
                         f"{cover.mean():.4f}, {(cover < 0.93).mean():.1%}", verdict(good)])  # fmt: skip
        if len(asked) < 20:
            twice = two_phase(people, asked, few.belief, 0.12, 0.05, few, REPS)
            both = twice.coverage
            tables.append([f"{name}, two phases", f"{few.independent:,}", "", "",
                           f"{twice.labels.mean():.0f} ± {twice.labels.std():.0f}",
                           f"{1 - twice.labels.mean() / few.independent:.1%}", "",
                           f"{twice.half.mean(axis=0).max():.4f}", f"{both.mean():.4f}",
                           f"{both.min():.4f}", f"{(both < 0.93).mean():.1%}",
                           f"{np.abs(twice.bias).max():.4f}"])  # fmt: skip
            if goal is not None:
                mean = twice.labels.mean()
                rows.append(
                    [f"{name}, two phases: labels", "≤ 350", f"{mean:.0f}", verdict(mean <= 350)]
                )
                good = both.mean() >= 0.945 and (both < 0.93).mean() <= 0.02
                rows.append([f"{name}, two phases: coverage", "mean ≥ .945, ≤ 2 % of models below .93",
                             f"{both.mean():.4f}, {(both < 0.93).mean():.1%}", verdict(good)])  # fmt: skip
    head = ["forest", "separately", "article", "coordinated", "allocated", "saved", "article saves",
            "widest mean half width", "coverage, mean", "least", "below .93", "largest bias"]  # fmt: skip
    return "\n\n".join(
        ["## Real ensembles: precision of a forest and its trees, ± .05, 95 %",
         table(["target", "goal", "measured", ""], rows),
         "Planned from the trees' votes alone. The pilot of the two phases is planned for ± .12; its"
         " settings were chosen on `made`, not on digits.",
         table(head, tables)]
    )  # fmt: skip


def two_models() -> str:
    rows = models.compare()
    body = [[n, str(a), str(b), f"{a / b:.1f}×"] for n, a, b in rows]
    found, by_pattern = models.together(max(2 * REPS, 100))
    ratio = {n: a / b for n, a, b in rows}
    difference, flips = (
        ratio["accuracy(new) - accuracy(old)"],
        ratio["negative_flip_rate(old, new)"],
    )
    size = int(found.labels[0])
    cover = ", ".join(f"{c:.3f}" for c in found.coverage)
    return "\n\n".join([
        "## Two models that disagree on a tenth of the items",
        table(["target", "goal", "measured", ""], [
            ["accuracy difference: fewer labels", "≥ 10×", f"{difference:.1f}×", verdict(difference >= 10)],
            ["negative flip rate: fewer labels", "≥ 16×", f"{flips:.1f}×", verdict(flips >= 16)],
            ["six at once", "≤ 3200 labels", f"{size} {by_pattern}", verdict(size <= 3200)],
        ]),
        table(["estimand", "random sample of all", "strata", "factor"], body),
        f"Coverage of the six, {len(found.labels)} replications: {cover}.",
    ])  # fmt: skip


def small_cells() -> str:
    """Precisions of models with few positives, where strata are all but taken."""
    rows, met = [], True
    for rate, items in ((0.03, 3000), (0.06, 1500), (0.01, 20_000)):
        rng = np.random.default_rng(int(rate * 1000))
        latent = rng.normal(size=items)
        cut = np.quantile(latent, 1 - rate)
        truth = (latent + rng.normal(0, 0.3, items) > cut).astype(np.int64)
        votes = [(latent + rng.normal(0, 0.4, items) > cut).astype(np.int64) for _ in range(8)]
        ensemble = Ensemble(np.stack(votes), truth)
        chosen = plan(_table(ensemble), _precisions(ensemble), margin=0.1)
        found = replicate(chosen, _population(chosen, ensemble), REPS)
        cover = found.coverage
        met &= cover.mean() >= 0.945 and (cover < 0.93).mean() <= 0.02
        cell = f"{ensemble.votes.sum(axis=1).min()}–{ensemble.votes.sum(axis=1).max()}"
        rows.append([f"{items:,}", cell, str(chosen.size), f"{cover.mean():.4f}", f"{cover.min():.4f}",
                     f"{(cover < 0.93).mean():.0%}"])  # fmt: skip
    head = ["items", "predicted positive", "labels", "coverage, mean", "least", "below .93"]
    return (
        f"## Small cells\n\n8 models, ± .1. Mean ≥ .945, at most 2 % below .93: {verdict(met)}.\n\n"
        + table(head, rows)
    )


def exactness() -> str:
    from scipy.stats import hypergeom

    least = 1.0
    for items, n in ((50, 12), (100, 50), (400, 148), (900, 270), (3000, 181)):
        ends = np.array([exact_interval(x, n, items, 0.95) for x in range(n + 1)])
        for m in range(0, items + 1, max(1, items // 300)):
            held = (ends[:, 0] - 1e-12 <= m / items) & (m / items <= ends[:, 1] + 1e-12)
            least = min(least, float(hypergeom.pmf(np.arange(n + 1), items, m, n)[held].sum()))
    rng, worst, items = np.random.default_rng(0), 1.0, 300
    for share in (0.0, 0.05, 0.3, 0.5, 0.9):
        truth = (np.arange(items) < round(share * items)).astype(int)
        known: dict[tuple[int, int], bool] = {}
        held = 0
        for _ in range(REPS):
            hits = np.cumsum(rng.permutation(truth))
            good = True
            for n in range(1, items + 1):
                key = (int(hits[n - 1]), n)
                if key not in known:
                    low, high = sequence_interval(*key, items, 0.95)
                    known[key] = low - 1e-12 <= truth.mean() <= high + 1e-12
                good &= known[key]
            held += good
        worst = min(worst, held / REPS)
    return "## Exact intervals and sequences\n\n" + table(["target", "goal", "measured", ""], [
        ["exact intervals, enumeration of all samples, least coverage", "≥ .95", f"{least:.4f}",
         verdict(least >= 0.95 - 1e-9)],
        ["confidence sequences, all times at once, least coverage of 5 shares", "≥ .95",
         f"{worst:.4f}", verdict(worst >= 0.95)],
    ])  # fmt: skip


def scale() -> str:
    path = os.environ.get("SUPERSEDE_BIG")
    if path is None:
        return "## Scale\n\nSkipped: SUPERSEDE_BIG names no file."
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.evaluate_scale", "run", path],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    got = json.loads(done.stdout)
    first = got["read_cpu_s"] + got["count_cpu_s"]
    return "\n\n".join([
        "## Scale",
        table(["target", "goal", "measured", ""], [
            [f"{got['items']:,} items × 20 models, Parquet, checked and counted ({got['patterns']:,}"
             " patterns)", "≤ 35 CPU-s", f"{first:.1f} CPU-s", verdict(first <= 35)],
            ["memory of that", "≤ 2 GiB", f"{got['count_gib']:.2f} GiB", verdict(got["count_gib"] <= 2)],
            ["hash, plan and sample", "≤ 40 CPU-s more", f"{got['plan_cpu_s']:.1f} CPU-s",
             verdict(got["plan_cpu_s"] <= 40)],
            ["memory of all", "", f"{got['plan_gib']:.2f} GiB", ""],
        ]),
        "DuckDB with a memory limit of 900 MB; without one it takes what it is given.",
    ])  # fmt: skip


def beside_peers() -> str:
    found = peers.measure(max(REPS // 4, 20))
    if found is None:
        return "## Beside peers\n\nSkipped: SUPERSEDE_PEERS names no Python with them."
    base = found["random sample (Wald)"]["width"]
    rows = [
        [name, f"{m['width']:.4f}", f"{m['labels'] * (m['width'] / base) ** 2:.0f}",
         f"{m['coverage']:.3f}", f"{m['ms']:.1f}"]
        for name, m in found.items()
    ]  # fmt: skip
    return "\n\n".join([
        "## Beside peers: one model, one metric",
        f"Accuracy of one model with scores, {peers.ITEMS:,} items, {peers.BUDGET} labels,"
        f" {max(REPS // 4, 20)} replications. None of the peers plans for several models, or takes a"
        " margin for a number of labels.",
        table(["method", "width of the interval", "labels for a random sample's width",
               "coverage", "CPU-ms an estimate"], rows),
    ])  # fmt: skip


def _table(ensemble: Ensemble):
    return supersede.read(ensemble.columns(), item="item", models=ensemble.models, labelled=False)


def _precisions(ensemble: Ensemble) -> list:
    return [precision(model) for model in ensemble.models]


def _population(chosen, ensemble: Ensemble) -> Population:
    keys = chosen.patterns.keys
    codes = np.stack([1 - ensemble.votes[ensemble.models.index(k.of)] for k in keys])
    columns = np.ascontiguousarray(codes.astype(np.int16).T)
    known = np.ascontiguousarray(chosen.patterns.codes.T)
    place = {code.tobytes(): h for h, code in enumerate(known)}
    pattern = np.array([place[code.tobytes()] for code in columns])
    return Population(chosen.patterns, pattern, 1 - ensemble.truth)


def _article_labels(ensemble: Ensemble, reps: int = 5) -> int:
    """Labels of the parent/child method for all children, reshuffled."""
    rng, totals = np.random.default_rng(0), []
    top_all = np.flatnonzero(ensemble.votes[0])
    for _ in range(reps):
        top = rng.choice(top_all, sample_size(len(top_all), 0.05, 0.95), replace=False)
        used = set(top.tolist())
        for child in ensemble.votes[1:]:
            everything, own = np.flatnonzero(child), np.flatnonzero(child & (1 - ensemble.votes[0]))
            n = sample_size(len(everything), 0.05, 0.95)
            made_ = article.draw_child(
                top[child[top] == 1], rng.permutation(own)[:n],
                rng.choice(everything, min(3 * n, len(everything)), replace=False),
                len(everything) - len(own), len(own), n, "reshuffle", rng,
            )  # fmt: skip
            used |= set(made_.members.tolist())
        totals.append(len(used))
    return round(float(np.mean(totals)))


if __name__ == "__main__":
    main()
