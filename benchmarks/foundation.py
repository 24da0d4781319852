"""Reading, flips and groups: 10⁵ to 10⁸ rows, and fairlearn's MetricFrame beside the group table."""

import tempfile
from pathlib import Path

import fairlearn.metrics as fairlearn
import numpy as np
import pandas as pd
import sklearn.metrics as sklearn

import supersede
from benchmarks.measure import alone, seconds, write
from supersede.metrics import METRICS, by_group, count_flips

THEIRS = {
    "accuracy": sklearn.accuracy_score,
    "precision": sklearn.precision_score,
    "recall": sklearn.recall_score,
    "f1": sklearn.f1_score,
    "false_positive_rate": fairlearn.false_positive_rate,
    "specificity": fairlearn.true_negative_rate,
    "false_negative_rate": fairlearn.false_negative_rate,
    "selection_rate": fairlearn.selection_rate,
}


def groups() -> list[tuple[str, str, str, str]]:
    """1e5 rows in 100 groups, seven metrics, ours with intervals."""
    rng = np.random.default_rng(0)
    n = 100_000
    rows = pd.DataFrame(
        {"y": rng.integers(0, 2, n), "m": rng.integers(0, 2, n), "g": rng.integers(0, 100, n)}
    )
    found = {}

    def ours() -> None:
        (confusion,) = by_group(supersede.read(rows, models=["m"]), "m", [["g"]])
        found["ours"] = pd.DataFrame(confusion.to_dict(0.95)).set_index("g").sort_index()

    def theirs() -> None:
        found["theirs"] = fairlearn.MetricFrame(
            metrics=THEIRS, y_true=rows.y, y_pred=rows.m, sensitive_features=rows.g
        ).by_group

    us, them = seconds(ours), seconds(theirs, repeats=3)
    worst = max(np.abs(found["ours"][m] - found["theirs"][m]).max() for m in METRICS)
    return [
        ("group table, 10⁵ rows × 100 groups, 7 metrics with intervals", f"{us:.3f} s", "", ""),
        ("the same by fairlearn's MetricFrame, without intervals", f"{them:.2f} s", "", ""),
        ("fairlearn / supersede", f"{them / us:.0f} ×", "≥ 50 ×", verdict(them / us >= 50)),
        ("largest difference of any value", f"{worst:.0e}", "≤ 1e-12", verdict(worst <= 1e-12)),
    ]


def million() -> list[tuple[str, str, str, str]]:
    """1e6 rows, two models, 20 slices, with intervals, through the public call."""
    rng = np.random.default_rng(0)
    n = 1_000_000
    rows = pd.DataFrame(
        {
            "y": rng.integers(0, 2, n),
            "a": rng.integers(0, 2, n),
            "b": rng.integers(0, 2, n),
            "g": rng.integers(0, 20, n),
        }
    )

    def ours() -> None:
        table = supersede.read(rows, models=["a", "b"])
        for flips in count_flips(table, "a", "b", [(), ("g",)]):
            flips.to_dict(0.95)

    review = seconds(lambda: supersede.compare(rows, old="a", new="b", groups=["g"]), repeats=3)
    us = seconds(ours)
    return [
        ("flips, 10⁶ rows × 2 models × 20 slices, with intervals", f"{us:.2f} s", "≤ 2 s", verdict(us <= 2)),
        ("whole review of the same", f"{review:.2f} s", "", ""),
    ]  # fmt: skip


MAKE = """
import duckdb
duckdb.connect().execute('''
  COPY (SELECT (hash(i) % 2)::TINYINT y, (hash(i + 1) % 2)::TINYINT a, (hash(i + 2) % 2)::TINYINT b,
               (hash(i + 3) % 20)::TINYINT g FROM range({n}) t(i))
  TO '{path}' (FORMAT parquet, COMPRESSION zstd)''')
"""
COUNT = """
import supersede
from supersede.metrics import count_flips
table = supersede.read({path!r}, models=["a", "b"])
whole, split = count_flips(table, "a", "b", [(), ("g",)])
assert whole.n[0] == {n} and len(split) == 20, (whole.n, len(split))
"""


def hundred_million() -> list[tuple[str, str, str, str]]:
    """Parquet of 1e6, 1e7 and 1e8 rows, each in a fresh process."""
    rows, used = [], {}
    with tempfile.TemporaryDirectory() as folder:
        for power in (6, 7, 8):
            n, path = 10**power, str(Path(folder) / f"{power}.parquet")
            alone(MAKE.format(n=n, path=path))
            runs = [alone(COUNT.format(n=n, path=path)) for _ in range(3)]
            used[power] = sorted(runs, key=lambda run: run["cpu"])[1]  # the median
            Path(path).unlink()
    sup = {6: "⁶", 7: "⁷", 8: "⁸"}
    for power in (6, 7):
        m = used[power]
        rows.append((f"flips by slice from Parquet, 10{sup[power]} rows, imports included", f"{m['cpu']:.1f} s, {m['mb']:.0f} MB", "", ""))  # fmt: skip
    m = used[8]
    rows.append(("flips by slice from Parquet, 10⁸ rows, imports included", f"{m['cpu']:.1f} s", "≤ 40 s", verdict(m["cpu"] <= 40)))  # fmt: skip
    rows.append(("… its peak memory", f"{m['mb']:.0f} MB", "≤ 1000 MB", verdict(m["mb"] <= 1000)))
    slope = (used[8]["cpu"] - used[7]["cpu"]) / (used[7]["cpu"] - used[6]["cpu"])
    rows.append(("… cost of the rows from 10⁷ to 10⁸ over those from 10⁶ to 10⁷", f"{slope:.1f} ×", "10 × is linear", verdict(slope < 13)))  # fmt: skip
    return rows


def start() -> list[tuple[str, str, str, str]]:
    """What it costs to start."""
    helps = [alone("from supersede.cli import main; main(['--help'])")["cpu"] for _ in range(5)]
    used = sorted(helps)[2]
    return [("`supersede --help`", f"{used:.2f} s", "≤ 0.5 s", verdict(used <= 0.5))]


def verdict(reached: bool) -> str:
    """Whether a target is reached, in a word."""
    return "reached" if reached else "**missed**"


if __name__ == "__main__":
    head = ("work", "measured", "target", "")
    write(
        "foundation",
        "Tables, flips and groups",
        "python -m benchmarks.foundation",
        [head, *groups(), *million(), *hundred_million(), *start()],
        "No maintained package computes paired flips by slice, so these have no peer to stand beside; the group table"
        " stands beside fairlearn's. Files and frames are scanned where they are; memory is that of the whole process.",
    )
