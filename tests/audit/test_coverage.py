"""Coverage of combinations against a count by hand, and what to collect next."""

from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest

import supersede
from supersede import errors
from supersede.audit import coverage


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    n = 400
    rows = pd.DataFrame(
        {name: rng.integers(0, k, n) for name, k in zip("abc", (2, 3, 9), strict=True)}
    )
    rows["y"], rows["m"] = 1, 1
    return rows


def test_cells_are_those_of_a_plain_count(table):
    found = coverage(supersede.read(table, models=["m"]), ["a", "b", "c"], min_items=20)
    at = {(cell.groups, cell.values): cell.n for cell in found.cells}
    for axes in combinations("abc", 2):
        for values in product(*(range(table[axis].max() + 1) for axis in axes)):
            n = np.logical_and.reduce(
                [table[a] == v for a, v in zip(axes, values, strict=True)]
            ).sum()
            assert at[axes, values] == n
    assert found.covered + len(found.thin) + len(found.empty) == len(found.cells) == 6 + 18 + 27
    assert found.share == found.covered / 51


def test_three_way_counts_more_cells(table):
    read = supersede.read(table, models=["m"])
    assert len(coverage(read, ["a", "b", "c"], strength=3).cells) == 54
    assert len(coverage(read, ["a", "b", "c"], strength=1).cells) == 14
    assert coverage(read, ["a", "b", "c"], strength=3).maps() == []


def test_what_is_declared_impossible_unknown_or_synthetic(table):
    table["a"] = table.a.astype(object).where(table.index % 10 > 0, None)
    table["fake"] = table.b == 0
    found = coverage(
        supersede.read(table, models=["m"]), ["a", "b"], min_items=1,
        levels={"b": [0, 1, 2, 3]}, impossible=[{"a": 0, "b": 3}], synthetic="fake",
    )  # fmt: skip
    assert found.unknown["a"] == ((table.index % 10 == 0) & ~table.fake).sum()
    cells = {cell.values: cell for cell in found.cells}
    assert (0, 3) not in cells
    assert cells[1, 3].n == 0
    assert cells[0, 0].n == 0
    assert cells[0, 0].synthetic > 0
    assert any("never observed: 3" in note for note in found.notes)
    assert "SYNTHETIC" in "".join(found.maps())
    assert "cannot occur" in "".join(found.maps())


def test_next_items_fill_what_is_empty_first(table):
    table = table[~((table.a == 1) & (table.b == 2)) & ~((table.b == 0) & (table.c == 4))]
    found = coverage(supersede.read(table, models=["m"]), ["a", "b", "c"], min_items=5)
    assert {cell.values for cell in found.empty} >= {(1, 2), (0, 4)}
    first, *others = found.next_items(50)
    assert first.values["a"] == 1 or first.values["b"] == 0
    assert sum(c.items for c in (first, *others)) == 50
    worths = [c.worth for c in (first, *others)]
    assert worths == sorted(worths, reverse=True)
    # greedy collection closes the holes
    rows = [
        {**collect.values, "y": 1, "m": 1}
        for collect in (first, *others)
        for _ in range(collect.items)
    ]
    after = coverage(
        supersede.read(pd.concat([table, pd.DataFrame(rows)]), models=["m"]),
        ["a", "b", "c"], min_items=5,
    )  # fmt: skip
    assert not after.empty
    assert after.share > found.share


def test_many_axes_are_climbed():
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({f"x{i}": rng.integers(0, 6, 200) for i in range(8)})
    rows["y"], rows["m"] = 1, 1
    found = coverage(supersede.read(rows, models=["m"]), [f"x{i}" for i in range(8)], min_items=2)
    assert found.next_items(20, seed=1) == found.next_items(20, seed=1)
    random = np.mean([c.worth for c in found.next_items(20)])
    assert random > 1.0  # a random item would be worth about .1


def test_what_cannot_be_covered_is_refused(table):
    read = supersede.read(table, models=["m"])
    for options in ({"strength": 0}, {"strength": 4}, {"min_items": 0}):
        with pytest.raises(errors.ArgumentError, match="strength"):
            coverage(read, ["a", "b", "c"], **options)
    with pytest.raises(TypeError, match="unexpected keyword argument 'enough'"):
        coverage(read, ["a", "b"], enough=5)
    with pytest.raises(errors.MissingColumnError):
        coverage(read, ["a", "z"])
    with pytest.raises(errors.MissingColumnError):
        coverage(read, ["a", "b"], synthetic="z")
    with pytest.raises(errors.ArgumentError, match="cells"):
        coverage(read, ["a", "b"], levels={"a": range(2000), "b": range(2000)})
    with pytest.raises(errors.ArgumentError, match="budget"):
        coverage(read, ["a", "b"]).next_items(0)


def test_an_axis_with_one_value(table):
    table["one"] = "x"
    found = coverage(supersede.read(table, models=["m"]), ["a", "one"])
    assert any("one value only" in note for note in found.notes)
