"""Cells of NAS-Bench-201: canonical forms, and networks of the published size."""

import itertools

import numpy as np
import pytest

from supersede.errors import ArgumentError
from supersede.hardware import random_parameters, run
from supersede.search.architecture.bench.cells import EDGES, Cell, all_cells, cell_network


def paths(cell: Cell) -> bool:
    """Whether some chain of operations leads from the first node to the last, by brute force."""
    taken = {edge for edge, o in zip(EDGES, cell.operations, strict=True) if o}
    routes = [[0, *middle, 3] for r in range(3) for middle in itertools.combinations((1, 2), r)]
    return any(all(pair in taken for pair in itertools.pairwise(route)) for route in routes)


def test_connected_cells_are_those_with_a_path():
    cells = all_cells()
    assert all(cell.connected == paths(cell) for cell in cells)
    assert sum(not cell.connected for cell in cells) == 341


def test_a_dead_branch_a_swap_and_a_skip_do_not_count():
    same = Cell.of
    # what leads nowhere
    assert same("300100").canonical == same("000100").canonical == "x"
    # nodes 1 and 2 change places
    assert same("320032").canonical == same("230023").canonical
    # a convolution of a skipped value is a convolution of the input
    assert same("100030").canonical == same("000300").canonical


def test_two_convolutions_with_different_weights_are_not_one_used_twice():
    twice_used = Cell.of("301011")  # its only convolution is read directly and through a skip
    two = Cell.of("330011")
    assert twice_used.output.words == two.output.words
    assert twice_used.canonical != two.canonical
    assert cell_network(twice_used).parameters < cell_network(two).parameters


def test_parameters_are_the_published_ones():
    # "model_size" of the tables, in millions: with the factors of batch normalisation, two for each
    # channel, of which folding leaves one; 333333 has 1.531546
    network = cell_network(Cell.of("333333"))
    norms = 15 * 6 // 3 * (16 + 32 + 64) + 2 * 32 + 2 * 64 + 16
    shortcuts = 32 + 64  # convolutions without batch normalisation have no bias in the original
    assert network.parameters + norms - shortcuts == pytest.approx(1_531_546, abs=200)


def test_equal_cells_give_equal_functions():
    one, two = (cell_network(Cell.of(key), pixels=8) for key in ("120032", "210023"))
    image = np.random.default_rng(0).standard_normal((1, 8, 8, 3)).astype(np.float32)
    outputs = [run(random_parameters(net, seed=3), image) for net in (one, two)]
    assert sorted(layer.kind for layer in one.layers) == sorted(layer.kind for layer in two.layers)
    assert outputs[0] is not None
    assert outputs[1] is not None


def test_what_is_not_connected_has_no_network():
    with pytest.raises(ArgumentError, match="not connected"):
        cell_network(Cell.of("000000"))
    with pytest.raises(ArgumentError, match="six operations"):
        Cell.of("12")
