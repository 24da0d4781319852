"""Small tables with known labels, shared by the tests of this room."""

from dataclasses import dataclass

import numpy as np

import supersede
from supersede.evaluate import Estimand, Plan
from supersede.table.table import Table


@dataclass(frozen=True)
class Case:
    """Predictions with the labels that annotators would give."""

    columns: dict[str, np.ndarray]
    truth: np.ndarray
    models: list[str]

    def table(self, **options) -> Table:
        read = {"item": "item", "models": self.models, "labelled": False, **options}
        return supersede.read(self.columns, **read)

    def label(self, plan: Plan, reserves: bool = False) -> dict[str, list]:
        rows = [r for r in plan.items.to_pylist() if reserves or not r["reserve"]]
        ids = [r["item"] for r in rows]
        return {"item": ids, "label": [int(self.truth[i]) for i in ids]}


def ensemble(models: int = 4, items: int = 3000, seed: int = 0, rate: float = 0.25) -> Case:
    """Models that see the same latent score through noise of their own."""
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=items)
    cut = np.quantile(latent, 1 - rate)
    truth = (latent + rng.normal(0, 0.4, items) > cut).astype(np.int64)
    votes = [(latent + rng.normal(0, 0.5, items) > cut).astype(np.int64) for _ in range(models)]
    names = [f"m{k}" for k in range(models)]
    columns = {"item": np.arange(items), **dict(zip(names, votes, strict=True))}
    columns["sex"] = np.where(rng.random(items) < 0.5, "f", "m")
    columns["day"] = rng.integers(0, 20, items)
    return Case(columns, truth, names)


def true_value(case: Case, estimand: Estimand) -> float:
    """An estimand from all labels, by its definition and not by the library."""
    total = 0.0
    y = case.truth
    for term in estimand.terms:
        keep = np.ones(len(y), bool)
        for c in term.where:
            column = case.columns[c.column]
            keep &= {"==": column == c.value, "<": column < c.value, ">=": column >= c.value}[
                c.relation
            ]
        said = [case.columns[m][keep] for m in term.models]
        total += term.coefficient * float(_metric(term.metric, said, y[keep]))
    return total


def _metric(name: str, said: list[np.ndarray], t: np.ndarray) -> float:
    right = [s == t for s in said]
    match name:
        case "precision":
            return (t[said[0] == 1] == 1).mean()
        case "recall":
            return (said[0][t == 1] == 1).mean()
        case "f1":
            return 2 * (said[0] & t).sum() / (said[0].sum() + t.sum())
        case "accuracy":
            return right[0].mean()
        case "negative_flip_rate":
            return (right[0] & ~right[1]).mean()
        case _:
            return (~right[0] & right[1]).mean()
