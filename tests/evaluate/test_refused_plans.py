"""Plans that are refused: another table or seed, and arguments of other types."""

import numpy as np
import pytest

import supersede
from supersede.errors import ArgumentError
from supersede.evaluate import accuracy, estimate, plan, precision, read_labels
from supersede.evaluate.plan_file import write_rows
from tests.evaluate.cases import ensemble

CASE = ensemble(items=800)
TABLE = CASE.table()


def test_an_earlier_plan_with_another_seed_is_refused():
    pilot = plan(TABLE, precision("m0"), margin=0.1, seed=3)
    with pytest.raises(ArgumentError, match="pass seed=3"):
        plan(TABLE, precision("m0"), after=pilot)
    assert plan(TABLE, precision("m0"), after=pilot, seed=3).earlier == (pilot.design,)


def test_an_earlier_plan_of_another_table_is_refused():
    pilot = plan(TABLE, precision("m0"), margin=0.1)
    smaller = supersede.read(
        {name: values[:700] for name, values in CASE.columns.items()},
        models=CASE.models, labelled=False,
    )  # fmt: skip
    with pytest.raises(ArgumentError, match="800 items and this table has 700"):
        plan(smaller, precision("m0"), after=pilot)
    with pytest.raises(ArgumentError, match="counted differently"):
        plan(ensemble(items=800, seed=5).table(), precision("m0"), after=pilot)
    renamed = supersede.read(
        CASE.columns | {"item": CASE.columns["item"] + 5000}, models=CASE.models, labelled=False
    )
    with pytest.raises(ArgumentError, match="are not in this table"):
        plan(renamed, [precision("m0"), precision("m1")], after=pilot)


def test_labels_of_two_phases_in_one_file(tmp_path):
    pilot = plan(TABLE, precision("m0"), margin=0.12)
    second = plan(TABLE, precision("m0"), margin=0.06, after=pilot)
    rows = [
        {"item": i, "label": int(CASE.truth[i]), "design": made.design}
        for made in (pilot, second)
        for i in made.items["item"].to_pylist()
    ]
    import pyarrow as pa

    write_rows(pa.Table.from_pylist(rows), tmp_path / "labels.csv")
    both = read_labels(tmp_path / "labels.csv")
    assert set(both.designs) == {pilot.design, second.design}
    assert estimate(second, both).missing == 0
    with pytest.raises(supersede.errors.LabelError, match=f"for design {second.design}"):
        estimate(pilot, both)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"margin": "5%"}, r"margin='5%' .*write margin=0\.05"),
        ({"margin": "5"}, r"margin='5' .*labels everything\)$"),
        ({"margin": "wide"}, "must be a number in"),
        ({"margin": float("nan")}, "must be a number in"),
        ({"margin": -0.1}, "must be a number in"),
        ({"margin": None}, "must be a number in"),
        ({"budget": 2.5}, "budget=2.5 must be a whole number"),
        ({"budget": "300"}, "budget='300' must be a whole number"),
        ({"budget": 0}, "budget=0 must be a whole number"),
        ({"confidence": "95%"}, "confidence='95%' must"),
    ],
)
def test_arguments_of_other_types_are_refused(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        plan(TABLE, accuracy("m0"), **arguments)


def test_a_budget_is_accepted_wherever_a_plan_of_its_size_exists():
    rng = np.random.default_rng(2)
    size = 20_000
    latent = rng.normal(size=size)
    columns = {"item": np.arange(size), "rare": np.where(rng.random(size) < 0.005, "x", "y")}
    columns |= {m: (latent + rng.normal(0, 0.5, size) > 0.6).astype(int) for m in ("a", "b", "c")}
    table = supersede.read(columns, models=["a", "b", "c"], labelled=False)
    whole = [accuracy(m) for m in ("a", "b", "c")]
    asked = [*whole, *(e.within(rare="x") for e in whole)]
    wide = plan(table, asked, margin=0.2)
    for budget in (wide.size, 2 * wide.size):
        made = plan(table, asked, budget=budget)
        assert 0.6 * budget < made.size <= 1.1 * budget


def test_a_precision_that_needs_few_labels_is_not_called_unaffordable():
    columns = {"item": np.arange(30_000), "a": (np.arange(30_000) % 60 == 0).astype(int)}
    columns["b"] = (np.arange(30_000) % 3 == 0).astype(int)
    table = supersede.read(columns, models=["a", "b"], labelled=False)
    made = plan(table, precision("a"), margin=0.05, method="coordinated")
    assert made.size > 0.2 * 500
    assert not made.notes
    dear = plan(table, accuracy("b"), margin=0.004, method="coordinated")
    assert dear.notes
    assert "precision instead" not in dear.notes[0]
