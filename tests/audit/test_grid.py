import pytest

import supersede
from supersede import errors
from supersede.audit import Rate, SquaredError, ZeroOne, grid


def test_scenarios_of_one_table(frame):
    rows = frame(1000)
    table = supersede.read(rows, models=["a", "b"])
    found = grid(table, ["a", "b", "c"], [ZeroOne(), Rate("recall"), SquaredError()], groups="site")
    assert found.scenarios == ("site = north", "site = south", "site = west")
    cell = found.cell("site = south", "error rate", "b")
    south = rows[rows.site == "south"]
    assert cell.value == pytest.approx((south.b != south.y).mean())
    assert cell.low < cell.value < cell.high
    assert cell.n == len(south)
    assert found.cell("site = south", "recall", "c").missing == "not run"
    assert "score" in found.cell("site = south", "squared error", "a").missing
    assert len(found.cells) == 27
    assert len(found.missing) == 3 + 9 + 3
    html = found._repr_html_()
    assert html.count("class=&#34;map&#34;") == 3
    assert "missing" in html
    assert len(found.to_dict()["cells"]) == 27


def test_a_table_for_every_scenario(frame):
    tables = {
        "clean": supersede.read(frame(300), models=["a", "b"]),
        "<b>noise</b>": supersede.read(frame(300, seed=1).drop(columns="b"), models=["a"]),
    }
    found = grid(tables, ["a", "b"], [ZeroOne()])
    assert [cell.missing for cell in found.cells] == ["", "", "", "not run"]
    assert "<b>" not in found._repr_html_()
    with pytest.raises(errors.ArgumentError, match="no cell"):
        found.cell("x", "y", "z")


def test_an_empty_grid_is_refused(frame):
    table = supersede.read(frame(100), models=["a"])
    with pytest.raises(errors.ArgumentError, match="needs models"):
        grid(table, ["a"], [ZeroOne()])
    with pytest.raises(errors.ArgumentError, match="nothing can be measured"):
        grid(table, ["z"], [ZeroOne()], groups="site")
