"""The combination: a pool that is screened, and a choice that follows from what was trained."""

import numpy as np
import pytest

from supersede.errors import ArgumentError
from supersede.hardware import Declared, Layer, Network, Shape
from supersede.search.architecture import (
    Candidate,
    Combined,
    Reward,
    TargetCosts,
    cell_space,
    make_pool,
    search,
    seven_blocks,
    undominated,
)
from supersede.search.architecture.front import hypervolume, nondominated
from supersede.search.architecture.strategies.combined import BEYOND, _gains, assembled
from supersede.search.architecture.zero_shot.expected import described

TARGET = Declared(lanes=256, clock=1e9, bandwidth=4e9, granule=16)
SPACE = seven_blocks(channels=(16, 64), step=16)
TASK = Reward("capacity", lambda net, seed: 1e5 / net.parameters)


def test_what_is_trained_comes_from_the_pool_once_and_repeats_itself():
    pool = make_pool(SPACE, TargetCosts(TARGET), size=60)
    found, again = (
        search(SPACE, TASK, TARGET, strategy=Combined(pool, first=4), evaluations=12)
        for _ in range(2)
    )
    keys = [e.key for e in found.trained]
    assert len(set(keys)) == 12
    assert set(keys) <= set(pool.keys)
    assert keys == [e.key for e in again.trained]


def test_a_certain_guess_gains_the_area_that_it_adds():
    rng = np.random.default_rng(0)
    errors, spent = rng.random(8), rng.random(8)
    front = nondominated(np.column_stack([errors, spent]))
    fe, fl = errors[front], spent[front]
    corner = (fe.max() + BEYOND * np.ptp(fe) + 1e-3, fl.max() + BEYOND * np.ptp(fl))
    before = hypervolume(np.column_stack([errors, spent]), corner)
    for guess, latency in rng.random((20, 2)):
        points = np.column_stack([[*errors, guess], [*spent, latency]])
        wanted = hypervolume(points, corner) - before
        found = _gains(np.array([[guess]]), np.array([latency]), errors, spent)[0, 0]
        assert found == pytest.approx(wanted, abs=1e-12)


def test_a_network_is_superfluous_only_where_another_is_as_able_and_faster():
    cells = cell_space()
    words = {  # three chains, a residual, a pool beside a convolution
        "x": "none none none skip none none",
        "conv1": "none none none conv1x1 none none",
        "conv3": "none none none conv3x3 none none",
        "residual": "none skip none conv3x3 none skip",
        "pool": "avg_pool3x3 none none none conv1x1 none",
    }
    drawn = [
        Candidate(cells, {f"edge{i}": word for i, word in enumerate(row.split())})
        for row in words.values()
    ]
    table = np.array([described(c.network) for c in drawn])
    seconds = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    kept = undominated(assembled(drawn, seconds, table))
    names = {c.key: name for name, c in zip(words, drawn, strict=True)}
    assert {names[key] for key in kept} == {"x", "conv1", "conv3", "residual"}
    same = undominated(assembled(drawn, np.full(5, 1.0), table))
    assert len(same) == 5  # nothing is faster


def test_paths_of_a_residual_are_counted_by_hand():
    # input → a → b, and a beside it, added: depths 1 and 2; then a pool
    network = Network(
        Shape(8, 8, 3),
        (
            Layer("a", "conv", ("input",), 4),
            Layer("b", "conv", ("a",), 4),
            Layer("sum", "add", ("a", "b")),
            Layer("pool", "avg_pool", ("sum",), 0, (2, 2), (2, 2)),
        ),
    )
    paths, least, mean, most, pools = described(network)[2:7]
    assert (np.exp(paths), least, mean, most, pools) == pytest.approx((2, 1, 1.5, 2, 1))


def test_a_pool_of_one_is_refused():
    one = SPACE.limited(**{c.name.replace(".", "__"): c.values[:1] for c in SPACE.choices})
    with pytest.raises(ArgumentError, match="needs two"):
        make_pool(one, TargetCosts(TARGET), size=5)
