"""Does the choice of a strength keep its tolerance? Five data sets, ten draws of their rows.

    python -m benchmarks.flips_choice            # fits what is missing, then writes the table
    python -m benchmarks.flips_choice --table    # writes the table of what was fitted

Each draw of a set has its own 2,000 rows for the old model, 10,000 for the new one and up to 20,000 for
the test. Every treatment that ``strength="auto"`` tries is fitted in the folds and on all training rows,
and its right answers are kept under .cache/, so that rules of choice can be compared on the same fits.
What is fitted can be interrupted and goes on where it was.
"""

import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from lightgbm import LGBMClassifier
from sklearn.base import clone

from benchmarks.flips_rows import DATA
from benchmarks.flips_tabular import census
from supersede.train.flips.deployed import deployed
from supersede.train.flips.remembered import from_output
from supersede.train.flips.rows import Rows
from supersede.train.flips.treatment import Treatment, fit_treated
from supersede.train.flips.validation import folds

CACHE = Path(__file__).parents[1] / ".cache/flips_choice"
SEEDS = range(10)
STRENGTHS = (0.25, 0.5, 1.0, 2.0, 4.0)
TRIED = [
    Treatment("weights", 0.0),
    *(Treatment("weights", s) for s in STRENGTHS),
    *(Treatment("soft", s, focus) for focus in (0.0, 1.0) for s in STRENGTHS),
]
OLD, NEW, TEST = 2_000, 10_000, 20_000


def coded(path: str, label: str, without: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Rows of a table with categories as numbers, and labels."""
    table = pq.read_table(DATA / path).to_pandas().drop(columns=list(without))
    y = table.pop(label).cat.codes.to_numpy()
    columns = [c.cat.codes if c.dtype == "category" else c for c in map(table.get, table.columns)]
    return np.column_stack(columns).astype(float), y.astype(int)


def flown(departures: bool) -> tuple[np.ndarray, np.ndarray]:
    """Arrivals early, on time or late; or departures late or not, from the schedule alone."""
    rows = pq.read_table(DATA / "flights" / "flights.parquet").to_pandas()
    rows = rows.dropna(subset=["arr_delay", "dep_delay"])
    numbers = ["month", "day", "sched_dep_time", "sched_arr_time", "distance"]
    codes = [rows[name].cat.codes for name in ("carrier", "origin", "dest")]
    if departures:
        return np.column_stack([rows[numbers], *codes]).astype(float), (
            rows.dep_delay > 15
        ).to_numpy(int)
    y = np.select([rows.arr_delay < -10, rows.arr_delay <= 15], [0, 1], 2)
    return np.column_stack([rows[[*numbers, "dep_delay"]], *codes]).astype(float), y


SETS = {
    "Adult": lambda: coded("adult/adult.parquet", "income", ("id", "split")),
    "flights": lambda: flown(departures=False),
    "census": lambda: census()[:2],
    "census-income": lambda: coded(
        "census_kdd/census_kdd.parquet", "income", ("id", "split", "weight")
    ),
    "departures": lambda: flown(departures=True),
}


def fitted(X: np.ndarray, y: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Right answers of the old model and of each treatment, on validation and on test rows."""
    order = np.random.default_rng(seed).permutation(len(y))
    o, n, t = order[:OLD], order[OLD : OLD + NEW], order[OLD + NEW :][:TEST]
    estimator = LGBMClassifier(n_estimators=40, n_jobs=1, verbose=-1, random_state=seed)
    old, classes = clone(estimator).fit(X[o], y[o]), np.unique(y)
    train, test = (
        Rows(X[i], y[i], (from_output(*deployed(old).answers(X[i]), y[i], classes),))
        for i in (n, t)
    )
    parts = list(folds(train, 3, seed))
    kept = {
        "old_validation": np.concatenate([part.right()[:, 0] for _, part in parts]) > 0.5,
        "old_test": test.right()[:, 0] > 0.5,
        "fold": np.concatenate([np.full(len(part), k) for k, (_, part) in enumerate(parts)]),
    }
    validated, tested = [], []
    for treatment in TRIED:
        said = [fit_treated(treatment, estimator, a, classes).predict(b.X) == b.y for a, b in parts]
        validated.append(np.concatenate(said))
        tested.append(fit_treated(treatment, estimator, train, classes).predict(test.X) == test.y)
    return kept | {"validation": np.array(validated), "test": np.array(tested)}


def fit_missing(seconds: float) -> None:
    """Fit draws that are not kept yet, until the time is over."""
    CACHE.mkdir(parents=True, exist_ok=True)
    start, loaded = time.monotonic(), {}
    for seed in SEEDS:
        for name, load in SETS.items():
            file = CACHE / f"{name}_{seed}.npz"
            if file.exists() or time.monotonic() - start > seconds:
                continue
            X, y = loaded.setdefault(name, load())
            np.savez_compressed(file, **fitted(X, y, seed))
            print(f"{name} {seed}: {time.monotonic() - start:.0f} s", flush=True)


def kept(name: str) -> list[dict[str, np.ndarray]]:
    """The draws of a set that were fitted."""
    files = [CACHE / f"{name}_{seed}.npz" for seed in SEEDS]
    return [dict(np.load(file)) for file in files if file.exists()]


if __name__ == "__main__":
    if "--table" not in sys.argv:
        fit_missing(float(sys.argv[1]) if len(sys.argv) > 1 else np.inf)
