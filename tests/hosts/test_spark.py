"""Spark, with two workers, gives what DuckDB gives. In an environment of its own: make test-hosts."""

import os

import pytest

from supersede.metrics import cells
from tests.engines.generated import answers, case, differences
from tests.engines.places import in_spark, spark_session

TABLES = int(os.environ.get("SUPERSEDE_SPARK_TABLES", "2"))  # a minute each


@pytest.fixture(scope="module")
def session():
    with spark_session() as found:
        yield found


@pytest.mark.parametrize("number", range(TABLES))
def test_spark_agrees(session, monkeypatch, number):
    made = case(number)
    expected = answers(made.rows, made)
    if number % 2:
        monkeypatch.setattr(cells, "_FEW", 0)  # added up by Spark
    assert differences(answers(in_spark(session, made.rows), made), expected) == [], made
