"""Positive-congruent training of boosted trees on flights and census records."""

from collections.abc import Callable

import numpy as np
import pyarrow.parquet as pq
from lightgbm import LGBMClassifier

from benchmarks.flips_rows import DATA, SEEDS, Results
from supersede.train.flips import PositiveCongruentClassifier
from supersede.train.flips.front import Point, choose, measure


def flights(seed: int):
    """Is a flight early, on time or late? Old: January to March; new: to June; test: to September."""
    rows = pq.read_table(DATA / "flights" / "flights.parquet").to_pandas()
    rows = rows.dropna(subset=["arr_delay"])
    y = np.select([rows.arr_delay < -10, rows.arr_delay <= 15], [0, 1], 2)
    numbers = ["month", "day", "sched_dep_time", "sched_arr_time", "dep_delay", "distance"]
    codes = [rows[name].cat.codes for name in ("carrier", "origin", "dest")]
    X = np.column_stack([rows[numbers], *codes]).astype(float)
    rng, month = np.random.default_rng(seed), rows.month.to_numpy()
    old = rng.permutation(np.flatnonzero(month <= 3))[:5_000]
    new = rng.permutation(np.setdiff1d(np.flatnonzero(month <= 6), old))[:15_000]
    test = rng.permutation(np.flatnonzero((month >= 7) & (month <= 9)))[:20_000]
    return X, y, old, new, test, 3, 40


def census():
    """Features, whether employed, and the year of all records of Massachusetts, 2015 to 2018."""
    path = DATA / "acs_employment" / "acs_employment_ma_2015_2018.parquet"
    rows = pq.read_table(path).to_pandas()
    names = [
        "AGEP",
        "SCHL",
        "MAR",
        "RELP",
        "DIS",
        "ESP",
        "CIT",
        "MIG",
        "MIL",
        "ANC",
        "NATIVITY",
        "DEAR",
        "DEYE",
        "DREM",
        "SEX",
        "RAC1P",
    ]
    return rows[names].to_numpy(float), rows.employed.to_numpy(int), rows.year.to_numpy()


def employment(seed: int):
    """Is a person employed? Old: 10 000 of 2015; new: 2015 to 2017, the old's rows too; test: 2018."""
    X, y, year = census()
    old = np.random.default_rng(seed).permutation(np.flatnonzero(year == 2015))[:10_000]
    new = np.flatnonzero(year <= 2017)
    forward = [
        (np.flatnonzero(year[new] < later), np.flatnonzero(year[new] == later))
        for later in (2016, 2017)
    ]
    return X, y, old, new, np.flatnonzero(year == 2018), forward, 100


def tabular(load: Callable) -> Results:
    """Untreated, chosen at two tolerances, and the two-model blend, for each seed."""
    results: Results = {}
    for seed in SEEDS:
        X, y, o, n, t, cv, rounds = load(seed)
        estimator = LGBMClassifier(n_estimators=rounds, n_jobs=1, verbose=-1, random_state=seed)
        old = LGBMClassifier(**estimator.get_params()).fit(X[o], y[o])
        right = old.predict(X[t]) == y[t]
        seen = np.isin(n, o) if np.isin(n, o).any() else False

        def record(name: str, model, strength: float = 0.0, X=X, y=y, t=t, right=right) -> None:
            point = measure(y[t], model.predict(X[t]), right, treatment=name, strength=strength)
            results.setdefault(name, []).append(point)

        record("untreated", LGBMClassifier(**estimator.get_params()).fit(X[n], y[n]))
        searched = PositiveCongruentClassifier(estimator, old, cv=cv, confidence=None, seed=seed)
        searched.fit(X[n], y[n], seen_by_old=seen)
        for tolerance in (0.001, 0.003):
            taken = choose(searched.front_.points, tolerance=tolerance, items=1).chosen
            print(f"{load.__name__} {seed} {tolerance}: {taken}", flush=True)
            record(f"auto, tolerance {tolerance:.1%}", retrained(searched, taken, X[n], y[n], seen))
        shown = choose(searched.front_.points, tolerance=0.005, items=1, confidence=0.9).chosen
        record("auto, shown within 0.5%", retrained(searched, shown, X[n], y[n], seen))
        blend = PositiveCongruentClassifier(estimator, old, mode="blend", strength=1.0)
        record("blend ½ (two models in service)", blend.fit(X[n], y[n], seen_by_old=False), 1.0)
    return results


def retrained(searched: PositiveCongruentClassifier, taken: Point, X, y, seen):
    """The model of a point of a front that was searched at another tolerance."""
    if taken.treatment == "none":
        return LGBMClassifier(**searched.estimator.get_params()).fit(X, y)
    mode = "soft" if taken.treatment.startswith("soft") else "weights"
    model = PositiveCongruentClassifier(
        searched.estimator, searched.old, mode=mode, strength=taken.strength,
        focus=0.0 if "plain" in taken.treatment else 1.0, seed=searched.seed,
    )  # fmt: skip
    return model.fit(X, y, seen_by_old=seen)
