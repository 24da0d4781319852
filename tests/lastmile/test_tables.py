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
        (Renamed("work", "state", "Staat"), "renamed", ("names", (("state", "Staat"),))),
        (Renamed("sex", "f", "female"), "renamed", ("names", (("f", "female"),))),
        (NewCategory("work", "gig", 0.1), "new category", ("names", ())),
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
    assert "the values do not tell which" in first.explanation


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


def changed(**columns):
    return {**SITE, **columns}


def lower(values):
    return np.array([v.upper() for v in values], object)


PART = np.random.default_rng(4).random(1000) < 0.3


@pytest.mark.parametrize(
    ("site", "column", "kind", "words", "repairable"),
    [
        (changed(work=lower(SITE["work"])), "work", "renamed", "'own' is called 'OWN'", True),
        (changed(sex=np.where(SITE["sex"] == "f", "f ", " m")), "sex", "renamed", "is called 'f '", True),
        (changed(hours=np.where(PART, -9, SITE["hours"])), "hours", "missing values", "are -9", False),
        (changed(hours=SITE["hours"] + 12 * PART), "hours", "factor", "by 1.06", False),
        (changed(height=SITE["height"] * np.where(PART, 100, 1)), "height", "unit", "in about 2", False),
        (changed(age=2026 - SITE["age"]), "age", "shift", "or 2026 minus", False),
        (changed(height=np.where(PART, np.inf, SITE["height"])), "height", "missing values", "infinite", False),
        (changed(sex=SITE["sex"] == "f"), "sex", "type", "booleans instead of texts", False),
        (changed(age=SITE["age"].astype(str)), "age", "type", "each text is a number", False),
        ({("Age" if c == "age" else c): v for c, v in SITE.items()}, "age", "missing column", "'Age'", False),
        (changed(work=np.where(SITE["work"] == "own", None, SITE["work"])), "work", "missing values", "'own' is written", False),
    ],
)  # fmt: skip
def test_what_strangers_bring_is_named_and_undone_only_where_one_explanation_fits(
    site, column, kind, words, repairable
):
    first, *others = find_suspects(KNOWN, site)
    assert (first.column, first.kind, first.repairable) == (column, kind, repairable)
    assert words in first.explanation
    assert not others
    if repairable:
        assert find_suspects(KNOWN, first.undo(site)) == []


def test_two_faults_at_once_are_both_named():
    site = Shifted("age", 10).apply(Renamed("work", "state", "Staat").apply(SITE))
    found = {s.column: s.kind for s in find_suspects(KNOWN, site)}
    assert found == {"age": "shift", "work": "renamed"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: np.round(t * 1.8 + 32, 1), "Fahrenheit instead of Celsius"),
        (lambda t: t + 273.15, "kelvin instead of Celsius"),
    ],
)
def test_temperatures_have_units_with_an_offset(change, words):
    rng = np.random.default_rng(0)
    known, site = ({"t": np.round(rng.normal(36.8, 0.5, n), 1)} for n in (5000, 500))
    (found,) = find_suspects(known, {"t": change(site["t"])})
    assert (found.kind, found.explanation) == ("unit", words)
    back = found.undo({"t": change(site["t"])})["t"].numbers()
    assert back == pytest.approx(site["t"], abs=0.03)


def wide(n, seed):
    """Columns that have no shares to compare: row numbers, keys, names, dates, a constant."""
    rng = np.random.default_rng(seed)
    return {
        "row": np.arange(n) + 100_000 * seed, "index": np.arange(n), "always": np.zeros(n),
        "key": np.array([f"k{v}" for v in rng.integers(0, 2**60, n)], object),
        "name": np.array([f"n{v}" for v in rng.zipf(1.5, n)], object),
        "day": np.datetime64("2020-01-01") + rng.integers(0, 365, n).astype("timedelta64[D]"),
        "rare": rng.random(n) < 0.002,
    }  # fmt: skip


def test_clean_rows_with_keys_names_and_dates_have_no_suspect():
    known = wide(6000, 1)
    assert not any(find_suspects(known, wide(n, seed)) for seed in range(2, 12) for n in (60, 700))
    later = {**wide(700, 3), "day": wide(700, 3)["day"] + np.timedelta64(40, "D")}
    (found,) = find_suspects(known, later)
    assert (found.column, found.repairable) == ("day", False)
    assert "days" in found.explanation
    assert repair_rows(known, later).undone == ()


@pytest.mark.parametrize("level", [0, 1, np.nan])
def test_a_level_is_a_chance(level):
    with pytest.raises(ArgumentError, match="level"):
        find_suspects(KNOWN, SITE, level=level)
