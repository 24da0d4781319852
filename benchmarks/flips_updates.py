"""Updates that follow updates: chains of versions, and predictions renewed under a budget."""

import numpy as np
import torch
from lightgbm import LGBMClassifier

from benchmarks.flips_networks import digits, stacked
from benchmarks.flips_rows import SEEDS, Row
from benchmarks.flips_tabular import census
from supersede.train.flips import (
    Chain,
    ClassEvidence,
    ConfusionMatrix,
    PositiveCongruentClassifier,
    Predictions,
    chain,
    evidence_of_probabilities,
)

CHAIN_SEEDS = range(5)
CHAIN_HEAD = ("version 4", "test error", "NFR against v1", "against v2", "against v3", "mean NFR")


def chains(strength: float) -> list[Chain]:
    """Version 1: 10 000 records of 2015; 2, 3, 4: 30 000 others of 2015, 2016, 2017; test: 2018."""
    X, y, year = census()
    made = []
    for seed in CHAIN_SEEDS:
        rng = np.random.default_rng(seed)
        of_2015 = rng.permutation(np.flatnonzero(year == 2015))
        rows = [of_2015[:10_000], of_2015[10_000:40_000]]
        rows += [rng.permutation(np.flatnonzero(year == y_))[:30_000] for y_ in (2016, 2017)]
        estimator = LGBMClassifier(n_jobs=1, verbose=-1, random_state=seed)
        congruent = PositiveCongruentClassifier(
            estimator, mode="weights", strength=strength, seed=seed
        )
        test = year == 2018
        made.append(chain(congruent, [(X[r], y[r]) for r in rows], (X[test], y[test])))
        print(f"chain {seed} done", flush=True)
    return made


def chain_rows(made: list[Chain]) -> list[Row]:
    """Means over seeds of the last version."""
    rows = []
    for number, version in enumerate(made[0].last):
        each = [c.last[number] for c in made]
        held = version.held_to
        name = f"ensemble of {made[0].members}" if held is None else f"held to {held} before it"
        against = np.mean([v.nfr for v in each], axis=0)
        rows.append((
            name, f"{np.mean([v.error for v in each]):.2%}", *(f"{nfr:.2%}" for nfr in against),
            f"{against.mean():.2%}",
        ))  # fmt: skip
    return rows


SIZES = ((16, 1_250), (32, 2_500), (64, 5_000), (128, 10_000))  # hidden units, training images
BUDGETS = (0.1, 0.3, 1.0)
UPDATE_HEAD = ("budget a step", "chosen by", "changed by", "belief from", "final error", "negative flips, all steps")  # fmt: skip
WAYS = (
    ("random", "replace", "answers"),
    ("random", "cost ratio", "answers"),
    ("entropy", "cost ratio", "answers"),
    ("gain", "cost ratio", "answers"),
    ("random", "cost ratio", "probabilities"),
    ("margin", "cost ratio", "probabilities"),
    ("entropy", "cost ratio", "probabilities"),
    ("entropy", "less entropy", "probabilities"),
    ("gain", "cost ratio", "probabilities"),
    ("gain", "replace", "probabilities"),
)


def evidence(probabilities, confusion: ConfusionMatrix, source: str) -> ClassEvidence:
    """What a network's answers say, or its probabilities as they are, not calibrated."""
    if source == "answers":
        return confusion.evidence(probabilities.argmax(1))
    return evidence_of_probabilities(probabilities, confusion.classes, prior=confusion.shares)


def prediction_updates() -> list[Row]:
    """Four networks for digits, one after another; 10 000 stored answers, 2 000 labelled others."""
    x, y, x_test, y_test = digits()
    found: dict[tuple, list[tuple[float, float]]] = {}
    truth = y_test.numpy()
    for seed in SEEDS:
        order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
        known, rest, models = order[:2_000], order[2_000:], []
        for hidden, images in SIZES:
            rows, rest = rest[:images], rest[images:]
            model = stacked(x[rows], y[rows], hidden, [(0, 0, 0)], None, seed)
            models.append(
                [model(part)[0].softmax(-1).double().numpy() for part in (x[known], x_test)]
            )
        confusions = [
            ConfusionMatrix.of(y[known].numpy(), p.argmax(1), classes=range(10)) for p, _ in models
        ]
        for budget in BUDGETS:
            for by, rule, source in WAYS:
                kept = Predictions.first(evidence(models[0][1], confusions[0], source))
                flips = 0
                for k in range(1, len(SIZES)):
                    items = kept.worth_renewing(
                        int(budget * len(truth)), by=by, new=confusions[k], seed=seed
                    )
                    right = kept.answers == truth
                    seen = evidence(models[k][1][items], confusions[k], source)
                    kept = kept.renewed(items, seen, rule=rule, flip_cost=2)
                    flips += int((right & (kept.answers != truth)).sum())
                error = float((kept.answers != truth).mean())
                found.setdefault((budget, by, rule, source), []).append((error, flips / len(truth)))
    rows = []
    for (budget, by, rule, source), each in found.items():
        if budget == 1 and (by, rule) not in {("random", "replace"), ("gain", "cost ratio")}:
            continue  # all items are renewed: the choice makes no difference
        chosen = "" if budget == 1 else by
        error, flips = np.mean(each, axis=0)
        rows.append(
            (f"{budget:.0%}", chosen, rule, "" if rule == "replace" and by == "random" else source,
             f"{error:.2%}", f"{flips:.2%}")
        )  # fmt: skip
    return rows
