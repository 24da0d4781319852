"""Flips against counting by hand, with weights, runs, clusters and shards."""

import numpy as np
import pandas as pd
import pytest

import supersede
from supersede.metrics import count_flips
from supersede.table import Runs

ROWS = {
    "y": [1, 1, 1, 1, 0, 0, 0, 0], "a": [1, 1, 1, 0, 0, 0, 1, 1], "b": [1, 0, 1, 1, 0, 0, 0, 1],
    "g": ["x", "x", "y", "y", "x", "y", None, "y"], "w": [1, 2, 1, 1, 1, 3, 1, 1],
}  # fmt: skip


def test_counts_by_hand():
    table = supersede.read(ROWS, models=["a", "b"])
    whole, by_group = count_flips(table, "a", "b", [(), ("g",)])
    assert whole.n.tolist() == [8]
    assert whole.nfr.tolist() == [1 / 8]
    assert whole.pfr.tolist() == [2 / 8]
    assert whole.old.mean.tolist() == [5 / 8]
    assert whole.relative_nfr == pytest.approx([(1 / 8) / ((5 / 8) * (2 / 8))])
    assert whole.nfi == pytest.approx([0.5])  # one of two errors of b is new
    assert whole.btc == pytest.approx([4 / 5])
    assert whole.bec == pytest.approx([1 / 3])
    found = dict(zip(by_group.keys["g"].to_pylist(), by_group.n.tolist(), strict=True))
    assert found == {"x": 3, "y": 4, None: 1}  # unknown is a slice of its own


def test_weights_and_inclusion_probabilities_scale_items():
    weighted = supersede.read(ROWS, models=["a", "b"], weight="w")
    (flips,) = count_flips(weighted, "a", "b")
    assert flips.nfr == pytest.approx([2 / 11])
    repeated = pd.DataFrame(ROWS).loc[np.repeat(range(8), ROWS["w"])]
    (copies,) = count_flips(supersede.read(repeated, models=["a", "b"]), "a", "b")
    assert flips.nfr == pytest.approx(copies.nfr)
    low, high = flips.nfr_interval(0.95)
    low1, high1 = copies.nfr_interval(0.95)
    assert high - low > high1 - low1  # weights are not more data
    chosen = {**ROWS, "p": [1 / w for w in ROWS["w"]]}
    (inverse,) = count_flips(supersede.read(chosen, models=["a", "b"]), "a", "b", inclusion="p")
    assert inverse.nfr == pytest.approx(flips.nfr)


def test_runs_count_the_chance_of_a_flip():
    rows = {"ra": [4, 2], "rb": [2, 4], "n": [4, 4]}
    models = {"a": Runs("ra", "n"), "b": Runs("rb", "n")}
    (flips,) = count_flips(supersede.read(rows, models=models), "a", "b")
    assert flips.nfr == pytest.approx([(1 * 0.5 + 0.5 * 0) / 2])
    assert flips.pfr == pytest.approx([(0 + 0.5 * 1) / 2])


def test_unlabelled_items_do_not_count():
    rows = {**ROWS, "y": [1, 1, None, 1, 0, 0, 0, None]}
    (flips,) = count_flips(supersede.read(rows, models=["a", "b"]), "a", "b")
    assert flips.n.tolist() == [6]


def test_shards_add_up(frame):
    whole = frame(3000)
    split = [("sex",)]

    def count(part):
        table = supersede.read(part, models=["a", "b"])
        (flips,) = count_flips(table, "a", "b", split)
        return flips.take(np.argsort(flips.keys["sex"].to_pylist()))

    added = count(whole[:1000]) + count(whole[1000:])
    assert added.to_dict(0.95) == count(whole).to_dict(0.95)
    assert added.total().nfr == pytest.approx(
        [((whole.a == whole.y) & (whole.b != whole.y)).mean()]
    )


def test_clusters_widen_intervals_where_items_repeat(frame):
    once = frame(400)
    tenfold = pd.concat([once.assign(user=range(400))] * 10)
    table = supersede.read(tenfold.drop(columns="id"), models=["a", "b"], cluster="user")
    whole, by_sex = count_flips(table, "a", "b", [(), ("sex",)])
    (single,) = count_flips(supersede.read(once, models=["a", "b"]), "a", "b")
    assert whole.nfr == pytest.approx(single.nfr)
    low, high = whole.nfr_interval(0.95)
    low1, high1 = single.nfr_interval(0.95)
    assert high - low > high1 - low1  # a variance that is estimated from few clusters with flips
    assert high - low < 1.6 * (high1 - low1)
    assert by_sex.n.sum() == 4000
