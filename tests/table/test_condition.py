"""Conditions on columns: what they say, and what they cannot."""

import pytest

import supersede
from supersede import errors
from supersede.table.condition import where
from supersede.table.source import collect


@pytest.fixture(scope="module")
def rows():
    return supersede.read(
        {"y": [1, 0, 1], "a": [1, 0, 1], "amount": [1.0, 2.0, 3.0], "s": ["x", "it's", None],
         "ok": [True, False, True]},
        models=["a"],
    ).rows  # fmt: skip


@pytest.mark.parametrize(
    ("condition", "size"),
    [
        ("amount > 1", 2), ("amount BETWEEN 1 AND 2", 2), ("s IS NULL", 1), ("s = 'it''s'", 1),
        ("ok", 2), ("NOT ok", 1), ("s IN ('x', 'y') OR amount = 3", 2), ("lower(s) LIKE 'X%'", 0),
        ("(amount + 1) * 2 >= 8", 1), ("amount = 1 -- all", 1), ("s = 'x; drop table items'", 0),
    ],
)  # fmt: skip
def test_conditions_on_columns(rows, condition, size):
    assert len(collect(where(rows, condition))) == size


@pytest.mark.parametrize(
    "condition",
    [
        "1=1) --", "true; drop table items", "amount = (SELECT max(amount) FROM items)", "",
        "exists(select 1)", "drop table items", "read_csv('/etc/passwd') = 1", "amount", "1 = 1",
        "pg_sleep(9) IS NULL", "amount = 1 UNION SELECT 2", "select 1", "amount = 1; select 2",
        "CASE WHEN ok THEN true END", "amount = 1 LIMIT 1", "nope = 1", "items.amount = 1",
    ],
)  # fmt: skip
def test_nothing_else_is_a_condition(rows, condition):
    with pytest.raises(errors.SupersedeError):
        where(rows, condition)
    assert len(collect(rows)) == 3


def test_a_condition_that_the_engine_refuses_is_an_argument_error():
    from supersede.review import MustNotBreak

    table = {"y": [1, 0], "a": [1, 0], "b": [1, 0], "n": [1, 2]}
    with pytest.raises(errors.ArgumentError, match="cannot be evaluated"):
        supersede.compare(table, old="a", new="b", checks=[MustNotBreak(where="n LIKE 'a%'")])
