"""The stops that Makarova et al. (2022) published, from their own bounds and our fold scores."""

import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from benchmarks.searches.recorded import folder, runs

from supersede.search.stopping import Evidence, FrozenRegretBound

pytestmark = pytest.mark.skipif(folder() is None, reason="the recorded searches are not here")

LABELS = {"Ours_0.21": 0.21, "Ours_0.5": 0.5, "Ours_1.0": 1.0}


def _published(model: str) -> dict[tuple[str, int, str], int]:
    table = pq.read_table(folder() / "published_stops.parquet").to_pylist()
    return {
        (row["dataset"], row["seed"], row["method"]): int(row["stop_iter"])
        for row in table
        if row["model"] == model and row["method"] in LABELS
    }


def _stop(run, label: float) -> int:
    rule = FrozenRegretBound(label, bound=lambda e: float(run.bound[len(e.history.finished)]))
    for count in range(20, 200):
        if rule.judge(Evidence(run.history.first(count))).stop:
            return count
    return 199  # how the table writes "never"


@pytest.mark.parametrize("model", ["random_forest", "xgboost"])
def test_the_frozen_rule_stops_where_it_was_published_to(model):
    published = _published(model)
    found = {
        (run.dataset, run.seed, name): _stop(run, label)
        for run in runs(model)
        for name, label in LABELS.items()
    }
    assert len(found) == 390
    assert {k: (v, published[k]) for k, v in found.items() if v != published[k]} == {}


def test_the_folder_can_be_named():
    assert folder() == Path(os.environ.get("SUPERSEDE_BENCH_DATA", folder()))
