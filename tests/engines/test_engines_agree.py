"""Every engine gives the same review and audit, count for count, and the same plan, item for item.

A few tables here; `python -m benchmarks engines` compares all 200, and `make test-hosts` Spark's.
"""

import ibis
import pytest

from supersede.metrics import cells
from tests.engines.generated import answers, case, differences
from tests.engines.places import in_postgresql

TABLES = (0, 4, 11, 26, 40)  # scores, -0.0 and decimals, booleans, weights with clusters, odd names


@pytest.mark.parametrize("number", TABLES)
def test_an_engine_that_adds_up_by_itself_agrees(monkeypatch, number):
    made = case(number)
    expected = answers(made.rows, made)
    monkeypatch.setattr(cells, "_FEW", 0)
    assert differences(answers(made.rows, made), expected) == []


@pytest.mark.parametrize("few", [0, 200_000], ids=["added up there", "added up here"])
def test_postgresql_agrees(postgres, monkeypatch, few):
    connection = ibis.connect(postgres)
    for made in map(case, TABLES):
        expected = answers(made.rows, made)
        monkeypatch.setattr(cells, "_FEW", few)
        with in_postgresql(connection, made.rows) as there:
            assert differences(answers(there, made), expected) == [], made
        monkeypatch.undo()
    connection.disconnect()


def test_the_tables_have_all_kinds_of_columns():
    kinds = {str(field.type) for made in map(case, range(60)) for field in made.rows.schema}
    assert kinds >= {
        "int16", "int32", "int64", "float", "double", "string", "bool", "date32[day]",
        "timestamp[us]", "decimal128(8, 2)",
    }  # fmt: skip
    uses = {use for made in map(case, range(60)) for use in made.reading}
    assert uses == {"missing", "labels", "weight", "cluster"}


def test_tables_that_differ_are_told_apart():
    one, other = case(0), case(6)
    assert differences(answers(other.rows, other), answers(one.rows, one))
    assert differences({"n": 3, "x": [0.1]}, {"n": 4, "x": [0.1]}) == ["/n: 3 != 4"]
    assert differences([1.0, float("nan")], [1.0 + 1e-12, float("nan")]) == []
