"""Every engine gives the same review and audit, count for count, and the same plan, item for item.

A few tables here; `python -m benchmarks engines` compares all 200, and `make test-hosts` Spark's.
"""

import ibis
import pytest

from supersede.metrics import cells
from tests.engines.generated import answers, case, differences
from tests.engines.places import in_postgresql

TABLES = (0, 2, 11, 10)  # scores, texts with decimals, booleans, weights with missing answers


@pytest.fixture(scope="module")
def expected():
    return {number: answers(case(number).rows, case(number)) for number in TABLES}


def test_an_engine_that_adds_up_by_itself_agrees(monkeypatch, expected):
    monkeypatch.setattr(cells, "_FEW", 0)
    for made in map(case, TABLES):
        assert differences(answers(made.rows, made), expected[made.number]) == [], made


@pytest.mark.parametrize("few", [0, 200_000], ids=["added up there", "added up here"])
def test_postgresql_agrees(postgres, monkeypatch, expected, few):
    connection = ibis.connect(postgres)
    monkeypatch.setattr(cells, "_FEW", few)
    for made in map(case, TABLES):
        with in_postgresql(connection, made.rows) as there:
            assert differences(answers(there, made), expected[made.number]) == [], made
    connection.disconnect()


def test_the_tables_have_all_kinds_of_columns():
    kinds = {str(field.type) for made in map(case, range(60)) for field in made.rows.schema}
    assert kinds >= {
        "int16", "int32", "int64", "float", "double", "string", "bool", "date32[day]",
        "timestamp[us]", "decimal128(8, 2)",
    }  # fmt: skip
    uses = {use for made in map(case, range(60)) for use in made.reading}
    assert uses == {"missing", "labels", "weight", "cluster"}


def test_answers_that_differ_are_seen():
    assert differences({"n": 3, "x": [0.1]}, {"n": 4, "x": [0.1]}) == ["/n: 3 != 4"]
    assert differences([1.0, float("nan")], [1.0 + 1e-12, float("nan")]) == []
