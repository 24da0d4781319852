"""What a column is, whatever holds it, and whom an expression finds in it."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from supersede.bounty.artefacts import Column, column_of, columns_of, parse
from supersede.errors import ArgumentError, ColumnTypeError, ExpressionError, MissingColumnError


@pytest.mark.parametrize(
    "values",
    [
        ["f", None, "m"],
        np.array(["f", None, "m"], dtype=object),
        np.array(["f", np.nan, "m"], dtype=object),
        pd.Series(["f", pd.NA, "m"]),
        pd.Series(["f", None, "m"], dtype="category"),
        pl.Series(["f", None, "m"]),
        np.ma.array(["f", "m", "m"], mask=[0, 1, 0]),
    ],
    ids=["list", "objects", "NaN", "pandas", "categorical", "polars", "masked"],
)
def test_texts_come_in_many_ways(values):
    column = column_of(values)
    assert column.kind == "text"
    assert column.texts().tolist() == ["f", "", "m"]
    assert column.missing.tolist() == [False, True, False]
    for text, found in (
        ("s == 'f'", [True, False, False]), ("s != 'f'", [False, False, True]),
        ("s not in ['f', 'x']", [False, False, True]), ("not s == 'f'", [False, True, True]),
        ("s == 'never seen'", [False] * 3), ("s != 'never seen'", [True, False, True]),
        ("s is missing", [False, True, False]), ("s == ''", [False] * 3),
    ):  # fmt: skip
        assert parse(text).mask({"s": values}).tolist() == found, text


@pytest.mark.parametrize(
    "values",
    [
        [1, None, 3],
        [1.0, float("nan"), 3.0],
        np.array([1, np.nan, 3], dtype=np.float32),
        pd.Series([1, None, 3], dtype="Int64"),
        pl.Series([1, None, 3]),
        np.ma.array([1, 2, 3], mask=[0, 1, 0]),
    ],
    ids=["list", "floats", "single", "pandas", "polars", "masked"],
)
def test_numbers_come_in_many_ways(values):
    column = column_of(values)
    assert column.kind == "number"
    assert np.array_equal(column.numbers(), [1, np.nan, 3], equal_nan=True)
    for text, found in (
        ("x > 1", [False, False, True]), ("x != 1", [False, False, True]),
        ("not x > 1", [True, True, False]), ("x <= 1", [True, False, False]),
        ("x in [1, 2]", [True, False, False]), ("x not in [1, 2]", [False, False, True]),
        ("x is not missing", [True, False, True]), ("0.5 < x < 1.5", [True, False, False]),
    ):  # fmt: skip
        assert parse(text).mask({"x": values}).tolist() == found, text


def test_infinity_is_a_number_and_all_missing_is_one_too():
    assert parse("x > 1e300").mask({"x": np.array([np.inf, -np.inf, np.nan])}).tolist() == [
        True,
        False,
        False,
    ]
    assert parse("x is missing").mask({"x": [None, None]}).tolist() == [True, True]


def test_single_precision_is_compared_as_it_stands():
    assert parse("x > 0.1").mask({"x": np.array([0.1], dtype=np.float32)}).tolist() == [True]


def test_large_integers_are_compared_exactly():
    ids = np.array([2**53, 2**53 + 1, -5])
    assert parse(f"i == {2**53}").mask({"i": ids}).tolist() == [True, False, False]
    assert parse("i >= -5").mask({"i": ids.astype(object)}).tolist() == [True, True, True]
    assert parse("i > -1").mask({"i": np.array([0, 2**64 - 1], dtype=np.uint64)}).tolist() == [
        True,
        True,
    ]


def test_booleans_are_their_own_kind():
    assert parse("b != true").mask({"b": [True, False, None]}).tolist() == [False, True, False]
    assert parse("b in [true]").mask({"b": np.array([True, False])}).tolist() == [True, False]
    with pytest.raises(
        ExpressionError, match="is a number, but the column 'b' contains true and false"
    ):
        parse("b == 1").mask({"b": [True]})


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ([1, "a"], "not of one type"),
        ([True, 2], "not of one type"),
        ([[1], [2]], r"shape \(2, 1\)"),
        (3, r"shape \(\)"),
        (np.array(["2020-01-01"], dtype="M8[D]"), "not of one type"),
        (np.array([b"a"]), "not of one type"),
        (np.array([1j]), "not of one type"),
        ([object()], "not of one type"),
    ],
)
def test_other_things_are_no_columns(values, says):
    with pytest.raises(ColumnTypeError, match=says):
        column_of(values, "c")


def test_columns_that_are_not_there():
    with pytest.raises(MissingColumnError, match=r"did you mean 'age'.*CYRILLIC SMALL LETTER A"):
        columns_of({"age": [1]}, ["\N{CYRILLIC SMALL LETTER A}ge"])
    with pytest.raises(MissingColumnError):
        parse("agee == 1").mask({"age": [1]})
    with pytest.raises(ArgumentError, match="not equally long"):
        columns_of({"a": [1], "b": [1, 2]})
    with pytest.raises(ArgumentError, match="there are no columns"):
        parse("everyone").mask({})


@pytest.mark.parametrize("name", ["größe", "e\u0301tat", "x²", "αβγ", "возраст", "年齢", "Δx"])
def test_names_in_any_script_may_be_asked(name):
    assert parse(f"`{name}` == 1").mask({name: [1, 2]}).tolist() == [True, False]


def test_a_mask_is_the_caller_s_own():
    column = column_of([1, None])
    parse("x is missing").mask({"x": column})[:] = True
    assert column.missing.tolist() == [False, True]


def test_everyone_is_everyone_and_nobody_is_nobody():
    assert parse("everyone").mask({"a": [1, None]}).tolist() == [True, True]
    assert parse("not everyone").mask({"a": [1, None]}).tolist() == [False, False]
    assert parse("everyone").mask({"a": np.array([])}).shape == (0,)


def test_a_column_ready_made_is_taken_as_it_is():
    column = column_of(["a", "b", None])
    assert column_of(column) is column
    assert isinstance(column.take(slice(1, 3)), Column)
    assert column.take(np.array([2, 0])).texts().tolist() == ["", "a"]
