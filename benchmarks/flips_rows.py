"""Where the benchmarks of positive-congruent training find data, and the tables they print."""

import os
from pathlib import Path

import numpy as np

from supersede.train.flips.front import Point

DATA = Path(os.environ.get("SUPERSEDE_BENCH_DATA", Path(__file__).parents[2] / "shared" / "data"))
SEEDS = range(6)
HEAD = (
    "what",
    "test error",
    "NFR",
    "NFR / untreated",
    "error − untreated",
    "seeds won",
    "target",
    "",
)
Row = tuple[str, ...]
Results = dict[str, list[Point]]


def verdict(reached: bool) -> str:
    """Whether a target is reached, in a word."""
    return "reached" if reached else "**missed**"


def rows(results: Results, targets: dict[str, tuple[float, float, int]]) -> list[Row]:
    """Means over seeds beside the untreated model; a target is a ratio, an error and seeds to win."""
    base = results["untreated"]
    made = []
    for name, points in results.items():
        nfr, plain = (float(np.mean([p.nfr for p in ps])) for ps in (points, base))
        errors = [p.error for p in points]
        worse = float(np.mean(errors)) - float(np.mean([p.error for p in base]))
        won = sum(p.nfr < b.nfr for p, b in zip(points, base, strict=True))
        target, word = "", ""
        if name in targets:
            ratio, error, wins = targets[name]
            target = f"≤ {ratio:.2f} at ≤ +{error * 100:.1f} pp, {wins} of {len(base)}"
            word = verdict(nfr / plain <= ratio and worse <= error and won >= wins)
        spread = float(np.std([p.nfr for p in points], ddof=1))
        made.append((
            name, f"{np.mean(errors):.2%}", f"{nfr:.2%} ± {spread:.2%}", f"{nfr / plain:.2f}",
            f"{worse * 100:+.2f} pp", "" if name == "untreated" else f"{won} of {len(base)}", target, word,
        ))  # fmt: skip
    return made


def table(title: str, found: list[Row], head: Row = HEAD) -> str:
    """A Markdown section."""
    lines = ["| " + " | ".join(r) + " |" for r in (head, *found)]
    return "\n".join([f"## {title}", "", lines[0], "|" + "---|" * len(head), *lines[1:], ""])
