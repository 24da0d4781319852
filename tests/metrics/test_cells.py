"""Counts are the same however they come about: here, condensed, or in the engine."""

import numpy as np
import pytest

import supersede
from supersede.metrics import count_flips
from supersede.metrics.cells import Ask, condensed, counted, counted_rows, once, together

WAYS = ("here", "condensed", "jointly in the engine", "one by one in the engine")


@pytest.fixture(params=WAYS)
def way(request, monkeypatch):
    """Sets the way, and gives what prepares a table for it."""
    few = {"here": 200_000, "one by one in the engine": 0}.get(request.param, 300)
    monkeypatch.setattr("supersede.metrics.cells._FEW", few)
    prepare = {"condensed": lambda table: condensed(table, ["sex", "site"])}
    return prepare.get(request.param, lambda table: table)


@pytest.mark.parametrize("uses", [{}, {"weight": "w"}, {"cluster": "u"}, {"cost": "w"}])
def test_flips_are_the_same_every_way(frame, way, uses):
    rows = frame(1500)
    rows.loc[rows["id"] % 7 == 0, "site"] = None
    rows = rows.assign(w=rows["id"] % 3, u=rows["id"] % 5, y=rows["y"].astype("Int64"))
    rows.loc[rows["id"] % 11 == 0, "y"] = None  # not labelled
    table = supersede.read(rows.drop(columns="id"), models=["a", "b"], **uses)
    prepared = way(table)
    margins = [(), ("sex",), ("site",), ("sex", "site")]
    for margin, flips in zip(margins, count_flips(prepared, "a", "b", margins), strict=True):
        groups = [((), rows)] if not margin else list(rows.groupby(list(margin), dropna=False))
        assert len(flips) == len(groups)
        for at, key in enumerate(zip(*(flips.keys[m].to_pylist() for m in margin), strict=True)):
            mine = rows
            for name, value in zip(margin, key, strict=True):
                mine = mine[mine[name].isna() if value is None else mine[name] == value]
            mine = mine[mine["y"].notna()]
            lost = ((mine["a"] == mine["y"]) & (mine["b"] != mine["y"])).to_numpy(float)
            weight = mine["w"].to_numpy(float) if "weight" in uses else np.ones(len(mine))
            assert flips.n[at] == len(mine)
            assert flips.nfr[at] == pytest.approx(np.average(lost, weights=weight))
            if "cost" in uses:
                assert flips.cost.mean[at] == pytest.approx((lost * mine["w"]).mean())
            if "cluster" in uses:
                x = np.bincount(mine["u"], lost, 5)
                assert flips.negative.w2xx[at] == pytest.approx((x**2).sum())


def test_condensed_rows_are_few_and_refused_where_they_are_not(frame, monkeypatch):
    monkeypatch.setattr("supersede.metrics.cells._FEW", 300)
    rows = frame(1500)
    table = supersede.read(rows.drop(columns="id"), models=["a", "b"])
    assert condensed(table, ["sex"]).rows.count().execute() <= 16
    for column in (np.arange(1500), np.linspace(0, 1, 1500)):  # all different; fractions
        other = supersede.read(rows.assign(w=column + 1).drop(columns="id"), models=["a", "b"])
        assert condensed(other, ["w"]) is other


def test_ends_and_conditions(frame, way):
    table = way(supersede.read(frame(1000).drop(columns="id"), models=["a", "b"]))
    rows = table.rows
    ask = Ask(
        sums={"s": rows["a"]}, keys={"sex": rows["sex"]}, margins=[(), ("sex",)],
        where=rows["y"] == 1, ends={"e": rows["a"] + 2},
    )  # fmt: skip
    nobody = Ask(sums={"s": rows["a"]}, margins=[()], where=rows["y"] == 7)
    (whole, by_sex), (nothing,) = counted(table, once(ask), once(nobody))
    want = frame(1000).query("y == 1")
    assert whole["s"][0].as_py() == want["a"].sum()
    assert (whole["e low"][0].as_py(), whole["e high"][0].as_py()) == (2, 3)
    assert sorted(by_sex["s"].to_pylist()) == sorted(want.groupby("sex")["a"].sum())
    assert not (nothing["s"][0].as_py())
    assert not 0


def test_work_runs_in_step(frame):
    table = supersede.read(frame(100), models=["a", "b"])
    rounds = []

    def work(name, times):
        for at in range(times):
            rounds.append((name, at))
            yield [Ask()]
        return name

    assert counted(table, work("x", 1), together(work("y", 2), work("z", 0))) == ["x", ["y", "z"]]
    assert rounds == [("x", 0), ("y", 0), ("y", 1)]
    ((cells,),) = counted_rows(table.rows, once(Ask()))
    assert cells.column(0).to_pylist() == [100]
