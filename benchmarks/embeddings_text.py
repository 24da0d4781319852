"""A compatible text embedding with room of its own, on the ladder of text embedders.

A head maps the new model's vectors into the old space; the new model's own vector lies beside it
(`fit_own_room`). Reads `debian_search` from SUPERSEDE_BENCH_DATA (default ../shared/data) and skips without
it. Epochs and weight are chosen on 400 rows held out of fitting; tests are rows 0 to 1,999.
"""

import argparse
import itertools
import json
from pathlib import Path

import numpy as np

from benchmarks.embeddings_ladder import DATA, MODELS, TEST, vectors
from benchmarks.measure import write
from supersede.embeddings import fit_procrustes
from supersede.embeddings.bridges.fit_paths import _ranks
from supersede.embeddings.bridges.heads import head_path
from supersede.embeddings.training.own_room import fit_own_room
from supersede.embeddings.vectors import unit

WEIGHTS = (0.5, 0.7, 0.8, 0.9, 0.95)


def one(old: str, new: str, seed: int) -> np.ndarray:
    """Recall@1 and @10: old, cross of the head, cross of the room, self of the room, new model's own."""
    qo, go, qn, gn = (unit(vectors(m, k)) for m, k in ((old, "queries"), (old, "documents"),
                                                       (new, "queries"), (new, "documents")))  # fmt: skip
    order = 2000 + np.random.default_rng(seed).permutation(4000)
    fit, choose = order[400:], order[:400]
    start = fit_procrustes(np.vstack([gn[fit], qn[fit]]), np.vstack([go[fit], qo[fit]]))
    heads = head_path(qn[fit], go[fit], start=start.matrix, seed=seed)
    head = max(heads, key=lambda h: (1 / _ranks(h.apply(qn[choose]), go, choose)).mean())
    rooms = [fit_own_room(head, gn[fit], weight=weight) for weight in WEIGHTS]
    room = max(rooms, key=lambda r: (1 / _ranks(r.apply(qn[choose]), r.apply(gn), choose)).mean())
    wide, held = room.apply(qn[TEST]), room.apply(gn)
    found = (
        _ranks(qo[TEST], go, TEST), _ranks(head.apply(qn[TEST]), go, TEST),
        _ranks(unit(wide[:, : room.old_dimensions]), go, TEST), _ranks(wide, held, TEST),
        _ranks(qn[TEST], gn, TEST),
    )  # fmt: skip
    return np.array([[(f <= k).mean() for k in (1, 10)] for f in found])


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seeds", type=int, default=5)
    arguments.add_argument("--cache", type=Path, default=Path(".bench") / "embeddings_text")
    given = arguments.parse_args()
    given.cache.mkdir(parents=True, exist_ok=True)
    if not DATA.is_dir():
        print(f"skipped: no vectors at {DATA}; name their folder in SUPERSEDE_BENCH_DATA")
        return
    rows = [["old → new", "old", "cross, trained head", "cross, with own room", "self, with own room", "new model's own", "self − own, @1 / @10"]]  # fmt: skip
    aims = []
    for old, new in itertools.combinations(MODELS, 2):
        made = []
        for seed in range(given.seeds):
            kept = given.cache / f"{old}-{new}-{seed}.json"
            if not kept.exists():
                kept.write_text(json.dumps(one(old, new, seed).tolist()))
            made.append(json.loads(kept.read_text()))
        each = np.array(made) * 100
        mean = each.mean(0)
        aims.append(
            (min((each[:, 3] - each[:, 4]).mean(0)), min((each[:, 2] - each[:, 1]).mean(0)))
        )
        apart = (each[:, 3] - each[:, 4]).mean(0)
        rows.append(
            [
                f"{old} → {new}",
                *(f"{a:.1f} / {b:.1f}" for a, b in mean),
                f"{apart[0]:+.1f} / {apart[1]:+.1f}",
            ]
        )
    write(
        "embeddings_text", "A compatible text embedding with room of its own", "python -m benchmarks.embeddings_text",
        rows, f"Recall@1 / @10 in % on 2,000 test queries in 6,000 documents, means over {given.seeds} seeds.\n\n"
        f"- Self with own room within 1 point of the new model's own: on {sum(a >= -1 for a, _ in aims)} of {len(aims)} rungs"
        f" (lowest {min(a for a, _ in aims):+.1f}).\n"
        f"- Cross with own room as good as the best trained head: on {sum(b > -0.05 for _, b in aims)} of {len(aims)} rungs"
        " (the leading coordinates are that head).",
    )  # fmt: skip


if __name__ == "__main__":
    main()
