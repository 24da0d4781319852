"""Real tables for bounties: read, coded, and cut into public rows, a holdout and fresh rows."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sklearn.tree import DecisionTreeClassifier

from supersede.bounty import DecisionList, Sample
from supersede.bounty.artefacts import design, features_of, from_sklearn

DATA = Path(os.environ.get("SUPERSEDE_BENCH_DATA", Path(__file__).parents[2] / "shared" / "data"))


@dataclass(frozen=True)
class Rows:
    """Three disjoint samples of one table."""

    public: Sample
    holdout: Sample
    fresh: Sample


def adult(seed: int = 0) -> Rows:
    table = pq.read_table(DATA / "adult" / "adult.parquet")
    return cut(
        table, "income", [">50K"], without=("id", "split", "fnlwgt"), parts=(0.4, 0.3), seed=seed
    )


def census(seed: int = 0) -> Rows:
    table = pq.read_table(DATA / "census_kdd" / "census_kdd.parquet")
    return cut(
        table, "income", ["50000+"], without=("id", "split", "weight"), parts=(0.3, 0.4), seed=seed
    )


def employment(seed: int = 0) -> Rows:
    table = pq.read_table(DATA / "acs_employment" / "acs_employment_ma_2015_2018.parquet")
    without = ("id", "year", "deployed_prediction", "deployed_probability")
    return cut(table, "employed", [1], without=without, parts=(0.3, 0.4), seed=seed)


def cut(
    table: pa.Table, label: str, positive: Sequence[object], *, without: Sequence[str],
    parts: tuple[float, float], seed: int,
) -> Rows:  # fmt: skip
    """A random cut; the label becomes 0 and 1."""
    truth = _plain(table[label])
    labels = np.array([any(str(p) in str(v) for p in positive) for v in truth.tolist()], np.int64)
    columns = {
        name: _plain(table[name]) for name in table.column_names if name not in (label, *without)
    }
    whole = Sample("all", columns, labels)
    order = np.random.default_rng(seed).permutation(len(whole))
    first, second = (round(share * len(whole)) for share in (parts[0], sum(parts)))
    return Rows(
        whole.take(np.sort(order[:first]), "public rows"),
        whole.take(np.sort(order[first:second]), "holdout"),
        whole.take(np.sort(order[second:]), "fresh rows"),
    )


def tree_base(public: Sample, depth: int) -> DecisionList:
    """A shallow tree on the public rows: a first model that leaves much to find."""
    features = features_of(public.columns)
    grown = DecisionTreeClassifier(max_depth=depth, random_state=0)
    grown.fit(design(features, public.columns), public.labels)
    return DecisionList(from_sklearn(grown, features, classes=[0, 1]))


def _plain(column: pa.ChunkedArray) -> np.ndarray:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return pc.cast(column, column.type).to_numpy()
