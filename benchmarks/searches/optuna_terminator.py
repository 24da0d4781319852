"""Optuna's own terminator on the recorded searches, and what one check costs; needs torch.

Kept in .cache/stopping/optuna.json, because torch is no part of the development environment:

    python -m venv .cache/optuna && .cache/optuna/bin/pip install optuna torch scipy pyarrow
    OMP_NUM_THREADS=1 PYTHONPATH=src:. .cache/optuna/bin/python -m benchmarks.searches.optuna_terminator
"""

import json
import time
import warnings

import numpy as np
import optuna
import optuna.terminator
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from benchmarks.searches.optuna_file import FILE, GRID
from benchmarks.searches.recorded import Run, runs
from supersede.search.stopping import (
    Categorical,
    Evidence,
    Float,
    History,
    Int,
    Memory,
    ParameterSpace,
    Settings,
    Trial,
    optimistic_gain,
    regret_bound,
)


def _distribution(p: Float | Int | Categorical) -> optuna.distributions.BaseDistribution:
    if isinstance(p, Categorical):
        return CategoricalDistribution(p.choices)
    kind = IntDistribution if isinstance(p, Int) else FloatDistribution
    return kind(p.low, p.high)


def frozen(history: History) -> list[optuna.trial.FrozenTrial]:
    """The history as Optuna's trials, with fold scores where its terminator looks for them."""
    space = {name: _distribution(p) for name, p in history.space.parameters.items()}
    found = []
    for number, trial in enumerate(history.trials):
        kept = {"terminator:cv_scores": list(trial.folds)} if trial.folds else {}
        made = optuna.trial.create_trial(
            params=dict(trial.params),
            distributions=space,
            value=trial.value,
            system_attrs=kept,
        )
        made.number = number
        found.append(made)
    return found


def optuna_stop(run: Run) -> int:
    """The first checked size at which the default terminator would stop; all trials for never."""
    bound = optuna.terminator.RegretBoundEvaluator(seed=0)
    error = optuna.terminator.CrossValidationErrorEvaluator()
    trials, minimize = frozen(run.history), optuna.study.StudyDirection.MINIMIZE
    for count in GRID:
        past = trials[:count]
        if bound.evaluate(past, minimize) < error.evaluate(past, minimize):
            return count
    return len(trials)


def smooth(count: int, d: int = 10, seed: int = 0) -> History:
    """A smooth function of ten parameters at random points, with a little noise."""
    rng = np.random.default_rng(seed)
    x = rng.random((count, d))
    y = ((x - 0.4) ** 2) @ np.linspace(1, 0.1, d) + 0.02 * rng.normal(size=count)
    names = [f"x{i}" for i in range(d)]
    trials = [
        Trial(dict(zip(names, map(float, a), strict=True)), float(b))
        for a, b in zip(x, y, strict=True)
    ]
    return History(ParameterSpace({name: Float(0, 1) for name in names}), tuple(trials))


def median_ms(step, sizes) -> float:
    """Median CPU milliseconds of a check at each of the sizes."""
    spent = []
    for size in sizes:
        start = time.process_time()
        step(size)
        spent.append(time.process_time() - start)
    return float(np.median(spent)) * 1e3


def mean_ms(step, sizes) -> float:
    """Mean CPU milliseconds, scheduled refits included."""
    start = time.process_time()
    for size in sizes:
        step(size)
    return (time.process_time() - start) / len(sizes) * 1e3


def costs() -> dict[str, float]:
    """Milliseconds of one check at 100 trials (the median of 90 to 110) and ten parameters."""
    history = smooth(1010)
    trials = frozen(history.first(110))
    minimize = optuna.study.StudyDirection.MINIMIZE
    found = {}
    for name, ratio in (("optuna, best half", 0.5), ("optuna, all data", 1.0)):
        judge = optuna.terminator.RegretBoundEvaluator(top_trials_ratio=ratio, seed=0)
        judge.evaluate(trials[:50], minimize)
        found[name] = median_ms(lambda n, j=judge: j.evaluate(trials[:n], minimize), range(90, 110))
    for name, growth in (("supersede, refit each trial", 1.0), ("supersede, scheduled", 1.1)):
        memory, settings = Memory(), Settings(growth=growth)

        def step(n: int, memory=memory, settings=settings) -> None:
            evidence = Evidence(history.first(n), settings=settings, memory=memory)
            optimistic_gain(evidence)
            regret_bound(evidence)

        for n in range(80, 90):
            step(n)
        found[name] = median_ms(step, range(90, 110))
        if growth > 1:
            found["supersede, scheduled, mean of 20"] = mean_ms(step, range(110, 130))
            step(1000)
            found["supersede, scheduled, 1000 trials"] = median_ms(step, range(1001, 1010))
    return found


def main() -> None:
    """Measure the costs anew; replay the searches unless that was done."""
    warnings.simplefilter("ignore")
    kept = json.loads(FILE.read_text()) if FILE.exists() else {"stops": {}}
    kept["costs_ms"] = costs()
    for group in ("random_forest", "xgboost"):
        for run in runs(group):
            key = f"{group}/{run.dataset}/{run.seed}"
            if key not in kept["stops"]:
                kept["stops"][key] = optuna_stop(run)
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps(kept, indent=1))
    print(json.dumps(kept["costs_ms"], indent=1))


if __name__ == "__main__":
    main()
