"""The real search histories on which stopping rules are scored; they are read, never shipped."""

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from supersede.search.stopping import (
    Categorical,
    Float,
    History,
    Int,
    Parameter,
    ParameterSpace,
    Trial,
)

FOLDS = [f"fold_{i}" for i in range(10)]
GROUPS = ("random_forest", "xgboost", "hpobench_naval", "hpobench_parkinsons")


@dataclass(frozen=True)
class Run:
    """One search.

    Args:
        group: random_forest, xgboost, or an HPO-Bench table and its optimiser.
        dataset: What was learned.
        seed: Of the search.
        history: Its trials, to be minimised.
        test: Test error of each trial, shape ``(n,)``.
        bound: Published regret bound for each number of trials, NaN before 20, shape ``(n,)``.
    """

    group: str
    dataset: str
    seed: int
    history: History
    test: np.ndarray
    bound: np.ndarray | None


def folder() -> Path | None:
    """Where the histories lie, or None."""
    named = os.environ.get("SUPERSEDE_BENCH_DATA")
    here = Path(named) if named else Path(__file__).parents[3] / "shared/data/hpo_replay"
    return here if (here / "random_forest.parquet").exists() else None


def _log(low: float, high: float) -> Float:
    return Float(math.log(low), math.log(high))  # the files hold logarithms


SPACES: dict[str, dict[str, Parameter]] = {
    "random_forest": {
        "n_estimators": _log(1, 64),
        "min_samples_split": _log(0.01, 0.5),
        "max_depth": Int(1, 5),
    },
    "xgboost": {
        "n_estimators": _log(2, 512),
        "learning_rate": _log(1e-6, 1),
        "gamma": _log(1e-6, 64),
        "min_child_weight": _log(1e-6, 32),
        "max_depth": _log(2, 32),
        "subsample": Float(0.5, 1),
        "colsample_bytree": Float(0.3, 1),
        "reg_lambda": _log(1e-6, 2),
        "reg_alpha": _log(1e-6, 2),
    },
    "hpobench": {
        "activation_fn_1": Categorical(("tanh", "relu")),
        "activation_fn_2": Categorical(("tanh", "relu")),
        "lr_schedule": Categorical(("cosine", "const")),
        "batch_size": Int(0, 3),
        "dropout_1": Int(0, 2),
        "dropout_2": Int(0, 2),
        "init_lr": Int(0, 5),
        "n_units_1": Int(0, 5),
        "n_units_2": Int(0, 5),
    },
}


def runs(group: str) -> Iterator[Run]:
    """The runs of one file, in a fixed order."""
    here = folder()
    if here is None:
        return
    table = pq.read_table(here / f"{group}.parquet").to_pydict()
    space = ParameterSpace(SPACES[group.split("_")[0] if group.startswith("hpobench") else group])
    names = list(space.parameters)
    which = "optimizer" if "optimizer" in table else "dataset"
    rows: dict[tuple[str, int], list[int]] = {}
    for i, key in enumerate(zip(map(str, table[which]), table["seed"], strict=True)):
        rows.setdefault(key, []).append(i)
    for (label, seed), positions in sorted(rows.items()):
        positions.sort(key=table["trial"].__getitem__)
        trials = [
            Trial(
                {name: table[f"p_{name}"][i] for name in names},
                table["value"][i],
                folds=[table[f][i] for f in FOLDS] if FOLDS[0] in table else None,
                seconds=table["seconds"][i] if "seconds" in table else None,
            )
            for i in positions
        ]
        bound = table.get("published_regret_bound")
        yield Run(
            group if which == "dataset" else f"{group}_{label}",
            label if which == "dataset" else group.split("_")[1],
            seed,
            History(space, tuple(trials)),
            np.array([table["test"][i] for i in positions]),
            None if bound is None else np.array([bound[i] for i in positions], dtype=float),
        )
