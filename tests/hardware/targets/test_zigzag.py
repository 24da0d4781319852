import importlib.util

import pytest

from supersede.errors import TargetError
from supersede.hardware import Layer, Network, Shape
from supersede.hardware.targets.zigzag import ZigZag


def test_where_it_is_not_installed_it_says_how():
    if importlib.util.find_spec("zigzag") is not None:
        pytest.skip("ZigZag is installed here")
    with pytest.raises(TargetError, match="pip install zigzag-dse six"):
        ZigZag()


def test_an_interpreter_that_is_not_there_is_refused():
    with pytest.raises(TargetError, match="no interpreter"):
        ZigZag(python="/nowhere/python")


def test_a_clock_that_stands_still_is_refused():
    with pytest.raises(TargetError, match="above 0"):
        ZigZag(clock=0)


def test_one_convolution_is_simulated():
    pytest.importorskip("zigzag")
    layer = Layer("a", "conv", ("input",), channels=16, kernel=3)
    cost = ZigZag().measure(Network(Shape(8, 8, 16), (layer,)))
    assert cost.seconds > 0
    assert cost.joules > 0
    assert [row.name for row in cost.layers] == ["a"]
