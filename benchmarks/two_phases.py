"""A pilot and a second plan, with and without a judge: labels paid for, by the public calls alone.

    python -m benchmarks.two_phases [SEEDS [TREES …]]      writes docs/benchmarks/two_phases.md

Precision of a forest and of each of its trees on digits, ± .05. The pilot is planned for ± .12. A seed
is a key of permanent random numbers, so that other items are chosen.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np

import supersede
from benchmarks.forests import Ensemble, digits
from supersede.evaluate import Plan, estimate, plan, precision

DOC = Path("docs/benchmarks/two_phases.md")
PILOT, RIGHT = 0.12, 0.8
GOALS = {(10, True): 260, (10, False): 320, (100, False): 250}


def labels(made: Plan, truth: np.ndarray) -> dict[str, np.ndarray]:
    ids = made.items["item"].to_numpy()
    return {"item": ids, "label": truth[ids]}


def paid(made: Plan) -> set[int]:
    """The items to label, without reserves."""
    return {row["item"] for row in made.items.to_pylist() if not row["reserve"]}


def two_phases(
    ensemble: Ensemble, seeds: int, *, judged: bool
) -> tuple[list[int], np.ndarray, np.ndarray]:
    """Labels by seed, half-widths and whether the intervals hold the truth, shape ``(seeds, k)``."""
    right = np.random.default_rng(3).random(len(ensemble.truth)) < RIGHT
    said = np.where(right, ensemble.truth, 1 - ensemble.truth)
    table = supersede.read(
        {**ensemble.columns(), "judge": said},
        models=ensemble.models,
        keep=["judge"],
        labelled=False,
    )
    asked = [precision(m) for m in ensemble.models]
    true = [ensemble.truth[votes == 1].mean() for votes in ensemble.votes]
    options: dict[str, Any] = {"judge": "judge"} if judged else {}
    sizes, half, held = [], [], []
    for seed in range(seeds):
        pilot = plan(table, asked, margin=PILOT, seed=seed, **options)
        learnt = estimate(pilot, labels(pilot, ensemble.truth))
        second = plan(table, asked, seed=seed, after=learnt, **options)
        found = estimate(second, labels(second, ensemble.truth))
        sizes.append(len(paid(pilot) | paid(second)))
        half.append([e.half_width for e in found])
        held.append([e.low <= t <= e.high for e, t in zip(found, true, strict=True)])
    return sizes, np.array(half), np.array(held)


def main(seeds: int, forests: list[int]) -> None:
    rows = []
    for trees in forests:
        for judged in (True, False):
            sizes, half, held = two_phases(digits(trees), seeds, judged=judged)
            goal = GOALS.get((trees, judged))
            mean = float(np.mean(sizes))
            verdict = "" if goal is None else "met" if mean <= goal else "missed"
            rows.append(
                f"| {trees} | {f'right on {RIGHT:.0%}' if judged else 'none'} | {seeds} | {'' if goal is None else f'≤ {goal}'} |"
                f" {mean:.0f} ({min(sizes)} to {max(sizes)}) | {verdict} | {half.mean(axis=0).max():.4f} |"
                f" {held.mean():.3f} |"
            )
    DOC.write_text(PAGE.format(rows="\n".join(rows)), encoding="utf-8")


PAGE = """*Printed by `python -m benchmarks.two_phases`; each figure is measured by that command.*

# Two phases, with and without a judge

Precision of a random forest and of each of its trees on 15,373 digits, ± .05 at 95 %, planned from the
votes alone or with a judge whose mistakes are its own. A pilot for ± .12 comes first, and the second
plan learns from its labels. There are few seeds, so that means of labels are rough and coverage is not
judged here ([that is done](evaluate.md) without a judge, and for [one phase](judge.md) with one). A
mean half-width above .05 misses the goal of every half-width at most .05.

| trees | judge | seeds | goal | labels in both phases | | widest mean half-width | intervals that hold |
| --- | --- | --- | --- | --- | --- | --- | --- |
{rows}
"""


if __name__ == "__main__":
    given = [int(text) for text in sys.argv[1:]]
    main(given[0] if given else 40, given[1:] or [10, 100])
