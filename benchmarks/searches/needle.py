"""A bowl, which is finished soon, and a needle in a plain, which is not: twenty TPE searches each.

Both are functions on the unit square with five fold scores (standard deviation .02) around each
value. The bowl is the squared distance to its centre. The needle is a plain at .5 with a Gaussian
dent down to 0, whose basin (two standard deviations) covers 0.6 % of the square.
"""

import math
from collections.abc import Callable

import numpy as np
import optuna

from supersede.search.stopping import Float, History, Memory, ParameterSpace, Trial, decide

SEEDS = range(20)
MOST = 100
RADIUS = math.sqrt(0.006 / math.pi)
Objective = Callable[[float, float], float]


def bowl(centre: np.ndarray) -> Objective:
    return lambda x, y: (x - centre[0]) ** 2 + (y - centre[1]) ** 2


def needle(centre: np.ndarray) -> Objective:
    away = bowl(centre)
    return lambda x, y: 0.5 - 0.5 * math.exp(-away(x, y) / (2 * (RADIUS / 2) ** 2))


def stop(make: Callable[[np.ndarray], Objective], seed: int) -> tuple[int, bool]:
    """Trials at the stop (`MOST` for none), and whether the basin had been found by then."""
    rng = np.random.default_rng(seed)
    objective = make(rng.uniform(0.15, 0.85, 2))
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    history, memory = History(ParameterSpace({"x": Float(0, 1), "y": Float(0, 1)})), Memory()
    for count in range(1, MOST + 1):
        trial = study.ask()
        at = {name: trial.suggest_float(name, 0, 1) for name in "xy"}
        value = objective(**at)
        study.tell(trial, value)
        folds = value + 0.02 * rng.normal(size=5)
        history = history.told(Trial(at, value, folds=folds))
        decision = decide(history, memory=memory)
        if decision.stop:
            assert decision.unseen is not None, "a decision says how much was never looked at"
            return count, study.best_value < 0.4
    return MOST, study.best_value < 0.4


def table() -> str:
    lines = ["| objective | stops by 40 | stops before 60, basin not found | median stop |"]
    lines.append("|---|---|---|---|")
    for make in (bowl, needle):
        found = [stop(make, seed) for seed in SEEDS]
        soon = sum(n <= 40 for n, _ in found)
        missed = sum(n < 60 and not hit for n, hit in found)
        middle = np.median([n for n, _ in found])
        name = make.__name__
        blind = "–" if make is bowl else f"{missed} of {len(found)}"
        lines.append(f"| {name} | {soon} of {len(found)} | {blind} | {middle:g} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
