"""The combination: a pool that is screened, and a choice that follows from what was trained."""

import numpy as np
import pytest

from supersede.errors import ArgumentError
from supersede.hardware import Declared
from supersede.search.architecture import (
    Combined,
    Reward,
    TargetCosts,
    make_pool,
    search,
    seven_blocks,
)
from supersede.search.architecture.front import hypervolume, nondominated
from supersede.search.architecture.strategies.combined import _gains

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
    corner = (fe.max() + 0.1 * np.ptp(fe) + 1e-3, fl.max() + 0.1 * np.ptp(fl))
    before = hypervolume(np.column_stack([errors, spent]), corner)
    for guess, latency in rng.random((20, 2)):
        points = np.column_stack([[*errors, guess], [*spent, latency]])
        wanted = hypervolume(points, corner) - before
        found = _gains(np.array([[guess]]), np.array([latency]), errors, spent)[0, 0]
        assert found == pytest.approx(wanted, abs=1e-12)


def test_a_pool_of_one_is_refused():
    one = SPACE.limited(**{c.name.replace(".", "__"): c.values[:1] for c in SPACE.choices})
    with pytest.raises(ArgumentError, match="needs two"):
        make_pool(one, TargetCosts(TARGET), size=5)
