"""Columns that moved: planted changes are named, explained and undone; clean rows have no suspect."""

import numpy as np
import pytest

from supersede.errors import ArgumentError, MissingColumnError
from supersede.lastmile.tables import (
    Missing,
    NewCategory,
    Renamed,
    Rescaled,
    Shifted,
    find_suspects,
    repair_rows,
)


def rows(n, seed):
    rng = np.random.default_rng(seed)
    return {
        "hours": np.rint(rng.normal(40, 10, n)), "age": rng.integers(18, 80, n),
        "gain": np.where(rng.random(n) < 0.95, 0, rng.lognormal(8, 1, n)),
        "height": rng.normal(1.7, 0.1, n), "work": rng.choice(["private", "state", "own"], n, p=[0.7, 0.2, 0.1]),
        "sex": rng.choice(["f", "m"], n),
    }  # fmt: skip


KNOWN, SITE = rows(8000, 0), rows(1000, 1)


@pytest.mark.parametrize(
    ("change", "kind", "detail"),
    [
        (Rescaled("hours", 60), "unit", ("factor", 60)),
        (Rescaled("gain", 1000), "unit", ("factor", 1000)),
        (Rescaled("height", 100), "unit", ("factor", 100)),
        (Shifted("age", 10), "shift", ("by", 10)),
        (Shifted("height", -0.3), "shift", ("by", -0.3)),
        (Renamed("work", "state", "Staat"), "renamed", ("names", ("state", "Staat"))),
        (Renamed("sex", "f", "female"), "renamed", ("names", ("f", "female"))),
        (NewCategory("work", "gig", 0.1), "new category", ("names", None)),
        (Missing("age", 0.2), "missing values", ("by", None)),
        (Missing("work"), "missing column", ("by", None)),
    ],
)
def test_a_planted_change_is_the_first_suspect(change, kind, detail):
    site = change.apply(SITE, seed=3)
    first = find_suspects(KNOWN, site)[0]
    assert (first.column, first.kind) == (change.column, kind)
    value = getattr(first, detail[0])
    if isinstance(detail[1], float | int):
        assert value == pytest.approx(detail[1], rel=0.05)
    else:
        assert value == detail[1]
    if first.repairable:
        assert find_suspects(KNOWN, first.undo(site)) == []
    else:
        with pytest.raises(ArgumentError, match="cannot be undone"):
            first.undo(site)


def test_a_factor_that_two_units_explain_is_not_undone():
    first = find_suspects(KNOWN, Rescaled("gain", 1 / 12).apply(SITE))[0]
    assert first.column == "gain"
    assert not first.repairable
    assert "too few rows to tell" in first.explanation


def test_clean_rows_have_no_suspect():
    named = sum(bool(find_suspects(KNOWN, rows(1000, 10 + i))) for i in range(40))
    assert named <= 2


def test_a_column_that_is_gone_or_of_another_type():
    gone = {c: v for c, v in SITE.items() if c != "age"}
    assert find_suspects(KNOWN, gone)[0].kind == "missing column"
    words = {**SITE, "age": [str(v) for v in SITE["age"]]}
    assert find_suspects(KNOWN, words)[0].kind == "type"


def test_two_new_names_that_fit_are_not_guessed():
    known = {"c": np.repeat(["a", "b"], 500)}
    (found,) = find_suspects(known, {"c": np.repeat(["x", "y"], 100)})
    assert found.kind == "new category"
    assert not found.repairable


def test_a_repair_is_measured_on_other_rows():
    rng = np.random.default_rng(0)
    site = Rescaled("hours", 60).apply(rows(3000, 5))
    truth = (site["hours"].numbers() / 60 > 42).astype(int)
    truth = np.where(rng.random(3000) < 0.05, 1 - truth, truth)

    def predict(columns):
        return (columns["hours"].numbers() > 42).astype(int)

    made = repair_rows(KNOWN, site, predict=predict, labels=truth, groups=site["sex"].texts())
    assert made.helps
    assert made.rows[0].after == pytest.approx(0.05, abs=0.02)
    assert {row.group for row in made.rows} == {"all", "f", "m"}
    assert "60" in str(made)
    assert "minutes and hours" in made.to_html()
    kept = repair_rows(KNOWN, site, predict=predict, labels=truth, keep=["hours"])
    assert not kept.undone
    assert kept.rows[0].change == 0
    called = np.array(["all", None], object)[np.arange(3000) % 2]
    made = repair_rows(KNOWN, site, predict=predict, labels=truth, groups=called)
    assert [row.group for row in made.rows] == ["all", "all", "unknown"]
    assert made.rows[1].rows + made.rows[2].rows == made.rows[0].rows
    without = repair_rows(KNOWN, SITE)
    assert "No column differs" in str(without)


def test_mistakes_are_refused():
    with pytest.raises(ArgumentError, match="at least 30"):
        find_suspects(KNOWN, rows(10, 0))
    with pytest.raises(ArgumentError, match="predict"):
        repair_rows(KNOWN, SITE, labels=np.zeros(1000))
    with pytest.raises(ArgumentError, match="have a label"):
        repair_rows(KNOWN, SITE, predict=lambda c: np.zeros(1000), labels=[None] * 1000)
    with pytest.raises(ArgumentError, match="finite factor"):
        Rescaled("age", 0)
    with pytest.raises(ArgumentError, match="only numbers"):
        Shifted("sex", 1).apply(SITE)
    with pytest.raises(ArgumentError, match="does not occur"):
        Renamed("sex", "x", "y").apply(SITE)
    with pytest.raises(MissingColumnError):
        Missing("size").apply(SITE)
