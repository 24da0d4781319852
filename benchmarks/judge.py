"""Labels with a judge beside them: against the same plan without it, and against PPI++.

    python -m benchmarks.judge [REPLICATIONS]      writes docs/benchmarks/judge.md

Each question is planned alone for the same number of labels; what is compared is the labels that
each method needs for the interval of ours, as the square of the ratio of widths. PPI++ (Angelopoulos,
Duchi & Zrnic 2023, with its power tuning) takes a simple random sample of all items.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import ndtri

import supersede
from benchmarks.evaluate_replicate import Population, Replicated, replicate
from supersede.evaluate import accuracy, negative_flips, plan, precision, win_rate
from supersede.evaluate.counting import locate, words
from supersede.evaluate.design import Plan
from supersede.evaluate.estimands import Estimand
from supersede.table.source import collect
from supersede.table.table import Table

ITEMS, BUDGET = 10_000, 400
ACCURACIES = (0.5, 0.8, 0.9, 0.95)
DOC = Path("docs/benchmarks/judge.md")


@dataclass(frozen=True)
class Question:
    """An estimand, and what an item adds to it for a label or a judge's opinion.

    Attributes:
        estimand: The estimand.
        value: The item's contribution, given labels.
        inside: Which items count.
        judged: Column of the judge.
    """

    estimand: Estimand
    value: Callable[[np.ndarray], np.ndarray]
    inside: np.ndarray
    judged: str = "judge"


def people(seed: int) -> dict[str, np.ndarray]:
    """Labels, and two models that are right on 85 % and 90 %, with mistakes partly in common."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(ITEMS) < 0.5).astype(np.int64)
    hard = rng.random(ITEMS) < 0.2
    old = np.where(rng.random(ITEMS) < np.where(hard, 0.55, 0.925), truth, 1 - truth)
    new = np.where(rng.random(ITEMS) < np.where(hard, 0.65, 0.9625), truth, 1 - truth)
    return {"truth": truth, "hard": hard, "old": old, "new": new}


def judge(data: dict[str, np.ndarray], right: float, shared: bool, seed: int) -> np.ndarray:
    """A judge's opinions; with shared mistakes, it errs where the new model errs, first of all."""
    rng = np.random.default_rng(seed)
    truth, wrong = data["truth"], data["new"] != data["truth"]
    if not shared or right <= 0.5:
        return np.where(rng.random(ITEMS) < right, truth, 1 - truth)
    # half of its mistakes (at most) are on items on which the new model is wrong
    chance = min(0.9, 0.5 * (1 - right) / wrong.mean())
    rest = ((1 - right) - chance * wrong.mean()) / (1 - wrong.mean())
    errs = rng.random(ITEMS) < np.where(wrong, chance, rest)
    return np.where(errs, 1 - truth, truth)


def questions(data: dict[str, np.ndarray]) -> dict[str, Question]:
    old, new = data["old"], data["new"]
    everywhere = np.ones(ITEMS, bool)
    return {
        "accuracy": Question(accuracy("new"), lambda y: new == y, everywhere),
        "difference": Question(
            accuracy("new") - accuracy("old"),
            lambda y: (new == y).astype(float) - (old == y),
            everywhere,
        ),
        "negative flips": Question(
            negative_flips("old", "new"), lambda y: (old == y) & (new != y), everywhere
        ),
        "precision": Question(precision("new"), lambda y: y == 1, new == 1),
    }


def population(made: Plan, table: Table, truth: np.ndarray) -> Population:
    """Each item's pattern, as the engine counts it, and the state of its label."""
    named = words(table, made.patterns)
    rows = collect(table.rows.select("id", **named)).sort_by("id")
    columns = [rows[name].to_numpy().astype(np.int64) for name in named]
    states = np.array([made.patterns.state(label) for label in truth.tolist()])
    return Population(made.patterns, locate(made.patterns, columns), states)


def ppi(question: Question, truth: np.ndarray, said: np.ndarray, reps: int) -> Replicated:
    """PPI++ of a mean with a simple random sample of all items."""
    rng = np.random.default_rng(5)
    inside = question.inside
    y, f = question.value(truth).astype(float), question.value(said).astype(float)
    true = float(y[inside].mean())
    value, half = np.full(reps, np.nan), np.full(reps, np.nan)
    for r in range(reps):
        drawn = rng.choice(ITEMS, BUDGET, replace=False)
        drawn = drawn[inside[drawn]]
        n, size = len(drawn), int(inside.sum())
        cov = np.cov(y[drawn], f[drawn])
        spread = float(f[inside].var())
        tuned = cov[0, 1] / ((1 + n / size) * spread) if spread > 0 else 0.0
        tuned = min(max(tuned, 0.0), 1.0)
        value[r] = y[drawn].mean() - tuned * (f[drawn].mean() - f[inside].mean())
        variance = (y[drawn] - tuned * f[drawn]).var(ddof=1) / n + tuned**2 * spread / size
        half[r] = ndtri(0.975) * variance**0.5
    covered = np.abs(value - true) <= half
    return Replicated(
        np.array([true]), value[:, None], covered[:, None], half[:, None], np.full(reps, BUDGET)
    )


def preferences(right: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """What people and a judge prefer: the new answer, the old one, or neither."""
    rng = np.random.default_rng(seed)
    names = np.array(["new", "old", "tie"])
    people = rng.choice(3, ITEMS, p=[0.5, 0.35, 0.15])
    other = (people + rng.integers(1, 3, ITEMS)) % 3
    return names[people], names[np.where(rng.random(ITEMS) < right, people, other)]


def width(found: Replicated) -> float:
    return float(np.nanmean(found.half))


def cell(
    question: Question, columns: dict[str, np.ndarray], truth: np.ndarray, reps: int
) -> dict[str, float]:
    """The three methods for one question and one judge."""
    data = {"id": np.arange(ITEMS), **{k: v for k, v in columns.items() if k != "truth"}}
    models = [m for term in question.estimand.terms for m in term.models] or [question.judged]
    table = supersede.read(data, item="id", models=list(dict.fromkeys(models)), labelled=False)
    kwargs = {"classes": ["new", "old", "tie"]} if question.estimand.name[:3] == "win" else {}
    with_judge = plan(table, question.estimand, budget=BUDGET, judge=question.judged)
    without = plan(table, question.estimand, budget=BUDGET, **kwargs)
    ours = replicate(with_judge, population(with_judge, table, truth), reps, 1)
    if without.method == "allocated":
        alone_half = width(replicate(without, population(without, table, truth), reps, 2))
    else:  # one random sample, whose exact interval needs no replication
        alone_half = without.expectations[0].expected
    rival = ppi(question, truth, columns[question.judged], reps)
    return {
        "half": width(ours),
        "coverage": float(ours.coverage[0]),
        "printed": width(ours) / (1.96 * float(np.nanstd(ours.value))),
        "alone": alone_half,
        "ppi": width(rival),
        "ppi_coverage": float(rival.coverage[0]),
        "labels": float(with_judge.size),
    }


def main(reps: int) -> None:
    data = people(1)
    rows, coverage, more, than_ppi = [], [], 0, 0
    for shared in (False, True):
        for right in ACCURACIES:
            columns = {**data, "judge": judge(data, right, shared, 7)}
            del columns["hard"]
            asked = dict(questions(data))
            cells = {
                name: cell(question, columns, data["truth"], reps)
                for name, question in asked.items()
            }
            if not shared:
                truth, said = preferences(right, 11)
                wins = Question(
                    win_rate("new"), lambda y: y == "new", np.ones(ITEMS, bool), "judge"
                )
                cells["win rate"] = cell(wins, {"judge": said}, truth, reps)
            for name, c in cells.items():
                n = c["labels"]
                alone, rival = (n * (c[k] / c["half"]) ** 2 for k in ("alone", "ppi"))
                coverage.append(c["coverage"])
                more += alone < n * 0.98
                than_ppi += rival < n * 0.98
                errors = "shared" if shared else "independent"
                rows.append(
                    f"| {right} | {errors} | {name} | {n:.0f} | {alone:.0f} | {rival:.0f} |"
                    f" {c['half']:.4f} | {c['coverage']:.3f} | {c['ppi_coverage']:.3f} |"
                    f" {c['printed']:.2f} |"
                )
                sys.stdout.write(rows[-1] + "\n")
                sys.stdout.flush()
    mean, least = float(np.mean(coverage)), min(coverage)
    DOC.write_text(PAGE.format(
        reps=reps, budget=BUDGET, items=f"{ITEMS:,}", rows="\n".join(rows), cells=len(rows),
        more=more, than_ppi=than_ppi, mean=f"{mean:.4f}", least=f"{least:.3f}",
        met_more="met" if not more else "missed", met_ppi="met" if not than_ppi else "missed",
        met_mean="met" if mean >= 0.945 else "missed", met_least="met" if least >= 0.93 else "missed",
    ), encoding="utf-8")  # fmt: skip


PAGE = """*Printed by `python -m benchmarks.judge`; each figure is measured by that command.*

# A judge beside the labels

{items} items, {budget} labels, {reps} replications. Two models are right on 85 % and 90 % of the
items; a judge is right on the share that the first column names, with mistakes of its own
(independent), or with half of them on items on which the new model is wrong (shared). The labels of
the other methods are those that would give the interval of ours.

| target | goal | measured | |
| --- | --- | --- | --- |
| cells in which the plan with a judge needs over 2 % more labels than without | 0 of {cells} | {more} | {met_more} |
| cells in which it needs over 2 % more than PPI++ on a random sample | 0 of {cells} | {than_ppi} | {met_ppi} |
| mean coverage | ≥ .945 | {mean} | {met_mean} |
| least coverage | ≥ .93 | {least} | {met_least} |

| judge is right | its mistakes | question | labels, ours | without the judge | PPI++ | half-width | coverage | PPI++ covers | half-width / 1.96 sd |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
{rows}
"""


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
