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
               (hash(i + 3) % {slices})::TINYINT g FROM range({n}) t(i))
  TO '{path}' ({kind})''')
"""
COUNT = """
import supersede
from supersede.metrics import count_flips
table = supersede.read({path!r}, models=["a", "b"])
whole, split = count_flips(table, "a", "b", [(), ("g",)])
assert whole.n[0] == {n}, whole.n
"""
REVIEW = """
import supersede
from supersede.review import MaxNFR, MaxSliceNFR
checks = [MaxNFR(0.9), MaxSliceNFR(0.9)]
review = supersede.compare({path!r}, old="a", new="b", label="y", groups=["g"], checks=checks)
assert review.candidate.evidence.labelled == {n}
"""
HAND = """
import duckdb
found = duckdb.connect().execute('''
  SELECT y, g, count(*), sum((a = y AND b = y)::INT), sum((a = y AND b <> y)::INT),
         sum((a <> y AND b = y)::INT), sum((a <> b)::INT)
  FROM '{path}' GROUP BY y, g''').fetchall()
assert sum(row[2] for row in found) == {n}
"""
FEW = 1000  # rows of a run that costs what starting costs
SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def made(folder: str, n: int, slices: int, ending: str = "parquet") -> str:
    """A file of that many rows."""
    path = str(Path(folder) / f"{n}.{ending}")
    kind = "FORMAT parquet, COMPRESSION zstd" if ending == "parquet" else "FORMAT csv, HEADER"
    alone(MAKE.format(n=n, path=path, slices=slices, kind=kind))
    return path


def spent(code: str, repeats: int = 3, **values: object) -> dict[str, float]:
    """The median of several fresh processes, after one that compiles what it imports."""
    program = code.format(**values)
    alone(program)
    runs = sorted((alone(program) for _ in range(repeats)), key=lambda run: run["cpu"])
    return runs[len(runs) // 2]


def hundred_million() -> list[tuple[str, str, str, str]]:
    """Parquet of 1e6, 1e7 and 1e8 rows in fresh processes; a thousand rows show what starting costs."""
    rows, used = [], {}
    with tempfile.TemporaryDirectory() as folder:
        for power in (3, 6, 7, 8):
            path = made(folder, 10**power, 20)
            used[power] = spent(COUNT, n=10**power, path=path)
            Path(path).unlink()
    for power in (3, 6, 7):
        m, n = used[power], f"10{str(power).translate(SUPERSCRIPT)}"
        rows.append((f"flips by slice from Parquet, {n} rows, imports included", f"{m['cpu']:.1f} s, {m['mb']:.0f} MB", "", ""))  # fmt: skip
    m = used[8]
    rows.append(("flips by slice from Parquet, 10⁸ rows, imports included", f"{m['cpu']:.1f} s", "≤ 40 s", verdict(m["cpu"] <= 40)))  # fmt: skip
    rows.append(("… its peak memory", f"{m['mb']:.0f} MB", "≤ 1000 MB", verdict(m["mb"] <= 1000)))
    growth = (used[8]["cpu"] - used[3]["cpu"]) / (used[7]["cpu"] - used[3]["cpu"])
    rows.append(("… growth from 10⁷ to 10⁸ rows, start-up subtracted", f"{growth:.1f} ×", "10 × is linear, ≤ 13 ×", verdict(growth <= 13)))  # fmt: skip
    return rows


def beside_duckdb() -> list[tuple[str, str, str, str]]:
    """A whole review of 1e7 rows × 25 slices beside one hand-written query of the same counts."""
    rows, n = [], 10**7
    with tempfile.TemporaryDirectory() as folder:
        for ending, name, most in (("parquet", "Parquet", 2.0), ("csv", "CSV", 1.5)):
            used = {}
            for size in (FEW, n):
                path = made(folder, size, 25, ending)
                used[size] = [spent(code, 5, n=size, path=path)["cpu"] for code in (REVIEW, HAND)]
                Path(path).unlink()
            ours, theirs = (big - few for big, few in zip(used[n], used[FEW], strict=True))
            rows += [
                (f"whole review, 10⁷ rows × 25 slices from {name}, start-up subtracted", f"{ours:.2f} s", "", ""),
                ("… one hand-written DuckDB query of the same counts", f"{theirs:.2f} s", "", ""),
                ("… review / query", f"{ours / theirs:.1f} ×", f"≤ {most:g} ×", verdict(ours / theirs <= most)),
            ]  # fmt: skip
    return rows


FIRST = """
import sys
from supersede.cli import main
sys.argv = ['supersede', 'review', {path!r}, '--old', 'a', '--new', 'b', '--label', 'y', '--group', 'g']
assert main() in (0, 1, 3)
"""


def start() -> list[tuple[str, str, str, str]]:
    """What it costs to start: the help, and a review of a small file."""
    used = spent("from supersede.cli import main; main(['--help'])", repeats=5)["cpu"]
    with tempfile.TemporaryDirectory() as folder:
        first = spent(FIRST, repeats=5, path=made(folder, FEW, 20, "csv"))["cpu"]
    return [
        ("`supersede --help`", f"{used:.2f} s", "≤ 0.5 s", verdict(used <= 0.5)),
        ("`supersede review` of 1,000 rows of CSV, in a fresh process", f"{first:.2f} s", "≤ 1.5 s", verdict(first <= 1.5)),
    ]  # fmt: skip


def verdict(reached: bool) -> str:
    """Whether a target is reached, in a word."""
    return "reached" if reached else "**missed**"


if __name__ == "__main__":
    head = ("work", "measured", "target", "")
    write(
        "foundation",
        "Tables, flips and groups",
        "python -m benchmarks.foundation",
        [head, *groups(), *million(), *hundred_million(), *beside_duckdb(), *start()],
        "No maintained package computes paired flips by slice, so these have no peer to stand beside; the group table"
        " stands beside fairlearn's. Files and frames are scanned where they are; memory is that of the whole process.",
    )
