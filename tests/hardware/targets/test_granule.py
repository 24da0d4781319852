import pytest

from supersede.errors import ArgumentError
from supersede.hardware import Declared, EthosU, find_granule


@pytest.mark.parametrize("granule", [8, 16, 32])
def test_a_declared_granule_is_found(granule):
    target = Declared(lanes=granule**2, clock=1e9, bandwidth=1e11, granule=granule)
    found = find_granule(target)
    assert found.channels == found.rises == granule


def test_hardware_without_groups_has_none():
    assert find_granule(Declared(lanes=1, clock=1e9, bandwidth=1e11, granule=1)).channels == 1


@pytest.mark.parametrize(("accelerator", "channels"), [("u85-1024", 16), ("u55-128", 8)])
def test_the_compiler_gives_its_own_away(accelerator, channels):
    found = find_granule(EthosU(accelerator))
    assert found.channels == channels
    assert found.queries <= 120


def test_blocks_may_differ():
    found = find_granule(EthosU("u55-256"), blocks=["fused", "ibn"])
    assert found.by_block == {"fused": 8, "ibn": 16}


def test_an_unknown_block_is_refused():
    with pytest.raises(ArgumentError, match="conv, ibn or fused"):
        find_granule(EthosU("u55-256"), blocks=["transformer"])
