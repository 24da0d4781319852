"""Slices that nobody declared: found on one half, judged on the other."""

import sys

import numpy as np
import pandas as pd
import pytest

import supersede
from supersede import errors
from supersede.audit import Rate, audit_groups, find_slices
from supersede.audit.groups import from_records


def people(planted, n=12_000, seed=0):
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(
        {
            "id": np.arange(n),
            "y": 1,
            "race": rng.choice(np.array(["a", "b", "c", None], object), n),
            "age": rng.integers(18, 90, n).astype(float),
            "flag": rng.random(n) < 0.3,
        }
    )
    rate = np.where(planted & (rows.race == "c") & (rows.age >= 70), 0.4, 0.1)
    rows["m"] = (rng.random(n) >= rate).astype(int)
    rows.loc[::50, "age"] = np.nan
    return rows


FEATURES = ["race", "age", "flag"]


def test_a_planted_slice_is_found_confirmed_and_declared_in_one_step():
    table = supersede.read(people(True), models=["m"])
    search = find_slices(table, "m", FEATURES)
    best = search.confirmed[0]
    assert {c.column for c in best.where} == {"race", "age"}
    assert "race = c" in str(best)
    assert "are confirmed on fresh rows" in repr(search)
    audit = audit_groups(table, "m", groups=search.confirmed)
    assert audit.rows[0].stands_out
    assert from_records([g.to_dict() for g in search.groups]) == list(search.groups)
    # half of the items are kept back, the same ones each time
    assert search.searched + search.audit.overall.n == 12_000
    assert search.searched == pytest.approx(6000, abs=200)
    assert find_slices(table, "m", FEATURES).groups == search.groups


def test_chance_finds_are_not_confirmed():
    """At most one in twenty tables without any slice may confirm something."""
    confirmed = 0
    for seed in range(8):
        table = supersede.read(people(False, n=4000, seed=seed), models=["m"])
        confirmed += bool(find_slices(table, "m", FEATURES, min_share=0.02).confirmed)
    assert confirmed <= 2


def test_fresh_items_may_be_given_and_success_rates_searched():
    table, fresh = (
        supersede.read(people(True, seed=s).drop(columns="id"), models=["m"]) for s in (0, 1)
    )
    search = find_slices(table, "m", FEATURES, loss=Rate("recall"), fresh=fresh)
    assert search.searched == 12_000
    assert search.audit.overall.n == 12_000
    assert search.confirmed
    with pytest.raises(errors.ArgumentError, match="split reproducibly"):
        find_slices(table, "m", FEATURES)


def test_nothing_lost_finds_nothing():
    rows = people(False, n=1000)
    rows["m"] = 1
    search = find_slices(supersede.read(rows, models=["m"]), "m", FEATURES)
    assert search.groups == search.confirmed == ()


def test_what_cannot_be_searched_is_refused(monkeypatch):
    table = supersede.read(people(True, n=100), models=["m"])
    with pytest.raises(errors.ArgumentError, match="name at least one column"):
        find_slices(table, "m", [])
    with pytest.raises(errors.MissingColumnError):
        find_slices(table, "m", ["nothing"])
    with pytest.raises(errors.TooFewLabelsError):
        find_slices(table, "m", FEATURES)
    monkeypatch.setitem(sys.modules, "sliceline.slicefinder", None)
    with pytest.raises(errors.MissingExtraError, match="slices"):
        find_slices(table, "m", FEATURES, min_share=0.1)
