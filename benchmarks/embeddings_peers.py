"""Bridges of peers on the ladder: the same pairs, the same test queries.

The peers want Python 3.12 and pins of their own, so that they run in an environment of theirs:

    uv venv --python 3.12 /tmp/peers && uv pip install --python /tmp/peers/bin/python \
        rebasis==0.1.0 aecp==0.2.1
    PYTHONPATH=src:. /tmp/peers/bin/python -m benchmarks.embeddings_peers

vecshift 0.4.0 embeds again and has no bridge, so that there is nothing to compare. Each family of a peer is
fitted to a cell's pairs (documents and queries together, as our bridges are) in both directions: new
queries into the old space, and the old gallery into the new one. What counts is a peer's best family *on
the test queries*, which favours it; ours is chosen by cross-validation. Cells are kept in --cache.
"""

import argparse
import itertools
import json
from pathlib import Path

import numpy as np

from benchmarks.embeddings_ladder import DATA, MODELS, SIZES, TEST, all_vectors, rows_of
from supersede.embeddings.bridges.fit_paths import _ranks
from supersede.embeddings.vectors import unit


def rebasis(source, target) -> dict:
    from rebasis.core.selection import CPU_ONLY_METHODS, fit_candidates

    methods = sorted(CPU_ONLY_METHODS)
    made = fit_candidates(source, target, methods=methods)
    return {f"rebasis {c.method}": c.adapter.apply for c in made if c.method != "identity"}


def aecp(source, target) -> dict:
    from aecp.mapping import linear

    made = {}
    for name in ("RidgeMapping", "OrthogonalProcrustesMapping", "ProcrustesDiagMapping", "LowRankAffineMapping"):  # fmt: skip
        try:
            made[f"aecp {name}"] = getattr(linear, name)().fit(source, target).transform
        except ValueError as error:  # some families want equal dimensions
            print(name, "does not fit:", error, flush=True)
    return made


def cell(old: str, new: str, pairs: int, seed: int) -> dict:
    qo, go, qn, gn = (unit(v) for v in all_vectors(old, new))
    rows = rows_of(pairs, seed)
    new_side, old_side = np.vstack([gn[rows], qn[rows]]), np.vstack([go[rows], qo[rows]])
    found = {}
    for fit in (rebasis, aecp):
        for name, apply in fit(new_side, old_side).items():
            ranks = _ranks(unit(np.asarray(apply(qn[TEST]), np.float32)), go, TEST)
            found[f"{name}: query"] = [float((ranks <= k).mean()) for k in (1, 10)]
        for name, apply in fit(old_side, new_side).items():
            ranks = _ranks(qn[TEST], unit(np.asarray(apply(go), np.float32)), TEST)
            found[f"{name}: gallery"] = [float((ranks <= k).mean()) for k in (1, 10)]
    return {"old": old, "new": new, "pairs": pairs, "seed": seed, "recall": found}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seeds", type=int, default=5)
    arguments.add_argument("--cache", type=Path, default=Path(".bench") / "embeddings_peers.jsonl")
    given = arguments.parse_args()
    if not DATA.is_dir():
        print(f"skipped: no vectors at {DATA}; name their folder in SUPERSEDE_BENCH_DATA")
        return
    given.cache.parent.mkdir(parents=True, exist_ok=True)
    kept = given.cache.read_text().splitlines() if given.cache.exists() else []
    done = {tuple(json.loads(line)[k] for k in ("old", "new", "pairs", "seed")) for line in kept}
    for seed, pairs, (old, new) in itertools.product(
        range(given.seeds), SIZES, itertools.combinations(MODELS, 2)
    ):
        if (old, new, pairs, seed) not in done:
            with given.cache.open("a") as file:
                file.write(json.dumps(cell(old, new, pairs, seed)) + "\n")
            print(old, new, pairs, seed, flush=True)


if __name__ == "__main__":
    main()
