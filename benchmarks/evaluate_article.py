"""The article's parent/child method, reproduced: labels, bias, variance, coverage, real data."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from supersede.evaluate.hypergeometric import sample_size
from supersede.evaluate.parent_child import draw_child, expected_saving
from supersede.metrics.intervals import wilson

__all__ = ["CASES", "Case", "Outcome", "closed_form", "heat_map", "real", "simulate"]


@dataclass(frozen=True)
class Case:
    """Two models, by the sizes of their sets and the overlap, and the precision in each part."""

    name: str
    parent: int
    child: int
    overlap: int
    shared_precision: float
    own_precision: float
    n_parent: int | None = None
    n_child: int | None = None


CASES = [
    Case("unlike precisions", 1000, 900, 600, 0.95, 0.40, 278, 270),
    Case("large sets", 20_000, 18_000, 12_000, 0.8, 0.8, 377, 377),
    Case("disjoint", 1000, 900, 0, 0.8, 0.8),
    Case("child much larger", 500, 9450, 450, 0.9, 0.6),
    Case("9 items of its own", 4000, 4009, 4000, 1.0, 0.0),
    Case("10 labels, D:I = 1:3", 300, 400, 300, 0.9, 0.3, 10, 10),
    Case("10 labels, D:I = .064", 300, 319, 300, 0.9, 0.3, 10, 10),
    Case("8 and 5 labels, D:I = 1:6", 300, 350, 300, 0.9, 0.3, 8, 5),
]


@dataclass(frozen=True)
class Outcome:
    """What became of the child's estimate."""

    bias: float
    error: float
    variance_ratio: float
    labels: float
    naive: float
    coverage: float


def simulate(case: Case, mix: str, reps: int, seed: int = 0) -> Outcome:
    """The child's estimate over replications, with Wilson's interval as the article would print."""
    rng = np.random.default_rng(seed)
    n_parent = case.n_parent or sample_size(case.parent, 0.05, 0.95)
    n_child = case.n_child or sample_size(case.child, 0.05, 0.95)
    rest = case.child - case.overlap
    # the child's items: 0..overlap-1 are shared; the parent's others are never its own
    truth = np.zeros(case.child)
    truth[: round(case.overlap * case.shared_precision)] = 1
    truth[case.overlap : case.overlap + round(rest * case.own_precision)] = 1
    means, labels = np.empty(reps), np.empty(reps)
    for r in range(reps):
        top = rng.choice(case.parent, n_parent, replace=False)
        shared = top[top < case.overlap]
        own = case.overlap + rng.choice(rest, min(n_child, rest), replace=False)
        free = rng.choice(case.child, min(3 * n_child, case.child), replace=False)
        made = draw_child(shared, own, free, case.overlap, rest, n_child, mix, rng)
        used = made.members if made.repeats is None else made.repeats
        means[r] = truth[used].mean()
        labels[r] = n_parent + len(np.setdiff1d(made.members, shared))
    p = truth.mean()
    plain = p * (1 - p) / n_child * (case.child - n_child) / max(case.child - 1, 1)
    finite = n_child / max(1 - n_child / case.child, 1e-9)
    low, high = wilson(means, np.full(reps, finite), 0.95)
    return Outcome(
        bias=float(means.mean() - p),
        error=float(means.std() / reps**0.5),
        variance_ratio=float(means.var() / plain),
        labels=float(labels.mean()),
        naive=float(n_parent + n_child),
        coverage=float(((low <= p) & (p <= high)).mean()),
    )


def heat_map(mix: str, ratios: np.ndarray, reps: int = 20, seed: int = 0) -> np.ndarray:
    """Simulated share of labels saved, by overlap as share of the parent's and the child's set."""
    rng = np.random.default_rng(seed)
    n, saved = 370, np.zeros((len(ratios), len(ratios)))
    for a, rp in enumerate(ratios):
        for b, rc in enumerate(ratios):
            overlap = 12_000
            parent, child = round(overlap / rp), round(overlap / rc)
            case = Case("", parent, child, overlap, 0.8, 0.8, n, n)
            outcome = simulate(case, mix, reps, int(rng.integers(2**31)))
            saved[a, b] = 1 - outcome.labels / (2 * n)
    return saved


def closed_form(mix: str, ratios: np.ndarray) -> np.ndarray:
    return np.array([[expected_saving(rp, rc, mix) for rc in ratios] for rp in ratios])


def real(mix: str, reps: int, seed: int = 0) -> list[tuple[str, float, float, float]]:
    """Name, RMSE over a random sample's, labels over naive, and coverage of Wilson's interval."""
    out = []
    for name, votes, truth in _ensembles():
        parent, rng = votes[0], np.random.default_rng(seed)
        inside = np.flatnonzero(parent)
        n_parent = sample_size(len(inside), 0.05, 0.95)
        ratios, shares, covers = [], [], []
        for child in votes[1:]:
            own = np.flatnonzero(child & ~parent)
            everything = np.flatnonzero(child)
            overlap = len(everything) - len(own)
            n = sample_size(len(everything), 0.05, 0.95)
            p, errors, labels, held = truth[everything].mean(), [], [], []
            for _ in range(reps):
                top = rng.choice(inside, n_parent, replace=False)
                made = draw_child(
                    top[child[top]],
                    rng.permutation(own)[:n],
                    rng.choice(everything, min(3 * n, len(everything)), replace=False),
                    overlap,
                    len(own),
                    n,
                    mix,
                    rng,
                )
                used = made.members if made.repeats is None else made.repeats
                errors.append(truth[used].mean() - p)
                labels.append(n_parent + len(np.setdiff1d(made.members, top)))
                low, high = wilson(truth[used].mean(), n / (1 - n / len(everything)), 0.95)
                held.append(low <= p <= high)
            plain = p * (1 - p) / n * (1 - n / len(everything))
            ratios.append((np.mean(np.square(errors)) / plain) ** 0.5)
            shares.append(np.mean(labels) / (n_parent + n))
            covers.append(np.mean(held))
        out.append((name, float(np.mean(ratios)), float(np.mean(shares)), float(np.mean(covers))))
    return out


def _ensembles() -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Forests of 5 trees on three census data sets of ../shared/data; none where it is missing."""
    import pandas as pd
    from sklearn.ensemble import RandomForestClassifier

    root = Path(os.environ.get("SUPERSEDE_BENCH_DATA", "../shared/data"))
    files = {
        "acs_employment/acs_employment_ma_2015_2018.parquet": "employed",
        "adult/adult.parquet": "income",
        "census_kdd/census_kdd.parquet": "income",
    }
    out = []
    for file, label in files.items():
        if not (root / file).exists():
            continue
        data = pd.read_parquet(root / file).sample(30_000, random_state=0)
        y = data[label].astype(str).rank(method="dense").to_numpy() > 1
        leak = [c for c in data if c.startswith("deployed") or c in {label, "split", "weight"}]
        x = data.drop(columns=leak).apply(
            lambda c: pd.factorize(c)[0] if c.dtype.kind not in "iuf" else c
        )
        forest = RandomForestClassifier(5, min_samples_leaf=5, random_state=0)
        forest.fit(x[:6000].to_numpy(), y[:6000])
        test = x[6000:].to_numpy()
        votes = np.stack([t.predict(test) for t in forest.estimators_]).astype(bool)
        parent = votes.mean(axis=0) > 0.5
        out.append(
            (file.split("/")[0], np.concatenate([parent[None], votes]), y[6000:].astype(float))
        )
    return out
