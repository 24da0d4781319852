"""Do the intervals of metric checks hold what they promise? Simulated through `supersede.compare`.

Each case draws tables whose true values are known from a million items. A table holds 200 trials as
groups, so that one review gives 200 intervals of the new model's value and 200 of the change.

    python -m benchmarks.metric_checks            # 2,000 trials per case
    SUPERSEDE_SIMULATIONS=400 python -m benchmarks.metric_checks
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import sklearn.metrics as sk

import supersede
from benchmarks.measure import kept, write
from supersede.review import MaxDrop, MaxMetric, MaxRise, MinMetric
from supersede.table.outcomes import Judge, Losses

AT_ONCE = 200  # trials in a table: as many slices as a finding carries
LARGE = 1_000_000
RISING = {"log_loss", "brier", "loss"}
Draw = Callable[[np.random.Generator, int], dict[str, np.ndarray]]


@dataclass(frozen=True)
class Case:
    """What is drawn, and what is asked of it."""

    metric: str
    of: object
    data: str
    n: int
    draw: Draw
    weight: bool = False
    cluster: int = 0
    read: Callable[[str], object] | None = None


def classes(shares: list[float], old: float, new: float, churn: float = 0.3) -> Draw:
    """Labels, and answers that are right with these chances; most of the errors are shared."""

    def draw(rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
        k = len(shares)
        y = rng.choice(k, n, p=shares)
        luck = rng.random(n)
        again = np.where(rng.random(n) < churn, rng.random(n), luck)
        wrong = (y + 1 + rng.integers(0, k - 1, n)) % k
        return {"y": y, "a": np.where(luck < old, y, wrong), "b": np.where(again < new, y, wrong)}

    return draw


def scores(share: float, old: float, new: float, sharp: float = 1.0, digits: int = 15) -> Draw:
    """Two normal scores this far apart, as probabilities; `sharp` above 1 is overconfident."""

    def draw(rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
        y = (rng.random(n) < share).astype(int)
        noise, prior = rng.normal(size=n), np.log(share / (1 - share))
        found = {"y": y}
        for name, d, own in (("a", old, 0.0), ("b", new, 0.6)):
            mixed = np.sqrt(1 - own**2) * noise + own * rng.normal(size=n)
            logit = (d * (d * (y - 0.5) + mixed) + prior) * sharp
            p = np.clip(1 / (1 + np.exp(-logit)), 1e-6, 1 - 1e-6)
            found[name] = np.round(p, digits)
        return found

    return draw


def amounts(kind: str) -> Draw:
    """Losses, or a judge's scores."""

    def draw(rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
        z, own = rng.normal(size=n), rng.normal(size=n)
        after = 0.8 * z + 0.6 * own
        match kind:
            case "log-normal":
                return {"a": np.exp(z), "b": np.exp(after + 0.05)}
            case "judge 1 to 5":
                return {
                    k: np.clip(np.round(4 + x), 1, 5) for k, x in (("a", z), ("b", after - 0.1))
                }
            case _:  # mostly 1, some lower
                return {k: np.clip(1 - np.maximum(x - 1, 0) / 2, 0, 1) for k, x in (("a", z), ("b", after + 0.1))}  # fmt: skip

    return draw


def truth(case: Case, rows: dict[str, np.ndarray]) -> tuple[float, float]:
    """The old and the new model's value on very many items, by scikit-learn."""

    def value(x: np.ndarray) -> float:
        y = rows.get("y")
        hard = x if x.dtype.kind == "i" else (x >= 0.5).astype(int)
        match case.metric:
            case "auc":
                return sk.roc_auc_score(y, x)
            case "log_loss":
                return sk.log_loss(y, x)
            case "brier":
                return sk.brier_score_loss(y, x)
            case "loss" | "judge":
                return float(x.mean())
            case "accuracy":
                return float((hard == y).mean())
            case "specificity":
                return sk.recall_score(y != case.of, hard != case.of)
            case "balanced_accuracy" | "macro_f1" | "macro_precision":
                f = {"balanced_accuracy": sk.recall_score, "macro_f1": sk.f1_score,
                     "macro_precision": sk.precision_score}[case.metric]  # fmt: skip
                return f(y, hard, average="macro")
            case name:
                f = getattr(sk, f"{name}_score")
                return f(y == case.of, hard == case.of)

    return value(rows["a"]), value(rows["b"])


def measured(case: Case, trials: int, seed: int = 0) -> dict[str, float]:
    """Coverage of level and change, their mean widths, and how often there is no interval."""
    rng = np.random.default_rng(seed)
    old, new = truth(case, case.draw(rng, LARGE))
    found: dict[str, list[tuple[float, float, float]]] = {"level": [], "change": []}
    for _ in range(max(1, trials // AT_ONCE)):
        if case.cluster:  # an item drawn, and copies of its luck: effective size n / cluster
            drawn = case.draw(rng, AT_ONCE * case.n // case.cluster)
            rows = pd.DataFrame({k: np.repeat(v, case.cluster) for k, v in drawn.items()})
            rows["u"] = np.arange(len(rows)) // case.cluster
        else:
            rows = pd.DataFrame(case.draw(rng, AT_ONCE * case.n))
        rows["trial"] = np.arange(len(rows)) // case.n
        if case.weight:
            rows["weight"] = rng.lognormal(0, 0.7, len(rows))
        minimum, drop = (MaxMetric, MaxRise) if case.metric in RISING else (MinMetric, MaxDrop)
        limit = 0.5
        checks = [
            check(case.metric, limit, of=case.of, groups="trial", min_items=1)
            for check in (minimum, drop)
        ]
        source: object = rows
        if case.read is not None:
            source = supersede.read(
                rows, models={m: case.read(m) for m in "ab"}, label=None,
                cluster="u" if case.cluster else None, weight="weight" if case.weight else None,
            )  # fmt: skip
        review = supersede.compare(
            source, old="a", new="b", label="y" if "y" in rows else None, checks=checks,
            cluster="u" if case.cluster else None, weight="weight" if case.weight else None,
        )  # fmt: skip
        for name, finding in zip(found, review.candidate.findings, strict=True):
            assert len(finding.slices) == AT_ONCE
            found[name] += [(s.estimate, s.low, s.high) for s in finding.slices]
    result = {}
    for name, value in (("level", new), ("change", new - old)):
        _, low, high = np.array(found[name]).T
        none = np.isnan(low)
        result[name] = float(np.mean(none | ((low <= value) & (value <= high))))
        result[f"{name} width"] = float(np.nanmean(high - low)) if (~none).any() else float("nan")
        result[f"{name} none"] = float(none.mean())
    return result


def cases() -> list[Case]:
    """Easy ones and those in which plain intervals fail."""
    even, rare = classes([0.5, 0.5], 0.85, 0.83), classes([0.97, 0.03], 0.9, 0.88)
    perfect = classes([0.7, 0.3], 0.995, 0.99)
    three = classes([0.6, 0.35, 0.05], 0.85, 0.83)
    ten = classes([0.19] * 5 + [0.01] * 5, 0.95, 0.94)
    graded = {"read": lambda name: Judge(name, threshold=0.5)}
    lost = {"read": lambda name: Losses(name, tolerance=1.0)}
    return [
        Case("accuracy", None, "even classes", 300, even),
        *[Case(m, 1, "even classes", 300, even) for m in ("precision", "recall", "specificity", "f1")],
        *[Case(m, 1, "even classes", 40, even) for m in ("precision", "recall", "f1")],
        *[Case(m, 1, "class of 3 %", 400, rare) for m in ("precision", "recall", "f1")],
        *[Case(m, 1, "nearly no errors", 200, perfect) for m in ("precision", "recall", "f1")],
        *[Case(m, None, "three classes, one of 5 %", 300, three)
          for m in ("balanced_accuracy", "macro_precision", "macro_f1")],
        *[Case(m, None, "ten classes, five of 1 %", 1000, ten)
          for m in ("balanced_accuracy", "macro_precision", "macro_f1")],
        Case("macro_f1", None, "nearly no errors", 200, perfect),
        Case("auc", None, "even classes", 100, scores(0.5, 1.2, 1.1)),
        Case("auc", None, "10 % positive", 150, scores(0.1, 1.2, 1.1)),
        Case("auc", None, "near 1", 150, scores(0.3, 3.2, 3.0)),
        Case("auc", None, "ties, one decimal", 150, scores(0.3, 1.5, 1.3, digits=1)),
        Case("auc", None, "near 1, ties", 150, scores(0.3, 3.2, 3.0, digits=1)),
        Case("log_loss", None, "calibrated", 200, scores(0.3, 1.5, 1.3)),
        Case("log_loss", None, "overconfident", 200, scores(0.3, 1.5, 1.3, sharp=2.5)),
        Case("log_loss", None, "overconfident", 60, scores(0.3, 1.5, 1.3, sharp=2.5)),
        Case("log_loss", None, "nearly certain", 200, scores(0.3, 3.5, 3.3, sharp=2.0)),
        Case("brier", None, "calibrated", 200, scores(0.3, 1.5, 1.3)),
        Case("brier", None, "nearly certain", 100, scores(0.3, 3.5, 3.3)),
        Case("judge", None, "scores 1 to 5", 60, amounts("judge 1 to 5"), **graded),
        Case("judge", None, "mostly 1 of [0, 1]", 100, amounts("mostly 1"), **graded),
        Case("loss", None, "log-normal", 50, amounts("log-normal"), **lost),
        Case("loss", None, "log-normal", 300, amounts("log-normal"), **lost),
        *[Case(m, of, "weights", 300, d, weight=True)
          for m, of, d in (("recall", 1, even), ("f1", 1, even), ("macro_f1", None, three),
                           ("auc", None, scores(0.3, 1.2, 1.1)),
                           ("log_loss", None, scores(0.3, 1.5, 1.3)))],
        *[Case(m, of, "60 clusters of 5", 300, d, cluster=5)
          for m, of, d in (("recall", 1, even), ("f1", 1, even), ("macro_f1", None, three),
                           ("auc", None, scores(0.3, 1.2, 1.1)),
                           ("log_loss", None, scores(0.3, 1.5, 1.3)))],
    ]  # fmt: skip


def main() -> None:
    trials = int(os.environ.get("SUPERSEDE_SIMULATIONS", "2000"))
    head = ["metric", "items", "n", "coverage of the value", "width", "coverage of the change",
            "width", "no interval"]  # fmt: skip
    rows, covered = [head], []
    for case in cases():
        key = f"{case.metric} {case.of} {case.data} {case.n} {trials}"
        m = kept("metric_checks", key, partial(measured, case, trials))
        covered += [m["level"], m["change"]]
        rows.append(
            [
                case.metric + (f":{case.of}" if case.of is not None else ""), case.data, str(case.n),
                f"{m['level']:.3f}", f"{m['level width']:.3f}", f"{m['change']:.3f}",
                f"{m['change width']:.3f}", f"{max(m['level none'], m['change none']):.3f}",
            ]
        )  # fmt: skip
        print(" | ".join(rows[-1]), flush=True)
    write(
        "metric_checks",
        "Coverage of metric checks",
        "python -m benchmarks.metric_checks",
        rows,
        f"Nominal coverage is .95; {trials} trials per row, through `supersede.compare`. Mean over all"
        f" rows: {np.mean(covered):.3f}; the least: {np.min(covered):.3f}. Where there is no interval,"
        " a check is undecided, which counts as covered. Clusters are five copies of one item, the"
        " worst there is.",
    )


if __name__ == "__main__":
    main()
