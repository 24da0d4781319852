"""Groups, their intervals, and the rows that others forget."""

import json
import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import supersede
from supersede import errors
from supersede.audit import (
    Absolute,
    Amount,
    Attribute,
    Condition,
    Group,
    LogLoss,
    PerUnit,
    Rate,
    SquaredError,
    audit_groups,
    audit_losses,
    load_audit,
)
from supersede.table import Judge, Losses

NASTY = "<img src=x onerror=alert(1)> | & Größe"


@pytest.fixture
def people():
    rng = np.random.default_rng(0)
    n = 3000
    y = rng.integers(0, 2, n)
    race = rng.choice(["a", "b", "c"], n)
    wrong = rng.random(n) < np.where(race == "c", 0.3, 0.1)
    age = rng.integers(18, 90, n).astype(float)
    age[:60] = np.nan
    return pd.DataFrame(
        {
            "id": np.arange(n),
            "y": y,
            "new": np.where(wrong, 1 - y, y),
            "old": np.where(rng.random(n) < 0.2, 1 - y, y),
            "p": np.clip(np.where(wrong, 1 - y, y) * 0.8 + rng.random(n) * 0.2, 0, 1),
            "sex": rng.choice(np.array(["f", "m", None], object), n, p=[0.5, 0.4, 0.1]),
            "race": race,
            "age": age,
            "speaker": rng.integers(0, 200, n),
            "w": rng.random(n),
            "words": rng.integers(0, 20, n),
        }
    )


def read(frame, **options):
    return supersede.read(frame, **{"label": "y", "models": ["new", "old"], **options})


def test_values_are_those_of_pandas_and_unknown_is_a_row(people):
    audit = audit_groups(read(people), "new", old="old", groups=["sex"], cross=[("sex", "race")])
    wrong = (people.new != people.y).astype(float)
    expected = wrong.groupby(people.sex.fillna("unknown")).mean()
    for value, mean in expected.items():
        row = audit.row(f"sex = {value}")
        assert row.value == pytest.approx(mean, abs=1e-12)
        assert row.known == (value != "unknown")
        assert row.gap == pytest.approx(mean - wrong.mean(), abs=1e-12)
        assert row.low < row.value < row.high
        assert row.joint_low < row.low
        assert row.joint_high > row.high
    assert sum(row.items for row in audit.rows if row.split == "sex") == len(people)
    both = audit.row("sex = f × race = c")
    mask = (people.sex == "f") & (people.race == "c")
    assert both.n == mask.sum()
    assert both.change == pytest.approx(
        wrong[mask].mean() - (people.old != people.y)[mask].mean(), abs=1e-12
    )
    assert audit.row("sex = f × race = c").stands_out
    assert "of 12 groups" in audit.to_markdown()


def test_declared_groups_overlap_and_know_what_they_do_not_know(people):
    groups = [
        Group("older women", (Condition("sex", "==", "f"), Condition("age", ">=", 60))),
        Group("young", (Condition("age", "<", 30),)),
        Group("b or c", (Condition("race", "in", ("b", "c")),)),
        Group("nobody", (Condition("race", "==", "z"),)),
        Group("not a", (Condition("race", "!=", "a"),)),
    ]
    audit = audit_groups(read(people), "new", groups=groups)
    older = (people.sex == "f") & (people.age >= 60)
    row = audit.row("older women (sex = f and age >= 60)")
    assert row.n == older.sum()
    assert row.value == pytest.approx((people.new != people.y)[older].mean(), abs=1e-12)
    unsure = audit.row("older women (sex = f and age >= 60): unknown")
    maybe = (people.sex.isna() & ((people.age >= 60) | people.age.isna())) | (
        (people.sex == "f") & people.age.isna()
    )
    assert unsure.n == maybe.sum()
    assert not unsure.known
    assert audit.row("nobody (race = z)").n == 0
    assert math.isnan(audit.row("nobody (race = z)").value)
    assert audit.row("b or c (race in b, c)").n == audit.row("not a (race != a)").n
    same = audit_groups(read(people, cluster="id"), "new", groups=groups)
    for one, other in zip(audit.rows, same.rows, strict=True):
        assert (one.group, one.n) == (other.group, other.n)
        assert one.value == pytest.approx(other.value, nan_ok=True)


def test_many_conditions_need_several_keys(people):
    groups = [Group(f"age {a}", (Condition("age", "==", a),)) for a in range(18, 90)]
    audit = audit_groups(read(people), "new", groups=groups)
    found = {row.group: row.n for row in audit.rows if row.known}
    counts = people.age.value_counts()
    assert all(found[f"age {a} (age = {a})"] == counts[a] for a in range(18, 90))


def test_lists_put_an_item_into_several_groups(people):
    tags = [["x"] if i % 3 else ["x", "y"] if i % 2 else [] for i in range(len(people))]
    table = read(pa.Table.from_pandas(people).append_column("tags", pa.array(tags)))
    audit = audit_groups(table, "new", groups=["tags"])
    assert audit.row("tags = x").n == sum("x" in t for t in tags)
    assert audit.row("tags = y").n == sum("y" in t for t in tags)
    assert audit.row("tags = unknown").n == sum(not t for t in tags)
    assert audit.overall.n == len(people)


def test_inferred_attributes_are_refused_or_marked_everywhere(people):
    table = read(people)
    guessed = Attribute("race", inferred=True)
    with pytest.raises(errors.InferredAttributeError, match="must not be guessed"):
        audit_groups(table, "new", groups=[guessed])
    with pytest.raises(errors.InferredAttributeError):
        audit_groups(
            table, "new", groups=[Group("c", (Condition("race", "==", "c"),), inferred=True)]
        )
    with pytest.raises(errors.InferredAttributeError):
        audit_losses([0, 1], {"race": ["a", "b"]}, inferred=["race"])
    audit = audit_groups(
        table, "new", groups=["sex", guessed], cross=[("sex", "race")], allow_inferred=True
    )
    marked = [row for row in audit.rows if row.inferred]
    assert {row.split for row in marked} == {"race (inferred)", "sex × race (inferred)"}
    for text in (audit.to_html(), audit.to_markdown(), audit.to_json(), audit._repr_html_()):
        assert "race (inferred)" in text
    assert "were inferred" in audit.to_html()
    by_condition = audit_groups(
        table, "new", groups=[guessed, Group("c", (Condition("race", "==", "c"),))],
        allow_inferred=True,
    )  # fmt: skip
    assert by_condition.row("c (race = c) (inferred)").inferred
    # circumstances may be inferred; that is marked too
    noise = audit_groups(
        table, "new", conditions=[Attribute("race", protected=False, inferred=True)]
    )
    assert all(row.inferred for row in noise.rows)
    assert noise.conditions == ("race (inferred)",)


def test_synthetic_items_stay_apart(people):
    people["made_up"] = people.index % 5 == 0
    audit = audit_groups(read(people), "new", groups=["race"], synthetic="made_up")
    assert audit.overall.n == (~people.made_up).sum()
    assert audit.synthetic.overall.n == people.made_up.sum()
    assert "SYNTHETIC" in audit.to_html()
    assert "SYNTHETIC" in audit.to_markdown()
    people["made_up"] = None
    assert audit_groups(read(people), "new", groups=["race"], synthetic="made_up").synthetic is None


def test_unlabelled_groups_and_weights_of_zero_are_shown(people):
    people["y"] = people.y.astype(float).where(people.race != "b")
    people.loc[people.race == "a", "w"] = 0.0
    audit = audit_groups(read(people, weight="w"), "new", old="old", groups=["race"])
    none, zero = audit.row("race = b"), audit.row("race = a")
    assert (none.n, none.items) == (0, (people.race == "b").sum())
    assert math.isnan(none.value)
    assert zero.n > 0
    assert math.isnan(zero.value)
    assert not none.stands_out
    assert "no graded item" in audit.to_html()
    assert "labels= states how" in audit.notes[0]
    assert not audit_groups(read(people), "new", groups=["race"], labels="random").notes


def test_inclusion_probabilities_weigh(people):
    people["chance"] = np.where(people.race == "c", 0.5, 1.0)
    audit = audit_groups(read(people), "new", groups=["sex"], labels="chance")
    wrong = (people.new != people.y).astype(float)
    expected = np.average(wrong, weights=1 / people.chance)
    assert audit.overall.value == pytest.approx(expected, abs=1e-12)
    with pytest.raises(errors.MissingColumnError, match="inclusion"):
        audit_groups(read(people), "new", groups=["sex"], labels="luck")


def test_a_group_of_one_and_an_axis_of_one_value(people):
    people["one"] = "x"
    people["single"] = ["only"] + ["rest"] * (len(people) - 1)
    audit = audit_groups(read(people), "new", groups=["one", "single"])
    everybody = audit.row("one = x")
    assert (everybody.gap, everybody.gap_low, everybody.gap_high) == (0, 0, 0)
    alone = audit.row("single = only")
    assert alone.n == 1
    assert alone.high - alone.low > 0.5
    assert alone not in audit.worst
    assert any("one value only" in note for note in audit.notes)
    assert "too few to judge" in audit.to_html()


def test_spellings_and_unknown_words_are_pointed_out(people):
    people["sex"] = people.sex.fillna("?").replace({"m": "M"})
    people.loc[::7, "sex"] = "m "
    table = read(people)
    audit = audit_groups(table, "new", groups=["sex"])
    assert any("several spellings" in note for note in audit.notes)
    assert any("looks like “unknown”" in note for note in audit.notes)
    told = audit_groups(table, "new", groups=[Attribute("sex", unknown=("?",))])
    assert told.row("sex = unknown").n == (people.sex == "?").sum()


def test_names_are_escaped(people):
    people["race"] = people.race.replace({"c": NASTY})
    audit = audit_groups(
        read(people), "new", groups=["race", Group(NASTY, (Condition("race", "==", NASTY),))],
        cross=[("sex", "race")],
    )  # fmt: skip
    page = audit.to_html()
    assert "<img" not in page
    assert "Größe" in page
    assert "<script" not in page
    assert "\\|" in audit.to_markdown()


def test_ten_thousand_groups(people):
    n = 30_000
    rng = np.random.default_rng(0)
    audit = audit_losses(rng.integers(0, 2, n), {"g": np.arange(n) % 10_000})
    assert len(audit.rows) == 10_000
    assert audit.worst == []
    assert len(audit.to_html()) < 10_000_000


def test_losses_of_every_kind(people):
    people["e_new"] = np.random.default_rng(0).binomial(people.words, 0.2)
    people["e_old"] = np.random.default_rng(1).binomial(people.words, 0.3)
    table = read(people, models={"new": "new", "old": "old", "p": "p"})
    by = people.groupby("race")

    def value(loss, model="new", **options):
        audit = audit_groups(table, model, loss=loss, groups=["race"], **options)
        assert audit.row("race = c").low < audit.row("race = c").high
        return audit.row("race = c").value

    c = people[people.race == "c"]
    assert value(SquaredError(), "p") == pytest.approx(((c.p - c.y) ** 2).mean())
    assert value(Absolute(), "p") == pytest.approx((c.p - c.y).abs().mean())
    given = np.clip(np.where(c.y == 1, c.p, 1 - c.p), 1e-15, 1 - 1e-15)
    assert value(LogLoss(), "p") == pytest.approx(-np.log(given).mean())
    wer = PerUnit({"new": "e_new", "old": "e_old"}, "words")
    sums = by[["e_new", "words"]].sum().loc["c"]
    assert value(wer, old="old") == pytest.approx(sums.e_new / sums.words)
    assert value(Amount({"new": "w"})) == pytest.approx(c.w.mean())
    assert value(Rate("false_positive_rate")) == pytest.approx(c.new[c.y == 0].mean())
    graded = supersede.read(people, label=None, models={"g": Judge("p", 0.5)}, item="id")
    assert audit_groups(graded, "g", groups=["race"]).row("race = c").value == pytest.approx(
        1 - (c.p >= 0.5).mean()
    )
    lost = supersede.read(people, models={"l": Losses("w", 0.5)}, label="y")
    found = audit_groups(lost, "l", loss=Amount(), groups=["race"])
    assert found.unit == "amount"
    assert found.row("race = c").value == pytest.approx(c.w.mean())


def test_rates_of_success_are_worse_when_less(people):
    audit = audit_groups(read(people), "new", old="old", loss=Rate("recall"), groups=["race"])
    assert audit.worst[0].group == "race = c"
    assert audit.worst[0].gap < 0
    assert audit.row("race = c").stands_out
    assert "below" in audit.to_html()
    (spread,) = audit.spreads
    assert spread.worst == "race = c"
    assert 0 < spread.low < spread.value < spread.high


def test_clusters_widen_intervals(people):
    rng = np.random.default_rng(0)
    bad = rng.random(200) < 0.2
    people["new"] = np.where(bad[people.speaker], 1 - people.y, people.y)
    alone = audit_groups(read(people), "new", groups=["sex"])
    clustered = audit_groups(read(people, cluster="speaker"), "new", groups=["sex"])
    for one, other in zip(alone.rows, clustered.rows, strict=True):
        assert other.value == pytest.approx(one.value)
        assert other.high - other.low > 1.5 * (one.high - one.low)


def test_arrays_and_tables_agree(people):
    table = read(people, weight="w", cluster="speaker")
    one = audit_groups(table, "new", old="old", groups=["sex", "race"], cross=[("sex", "race")])
    other = audit_losses(
        people.new != people.y, {"sex": people.sex, "race": people.race},
        old=people.old != people.y, weight=people.w, cluster=people.speaker,
        cross=[("sex", "race")],
    )  # fmt: skip
    assert [row.group for row in one.rows] == [row.group for row in other.rows]
    for name in ("value", "low", "joint_high", "gap_low", "change_low", "change_high"):
        np.testing.assert_allclose(
            [getattr(row, name) for row in one.rows],
            [getattr(row, name) for row in other.rows],
            rtol=1e-9,
        )


def test_a_frame_holds_the_values_of_groups_as_text_and_gaps_as_gaps(people):
    people.loc[people.index[:50], "race"] = None
    values = audit_groups(read(people), "new", groups=["race"]).to_frame()["values"].to_pylist()
    assert [None] in values
    assert ["a"] in values


def test_json_reads_back(people, tmp_path):
    audit = audit_groups(read(people), "new", groups=["sex"])
    path = audit.save(tmp_path / "audit.json")
    back = load_audit(path)
    assert str(back.rows) == str(audit.rows)
    assert back.to_html() == load_audit(json.loads(audit.to_json())).to_html()
    assert audit.to_frame().num_rows == 4
    with pytest.raises(errors.ArgumentError, match="not an audit of version"):
        load_audit({"audit_version": 99})
    with pytest.raises(errors.ArgumentError, match="cannot read"):
        load_audit(tmp_path / "nowhere.json")
    with pytest.raises(errors.ArgumentError, match="must end in"):
        audit.save(tmp_path / "audit.pdf")


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({}, errors.ArgumentError, "no groups"),
        ({"groups": ["gender"]}, errors.MissingColumnError, "gender"),
        ({"groups": ["sex"], "confidence": 95}, errors.ArgumentError, "between 0 and 1"),
        ({"groups": ["sex"], "min_items": 0}, errors.ArgumentError, "at least 1"),
        ({"groups": ["sex"], "synthetic": "fake"}, errors.MissingColumnError, "fake"),
        ({"groups": ["sex"], "loss": SquaredError()}, errors.ArgumentError, "score"),
        ({"groups": ["sex"], "loss": LogLoss()}, errors.ArgumentError, "scores"),
        ({"groups": ["sex"], "loss": Amount()}, errors.ArgumentError, "no column is named"),
        ({"groups": ["sex"], "loss": PerUnit({"new": "w"}, "x")}, errors.MissingColumnError, "x"),
        ({"groups": ["sex"], "old": "older"}, errors.MissingColumnError, "older"),
    ],
)
def test_what_cannot_be_audited_is_refused(people, options, error, says):
    with pytest.raises(error, match=says):
        audit_groups(read(people), "new", **options)


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(errors.ArgumentError, match="lengths"):
        audit_losses([0, 1], {"g": ["a"]})
    with pytest.raises(errors.ArgumentError, match="at least 0"):
        audit_losses([-1, 1], {"g": ["a", "b"]})
    with pytest.raises(errors.ArgumentError, match="exceed"):
        audit_losses([0, 2], {"g": ["a", "b"]}, unit="share")
    with pytest.raises(errors.MissingColumnError):
        audit_losses([0, 1], {"g": ["a", "b"]}, cross=[("g", "h")])
    for cross, words in (
        (("g", "g"), "twice"),
        ((), "is empty"),
        ("g", "names of columns"),
        (("g", None), "names of columns"),
    ):
        with pytest.raises(errors.ArgumentError, match=words):
            audit_losses([0, 1], {"g": ["a", "b"]}, cross=[cross])
    with pytest.raises(errors.ArgumentError, match="no condition"):
        Group("all", ())
    with pytest.raises(errors.ArgumentError, match="no operation"):
        Condition("a", "~", 1)
    with pytest.raises(errors.ArgumentError, match="accuracy"):
        Rate("f1")
