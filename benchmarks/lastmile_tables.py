"""Columns that moved, planted in real tables; and repair until it passes, on real tables.

    python -m benchmarks.lastmile_tables plants | loop | write

Data lie in ../shared/data, or in the folder in SUPERSEDE_BENCH_DATA.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from benchmarks.bounty_tables import DATA
from supersede.bounty import Sample
from supersede.bounty.artefacts import columns_of
from supersede.lastmile.loop import GapTarget, Reweighted, repair_until
from supersede.lastmile.tables import Renamed, Rescaled, Shifted, find_suspects

FOLDER = Path("out/lastmile_tables")
PAGE = Path("docs/benchmarks/lastmile_tables.md")
RUNS, ROWS, KNOWN = 200, 1000, 20_000
FACTORS = (12, 60, 1000, 1 / 12, 1 / 60, 1 / 1000, 2.54, 1 / 2.2046, 1.6093, 100)
TABLES = {
    "Adult": ("adult/adult.parquet", "income", ">50K", ("id", "split", "fnlwgt")),
    "census": ("census_kdd/census_kdd.parquet", "income", "50000+", ("id", "split", "weight")),
}


def load(name):
    path, label, positive, without = TABLES[name]
    table = pq.read_table(DATA / path)
    columns = columns_of({
        c: table[c].to_numpy(zero_copy_only=False) for c in table.column_names if c not in (label, *without)
    })  # fmt: skip
    return columns, np.array([positive in str(v) for v in table[label].to_pylist()], int)


def planted(columns, rng):
    """A unit error, a shift of half to two standard deviations, or a new name, drawn at random."""
    numbers = [
        c for c, v in columns.items() if v.kind == "number" and len(np.unique(v.numbers())) > 2
    ]
    texts = [c for c, v in columns.items() if v.kind == "text"]
    kind = rng.integers(3)
    if kind == 0:
        return "unit error", Rescaled(str(rng.choice(numbers)), float(rng.choice(FACTORS)))
    if kind == 1:
        column = str(rng.choice(numbers))
        spread = float(np.nanstd(columns[column].numbers()))
        return "shift", Shifted(
            column, float(np.ceil(rng.uniform(0.5, 2) * spread) * rng.choice([-1, 1]))
        )
    column = str(rng.choice(texts))
    names, counts = np.unique(columns[column].texts().astype(str), return_counts=True)
    common = [n for n, k in zip(names, counts, strict=True) if n and k >= ROWS / 100]
    return "renamed", Renamed(column, str(rng.choice(common)), "another name")


def plants():
    for name in TABLES:
        columns, _ = load(name)
        n = len(next(iter(columns.values())))
        state = FOLDER / f"{name}.json"
        FOLDER.mkdir(parents=True, exist_ok=True)
        found = json.loads(state.read_text()) if state.exists() else []
        for run in range(len(found), RUNS):
            rng = np.random.default_rng(run)
            order = rng.permutation(n)
            known = {c: v.take(order[:KNOWN]) for c, v in columns.items()}
            site = {c: v.take(order[KNOWN : KNOWN + ROWS]) for c, v in columns.items()}
            kind, change = planted(site, rng)
            clean, moved = find_suspects(known, site), find_suspects(known, change.apply(site))
            first = moved[0] if moved else None
            found.append({
                "kind": kind, "column": change.column, "change": str(change), "clean": len(clean),
                "first": first is not None and first.column == change.column,
                "explained": first is not None and first.kind == {"unit error": "unit"}.get(kind, kind),
                "said": "" if first is None else f"{first.column}: {first.explanation}",
            })  # fmt: skip
            if run % 10 == 9:
                state.write_text(json.dumps(found, indent=1))
        state.write_text(json.dumps(found, indent=1))
        print(name, sum(f["first"] for f in found), sum(not f["clean"] for f in found), flush=True)


def matrix(columns, kinds):
    """Numbers as they are, categories by the codes of the training rows."""
    out = []
    for name, categories in kinds.items():
        if categories is None:
            out.append(np.nan_to_num(columns[name].numbers()))
        else:
            texts = columns[name].texts()
            out.append(np.array([categories.get(t, -1) for t in texts], float))
    return np.column_stack(out)


def loop():
    from sklearn.ensemble import HistGradientBoostingClassifier

    FOLDER.mkdir(parents=True, exist_ok=True)
    results = {}
    for name in TABLES:
        columns, labels = load(name)
        order = np.random.default_rng(0).permutation(len(labels))
        whole = Sample("all", columns, labels)
        parts = np.array_split(order[int(0.4 * len(order)) :], 4 if name == "census" else 3)
        train = whole.take(np.sort(order[: int(0.4 * len(order))]), "train")
        fresh = [whole.take(np.sort(rows), f"fresh {i + 1}") for i, rows in enumerate(parts)]
        kinds = {
            c: None if v.kind != "text" else {t: i for i, t in enumerate(sorted(set(v.texts())))}
            for c, v in train.columns.items() if c not in ("sex", "race")
        }  # fmt: skip

        def fit(given, truth, weight, kinds=kinds):
            made = HistGradientBoostingClassifier(max_iter=60, random_state=0)
            made.fit(matrix(given, kinds), truth, sample_weight=weight)
            return lambda asked: made.predict(matrix(asked, kinds))

        started = time.process_time()
        first = fit(
            {c: v for c, v in train.columns.items() if c in kinds},
            train.labels,
            np.ones(len(train)),
        )
        strengths = (1.25, 1.5, 1.75, 2, 2.5, 3, 4, 5)
        repairs = [Reweighted(fit, strengths, f"reweighting {i}") for i in range(1, 4)]
        run = repair_until(
            first, train, fresh, GapTarget("sex", watch=("race",)), repairs, progress=print
        )  # fmt: skip
        print(name, run, flush=True)
        results[name] = run.to_dict() | {"cpu": time.process_time() - started}
        results[name].pop("spent")
        (FOLDER / "loop.json").write_text(json.dumps(results, indent=1))


def write():
    lines = [
        "# Columns that moved, and repair until it passes",
        "",
        "Printed by `python -m benchmarks.lastmile_tables plants`, `loop`, then `write`.",
        "",
        "## Planted changes are named",
        "",
        f"{RUNS} times (fewer where the table says so), {KNOWN:,} rows are the reference and {ROWS:,} others the site, with one change each: a",
        "unit error by one of ten factors, a shift by half to two standard deviations, or a new name for a",
        "category of at least 1 % of the rows. The column is drawn from all that such a change fits.",
        "",
        "| table | named first | … and explained | target | clean draws without a suspect | target |",
        "|---|---|---|---|---|---|",
    ]
    for name in TABLES:
        found = json.loads((FOLDER / f"{name}.json").read_text())
        n = len(found)  # fewer than RUNS where a run was cut short
        lines.append(
            f"| {name} | {sum(f['first'] for f in found)} of {n} | {sum(f['explained'] and f['first'] for f in found)} of {n} |"
            f" ≥ 90 % | {sum(not f['clean'] for f in found)} of {n} | ≥ 95 % |"
        )
    loops = FOLDER / "loop.json"
    if loops.exists():
        lines += [
            "",
            "## Repair until the gap is small",
            "",
            "Gradient-boosted trees that never read sex or race. Target: false negative rates of the sexes",
            "differ by at most 3 points on fresh rows, accuracy falls by at most 1 point, and no combination",
            "of sex and race gets worse. A round passes only if whole intervals lie on the right side;",
            "otherwise it is undecided.",
            "",
            "| table | round | fresh rows | gap [95 %] | change of accuracy [95 %] | worse combinations | verdict |",
            "|---|---|---|---|---|---|---|",
        ]
        for name, run in json.loads(loops.read_text()).items():
            for r in run["rounds"]:
                lines.append(
                    f"| {name} | {r['repair'] or 'first model'} | {r['rows']:,} | {r['gap']:.3f} [{r['low']:.3f}, {r['high']:.3f}] |"
                    f" {r['accuracy_change']:+.4f} [{r['accuracy_low']:+.4f}, {r['accuracy_high']:+.4f}] | {len(r['worse'])} | {r['verdict']} |"
                )
            lines.append(f"| {name} | **{run['end']}** | | | | | {'; '.join(run['needed'])} |")
        left = [name for name in TABLES if name not in json.loads(loops.read_text())]
        if left:
            lines += ["", f"Not run here: {', '.join(left)}."]
    PAGE.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    {"plants": plants, "loop": loop, "write": write}[sys.argv[1]]()
