"""One model, one metric, one budget: beside ssepy, ppi-python and glide-py, as their guides say.

The peers live in an environment of their own, whose Python (3.12 or later, for glide-py)
`SUPERSEDE_PEERS` names (made with ``pip install ssepy ppi-python glide-py``). This file is run there
too, so that it imports nothing of ours above the functions that need it.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

BUDGET, ITEMS = 300, 20_000


def population() -> dict[str, np.ndarray]:
    """Scores that are too sure of themselves, as trained models' often are."""
    rng = np.random.default_rng(11)
    logit = rng.normal(-0.8, 2.2, ITEMS)
    truth = rng.random(ITEMS) < 1 / (1 + np.exp(-0.7 * logit))
    return {"score": 1 / (1 + np.exp(-logit)), "truth": truth.astype(np.int64)}


def ours(reps: int) -> dict[str, float]:
    import supersede
    from benchmarks.evaluate_replicate import Population, replicate
    from supersede.evaluate import accuracy, plan
    from supersede.evaluate.counting import locate

    data = population()
    columns = {"item": np.arange(ITEMS), "a": data["score"]}
    table = supersede.read(columns, models=["a"], labelled=False)
    start = time.process_time()
    made = plan(table, accuracy("a"), budget=BUDGET)
    planned = time.process_time() - start
    said = (data["score"] >= 0.5).astype(np.int64)
    bins = np.clip(np.floor(data["score"] * 25), 0, 24).astype(np.int64)
    radix = made.patterns.keys[0].size
    people = Population(made.patterns, locate(made.patterns, [said + radix * bins]), data["truth"])
    start = time.process_time()
    found = replicate(made, people, reps)
    each = (time.process_time() - start) / reps
    return {
        "width": 2 * float(found.half.mean()),
        "coverage": float(found.coverage[0]),
        "labels": made.size,
        "ms": 1000 * each,
        "plan_s": planned,
    }


def theirs(data: dict[str, np.ndarray], reps: int) -> dict[str, dict[str, float]]:
    """The peers, run by their own Python."""
    score, truth = data["score"], data["truth"]
    right = ((score >= 0.5) == truth).astype(float)
    proxy = np.maximum(score, 1 - score)
    return {
        "random sample (Wald)": _timed(_wald, right, proxy, reps),
        "ssepy, SRS + difference": _timed(_ssepy_srs, right, proxy, reps),
        "ssepy, 10 strata, Neyman + difference": _timed(_ssepy_strata, right, proxy, reps),
        "ppi-python, PPI++": _timed(_ppi, right, proxy, reps),
        "glide-py, PPI++": _timed(_glide_ppi, right, proxy, reps),
        "glide-py, active sample + ASI": _timed(_glide_active, right, proxy, reps),
    }


def _timed(method, right, proxy, reps):
    rng = np.random.default_rng(0)
    np.random.seed(0)  # noqa: NPY002  # ssepy draws from the global state
    state: dict = {}
    low, high = np.empty(reps), np.empty(reps)
    method(right, proxy, rng, state)  # imports and clusters once
    start = time.process_time()
    for r in range(reps):
        low[r], high[r] = method(right, proxy, rng, state)
    spent = time.process_time() - start
    held = (low <= right.mean()) & (right.mean() <= high)
    return {
        "width": float((high - low).mean()),
        "coverage": float(held.mean()),
        "labels": BUDGET,
        "ms": 1000 * spent / reps,
    }


def _wald(right, proxy, rng, state):
    y = right[rng.choice(len(right), BUDGET, replace=False)]
    half = 1.96 * (y.var(ddof=1) / BUDGET * (1 - BUDGET / len(right))) ** 0.5
    return y.mean() - half, y.mean() + half


def _ssepy_srs(right, proxy, rng, state):
    from ssepy import ModelPerformanceEvaluator

    found = ModelPerformanceEvaluator(Yh=proxy, budget=BUDGET)
    chosen = found.sample(sampling_method="srs")
    value, variance = found.compute_estimate(right[chosen], estimator="df")
    half = 1.96 * float(np.squeeze(variance)) ** 0.5
    return float(np.squeeze(value)) - half, float(np.squeeze(value)) + half


def _ssepy_strata(right, proxy, rng, state):
    from sklearn.cluster import KMeans
    from ssepy import ModelPerformanceEvaluator

    found = ModelPerformanceEvaluator(Yh=proxy, budget=BUDGET)
    found.stratify_data(clustering_algo=KMeans(n_clusters=10, random_state=0, n_init=1), X=proxy)
    variances = np.array(
        [max((proxy[found.strata_labels == s] * (1 - proxy[found.strata_labels == s])).mean(), 1e-3)
         for s in np.unique(found.strata_labels)]
    )  # fmt: skip
    found.allocate_budget(allocation_type="neyman", variances=variances)
    chosen = found.sample()
    value, variance = found.compute_estimate(right[chosen], estimator="df")
    half = 1.96 * float(np.squeeze(variance)) ** 0.5
    return float(np.squeeze(value)) - half, float(np.squeeze(value)) + half


def _ppi(right, proxy, rng, state):
    from ppi_py import ppi_mean_ci

    order = rng.permutation(len(right))
    chosen, rest = order[:BUDGET], order[BUDGET:]
    low, high = ppi_mean_ci(right[chosen], proxy[chosen], proxy[rest], alpha=0.05)
    return float(low[0]), float(high[0])


def _glide_ppi(right, proxy, rng, state):
    from glide.estimators import PPIMeanEstimator

    chosen = rng.choice(len(right), BUDGET, replace=False)
    told = np.full(len(right), np.nan)
    told[chosen] = right[chosen]
    found = PPIMeanEstimator().estimate(told, proxy).confidence_interval
    return found.lower_bound, found.upper_bound


def _glide_active(right, proxy, rng, state):
    from glide.estimators import ASIMeanEstimator
    from glide.samplers import ActiveSampler

    unsure = np.sqrt(np.maximum(proxy * (1 - proxy), 1e-3))
    chance, drawn = ActiveSampler().sample(unsure, BUDGET, random_seed=int(rng.integers(2**31)))
    told = np.where(drawn == 1, right, np.nan)
    found = ASIMeanEstimator().estimate(told, proxy, chance).confidence_interval
    return found.lower_bound, found.upper_bound


def measure(reps: int) -> dict[str, dict[str, float]] | None:
    """All methods; None where the peers' Python is not named."""
    python = os.environ.get("SUPERSEDE_PEERS")
    if python is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "data.npz"
        np.savez(file, **population())
        done = subprocess.run(
            [python, __file__, str(file), str(reps)], check=True, capture_output=True, text=True
        )
    return {"supersede, allocated": ours(reps), **json.loads(done.stdout.splitlines()[-1])}


if __name__ == "__main__":
    with np.load(sys.argv[1]) as arrays:
        print(json.dumps(theirs({k: arrays[k] for k in arrays.files}, int(sys.argv[2]))))
