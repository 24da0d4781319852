"""How review, stopping and bounties grow: measured where this machine can, simulated where it cannot.

    python -m benchmarks.growth      writes docs/benchmarks/growth.md

Reviews are measured on Parquet files of 10⁵ to 10⁷ rows, decisions to stop on histories of 50 to 800
trials. The queue of a bounty is simulated: 10⁵ hunters, one submission each, half of them in the last
two hours of a round of a week, served first come first served by a number of workers.
"""

import heapq
from pathlib import Path

import numpy as np

from benchmarks.measure import DOCS, STATE, cpu
from supersede.look.numbers import count

SERVICE = 0.8  # seconds to admit and judge one submission: docs/benchmarks/bounty_service.md, bounty_artefacts.md
HUNTERS = 100_000
WEEK, RUSH = 7 * 86_400.0, 2 * 3600.0


def rows_file(n: int) -> Path:
    """Predictions of two models on n items in three sites, as a file."""
    import duckdb

    path = STATE / "growth" / f"rows-{n}.parquet"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        hashed = "(hash(i) % 1000)::INT"
        duckdb.sql(f"""
            COPY (SELECT y, CASE WHEN h < 150 THEN 1 - y ELSE y END AS a,
                         CASE WHEN h BETWEEN 100 AND 220 THEN 1 - y ELSE y END AS b,
                         'site ' || (i % 3) AS site
                  FROM (SELECT i, (i % 2)::INT AS y, {hashed} AS h FROM range({n}) t(i)))
            TO '{path}' (FORMAT parquet)""")  # numbers of this file
    return path


def review_seconds(n: int) -> float:
    import supersede

    path = rows_file(n)
    begin = cpu()
    supersede.compare(str(path), old="a", new="b", label="y", groups=["site"])
    return cpu() - begin


def decision_seconds(n: int) -> float:
    from supersede.search.stopping import Float, History, ParameterSpace, Trial, decide

    rng = np.random.default_rng(0)
    names = [f"x{i}" for i in range(5)]
    space = ParameterSpace({name: Float(0, 1) for name in names})
    points = rng.random((n, len(names)))
    losses = ((points - 0.3) ** 2).sum(1) + rng.normal(0, 0.02, n)
    trials = [
        Trial(dict(zip(names, map(float, x), strict=True)), float(y), standard_error=0.02)
        for x, y in zip(points, losses, strict=True)
    ]
    begin = cpu()
    decide(History(space, trials))
    return cpu() - begin


def waits(workers: int) -> np.ndarray:
    """How long each submission waits for a worker, in seconds."""
    rng = np.random.default_rng(24)
    early = rng.random(HUNTERS // 2) * (WEEK - RUSH)
    late = WEEK - RUSH + rng.random(HUNTERS - HUNTERS // 2) * RUSH
    free = [0.0] * workers
    found = []
    for arrival in np.sort(np.concatenate([early, late])):
        start = max(float(arrival), heapq.heappop(free))
        heapq.heappush(free, start + SERVICE)
        found.append(start - float(arrival))
    return np.array(found)


def main() -> None:
    review_seconds(100_000)  # imports
    reviews = [(n, review_seconds(n)) for n in (10**5, 10**6, 10**7)]
    decision_seconds(30)
    decisions = [(n, decision_seconds(n)) for n in (50, 100, 200, 400, 800)]
    queues = [(w, waits(w)) for w in (1, 2, 4, 6, 8)]
    lines = [
        "*Printed by `python -m benchmarks.growth`; each figure is measured or simulated by that command.*",
        "", "# How things grow", "",
        "[The plan](../growth.md) uses these curves.", "",
        "| rows reviewed, Parquet, 3 groups | CPU-s, start-up left out | rows per CPU-s |", "|---|---|---|",
        *(f"| {count(n)} | {s:.2f} | {count(round(n / s, -3))} |" for n, s in reviews), "",
        "| finished trials, 5 parameters | CPU-s of one decision to stop |", "|---|---|",
        *(f"| {n} | {s:.2f} |" for n, s in decisions), "",
        f"Simulated: {count(HUNTERS)} submissions of {SERVICE} s each in a week, half of them in the last two hours.", "",
        "| workers | median wait | 95 % wait less than | longest |", "|---|---|---|---|",
        *(
            f"| {w} | {np.median(q):,.0f} s | {np.quantile(q, 0.95):,.0f} s | {q.max():,.0f} s |"
            for w, q in queues
        ), "",
    ]  # fmt: skip
    (DOCS / "growth.md").write_text("\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
